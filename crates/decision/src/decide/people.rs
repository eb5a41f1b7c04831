//! What a person's word changes, and where the policy may not go by itself.

use domain::{
    Actor, Arming, ByHand, Fault, HoldCode, Period, PlanKind, Slot,
    Verdict::{Down, Unknown, Up},
};

use crate::{
    Event, NativeHealth, Order, Outcome, acknowledge,
    fixture::{World, failed, ok, region},
    order,
    reason::later,
    settle, take,
};

const THREE: [&str; 3] = ["us-east-1", "eu-west-1", "ap-south-1"];

/// As if a person had moved the traffic long ago, and everybody had seen it arrive.
fn ordered(mut world: World, to: &str) -> World {
    let wish = Order {
        to: region(to),
        by: Actor::Human { name: "ada".into(), reason: "maintenance".into() },
        forced: [HoldCode::DataLoss].into(),
    };
    let plan = order(world.service(), &world.state, &world.evidence, world.now, &wish).unwrap();
    world.state = take(&world.state, &world.service().policy, plan, world.now);
    for event in [Event::Applied { change: None }, seen(to)] {
        world.state = settle(&world.state, world.service(), event, world.now).0;
    }
    assert_eq!(world.state.in_flight, None);
    world.answers(to);
    world.now = later(world.now, Period::seconds(3600));
    world.evidence.sightings.iter_mut().for_each(|it| it.observation.at = world.now);
    world
}

fn seen(to: &str) -> Event {
    Event::Seen { answering: domain::Answering::Region(region(to)), observers: 1 }
}

fn carried_out(mut world: World) -> World {
    let plan = world.plan();
    let to = plan.to.to_string();
    world.state = take(&world.state, &world.service().policy, plan, world.now);
    world.state = settle(&world.state, world.service(), Event::Applied { change: None }, world.now).0;
    world.state = settle(&world.state, world.service(), seen(&to), world.now).0;
    world.answers(&to);
    world
}

#[test]
fn an_order_by_hand_holds_until_a_person_says_otherwise() {
    let world = ordered(World::with("failback = \"auto\""), "eu-west-1");
    assert_eq!(world.holds(), [HoldCode::Healthy, HoldCode::ByHand]);
    let Outcome::Hold(reasons) = world.decide().outcome else { unreachable!() };
    assert_eq!(
        reasons[1].text,
        "ada ordered the traffic to eu-west-1 at 10:15:00 UTC: nothing returns to us-east-1 by itself; \
         `pointsman failback` does it"
    );
    let world = ordered(world, "us-east-1");
    assert_eq!(world.holds(), [HoldCode::Healthy]);
    // What was ordered to the preferred region holds nothing back after a failover by policy.
    let mut world = world;
    world.all("us-east-1", Down, 3);
    let mut world = carried_out(world);
    world.all("us-east-1", Up, 50);
    world.now = later(world.now, Period::seconds(3600));
    world.evidence.sightings.iter_mut().for_each(|it| it.observation.at = world.now);
    assert_eq!(world.plan().kind, PlanKind::Failback);
}

#[test]
fn a_region_that_is_left_by_hand_while_it_is_well_is_a_standby_at_once() {
    let world = ordered(World::new(), "eu-west-1");
    assert_eq!(world.state.slots[1], Slot { region: region("us-east-1"), arming: Arming::Own });
    let mut world = World::new();
    world.all("us-east-1", Up, 19);
    assert_eq!(ordered(world, "eu-west-1").state.slots[1].arming, Arming::AlwaysUnhealthy);
}

#[test]
fn the_policy_returns_as_far_as_a_person_led_and_flees_elsewhere_first() {
    let mut world = ordered(World::of("failback = \"auto\"", &THREE), "eu-west-1");
    world.all("eu-west-1", Down, 3);
    assert_eq!(world.plan().to, region("ap-south-1"));
    let mut world = carried_out(world);
    world.all("eu-west-1", Up, 50);
    world.now = later(world.now, Period::seconds(3600));
    world.evidence.sightings.iter_mut().for_each(|it| it.observation.at = world.now);
    let plan = world.plan();
    assert_eq!((plan.kind, plan.to.as_str()), (PlanKind::Failback, "eu-west-1"));
    assert_eq!(carried_out(world).holds(), [HoldCode::Healthy, HoldCode::ByHand]);
    // With nowhere else to go, what was left by hand will do.
    let mut world = ordered(World::new(), "eu-west-1");
    world.all("eu-west-1", Down, 3);
    assert_eq!(world.plan().to, region("us-east-1"));
}

