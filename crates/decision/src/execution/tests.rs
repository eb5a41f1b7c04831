use domain::{
    Actor, Epoch, HoldCode, RegionPhase,
    Verdict::{Down, Up},
};

use super::*;
use crate::fixture::{World, region};

/// A failover that was just taken.
fn taken() -> World {
    let mut world = World::new();
    world.all("us-east-1", Down, 3);
    let plan = world.plan();
    world.state = take(&world.state, &world.service().policy.clone(), plan, world.now);
    world
}

impl World {
    fn after(mut self, seconds: u64) -> Self {
        self.now = later(self.now, domain::Period::seconds(seconds));
        self
    }

    fn settle(mut self, event: Event) -> (Self, Vec<AuditKind>) {
        let (state, audit) = settle(&self.state, self.service(), event, self.now);
        self.state = state;
        (self, audit)
    }

    fn then(self, event: Event) -> Self {
        self.settle(event).0
    }

    fn next(&self) -> Action<'_> {
        next(&self.state, &self.service().policy, self.now)
    }

    fn in_flight(&self) -> &InFlight {
        self.state.in_flight.as_ref().unwrap()
    }
}

fn applied() -> Event {
    Event::Applied { change: Some("C1".into()) }
}

fn seen(name: &str, observers: usize) -> Event {
    Event::Seen { answering: Answering::Region(region(name)), observers }
}

#[test]
fn taking_a_plan_numbers_the_state_and_spends_the_budget() {
    let world = taken();
    assert_eq!((world.state.epoch, world.state.phase), (Epoch(1), Phase::FailingOver));
    assert_eq!(world.state.automatic, [world.now]);
    assert_eq!(world.in_flight().next, 0);
    assert_eq!(world.state.slots, world.in_flight().plan.expects.slots);
}

#[test]
fn taking_forgets_what_has_left_the_budgets_window_and_counts_only_the_policys_failovers() {
    let mut world = World::new();
    world.all("us-east-1", Down, 3);
    world.state.automatic = vec![world.ago(7200), world.ago(3600), world.ago(3599)];
    let plan = Plan {
        by: Actor::Human { name: "ada".into(), reason: "drill".into() },
        ..{
            let mut fresh = World::new();
            fresh.all("us-east-1", Down, 3);
            fresh.plan()
        }
    };
    let by_hand = take(&world.state, &world.service().policy, plan.clone(), world.now);
    assert_eq!(by_hand.automatic, [world.ago(3599)]);
    let latch = Plan { kind: PlanKind::Latch, by: Actor::Policy, ..plan.clone() };
    assert_eq!(take(&world.state, &world.service().policy, latch, world.now).automatic, [world.ago(3599)]);
    let failback = Plan { kind: PlanKind::Failback, ..plan.clone() };
    assert_eq!(take(&world.state, &world.service().policy, failback, world.now).phase, Phase::FailingBack);
    let rearm = Plan { kind: PlanKind::Rearm, ..plan };
    assert_eq!(take(&world.state, &world.service().policy, rearm, world.now).phase, Phase::Steady);
}

#[test]
fn a_failover_goes_from_switch_to_verified() {
    let world = taken();
    assert!(matches!(world.next(), Action::Switch(plan) if plan.to == region("eu-west-1")));
    let (world, audit) = world.after(1).settle(applied());
    assert!(matches!(audit.as_slice(), [AuditKind::Applied { .. }]));
    assert_eq!(world.state.fence, world.in_flight().plan.fence());
    assert_eq!(world.state.slots, world.in_flight().plan.slots());
    assert_eq!(world.state.last_switch, Some(world.now));
    assert_eq!(world.next(), Action::Verify(&region("eu-west-1")));
    let world = world.after(5);
    assert_eq!(world.next(), Action::AskChange("C1"));
    let world = world.then(Event::StillPending);
    assert_eq!(world.next(), Action::Verify(&region("eu-west-1")));
    let world = world.after(5);
    assert_eq!(world.next(), Action::AskChange("C1"));
    let world = world.then(Event::InSync).after(60);
    assert_eq!(world.next(), Action::Verify(&region("eu-west-1")));
    let (world, audit) = world.settle(seen("eu-west-1", 1));
    assert!(matches!(audit.as_slice(), [AuditKind::Verified { .. }]));
    assert_eq!((world.state.phase, world.state.active.as_str()), (Phase::FailedOver, "eu-west-1"));
    assert_eq!(world.next(), Action::Nothing);
}

