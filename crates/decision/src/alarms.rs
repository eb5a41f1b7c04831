//! What an alarm may do, and what it may not.

use domain::{Fault, PlanKind, VerdictAs};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    AlarmState, Outcome, Signal,
    fixture::{World, failed, ok},
    properties::{REGIONS, a_world},
    scene::Scene,
};

/// The same world where every region has an alarm, in these states.
fn with(world: &World, states: &[AlarmState]) -> World {
    let mut world = world.clone();
    for (name, state) in REGIONS.iter().zip(states) {
        world.alarm(name, *state);
    }
    world
}

fn outcome(world: &World) -> Option<(PlanKind, String)> {
    match world.decide().outcome {
        Outcome::Plan(plan) => Some((plan.kind, plan.to.to_string())),
        Outcome::Hold(_) => None,
    }
}

fn a_state() -> impl Strategy<Value = AlarmState> {
    select(vec![AlarmState::Ok, AlarmState::Alarm, AlarmState::Unknown])
}

proptest! {
    #[test]
    fn an_alarm_alone_neither_flips_nor_vetoes(world in a_world(), states in vec(a_state(), REGIONS.len())) {
        let unknown = outcome(&with(&world, &[AlarmState::Unknown; REGIONS.len()]));
        prop_assert_eq!(outcome(&world), unknown.clone(), "one that can't be had is none");
        prop_assert_eq!(outcome(&with(&world, &[AlarmState::Ok; REGIONS.len()])), unknown.clone(), "OK is no dissent");
        let world = with(&world, &states);
        if outcome(&world) != unknown {
            let scene = Scene::new(world.service(), &world.state, &world.evidence, world.now);
            let active = scene.active().unwrap();
            prop_assert!(unknown.is_none(), "an alarm changed a plan");
            prop_assert!(active.is_down() && active.rounds(VerdictAs::Down) >= active.down_after());
            prop_assert!(matches!(active.signal(), Some(Signal::Alarm(_))));
        }
    }
}

#[test]
fn an_alarm_is_the_signal_that_a_quorum_needs_and_is_named() {
    let mut world = World::new();
    world.all("us-east-1", domain::Verdict::Down, 3);
    world.probes("us-east-1", &[failed("http", Fault::HttpStatus), ok("tcp")]);
    for (state, word) in [(AlarmState::Ok, "OK"), (AlarmState::Unknown, "unknown")] {
        world.alarm("us-east-1", state);
        let told =
            format!("Route 53's own check is unknown, alarm us-east-1-errors in eu-central-1 is {word}, and only");
        assert!(world.says().contains(&told), "{}", world.says());
    }
    world.alarm("us-east-1", AlarmState::Alarm);
    assert_eq!(world.plan().because[1], "alarm us-east-1-errors in eu-central-1 is in ALARM");
}