#[test]
fn an_order_for_a_region_that_is_configured_no_more_holds_nothing() {
    let mut world = ordered(World::with("failback = \"auto\""), "eu-west-1");
    world.state.by_hand = Some(ByHand { to: region("mars"), by: "ada".into(), at: world.now });
    assert_eq!(world.plan().kind, PlanKind::Failback);
}

#[test]
fn no_second_automatic_failover_before_the_first_was_seen() {
    let mut world = World::with("acknowledge = true\nmax_auto_failovers_per_hour = 2");
    world.all("us-east-1", Down, 3);
    let mut world = carried_out(world);
    world.all("us-east-1", Up, 50);
    world.all("eu-west-1", Down, 3);
    world.state.last_switch = None;
    assert_eq!((world.holds(), world.decide().earliest_failover), (vec![HoldCode::NotAcknowledged], None));
    let (state, audit) = acknowledge(&world.state, world.service(), "ada").unwrap();
    assert!(matches!(audit.as_slice(), [domain::AuditKind::Acknowledged { by }] if by == "ada"));
    world.state = state;
    assert_eq!(world.plan().kind, PlanKind::Failover);
    assert_eq!(acknowledge(&world.state, world.service(), "ada"), None);
    // Where the policy does not ask for it, nobody waits.
    let mut world = World::with("max_auto_failovers_per_hour = 2");
    world.state.unacknowledged = Some("e1-00000000".parse().unwrap());
    world.all("us-east-1", Down, 3);
    assert_eq!(world.plan().kind, PlanKind::Failover);
}

#[test]
fn the_policy_moves_to_no_region_whose_data_are_too_far_behind_and_a_person_may() {
    let mut world = World::with("rpo = \"10s\"");
    world.all("us-east-1", Down, 3);
    assert_eq!(world.holds(), [HoldCode::DataLoss]);
    assert_eq!(
        world.says(),
        "nobody knows how far the data of eu-west-1 are behind, and the RPO is 10s: \
         only a person may accept that, with `--accept-data-loss`"
    );
    world.evidence.lag.insert(region("eu-west-1"), Period::millis(10_001));
    assert_eq!(world.holds(), [HoldCode::DataLoss]);
    let wish = |forced: &[HoldCode]| Order {
        to: region("eu-west-1"),
        by: Actor::Human { name: "ada".into(), reason: "now".into() },
        forced: forced.iter().copied().collect(),
    };
    let ask = |forced| order(world.service(), &world.state, &world.evidence, world.now, &wish(forced));
    assert_eq!(ask(&[]).unwrap_err()[0].code, HoldCode::DataLoss);
    assert_eq!(ask(&[HoldCode::DataLoss]).unwrap().forced[0].code, HoldCode::DataLoss);
    world.evidence.lag.insert(region("eu-west-1"), Period::seconds(10));
    assert_eq!(world.plan().kind, PlanKind::Failover);
}

#[test]
fn data_too_far_behind_keep_traffic_from_returning_too() {
    let mut world = World::with("failback = \"auto\"\nrpo = \"10s\"");
    world.evidence.lag = THREE.iter().map(|name| (region(name), Period::seconds(1))).collect();
    let mut world = ordered(world, "eu-west-1");
    world.state.by_hand = None;
    assert_eq!(world.plan().kind, PlanKind::Failback);
    world.evidence.lag.insert(region("us-east-1"), Period::seconds(11));
    assert_eq!(world.holds(), [HoldCode::Healthy, HoldCode::DataLoss]);
}

