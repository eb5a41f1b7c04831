//! The decision: hold, with reasons, or a plan.

use domain::{
    Actor, Failback, HoldCode, HoldReason, Mode, Phase, Plan, PlanKind, RegionName, RegionPhase, RegionTrack, Service,
    ServiceState, VerdictAs,
};
use jiff::Timestamp;

use crate::{
    draft::{Draft, may_rearm},
    evidence::Evidence,
    reason,
    scene::Scene,
    tally::Tally,
};

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing, and why; at least one reason.
    Hold(Vec<HoldReason>),
    /// This.
    Plan(Box<Plan>),
}

/// Where a service stands and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The region that is answered with, when that is known.
    pub active: Option<RegionName>,
    /// Where the service stands.
    pub phase: Phase,
    /// Each region's phase, and since when; in the order of preference.
    pub regions: Vec<(RegionName, RegionTrack)>,
    /// What to do.
    pub outcome: Outcome,
    /// The plan that the mode does not allow to carry out.
    pub would: Option<Box<Plan>>,
    /// Who decides.
    pub mode: Mode,
    /// When a failover could happen at the earliest if everything goes on as it is.
    pub earliest_failover: Option<Timestamp>,
}

impl Decision {
    /// A region's phase, and since when.
    #[must_use]
    pub fn track(&self, region: &RegionName) -> Option<&RegionTrack> {
        self.regions.iter().find(|(name, _)| name == region).map(|(_, track)| track)
    }
}

/// Decides by the policy. The same arguments give the same decision, whoever asks and however often.
#[must_use]
pub fn decide(service: &Service, state: &ServiceState, evidence: &Evidence, now: Timestamp) -> Decision {
    decided(&Scene::new(service, state, evidence, now))
}

/// The same on a scene that is prepared already.
pub(crate) fn decided(scene: &Scene<'_>) -> Decision {
    let Scene { service, state, now, .. } = *scene;
    let ruling = rule(scene).map(|draft| Box::new(draft.plan(scene, Actor::Policy, Vec::new())));
    let earliest_failover = if let Ok(plan) = &ruling
        && plan.kind == PlanKind::Failover
    {
        // Whatever could make it wait has been looked at.
        Some(now)
    } else {
        scene.earliest_failover()
    };
    let (outcome, would) = match (ruling, service.policy.mode) {
        (Ok(plan), Mode::Auto) => (Outcome::Plan(plan), None),
        (Ok(plan), Mode::Observe | Mode::Recommend) => {
            (Outcome::Hold(vec![reason::mode(&service.policy, &plan)]), Some(plan))
        }
        (Err(reasons), _) => (Outcome::Hold(reasons), None),
    };
    let track = |tally: &Tally<'_>| {
        let phase = tally.phase();
        let before = state.regions.get(tally.region).filter(|track| track.phase == phase);
        (tally.region.clone(), RegionTrack { phase, since: before.map_or(now, |track| track.since) })
    };
    Decision {
        active: scene.active().map(|active| active.region.clone()),
        phase: scene.phase(),
        regions: scene.tallies.iter().map(track).collect(),
        outcome,
        would,
        mode: service.policy.mode,
        earliest_failover,
    }
}

/// The rules, in order: the first that has something to say decides.
pub(crate) fn rule<'a>(scene: &'a Scene<'_>) -> Result<Draft<'a>, Vec<HoldReason>> {
    if let Some(paused) = &scene.state.paused {
        return Err(vec![reason::paused(paused)]);
    }
    if let Some(in_flight) = &scene.state.in_flight {
        let why_not_yet = scene.state.hold_reasons.iter().filter(|it| it.code == HoldCode::ControlPlaneUnreachable);
        return Err(std::iter::once(reason::in_flight(in_flight)).chain(why_not_yet.cloned()).collect());
    }
    scene.quorum().map_err(|reason| vec![reason])?;
    let active = scene.active().ok_or_else(|| vec![reason::active_unknown(scene)])?;
    if let Some(left) = scene.state.slots.first().map(|slot| &slot.region).filter(|first| *first != active.region) {
        return latch(left, active);
    }
    match active.phase() {
        RegionPhase::Failed => leave(scene, active),
        RegionPhase::Critical if active.rounds(VerdictAs::Down) < active.down_after() => {
            Err(vec![reason::counting(active, scene)])
        }
        RegionPhase::Critical => Err(vec![reason::not_corroborated(active, scene)]),
        RegionPhase::Healthy | RegionPhase::Degraded | RegionPhase::Unknown => stay(scene, active),
    }
}

