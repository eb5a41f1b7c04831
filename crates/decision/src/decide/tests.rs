use domain::{
    Answering, Arming, HoldCode, NativeReturn, Phase, PlanKind, ProbeStatus, RegionPhase, Slot, Step,
    Verdict::{Degraded, Down, Unknown, Up},
};

use super::*;
use crate::{
    NativeHealth,
    fixture::{World, failed, ok, region, report, view},
};

fn slots(slots: &[(&str, Arming)]) -> Vec<Slot> {
    slots.iter().map(|(name, arming)| Slot { region: region(name), arming: *arming }).collect()
}

/// us-east-1 has failed for everyone; eu-west-1 is up.
fn outage(policy: &str) -> World {
    let mut world = World::with(policy);
    world.all("us-east-1", Down, 3);
    world
}

/// Traffic is at eu-west-1 since long ago, and us-east-1 was left.
fn away(policy: &str) -> World {
    let mut world = World::with(policy);
    world.moved_to(&slots(&[("eu-west-1", Arming::Own), ("us-east-1", Arming::AlwaysUnhealthy)]));
    world.state.phase = Phase::FailedOver;
    world.state.last_switch = Some(world.ago(3600));
    world
}

#[test]
fn all_up_rests() {
    let world = World::new();
    assert_eq!(world.holds(), [HoldCode::Healthy]);
    assert_eq!(world.says(), "us-east-1 is up for 3 of 3 observers (ca-central-1, us-east-2 and us-west-2)");
    assert_eq!(world.decide().earliest_failover, None);
}

#[test]
fn a_region_that_failed_is_left() {
    let world = outage("");
    let decision = world.decide();
    let plan = world.plan();
    assert_eq!((plan.kind, plan.from.as_str(), plan.to.as_str()), (PlanKind::Failover, "us-east-1", "eu-west-1"));
    let after = slots(&[("eu-west-1", Arming::Own), ("us-east-1", Arming::AlwaysUnhealthy)]);
    assert_eq!(plan.steps, [Step::Switch(after), Step::AwaitSync, Step::Verify(region("eu-west-1"))]);
    assert_eq!((plan.epoch.0, plan.expects.fence.as_str()), (1, "epoch=0 plan=none"));
    assert_eq!(plan.expects.slots, world.state.slots);
    assert_eq!(plan.expires_at.duration_since(plan.made_at).as_secs(), 120);
    assert!(plan.id.as_str().starts_with("e1-"), "{}", plan.id);
    assert_eq!(
        plan.because,
        [
            "us-east-1 is down for 3 of 3 observers (ca-central-1, us-east-2 and us-west-2), for 3 rounds in a row",
            "the probes http and tcp each fail for a quorum",
            "eu-west-1 is up for 3 of 3 observers (ca-central-1, us-east-2 and us-west-2), for 100 rounds in a row",
        ]
    );
    let left = decision.track(&region("us-east-1")).map(|track| track.phase);
    assert_eq!(left, Some(RegionPhase::Failed));
    assert_eq!((decision.active, decision.phase), (Some(region("us-east-1")), Phase::Steady));
    assert_eq!(decision.earliest_failover, Some(world.now));
}

#[test]
fn native_return_allow_leaves_the_regions_own_check_on() {
    let mut world = outage("native_return = \"allow\"");
    assert_eq!(world.plan().slots(), slots(&[("eu-west-1", Arming::Own), ("us-east-1", Arming::Own)]));
    world.config.services[0].policy.native_return = NativeReturn::Forbid;
    assert_eq!(world.plan().slots()[1].arming, Arming::AlwaysUnhealthy);
}

#[test]
fn one_observer_moves_nothing() {
    let mut world = World::new();
    world.one("us-east-2", "us-east-1", Down, 99);
    assert_eq!(world.holds(), [HoldCode::NoQuorum]);
    assert_eq!(world.says(), "us-east-1 is down for 1 of 3 observers (us-east-2); 2 must agree before it counts");
}

#[test]
fn a_quorum_must_last() {
    let mut world = World::new();
    world.one("us-east-2", "us-east-1", Down, 2);
    world.one("us-west-2", "us-east-1", Down, 9);
    assert_eq!(world.holds(), [HoldCode::Counting]);
    assert_eq!(
        world.says(),
        "us-east-1 is down for 2 of 3 observers (us-east-2 and us-west-2), for 2 of 3 rounds in a row; \
         a failover could happen at 10:15:10 UTC at the earliest"
    );
}

