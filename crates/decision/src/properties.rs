//! What must hold whatever is seen, whenever, in whatever state.

use std::collections::BTreeSet;

use domain::{
    Answering, Arming, ByHand, HoldCode, OBSERVATION_FORMAT, Period, Phase, Plan, PlanKind, Round, Slot, Verdict,
    VerdictAs,
};
use proptest::{
    collection::vec,
    option::weighted,
    prelude::*,
    sample::select,
    strategy::ValueTree,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};

use crate::{
    Event, NativeHealth, Order, Outcome, Sighting,
    fixture::{OBSERVERS, World, region, view},
    next, note, order,
    reason::later,
    records,
    scene::Scene,
    settle, take,
};

pub(crate) const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-south-1"];

const POLICIES: [&str; 7] = [
    "acknowledge = true\nrpo = \"10s\"\npanic_threshold = 0.9\nfailback = \"auto\"",
    "failback = \"auto\"",
    "",
    "quorum = 3\nmin_observers = 3",
    "corroborate = false\nmax_auto_failovers_per_hour = 2",
    "degraded_counts_as = \"down\"\nnative_return = \"allow\"",
    "mode = \"recommend\"",
];

fn a_verdict() -> impl Strategy<Value = (Verdict, u32)> {
    let verdict = prop_oneof![
        6 => Just(Verdict::Up), 6 => Just(Verdict::Down), 1 => Just(Verdict::Degraded), 1 => Just(Verdict::Unknown)
    ];
    (verdict, select(vec![1, 2, 3, 6, 19, 20, 50]))
}

fn an_answer() -> impl Strategy<Value = Answering> {
    prop_oneof![
        16 => select(REGIONS.to_vec()).prop_map(|name| Answering::Region(region(name))),
        1 => Just(Answering::Mixed),
        1 => Just(Answering::Other("192.0.2.7".into())),
        1 => Just(Answering::Region(region("mars"))),
        2 => Just(Answering::Unknown),
    ]
}

/// A world in which observers mostly agree, now and then do not, and some are old, foreign, newer or missing.
pub(crate) fn a_world() -> impl Strategy<Value = World> {
    let seen = (
        vec(a_verdict(), REGIONS.len()),
        vec((0_usize..OBSERVERS.len(), 0_usize..REGIONS.len(), a_verdict()), 0..3),
        vec((0_usize..OBSERVERS.len(), 0_u8..6), 0..2),
        vec((0_usize..OBSERVERS.len(), 95_u64..105, a_verdict()), 0..2),
        vec(
            select(vec![NativeHealth::Healthy, NativeHealth::Unhealthy, NativeHealth::Unknown, NativeHealth::Unknown]),
            REGIONS.len(),
        ),
        an_answer(),
        weighted(0.2, an_answer()),
    );
    let state = (
        Just(REGIONS.to_vec()).prop_shuffle(),
        vec(any::<bool>(), REGIONS.len()),
        weighted(0.4, 0_u64..4000),
        vec(0_u64..8000, 0..3),
        weighted(0.1, Just(())),
        weighted(0.1, Just(())),
        any::<bool>(),
        (
            weighted(0.2, select(REGIONS.to_vec())),
            weighted(0.1, Just(())),
            vec(weighted(0.8, 0_u64..20), REGIONS.len()),
        ),
    );
    (select(POLICIES.to_vec()), seen, state).prop_map(|(policy, seen, state)| {
        let mut world = World::of(policy, &REGIONS);
        let (truth, dissent, broken, twice, native, answering, ours) = seen;
        for (name, (verdict, streak)) in REGIONS.iter().zip(truth) {
            world.all(name, verdict, streak);
        }
        for (observer, place, (verdict, streak)) in dissent {
            world.one(OBSERVERS[observer], REGIONS[place], verdict, streak);
        }
        for (observer, round, (verdict, streak)) in twice {
            let mut other = world.sighting(OBSERVERS[observer]).clone();
            other.observation.round = Round(round);
            other.observation.invocation = format!("other-{round}");
            other.observation.regions.insert(region(REGIONS[0]), view(verdict, streak));
            world.evidence.sightings.push(other);
        }
        world.answering(&answering);
        world.evidence.answering = ours.unwrap_or(answering);
        for (observer, how) in broken {
            break_it(&mut world, observer, how);
        }
        world.evidence.native = REGIONS.iter().map(|name| region(name)).zip(native).collect();

        let (slots, armed, last_switch, automatic, paused, unverified, at_home, people) = state;
        let slots = slots.into_iter().zip(armed).enumerate().map(|(place, (name, armed))| {
            let arming = if armed && place > 0 { Arming::AlwaysUnhealthy } else { Arming::Own };
            Slot { region: region(name), arming }
        });
        let mut slots: Vec<_> = slots.collect();
        // Mostly the first slot is what is answered.
        if at_home
            && let Some(place) = slots.iter().position(|slot| Some(&slot.region) == world.evidence.answering.region())
        {
            slots.swap(0, place);
        }
        world.state.slots = slots;
        world.state.last_switch = last_switch.map(|ago| world.ago(ago));
        world.state.automatic = automatic.into_iter().map(|ago| world.ago(ago)).collect();
        world.state.unverified = unverified.map(|()| "e0-00000000".parse().unwrap());
        if paused.is_some() {
            world.pause();
        }
        let (by_hand, unacknowledged, lags) = people;
        world.state.by_hand = by_hand.map(|to| ByHand { to: region(to), by: "ada".into(), at: world.ago(5000) });
        world.state.unacknowledged = unacknowledged.map(|()| "e0-00000000".parse().unwrap());
        let lags = REGIONS.iter().zip(lags).filter_map(|(name, lag)| Some((region(name), Period::seconds(lag?))));
        world.evidence.lag = lags.collect();
        world
    })
}