/// Route 53 moved first: what it answers becomes PRIMARY. No traffic moves, so no cooldown and no budget.
fn latch<'a>(left: &'a RegionName, active: &'a Tally<'_>) -> Result<Draft<'a>, Vec<HoldReason>> {
    if !active.is_up() {
        return Err(vec![reason::moved_but_not_up(active)]);
    }
    let because = vec![
        format!("Route 53 answers with {} although {left} is PRIMARY: its own check moved first", active.region),
        reason::seen_long(active, VerdictAs::Up),
    ];
    Ok(Draft { kind: PlanKind::Latch, from: left, to: active, because })
}

/// The active region has failed.
fn leave<'a>(scene: &'a Scene<'_>, active: &'a Tally<'_>) -> Result<Draft<'a>, Vec<HoldReason>> {
    let others = || scene.tallies.iter().filter(|tally| tally.region != active.region);
    let Some(target) = scene.refuge(active) else {
        return Err(if others().all(Tally::is_down) {
            vec![reason::others_down(scene)]
        } else {
            others().flat_map(|tally| scene.against(tally)).collect()
        });
    };
    let policy = &scene.service.policy;
    let waits = [
        scene.cooldown_until().map(reason::cooldown),
        scene.budget_until().map(|until| reason::budget(until, policy)),
        scene.state.unverified.as_ref().map(reason::not_verified),
        scene.unacknowledged().map(reason::not_acknowledged),
    ];
    let waits: Vec<_> = waits.into_iter().flatten().collect();
    if !waits.is_empty() {
        return Err(waits);
    }
    let mut because = Vec::with_capacity(4);
    because.push(reason::seen_long(active, VerdictAs::Down));
    because.extend(active.signal().as_ref().map(reason::agrees));
    because.extend(active.unusual().map(|unusual| format!("the anomaly score agrees: {unusual}")));
    because.push(reason::seen_long(target, VerdictAs::Up));
    Ok(Draft { kind: PlanKind::Failover, from: active.region, to: target, because })
}

/// The active region need not be left: return to a better one, make a standby whole again, or rest.
fn stay<'a>(scene: &'a Scene<'_>, active: &'a Tally<'_>) -> Result<Draft<'a>, Vec<HoldReason>> {
    let policy = &scene.service.policy;
    let mut reasons = vec![resting(active, scene)];
    let returnable = match policy.failback {
        Failback::Auto => scene.returnable_by_policy(active),
        Failback::Manual => scene.returnable(active),
    };
    match (returnable, policy.failback, &scene.state.unverified) {
        (Some(better), Failback::Auto, None) => {
            let because = vec![reason::seen_long(better, VerdictAs::Up), "the hold-down is over".to_owned()];
            return Ok(Draft { kind: PlanKind::Failback, from: active.region, to: better, because });
        }
        // A return moves traffic too: never after a switch that nobody saw arrive.
        (Some(_), Failback::Auto, Some(plan)) => reasons.push(reason::not_verified(plan)),
        (Some(better), Failback::Manual, _) => reasons.push(reason::manual_failback(better)),
        (None, ..) => {
            let (avoided, open) = scene.tallies[..active.rank].split_at(scene.ordered_rank().min(active.rank));
            reasons.extend(open.iter().flat_map(|better| not_yet(better, scene)));
            let order = scene.state.by_hand.as_ref().filter(|_| !avoided.is_empty());
            reasons.extend(order.map(|order| reason::by_hand(order, avoided)));
        }
    }
    let returned: Vec<_> = scene.state.slots.iter().filter(|slot| may_rearm(scene, slot)).collect();
    if returned.is_empty() {
        return Err(reasons);
    }
    let because = returned.iter().filter_map(|slot| scene.tally(&slot.region));
    let because =
        because.map(|tally| format!("{}: it is a standby again", reason::seen_long(tally, VerdictAs::Up))).collect();
    Ok(Draft { kind: PlanKind::Rearm, from: active.region, to: active, because })
}

fn resting(active: &Tally<'_>, scene: &Scene<'_>) -> HoldReason {
    let policy = &scene.service.policy;
    if active.phase() == RegionPhase::Unknown {
        reason::active_unseen(active, policy)
    } else if active.saying(VerdictAs::Down).next().is_some() {
        reason::no_quorum(active, policy)
    } else {
        reason::healthy(active)
    }
}

/// What a better region still lacks.
fn not_yet(better: &Tally<'_>, scene: &Scene<'_>) -> Vec<HoldReason> {
    let policy = &scene.service.policy;
    let returning = (!better.is_up_for_long()).then(|| reason::returning(better, policy));
    // That it is not up is said already.
    let against = scene.against(better).into_iter().filter(|reason| reason.code != HoldCode::NoTarget);
    let hold_down = scene.hold_down_until().map(|until| reason::hold_down(better.region, until));
    returning.into_iter().chain(against).chain(hold_down).collect()
}

#[cfg(test)]
mod people;
#[cfg(test)]
mod tests;