#[test]
fn a_failback_ends_steady_and_a_rearm_moves_neither_phase_nor_cooldown() {
    let mut world = taken();
    let in_flight = world.state.in_flight.as_mut().unwrap();
    in_flight.plan.to = region("us-east-1");
    let world = world.then(applied()).then(seen("us-east-1", 1));
    assert_eq!(world.state.phase, Phase::Steady);

    let mut world = taken();
    world.state.phase = Phase::FailbackReady;
    world.state.in_flight.as_mut().unwrap().plan.kind = PlanKind::Rearm;
    let world = world.then(applied()).then(seen("eu-west-1", 1));
    assert_eq!((world.state.phase, world.state.last_switch), (Phase::FailbackReady, None));
}

#[test]
fn dns_answers_are_stronger_than_insync() {
    let world = taken().then(applied()).then(seen("eu-west-1", 3));
    assert_eq!(world.state.in_flight, None);
}

#[test]
fn after_a_lost_reply_there_is_no_change_to_ask_about() {
    let world = taken().then(Event::Applied { change: None }).after(60);
    assert_eq!(world.next(), Action::Verify(&region("eu-west-1")));
}

#[test]
fn we_and_an_observer_must_both_see_it() {
    let world = taken().then(applied());
    let waiting = world.state.clone();
    assert_eq!(world.then(seen("eu-west-1", 0)).state, waiting);
    assert_eq!(taken().then(applied()).then(seen("us-east-1", 3)).state, waiting);
    assert_eq!(taken().then(applied()).then(Event::Seen { answering: Answering::Mixed, observers: 3 }).state, waiting);
}

#[test]
fn not_verified_in_time_is_said_once_and_taken_back_by_a_success() {
    let world = taken().then(applied()).after(120);
    let (world, audit) = world.settle(seen("us-east-1", 0));
    assert_eq!((audit, world.in_flight().alarmed), (vec![], false));
    let (world, audit) = world.after(1).settle(seen("us-east-1", 0));
    let id = world.in_flight().plan.id.clone();
    assert_eq!(
        audit,
        [AuditKind::NotVerified { plan: id.clone(), seen: "we see us-east-1; 0 observers see the target".into() }]
    );
    assert_eq!(world.state.unverified, Some(id));
    let (world, audit) = world.after(1).settle(seen("us-east-1", 0));
    assert_eq!(audit, []);
    let world = world.then(seen("eu-west-1", 1));
    assert_eq!((world.state.unverified, world.state.in_flight), (None, None));
}

/// A plan that was applied and is seen nowhere in time.
fn alarmed() -> World {
    taken().then(applied()).after(121).then(seen("us-east-1", 0))
}

#[test]
fn a_plan_that_is_not_seen_to_arrive_has_its_fence_read_now_and_then() {
    let world = alarmed();
    assert!(matches!(world.next(), Action::GiveUp(_)));
    let world = world.then(Event::Applied { change: None });
    assert_eq!(world.next(), Action::Verify(&region("eu-west-1")));
    let world = world.after(5);
    assert!(matches!(world.next(), Action::GiveUp(_)));
    let world = world.then(Event::Superseded { found: "epoch=9 plan=e9-0badcafe".into() });
    assert_eq!((world.state.in_flight.is_none(), world.state.epoch), (true, Epoch(9)));
}

#[test]
fn whoever_acknowledges_the_alarm_ends_the_plan_that_raised_it() {
    let world = alarmed();
    assert!(world.state.unverified.is_some());
    let (state, audit) = acknowledge(&world.state, world.service(), "ada").unwrap();
    assert!(matches!(audit.as_slice(), [AuditKind::Acknowledged { .. }, AuditKind::Abandoned { .. }]));
    assert_eq!((state.in_flight, state.unverified, state.unacknowledged), (None, None, None));
    let under_way = taken().then(applied());
    let (state, _) = acknowledge(&under_way.state, under_way.service(), "ada").unwrap();
    assert!(state.in_flight.is_some(), "it may still arrive in time");
}

#[test]
fn whoever_was_first_is_believed() {
    let world = taken().after(7);
    let (world, audit) = world.settle(Event::Superseded { found: "epoch=9 plan=e9-0badcafe".into() });
    assert!(matches!(audit.as_slice(), [AuditKind::Abandoned { .. }]));
    assert_eq!((world.state.epoch, world.state.fence.as_str()), (Epoch(9), "epoch=9 plan=e9-0badcafe"));
    assert_eq!((world.state.phase, world.state.in_flight.clone()), (Phase::Steady, None));
    assert_eq!((world.state.last_switch, world.state.automatic.clone()), (Some(world.now), vec![]));
    assert_eq!(world.holds(), [HoldCode::Cooldown]);
    for odd in ["", "epoch=0 plan=none2", "epoch=18446744073709551615 plan=x", "gibberish"] {
        let state = taken().then(Event::Superseded { found: odd.into() }).state;
        assert_eq!((state.epoch, state.fence.as_str()), (Epoch(1), odd));
    }
}