/// Makes every word of an observer one that must not count.
fn break_it(world: &mut World, observer: usize, how: u8) {
    let foreign = World::with("up_after = 30").config.hash();
    let now = world.now;
    let of_observer = |sighting: &&mut Sighting| sighting.observation.observer.as_str() == OBSERVERS[observer];
    for sighting in world.evidence.sightings.iter_mut().filter(of_observer) {
        match how {
            0 => sighting.age = Period::seconds(46),
            1 => sighting.observation.config = foreign.clone(),
            2 => sighting.observation.format = OBSERVATION_FORMAT + 1,
            3 => sighting.observation.service = "other.example.com".parse().unwrap(),
            4 => sighting.observation.at = later(now, Period::seconds(3600)),
            _ => sighting.observation.observer = "mallory".parse().unwrap(),
        }
    }
}

fn plan_of(world: &World) -> Option<Plan> {
    let decision = world.decide();
    match decision.outcome {
        Outcome::Plan(plan) => Some(*plan),
        Outcome::Hold(_) => decision.would.map(|plan| *plan),
    }
}

fn saying(world: &World, name: &domain::RegionName, what: VerdictAs) -> usize {
    let scene = Scene::new(world.service(), &world.state, &world.evidence, world.now);
    scene.tally(name).map_or(0, |tally| tally.saying(what).count())
}

fn an_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        weighted(0.5, Just("C1".to_owned())).prop_map(|change| Event::Applied { change }),
        Just(Event::InSync),
        Just(Event::StillPending),
        (an_answer(), 0_usize..3).prop_map(|(answering, observers)| Event::Seen { answering, observers }),
        select(vec!["epoch=0 plan=none", "epoch=7 plan=e7-00000000", ""])
            .prop_map(|found| Event::Superseded { found: found.into() }),
        Just(Event::Expired),
        Just(Event::Refused { why: "no".into() }),
    ]
}