#[test]
fn the_earliest_moment_waits_for_the_cooldown_too() {
    let mut world = World::new();
    world.all("us-east-1", Down, 1);
    world.state.last_switch = Some(world.ago(100));
    assert_eq!(world.decide().earliest_failover, Some(crate::reason::later(world.now, domain::Period::seconds(500))));
    world.all("eu-west-1", Unknown, 1);
    assert_eq!(world.decide().earliest_failover, None);
}

#[test]
fn one_kind_of_probe_alone_is_not_corroborated() {
    let mut world = outage("");
    world.probes("us-east-1", &[failed("http", domain::Fault::HttpStatus), ok("tcp")]);
    world.native("us-east-1", NativeHealth::Healthy);
    assert_eq!(world.holds(), [HoldCode::NotCorroborated]);
    assert!(
        world.says().ends_with("Route 53's own check is healthy, and only the probe http fails for a quorum"),
        "{}",
        world.says()
    );
    world.native("us-east-1", NativeHealth::Unhealthy);
    assert_eq!(world.plan().because[1], "Route 53's own check is unhealthy too");
}

#[test]
fn without_any_signal_the_count_is_double() {
    let mut world = outage("");
    world.config.services[0].probes.truncate(1);
    assert_eq!(world.holds(), [HoldCode::NotCorroborated]);
    assert!(
        world.says().ends_with("for 6 rounds; a failover could happen at 10:15:30 UTC at the earliest"),
        "{}",
        world.says()
    );
    world.all("us-east-1", Down, 6);
    assert_eq!(world.plan().kind, PlanKind::Failover);
}

#[test]
fn nobody_who_knows_means_hold() {
    let mut world = outage("");
    world.sighting("us-east-2").age = domain::Period::seconds(65);
    world.evidence.sightings.retain(|it| it.observation.observer.as_str() != "us-west-2");
    assert_eq!(world.holds(), [HoldCode::QuorumLost]);
    assert_eq!(
        world.says(),
        "only 1 of 3 observers know anything, and 2 must: us-east-2 wrote last 1m5s ago and us-west-2 has written nothing that can be read"
    );
}

#[test]
fn everything_down_holds_and_says_who_sees_it() {
    let mut world = outage("");
    world.all("eu-west-1", Down, 3);
    assert_eq!(world.holds(), [HoldCode::AllRegionsDown]);
    assert_eq!(
        world.says(),
        "ca-central-1, us-east-2 and us-west-2 each see every region down (us-east-1 and eu-west-1), so there is nowhere to move to"
    );
    // One that sees otherwise, and it is a lost quorum: the others' network may be the story.
    world.one("us-east-2", "eu-west-1", Up, 3);
    assert_eq!(world.holds(), [HoldCode::QuorumLost]);
}

#[test]
fn all_others_down_for_different_observers_is_all_down_as_well() {
    let mut world = World::of("", &["us-east-1", "eu-west-1", "ap-south-1"]);
    world.all("us-east-1", Down, 3);
    for (observer, up) in [("us-east-2", "eu-west-1"), ("us-west-2", "ap-south-1"), ("ca-central-1", "ap-south-1")] {
        for name in ["eu-west-1", "ap-south-1"] {
            world.one(observer, name, if name == up { Up } else { Down }, 3);
        }
    }
    world.one("us-west-2", "ap-south-1", Down, 3);
    world.one("us-west-2", "eu-west-1", Unknown, 3);
    world.one("us-east-2", "ap-south-1", Unknown, 3);
    assert_eq!(world.holds(), [HoldCode::NoTarget, HoldCode::NoTarget]);
    world.one("us-east-2", "ap-south-1", Down, 3);
    world.one("us-west-2", "eu-west-1", Up, 3);
    world.one("ca-central-1", "ap-south-1", Up, 3);
    assert_eq!(world.plan().to, region("eu-west-1"));
}

#[test]
fn never_to_a_region_that_is_not_up_by_quorum() {
    let mut world = outage("");
    world.one("us-east-2", "eu-west-1", Unknown, 1);
    assert_eq!(world.plan().to, region("eu-west-1"));
    world.one("us-west-2", "eu-west-1", Unknown, 1);
    assert_eq!(world.holds(), [HoldCode::NoTarget]);
    world.one("us-west-2", "eu-west-1", Degraded, 1);
    assert_eq!(world.plan().to, region("eu-west-1"));
    world.config.services[0].policy.degraded_counts_as = domain::VerdictAs::Down;
    assert_ne!(world.holds(), [HoldCode::Healthy]);
}

