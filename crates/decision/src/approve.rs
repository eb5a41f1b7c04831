//! What the mode leaves to a person, let go by one: the policy's own plan, under all of its rules.

use domain::{Actor, Epoch, HoldReason, Mode, Plan, Service, ServiceState};
use jiff::Timestamp;

use crate::{decide::rule, evidence::Evidence, execution::is_same, reason, scene::Scene};

/// The plan that was recommended under this epoch, made anew so that it expects what is there now.
///
/// Refused when the policy would no longer plan the same: whoever approves has read of another plan.
pub fn approve(
    service: &Service,
    state: &ServiceState,
    evidence: &Evidence,
    now: Timestamp,
    epoch: Epoch,
    by: &str,
) -> Result<Plan, Vec<HoldReason>> {
    let scene = Scene::new(service, state, evidence, now);
    if service.policy.mode != Mode::Recommend {
        return Err(vec![reason::nothing_waits(&service.policy)]);
    }
    let plan = rule(&scene)?.plan(&scene, Actor::Approved { name: by.to_owned() }, Vec::new());
    match &state.recommended {
        Some(recommended) if recommended.epoch == epoch && is_same(recommended, &plan) => Ok(plan),
        _ => Err(vec![reason::not_recommended(epoch, &plan)]),
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        HoldCode, PlanKind,
        Verdict::{Down, Up},
    };

    use super::*;
    use crate::{fixture::World, note, take};

    fn codes(world: &World, epoch: u64) -> Result<Plan, Vec<HoldCode>> {
        approve(world.service(), &world.state, &world.evidence, world.now, Epoch(epoch), "ada")
            .map_err(|against| against.iter().map(|reason| reason.code).collect())
    }

    /// A failover that was recommended.
    fn waiting() -> World {
        let mut world = World::with("mode = \"recommend\"");
        world.all("us-east-1", Down, 3);
        world.state = note(&world.state, &world.decide()).unwrap().0;
        world
    }

    #[test]
    fn what_was_recommended_is_planned_by_whoever_approves_it() {
        let mut world = waiting();
        world.all("us-east-1", Down, 9);
        world.now = crate::reason::later(world.now, domain::Period::seconds(900));
        let plan = codes(&world, 1).unwrap();
        assert_eq!((plan.kind, plan.by.to_string().as_str()), (PlanKind::Failover, "policy, approved by ada"));
        assert!(plan.expires_at > world.now);
        let taken = take(&world.state, &world.service().policy, plan, world.now);
        assert_eq!((taken.recommended, taken.automatic.len()), (None, 0));
    }

    #[test]
    fn nothing_else_is() {
        let mut world = waiting();
        assert_eq!(codes(&world, 2), Err(vec![HoldCode::NotRecommended]));
        world.all("us-east-1", Up, 1);
        assert_eq!(codes(&world, 1), Err(vec![HoldCode::Healthy]));
        world.state = note(&world.state, &world.decide()).unwrap().0;
        assert_eq!(world.state.recommended, None);
        world.answers("eu-west-1");
        assert_eq!(
            codes(&world, 1),
            Err(vec![HoldCode::NotRecommended]),
            "a latch is not the failover that was read of"
        );
        for mode in ["auto", "observe"] {
            let mut world = World::with(&format!("mode = \"{mode}\""));
            world.all("us-east-1", Down, 3);
            assert_eq!(codes(&world, 1), Err(vec![HoldCode::NotRecommended]));
        }
    }
}