/// Without this the properties below could all hold of nothing.
#[test]
fn the_worlds_reach_every_kind_of_plan_and_most_reasons() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), rng);
    let (mut kinds, mut codes) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..3000 {
        let world = a_world().new_tree(&mut runner).unwrap().current();
        kinds.extend(plan_of(&world).map(|plan| plan.kind.to_string()));
        if let Outcome::Hold(reasons) = world.decide().outcome {
            codes.extend(reasons.iter().map(|reason| reason.code));
        }
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["failback", "failover", "latch", "rearm"]);
    // Not to be had from the policy without a plan in flight or an order.
    let others = [HoldCode::PlanInFlight, HoldCode::AlreadyThere, HoldCode::UnknownRegion, HoldCode::NotRecommended];
    let all = 25;
    assert_eq!(codes.len(), all - others.len(), "{codes:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_same_arguments_give_the_same_decision(world in a_world()) {
        prop_assert_eq!(world.decide(), world.decide());
    }

    #[test]
    fn the_order_of_sightings_is_irrelevant((mut world, order) in a_world().prop_flat_map(|world| {
        let order = Just(world.evidence.sightings.clone()).prop_shuffle();
        (Just(world), order)
    })) {
        let before = world.decide();
        world.evidence.sightings = order;
        prop_assert_eq!(before, world.decide());
    }

    #[test]
    fn holding_always_has_a_reason_in_words(world in a_world()) {
        if let Outcome::Hold(reasons) = world.decide().outcome {
            prop_assert!(!reasons.is_empty());
            prop_assert!(reasons.iter().all(|reason| !reason.text.is_empty()));
        }
    }

    #[test]
    fn no_region_is_left_without_a_quorum_for_long_enough(world in a_world()) {
        let policy = &world.service().policy;
        if let Some(plan) = plan_of(&world).filter(|plan| plan.kind == PlanKind::Failover) {
            let hearing = world.evidence.hear(world.service(), world.now);
            prop_assert!(hearing.knowing.len() >= policy.min_observers);
            let long = hearing.knowing.iter().filter(|it| {
                let view = &it.observation.regions[&plan.from];
                view.streak >= policy.down_after && crate::evidence::word(view.verdict, policy) == Some(VerdictAs::Down)
            });
            prop_assert!(long.count() >= policy.quorum);
        }
    }

    #[test]
    fn every_target_is_up_by_quorum_and_traffic_moves_only_elsewhere(world in a_world()) {
        if let Some(plan) = plan_of(&world) {
            let stays = matches!(plan.kind, PlanKind::Latch | PlanKind::Rearm);
            prop_assert_eq!(world.decide().active.as_ref() == Some(&plan.to), stays);
            if plan.kind != PlanKind::Rearm {
                prop_assert!(saying(&world, &plan.to, VerdictAs::Up) >= world.service().policy.quorum);
            }
            if !stays {
                prop_assert_ne!(world.evidence.native.get(&plan.to), Some(&NativeHealth::Unhealthy));
            }
        }
    }

    #[test]
    fn no_failover_by_policy_in_the_cooldown_over_budget_or_unverified(world in a_world()) {
        let policy = &world.service().policy;
        if let Some(plan) = plan_of(&world).filter(|plan| matches!(plan.kind, PlanKind::Failover)) {
            prop_assert!(world.state.unverified.is_none() && world.state.paused.is_none());
            prop_assert!(world.state.last_switch.is_none_or(|at| later(at, policy.cooldown) <= world.now));
            let used = world.state.automatic.iter().filter(|at| later(**at, policy.budget_window) > world.now).count();
            prop_assert!(used < policy.max_auto_failovers_per_hour as usize, "{}", plan.id);
        }
    }

    #[test]
    fn a_failover_that_is_planned_waits_for_nothing(world in a_world()) {
        if plan_of(&world).is_some_and(|plan| plan.kind == PlanKind::Failover) {
            let scene = Scene::new(world.service(), &world.state, &world.evidence, world.now);
            prop_assert_eq!(scene.earliest_failover(), Some(world.now));
        }
    }

    #[test]
    fn no_failover_by_policy_before_the_last_was_acknowledged_nor_beyond_the_rpo(world in a_world()) {
        let policy = &world.service().policy;
        if let Some(plan) = plan_of(&world).filter(|plan| matches!(plan.kind, PlanKind::Failover | PlanKind::Failback)) {
            prop_assert!(plan.kind == PlanKind::Failback || !policy.acknowledge || world.state.unacknowledged.is_none());
            prop_assert!(policy.rpo.is_none_or(|rpo| world.evidence.lag.get(&plan.to).is_some_and(|lag| *lag <= rpo)));
        }
    }

    #[test]
    fn the_policy_never_returns_past_an_order_by_hand(world in a_world()) {
        if let (Some(plan), Some(order)) = (plan_of(&world), &world.state.by_hand) {
            let rank = |name: &domain::RegionName| REGIONS.iter().position(|it| *it == name.as_str());
            prop_assert!(plan.kind != PlanKind::Failback || rank(&plan.to) >= rank(&order.to));
        }
    }

    /// Rule 4: an alert may shorten a count to two, and does nothing else: whatever was planned without it is
    /// planned with it, and without a quorum that says down for two rounds nothing is left.
    #[test]
    fn an_anomaly_alone_neither_flips_nor_vetoes(mut world in a_world(), alerts in vec(any::<bool>(), 9)) {
        world.config.services[0].policy.anomaly = domain::AnomalyUse::Shorten;
        let before = plan_of(&world);
        let mut alerts = alerts.into_iter().cycle();
        for sighting in &mut world.evidence.sightings {
            for view in sighting.observation.regions.values_mut() {
                view.anomalous = alerts.next().unwrap_or_default();
            }
        }
        let after = plan_of(&world);
        let what = |plan: &Plan| (plan.kind, plan.to.clone(), plan.slots().to_vec());
        match (before, after) {
            (Some(before), after) => prop_assert_eq!(Some(what(&before)), after.as_ref().map(what)),
            (None, Some(plan)) => {
                prop_assert_eq!(plan.kind, PlanKind::Failover);
                let scene = Scene::new(world.service(), &world.state, &world.evidence, world.now);
                prop_assert!(scene.tally(&plan.from).is_some_and(|tally| tally.rounds(VerdictAs::Down) >= 2));
            }
            (None, None) => {}
        }
    }

    /// Before the batch, and after it, whichever checks are healthy: the name has an answer, and it is a region's. And
    /// where the plan's target is healthy after it, that is the answer.
    #[test]
    fn a_region_answers_at_every_instant_of_a_plan(world in a_world(), healthy in vec(any::<bool>(), REGIONS.len())) {
        let checks = records::tests::checks(&REGIONS);
        let healthy: Vec<_> = REGIONS.iter().zip(healthy).filter(|(_, up)| *up).map(|(name, _)| *name).collect();
        let before = records::tests::zone(&world, &checks);
        prop_assert!(REGIONS.contains(&records::tests::answers(&before, &world, &healthy).as_str()));
        if let Some(plan) = plan_of(&world) {
            let batch = crate::change_batch(world.service(), &plan, &checks).unwrap();
            let after = before.apply(&batch).unwrap();
            let answer = records::tests::answers(&after, &world, &healthy);
            prop_assert!(REGIONS.contains(&answer.as_str()));
            prop_assert!(!healthy.contains(&plan.to.as_str()) || answer == plan.to.as_str());
            prop_assert!(after.apply(&batch).is_err(), "a replay is refused");
        }
    }

    #[test]
    fn an_observer_whose_word_does_not_count_might_as_well_be_silent(mut world in a_world(), observer in 0..OBSERVERS.len(), how in 0_u8..6) {
        break_it(&mut world, observer, how);
        let before = world.decide();
        world.evidence.sightings.retain(|it| it.observation.observer.as_str() != OBSERVERS[observer] && it.observation.observer.as_str() != "mallory");
        let after = world.decide();
        // Only the sentence that names who is silent may differ.
        let codes = |outcome: &Outcome| match outcome {
            Outcome::Hold(reasons) => reasons.iter().map(|reason| reason.code).collect(),
            Outcome::Plan(_) => Vec::new(),
        };
        prop_assert_eq!(codes(&before.outcome), codes(&after.outcome));
        prop_assert_eq!((before.active, before.phase, before.regions, before.would), (after.active, after.phase, after.regions, after.would));
    }

    #[test]
    fn a_plan_names_every_region_once_and_its_target_is_armed_with_its_own_check(world in a_world()) {
        if let Some(plan) = plan_of(&world) {
            let named: BTreeSet<_> = plan.slots().iter().map(|slot| slot.region.as_str()).collect();
            prop_assert_eq!((named, plan.slots().len()), (BTreeSet::from(REGIONS), REGIONS.len()));
            prop_assert_eq!(&plan.slots()[0], &Slot { region: plan.to.clone(), arming: Arming::Own });
        }
    }

    #[test]
    fn epochs_grow_one_by_one(world in a_world(), seconds in 0_u64..1000) {
        if let Some(plan) = plan_of(&world) {
            prop_assert_eq!(plan.epoch, world.state.epoch.next());
            prop_assert_eq!(&plan.expects.fence, &world.state.fence);
            let policy = &world.service().policy;
            let now = later(world.now, Period::seconds(seconds));
            let taken = take(&world.state, policy, plan.clone(), now);
            let (applied, _) = settle(&taken, world.service(), Event::Applied { change: None }, now);
            prop_assert_eq!((taken.epoch, applied.epoch), (plan.epoch, plan.epoch));
            prop_assert_eq!(applied.fence, plan.fence());
        }
    }

    #[test]
    fn an_order_never_moves_to_where_it_is_not_up_unless_forced(world in a_world(), place in 0..REGIONS.len(), force in any::<bool>()) {
        let forced = if force { BTreeSet::from([HoldCode::NoTarget]) } else { BTreeSet::new() };
        let wish = Order { to: region(REGIONS[place]), by: domain::Actor::Policy, forced };
        match order(world.service(), &world.state, &world.evidence, world.now, &wish) {
            Ok(plan) => {
                let up = saying(&world, &plan.to, VerdictAs::Up) >= world.service().policy.quorum;
                let named = plan.forced.iter().any(|reason| reason.code == HoldCode::NoTarget);
                prop_assert!(up || named);
                prop_assert_ne!(world.decide().active, Some(plan.to));
            }
            Err(against) => prop_assert!(!against.is_empty()),
        }
    }

    /// Whatever happens in whatever order: no panic, epochs and fences never go back, and an event that comes
    /// twice is as if it came once.
    #[test]
    fn replayed_reordered_and_misplaced_events_do_no_harm(world in a_world(), events in vec((an_event(), 0_u64..200), 0..12)) {
        if let Some(plan) = plan_of(&world) {
            let service = world.service();
            let mut now = world.now;
            let mut state = take(&world.state, &service.policy, plan, now);
            for (event, seconds) in events {
                now = later(now, Period::seconds(seconds));
                let (after, audit) = settle(&state, service, event.clone(), now);
                prop_assert!(after.epoch >= state.epoch);
                prop_assert!(after.in_flight.is_some() || after.phase == state.phase || matches!(after.phase, Phase::Steady | Phase::FailedOver));
                prop_assert!(after != state || audit.is_empty());
                let (again, audit) = settle(&after, service, event, now);
                prop_assert_eq!((&again, audit), (&after, vec![]));
                prop_assert_eq!(next(&after, &service.policy, now), next(&again, &service.policy, now));
                state = after;
            }
        }
    }

    #[test]
    fn what_was_noted_is_no_news(mut world in a_world()) {
        if let Some((noted, _)) = note(&world.state, &world.decide()) {
            prop_assert_eq!(noted.epoch, world.state.epoch);
            world.state = noted;
        }
        prop_assert_eq!(note(&world.state, &world.decide()), None);
    }
}