#[test]
fn never_to_a_region_that_route53_holds_unhealthy_but_to_the_next() {
    let mut world = outage("");
    world.native("eu-west-1", NativeHealth::Unhealthy);
    assert_eq!(world.holds(), [HoldCode::TargetUnhealthy]);
    let mut world = World::of("", &["us-east-1", "eu-west-1", "ap-south-1"]);
    world.all("us-east-1", Down, 3);
    assert_eq!(world.plan().to, region("eu-west-1"));
    world.native("eu-west-1", NativeHealth::Unhealthy);
    let plan = world.plan();
    let after = [("ap-south-1", Arming::Own), ("eu-west-1", Arming::Own), ("us-east-1", Arming::AlwaysUnhealthy)];
    assert_eq!(plan.slots(), slots(&after));
}

#[test]
fn cooldown_budget_and_an_unverified_switch_stop_the_policy() {
    let mut world = outage("");
    world.state.last_switch = Some(world.ago(599));
    world.state.automatic = vec![world.ago(3599)];
    world.state.unverified = Some("e1-00000000".parse().unwrap());
    assert_eq!(world.holds(), [HoldCode::Cooldown, HoldCode::Budget, HoldCode::NotVerified]);
    world.state.last_switch = Some(world.ago(600));
    world.state.automatic = vec![world.ago(3600)];
    assert_eq!((world.holds(), world.decide().earliest_failover), (vec![HoldCode::NotVerified], None));
    world.state.unverified = None;
    assert_eq!(world.plan().kind, PlanKind::Failover);
}

#[test]
fn a_budget_of_two_frees_when_the_older_leaves_the_window() {
    let mut world = outage("max_auto_failovers_per_hour = 2");
    world.state.automatic = vec![world.ago(3000)];
    assert_eq!(world.plan().kind, PlanKind::Failover);
    world.state.automatic.push(world.ago(1000));
    assert_eq!(world.holds(), [HoldCode::Budget]);
    assert!(world.says().ends_with(" is used up; the next may happen at 10:25:00 UTC"), "{}", world.says());
    assert_eq!(world.decide().earliest_failover, Some(crate::reason::later(world.now, domain::Period::seconds(600))));
    let mut world = outage("max_auto_failovers_per_hour = 0");
    assert!(world.says().ends_with(" is used up"), "{}", world.says());
    assert_eq!((world.holds(), world.decide().earliest_failover), (vec![HoldCode::Budget], None));
    world.state.automatic = vec![world.ago(1)];
    assert_eq!((world.holds(), world.decide().earliest_failover), (vec![HoldCode::Budget], None));
}

#[test]
fn paused_holds_and_says_that_route53_goes_on() {
    let mut world = outage("");
    world.pause();
    assert_eq!(world.holds(), [HoldCode::Paused]);
    assert!(world.says().contains("Route 53's own checks are not stopped by this"), "{}", world.says());
    assert_eq!(world.decide().earliest_failover, None);
}

#[test]
fn a_plan_in_flight_is_waited_for() {
    let mut world = outage("");
    let plan = world.plan();
    world.state = crate::take(&world.state, &world.service().policy.clone(), plan, world.now);
    assert_eq!(world.holds(), [HoldCode::PlanInFlight]);
    assert_eq!((world.decide().phase, world.decide().earliest_failover), (Phase::FailingOver, None));
    // Of what was told before, only why it is not done yet goes on being told.
    let told = |code| HoldReason { code, text: "told before".to_owned() };
    world.state.hold_reasons = vec![told(HoldCode::Cooldown), told(HoldCode::ControlPlaneUnreachable)];
    assert_eq!(world.holds(), [HoldCode::PlanInFlight, HoldCode::ControlPlaneUnreachable]);
}