#[test]
fn not_to_a_region_of_which_too_little_is_well() {
    let mut world = World::with("panic_threshold = 0.7");
    world.all("us-east-1", Down, 3);
    world.one("us-east-2", "eu-west-1", Unknown, 3);
    assert_eq!(world.holds(), [HoldCode::PanicThreshold]);
    assert_eq!(world.says(), "only 67 % of what the observers probe of eu-west-1 is well, and 70 % must be");
    for enough in [0.5, 2.0 / 3.0] {
        world.config.services[0].policy.panic_threshold = enough.try_into().unwrap();
        assert_eq!(world.plan().kind, PlanKind::Failover);
    }
}

#[test]
fn two_probes_of_one_kind_are_one_signal() {
    let mut world = World::new();
    world.all("us-east-1", Down, 3);
    world.config.services[0].probes[1].kind = world.config.services[0].probes[0].kind.clone();
    world.native("us-east-1", NativeHealth::Healthy);
    assert_eq!(world.holds(), [HoldCode::NotCorroborated]);
    world.native("us-east-1", NativeHealth::Unknown);
    world.all("us-east-1", Down, 6);
    assert_eq!(world.plan().kind, PlanKind::Failover, "none can be had, and all agree for twice as long");
}

#[test]
fn a_second_probe_that_fails_must_have_failed_for_as_long() {
    let mut world = World::new();
    world.all("us-east-1", Down, 9);
    world.native("us-east-1", NativeHealth::Healthy);
    let mut counts = |http: u32, tcp: u32| {
        for observer in crate::fixture::OBSERVERS {
            let view = world.sighting(observer).observation.regions.get_mut("us-east-1").unwrap();
            view.failing = [("http", http), ("tcp", tcp)].map(|(name, n)| (name.parse().unwrap(), n)).into();
        }
        world.decide().outcome
    };
    let Outcome::Hold(reasons) = counts(9, 2) else { panic!("the second has failed for two rounds of three") };
    assert_eq!(reasons[0].code, HoldCode::NotCorroborated);
    assert!(
        reasons[0].text.contains("http and tcp fail for a quorum, not two kinds of them for long enough: 3 rounds")
    );
    assert!(matches!(counts(9, 3), Outcome::Plan(_)));
}

#[test]
fn a_second_probe_that_nobody_could_make_is_no_dissent() {
    let mut world = World::new();
    world.all("us-east-1", Down, 6);
    world.probes("us-east-1", &[failed("http", Fault::HttpStatus), ok("tcp")]);
    assert_eq!(world.holds(), [HoldCode::NotCorroborated]);
    world.probes("us-east-1", &[failed("http", Fault::HttpStatus), failed("tcp", Fault::Observer)]);
    assert_eq!(world.plan().kind, PlanKind::Failover);
}

#[test]
fn an_anomaly_shortens_the_count_by_one_and_never_below_two() {
    let alert = |world: &mut World, observers: &[&str]| {
        for observer in observers {
            world.sighting(observer).observation.regions.get_mut("us-east-1").unwrap().anomalous = true;
        }
    };
    let mut world = World::with("anomaly = \"shorten\"");
    world.all("us-east-1", Down, 2);
    alert(&mut world, &["us-east-2"]);
    assert_eq!(world.holds(), [HoldCode::Counting]);
    alert(&mut world, &["us-west-2"]);
    assert_eq!(world.plan().kind, PlanKind::Failover);
    world.config.services[0].policy.down_after = 2;
    world.all("us-east-1", Down, 1);
    alert(&mut world, &["us-east-2", "us-west-2"]);
    assert_eq!(world.holds(), [HoldCode::Counting]);
    world.config.services[0].policy.down_after = 1;
    assert_eq!(world.plan().kind, PlanKind::Failover);
}

#[test]
fn an_anomaly_that_is_only_watched_changes_nothing() {
    let mut world = World::new();
    world.all("us-east-1", Down, 2);
    for sighting in &mut world.evidence.sightings {
        sighting.observation.regions.get_mut("us-east-1").unwrap().anomalous = true;
    }
    assert_eq!(world.holds(), [HoldCode::Counting]);
}