#[test]
fn a_person_s_order_is_known_by_the_fence_alone() {
    assert_eq!(taken().then(Event::Superseded { found: "epoch=9 plan=e9-0badcafe".into() }).state.by_hand, None);
    let found = "epoch=9 plan=e9-0badcafe to=us-east-1 by=ada";
    let world = taken().then(Event::Superseded { found: found.into() });
    let order = ByHand { to: region("us-east-1"), by: "ada".into(), at: world.now };
    assert_eq!((world.state.by_hand.clone(), world.state.epoch), (Some(order), Epoch(9)));
}

#[test]
fn an_older_plan_that_took_effect_unnoticed_costs_no_cooldown() {
    let mut world = taken();
    world.state.epoch = Epoch(3);
    world.state.in_flight.as_mut().unwrap().plan.epoch = Epoch(3);
    let found = "epoch=2 plan=e2-0badcafe";
    let world = world.then(Event::Superseded { found: found.into() });
    assert_eq!((world.state.epoch, world.state.fence.as_str(), world.state.last_switch), (Epoch(3), found, None));
    assert_eq!((world.plan().epoch, world.plan().expects.fence.as_str()), (Epoch(4), found));
}

#[test]
fn its_own_fence_or_the_expected_one_supersedes_nothing() {
    let world = taken();
    let (own, expected) = (world.in_flight().plan.fence(), world.in_flight().plan.expects.fence.clone());
    let before = world.state.clone();
    let world = world.then(Event::Superseded { found: own }).then(Event::Superseded { found: expected });
    assert_eq!(world.state, before);
}

#[test]
fn a_plan_that_was_not_begun_in_time_is_given_up_with_its_place_in_the_budget() {
    let world = taken().after(120);
    assert!(matches!(world.next(), Action::Switch(_)));
    let (world, audit) = world.settle(Event::Expired);
    assert_eq!(audit, []);
    let world = world.after(1);
    assert!(matches!(world.next(), Action::GiveUp(_)));
    // The fence may show that it took effect after all: a reply was lost.
    assert!(settle(&world.state, world.service(), applied(), world.now).0.last_switch.is_some());
    let (world, audit) = world.settle(Event::Expired);
    assert!(matches!(audit.as_slice(), [AuditKind::Abandoned { .. }]));
    assert_eq!((world.state.automatic.len(), world.state.phase, world.state.epoch), (0, Phase::Steady, Epoch(1)));
    assert_eq!(world.plan().epoch, Epoch(2));
}

#[test]
fn what_route53_refuses_is_not_tried_again_and_again() {
    let (world, audit) = taken().settle(Event::Refused { why: "no such health check".into() });
    assert!(matches!(audit.as_slice(), [AuditKind::Abandoned { why, .. }] if why == "refused: no such health check"));
    assert_eq!(world.holds(), [HoldCode::Budget]);
}

#[test]
fn an_event_that_does_not_fit_changes_nothing() {
    let steady = World::new();
    let before = steady.state.clone();
    for event in [
        applied(),
        Event::InSync,
        Event::StillPending,
        seen("eu-west-1", 3),
        Event::Expired,
        Event::Refused { why: String::new() },
    ] {
        assert_eq!(settle(&steady.state, steady.service(), event, steady.now), (before.clone(), vec![]));
    }
    for event in [Event::InSync, Event::StillPending, seen("eu-west-1", 3)] {
        assert_eq!(taken().then(event).state, taken().state);
    }
    let under_way = || taken().then(applied()).then(Event::InSync);
    for event in [applied(), Event::InSync, Event::StillPending, Event::Expired, Event::Refused { why: String::new() }]
    {
        assert_eq!(under_way().after(999).then(event).state, under_way().state);
    }
}

#[test]
fn counts_and_times_are_no_news_but_codes_and_phases_are() {
    let mut world = World::new();
    let (noted, audit) = note(&world.state, &world.decide()).unwrap();
    assert!(matches!(audit.as_slice(), [AuditKind::Held { reasons }] if reasons[0].code == HoldCode::Healthy));
    world.state = noted;
    assert_eq!(note(&world.state, &world.decide()), None);
    world.all("us-east-1", Down, 1);
    let (noted, audit) = note(&world.state, &world.decide()).unwrap();
    assert!(matches!(audit.as_slice(), [AuditKind::Held { reasons }] if reasons[0].code == HoldCode::Counting));
    world.state = noted;
    world.all("us-east-1", Down, 2);
    assert_eq!(note(&world.state, &world.decide()), None);
    world.evidence.native.insert(region("us-east-1"), crate::NativeHealth::Healthy);
    world.all("us-east-1", Down, 3);
    let (noted, audit) = note(&world.state, &world.decide()).unwrap();
    assert_eq!((audit, noted.hold_reasons), (vec![], vec![]));
}