#[test]
fn the_active_region_is_what_is_answered_and_never_guessed() {
    let mut world = outage("");
    world.evidence.answering = Answering::Unknown;
    assert_eq!(world.plan().from, region("us-east-1"));
    assert_eq!(world.decide().active, Some(region("us-east-1")));
    world.sighting("us-east-2").observation.answering = Answering::Mixed;
    world.sighting("us-west-2").observation.answering = Answering::Region(region("eu-west-1"));
    assert_eq!(world.holds(), [HoldCode::ActiveUnknown]);
    assert_eq!(world.decide().active, None);
    // Two regions, each named by a quorum, are not one.
    world.sighting("ca-central-1").observation.answering = Answering::Region(region("us-east-1"));
    world.config.services[0].policy.quorum = 1;
    assert_eq!(world.holds(), [HoldCode::ActiveUnknown]);
    world.config.services[0].policy.quorum = 2;
    world.answers("us-east-1");
    world.evidence.answering = Answering::Other("192.0.2.7".into());
    assert_eq!(world.holds(), [HoldCode::ActiveUnknown]);
    assert_eq!(
        world.says(),
        "the zone's name servers answer with 192.0.2.7, which is no region's: which region is active is not guessed"
    );
    world.evidence.answering = Answering::Region(region("mars"));
    assert_eq!(world.holds(), [HoldCode::ActiveUnknown]);
}

#[test]
fn what_route53_moved_to_first_becomes_primary_whatever_the_cooldown() {
    let mut world = outage("");
    world.answers("eu-west-1");
    world.state.last_switch = Some(world.ago(1));
    world.state.automatic = vec![world.ago(1)];
    let plan = world.plan();
    assert_eq!((plan.kind, plan.from.as_str(), plan.to.as_str()), (PlanKind::Latch, "us-east-1", "eu-west-1"));
    assert_eq!(plan.slots(), slots(&[("eu-west-1", Arming::Own), ("us-east-1", Arming::AlwaysUnhealthy)]));
    assert_eq!(world.decide().earliest_failover, None);
    world.all("eu-west-1", Unknown, 1);
    world.all("us-east-1", Up, 1);
    assert_eq!(world.holds(), [HoldCode::NoTarget]);
}

#[test]
fn return_is_by_hand_unless_the_policy_says_auto() {
    let mut world = away("");
    world.state.slots[1].arming = Arming::Own;
    assert_eq!(world.holds(), [HoldCode::Healthy, HoldCode::ManualFailback]);
    assert_eq!(world.decide().phase, Phase::FailbackReady);
    world.config.services[0].policy.failback = Failback::Auto;
    let plan = world.plan();
    assert_eq!((plan.kind, plan.from.as_str(), plan.to.as_str()), (PlanKind::Failback, "eu-west-1", "us-east-1"));
    assert_eq!(plan.slots(), slots(&[("us-east-1", Arming::Own), ("eu-west-1", Arming::Own)]));
}

#[test]
fn return_is_slow() {
    let mut world = away("failback = \"auto\"");
    world.all("us-east-1", Up, 19);
    world.state.last_switch = Some(world.ago(299));
    assert_eq!(world.holds(), [HoldCode::Healthy, HoldCode::Returning, HoldCode::HoldDown]);
    assert_eq!(world.decide().phase, Phase::FailedOver);
    world.state.last_switch = Some(world.ago(300));
    assert_eq!(world.holds(), [HoldCode::Healthy, HoldCode::Returning]);
    world.all("us-east-1", Up, 20);
    assert_eq!(world.plan().kind, PlanKind::Failback);
    world.native("us-east-1", NativeHealth::Unhealthy);
    world.state.slots[1].arming = Arming::Own;
    assert_eq!(world.holds(), [HoldCode::Healthy, HoldCode::TargetUnhealthy]);
}

#[test]
fn nothing_returns_by_itself_after_a_switch_that_nobody_saw_arrive() {
    let mut world = away("failback = \"auto\"");
    world.state.slots[1].arming = Arming::Own;
    world.state.unverified = Some("e1-00000000".parse().unwrap());
    assert_eq!(world.holds(), [HoldCode::Healthy, HoldCode::NotVerified]);
}

#[test]
fn traffic_returns_to_the_best_region_that_is_ready_and_others_keep_their_arming() {
    let mut world = World::of("failback = \"auto\"", &["us-east-1", "eu-west-1", "ap-south-1"]);
    world.moved_to(&slots(&[
        ("ap-south-1", Arming::Own),
        ("us-east-1", Arming::AlwaysUnhealthy),
        ("eu-west-1", Arming::AlwaysUnhealthy),
    ]));
    world.all("us-east-1", Down, 50);
    let plan = world.plan();
    assert_eq!((plan.kind, plan.to.as_str()), (PlanKind::Failback, "eu-west-1"));
    let after = [("eu-west-1", Arming::Own), ("us-east-1", Arming::AlwaysUnhealthy), ("ap-south-1", Arming::Own)];
    assert_eq!(plan.slots(), slots(&after));
}

