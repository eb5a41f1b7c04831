//! Orders by hand: the same rules for where to go, none of those about leaving.

use std::collections::BTreeSet;

use domain::{Actor, HoldCode, HoldReason, Plan, PlanKind, RegionName, Service, ServiceState, VerdictAs};
use jiff::Timestamp;

use crate::{draft::Draft, evidence::Evidence, reason, scene::Scene};

/// A person wants the traffic elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Where to.
    pub to: RegionName,
    /// Who wants it, and why.
    pub by: Actor,
    /// The rules that they override.
    pub forced: BTreeSet<HoldCode>,
}

/// The plan that carries out an order, or every rule that is against it.
///
/// A pause does not stop a person. `AlreadyThere`, `UnknownRegion` and `PlanInFlight` can't be forced:
/// there would be nothing to do, nowhere to go, or two plans at once.
pub fn order(
    service: &Service,
    state: &ServiceState,
    evidence: &Evidence,
    now: Timestamp,
    order: &Order,
) -> Result<Plan, Vec<HoldReason>> {
    let scene = Scene::new(service, state, evidence, now);
    let Some(target) = scene.tally(&order.to) else {
        return Err(vec![reason::unknown_region(&order.to, &scene)]);
    };
    let active = scene.active();
    // A plan that was applied and is not seen everywhere in time must not tie a person's hands.
    let busy = state.in_flight.iter().filter(|in_flight| !in_flight.alarmed);
    let mut found: Vec<_> = busy.map(reason::in_flight).collect();
    found.extend(scene.quorum().err());
    match active {
        None => found.push(reason::active_unknown(&scene)),
        Some(active) if active.region == target.region => found.push(reason::already_there(&order.to)),
        Some(_) => {}
    }
    found.extend(scene.against(target));
    let (forced, standing): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|reason| may_force(reason.code) && order.forced.contains(&reason.code));
    if !standing.is_empty() {
        return Err(standing);
    }
    let from = active.map_or(&state.active, |active| active.region);
    let better = scene.tally(from).is_some_and(|from| target.rank < from.rank);
    let kind = if better { PlanKind::Failback } else { PlanKind::Failover };
    let because = vec![format!("ordered by {}", order.by), reason::seen_long(target, VerdictAs::Up)];
    Ok(Draft { kind, from, to: target, because }.plan(&scene, order.by.clone(), forced))
}

/// Whether a person may override a rule: there would be nothing to do, nowhere to go, or two plans at once otherwise.
#[must_use]
pub const fn may_force(code: HoldCode) -> bool {
    !matches!(
        code,
        HoldCode::AlreadyThere | HoldCode::UnknownRegion | HoldCode::PlanInFlight | HoldCode::NotRecommended
    )
}

#[cfg(test)]
mod tests {
    use domain::{
        Answering, Arming,
        Verdict::{Down, Unknown, Up},
    };

    use super::*;
    use crate::{
        NativeHealth,
        fixture::{World, region},
    };

    fn by() -> Actor {
        Actor::Human { name: "ada".into(), reason: "drill".into() }
    }

    fn ask(world: &World, to: &str, forced: &[HoldCode]) -> Result<Plan, Vec<HoldCode>> {
        let wish = Order { to: region(to), by: by(), forced: forced.iter().copied().collect() };
        order(world.service(), &world.state, &world.evidence, world.now, &wish)
            .map_err(|against| against.iter().map(|reason| reason.code).collect())
    }

    #[test]
    fn a_person_may_leave_a_healthy_region_even_while_paused_or_cooling_down() {
        let mut world = World::with("mode = \"observe\"");
        world.pause();
        world.state.last_switch = Some(world.ago(1));
        world.state.automatic = vec![world.ago(1)];
        let plan = ask(&world, "eu-west-1", &[]).unwrap();
        assert_eq!((plan.kind, plan.by, plan.forced), (PlanKind::Failover, by(), vec![]));
        assert_eq!(plan.because[0], "ordered by ada (drill)");
    }

    #[test]
    fn a_person_may_return_before_the_hold_down_is_over() {
        let mut world = World::new();
        world.state.slots.reverse();
        world.state.slots[1].arming = Arming::AlwaysUnhealthy;
        world.answers("eu-west-1");
        world.state.last_switch = Some(world.ago(1));
        world.all("us-east-1", Up, 1);
        let plan = ask(&world, "us-east-1", &[]).unwrap();
        assert_eq!((plan.kind, plan.from.as_str()), (PlanKind::Failback, "eu-west-1"));
        assert!(plan.slots().iter().all(|slot| slot.arming == Arming::Own));
    }

    #[test]
    fn the_target_must_be_a_region_that_is_up_and_not_the_active_one() {
        let mut world = World::new();
        assert_eq!(ask(&world, "mars", &[HoldCode::UnknownRegion]), Err(vec![HoldCode::UnknownRegion]));
        assert_eq!(ask(&world, "us-east-1", &[HoldCode::AlreadyThere]), Err(vec![HoldCode::AlreadyThere]));
        world.all("eu-west-1", Unknown, 1);
        world.native("eu-west-1", NativeHealth::Unhealthy);
        assert_eq!(ask(&world, "eu-west-1", &[]), Err(vec![HoldCode::NoTarget, HoldCode::TargetUnhealthy]));
    }

    #[test]
    fn what_is_forced_is_recorded_and_the_rest_still_holds() {
        let mut world = World::new();
        world.all("us-east-1", Down, 9);
        world.all("eu-west-1", Down, 9);
        world.native("eu-west-1", NativeHealth::Unhealthy);
        world.answering(&Answering::Unknown);
        let all = [HoldCode::AllRegionsDown, HoldCode::ActiveUnknown, HoldCode::NoTarget, HoldCode::TargetUnhealthy];
        assert_eq!(ask(&world, "eu-west-1", &[]), Err(all.to_vec()));
        assert_eq!(ask(&world, "eu-west-1", &all[..3]), Err(vec![HoldCode::TargetUnhealthy]));
        let plan = ask(&world, "eu-west-1", &all).unwrap();
        assert_eq!(plan.forced.iter().map(|reason| reason.code).collect::<Vec<_>>(), all);
        assert_eq!(plan.from, world.state.active);
    }

    #[test]
    fn an_order_to_where_traffic_is_taken_to_be_is_no_return() {
        let mut world = World::new();
        world.answering(&Answering::Unknown);
        let plan = ask(&world, "us-east-1", &[HoldCode::ActiveUnknown]).unwrap();
        assert_eq!((plan.kind, plan.from), (PlanKind::Failover, plan.to));
    }

    #[test]
    fn a_plan_in_flight_is_waited_for_even_by_force() {
        let mut world = World::new();
        let plan = ask(&world, "eu-west-1", &[]).unwrap();
        world.state = crate::take(&world.state, &world.service().policy.clone(), plan, world.now);
        assert_eq!(ask(&world, "eu-west-1", &[HoldCode::PlanInFlight]), Err(vec![HoldCode::PlanInFlight]));
    }
}