#[test]
fn where_the_answer_went_is_news_and_an_unknown_answer_forgets_nothing() {
    let mut world = World::new();
    world.state = note(&world.state, &world.decide()).unwrap().0;
    world.answers("eu-west-1");
    let noted = note(&world.state, &world.decide()).unwrap().0;
    assert_eq!((noted.active.as_str(), noted.phase), ("eu-west-1", Phase::FailbackReady));
    world.answering(&Answering::Unknown);
    let noted = note(&world.state, &world.decide()).unwrap().0;
    assert_eq!(noted.active.as_str(), "us-east-1");
}

#[test]
fn a_recommendation_is_made_once() {
    let mut world = World::with("mode = \"recommend\"");
    world.all("us-east-1", Down, 3);
    let (noted, audit) = note(&world.state, &world.decide()).unwrap();
    assert!(matches!(audit.as_slice(), [AuditKind::Held { .. }, AuditKind::Recommended { .. }]));
    world.state = noted;
    world.all("us-east-1", Down, 4);
    let world = world.after(10);
    assert_eq!(note(&world.state, &world.decide()), None);
    let mut world = world;
    world.answers("eu-west-1");
    world.all("eu-west-1", Up, 5);
    let (_, audit) = note(&world.state, &world.decide()).unwrap();
    assert!(matches!(audit.last(), Some(AuditKind::Recommended { plan }) if plan.kind == PlanKind::Latch));
}

fn unreachable(moved: Option<f64>) -> Event {
    let moved = moved.map(|share| Share::try_from(share).unwrap());
    Event::Unreachable { why: "control plane unreachable".into(), moved }
}

#[test]
fn without_route_53_a_plan_stays_and_says_what_its_own_checks_did() {
    let (world, audit) = taken().settle(unreachable(Some(0.0)));
    assert!(matches!(&audit[..], [AuditKind::Blocked { .. }]), "{audit:?}");
    assert!(matches!(world.next(), Action::Switch(_)), "it is tried again");
    let (world, again) = world.after(1).settle(unreachable(Some(0.0)));
    assert_eq!(again, [], "told once");
    let (world, moved) = world.after(30).settle(unreachable(Some(1.0)));
    let [AuditKind::Blocked { reason, .. }] = &moved[..] else { panic!("{moved:?}") };
    assert_eq!(reason.code, HoldCode::ControlPlaneUnreachable);
    assert_eq!(
        reason.text,
        "cannot flip: control plane unreachable; Route 53's own checks moved 100 % of clients, by its servers' answers"
    );
    let codes: Vec<_> = world.state.hold_reasons.iter().map(|reason| reason.code).collect();
    assert_eq!(codes, [HoldCode::ControlPlaneUnreachable]);
    assert_eq!(world.then(applied()).state.hold_reasons, [], "once it is applied that is over");
}

#[test]
fn what_cannot_be_heard_is_said_so() {
    let world = taken().then(unreachable(None));
    assert!(world.state.hold_reasons[0].text.contains("can't be told"), "{:?}", world.state.hold_reasons);
}

#[test]
fn after_the_change_nothing_waits_for_the_control_plane() {
    let world = taken().then(applied());
    let (after, audit) = world.settle(unreachable(Some(1.0)));
    assert_eq!((after.state.hold_reasons, audit), (vec![], vec![]));
}

#[test]
fn each_kind_of_news_is_noted_alone() {
    let mut world = World::new();
    world.pause();
    let decision = world.decide();
    let (known, _) = note(&world.state, &decision).expect("it is paused, which is news");
    assert!(note(&known, &decision).is_none(), "once");
    let why_not = ServiceState { hold_reasons: Vec::new(), ..known.clone() };
    let elsewhere = ServiceState { active: region("eu-west-1"), ..known.clone() };
    let recommended = taken().state.in_flight.map(|flight| Box::new(flight.plan));
    let recommended = ServiceState { recommended, ..known.clone() };
    let (mut gone, mut unseen) = (known.clone(), known.clone());
    gone.regions.insert(region("mars"), known.regions["us-east-1"].clone());
    unseen.regions.get_mut("us-east-1").unwrap().phase = RegionPhase::Unknown;
    for before in [why_not, elsewhere, recommended, gone, unseen] {
        assert_eq!(note(&before, &decision).expect("there is news").0.hold_reasons, known.hold_reasons);
    }
}