#[test]
fn a_region_that_is_up_again_becomes_a_standby() {
    let mut world = away("");
    world.state.last_switch = Some(world.ago(1));
    world.state.automatic = vec![world.ago(1)];
    world.all("us-east-1", Up, 19);
    assert_eq!(world.holds(), [HoldCode::Healthy, HoldCode::Returning, HoldCode::HoldDown]);
    world.all("us-east-1", Up, 20);
    let plan = world.plan();
    assert_eq!((plan.kind, plan.from.as_str(), plan.to.as_str()), (PlanKind::Rearm, "eu-west-1", "eu-west-1"));
    assert_eq!(plan.slots(), slots(&[("eu-west-1", Arming::Own), ("us-east-1", Arming::Own)]));
}

#[test]
fn of_two_that_were_left_only_the_one_that_is_up_becomes_a_standby() {
    let mut world = World::of("failback = \"manual\"", &["us-east-1", "eu-west-1", "ap-south-1"]);
    let before =
        [("ap-south-1", Arming::Own), ("us-east-1", Arming::AlwaysUnhealthy), ("eu-west-1", Arming::AlwaysUnhealthy)];
    world.moved_to(&slots(&before));
    world.all("us-east-1", Down, 50);
    let plan = world.plan();
    assert_eq!((plan.kind, plan.to.as_str()), (PlanKind::Rearm, "ap-south-1"));
    let after = [("ap-south-1", Arming::Own), ("us-east-1", Arming::AlwaysUnhealthy), ("eu-west-1", Arming::Own)];
    assert_eq!(plan.slots(), slots(&after));
}

#[test]
fn a_failed_region_is_left_for_the_preferred_one_as_well() {
    let mut world = away("");
    world.all("eu-west-1", Down, 3);
    let plan = world.plan();
    assert_eq!((plan.kind, plan.to.as_str()), (PlanKind::Failover, "us-east-1"));
}

#[test]
fn other_modes_say_what_would_be_done() {
    for (mode, how) in [("observe", ""), ("recommend", "; `pointsman approve 1` carries it out")] {
        let world = outage(&format!("mode = \"{mode}\""));
        assert_eq!(world.holds(), [HoldCode::Mode]);
        let what = "a failover from us-east-1 to eu-west-1 would be planned now";
        assert_eq!(world.says(), format!("the mode is `{mode}`: {what}{how}"));
        assert_eq!(world.decide().would.map(|plan| plan.to), Some(region("eu-west-1")));
    }
}

#[test]
fn a_phase_keeps_its_beginning() {
    let mut world = outage("");
    let since = world.ago(50);
    world.state.regions = [
        (region("us-east-1"), RegionTrack { phase: RegionPhase::Failed, since }),
        (region("eu-west-1"), RegionTrack { phase: RegionPhase::Degraded, since }),
    ]
    .into();
    let beginnings: Vec<_> = world.decide().regions.into_iter().map(|(_, track)| track.since).collect();
    assert_eq!(beginnings, [since, world.now]);
}

#[test]
fn an_active_region_that_few_can_see_is_not_called_healthy() {
    let mut world = World::new();
    world.one("us-east-2", "us-east-1", Unknown, 1);
    world.one("us-west-2", "us-east-1", Unknown, 1);
    assert_eq!(world.holds(), [HoldCode::QuorumLost]);
    assert_eq!(world.says(), "only 1 of 3 observers can tell how us-east-1 is, and 2 must");
}

#[test]
fn slowness_by_a_quorum_may_count_as_down() {
    let mut world = World::with("degraded_counts_as = \"down\"");
    world.all("us-east-1", Degraded, 3);
    assert_eq!(world.holds(), [HoldCode::NotCorroborated]);
    let slow = |probe| report(probe, ProbeStatus::Degraded, None);
    world.probes("us-east-1", &[slow("http"), slow("tcp")]);
    assert_eq!(world.plan().kind, PlanKind::Failover);
}

#[test]
fn a_view_of_a_region_that_is_not_the_services_changes_nothing() {
    let mut world = outage("");
    let before = world.plan();
    world.sighting("us-east-2").observation.regions.insert(region("mars"), view(Up, 100));
    assert_eq!(world.plan(), before);
}
