//! A plan on its way: what comes next, and what each event makes of it.
//!
//! Every function may be run again at any point: an event that does not fit the current step changes nothing.

use domain::{
    Actor, Answering, AuditKind, ByHand, Epoch, HoldCode, HoldReason, InFlight, Mode, Phase, Plan, PlanKind, Policy,
    RegionName, Service, ServiceState, Share, Step, fence_order,
};
use jiff::Timestamp;

use crate::{
    decide::{Decision, Outcome},
    reason::{self, later},
};

/// The one thing to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// No plan is in flight.
    Nothing,
    /// Send the change batch.
    Switch(&'a Plan),
    /// Too late to begin, or begun and not seen to arrive: read the fence. The plan's own means [`Event::Applied`]
    /// (a reply was lost), another's [`Event::Superseded`], the expected one [`Event::Expired`].
    GiveUp(&'a Plan),
    /// Ask Route 53 about the change of this id.
    AskChange(&'a str),
    /// Ask the zone's name servers whether they answer with this region.
    Verify(&'a RegionName),
}

/// What came of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The batch took effect: Route 53 accepted it, or the fence is the plan's own already.
    Applied {
        /// Route 53's id of the change; none when the reply was lost.
        change: Option<String>,
    },
    /// All of Route 53's servers have the change.
    InSync,
    /// Not yet.
    StillPending,
    /// The answers were looked at.
    Seen {
        /// Where the name servers point, asked by us.
        answering: Answering,
        /// How many fresh observers saw the plan's target after the change was accepted.
        observers: usize,
    },
    /// Route 53 refused the batch because another executor was first.
    Superseded {
        /// The fence that stands there now.
        found: String,
    },
    /// Not begun in time, and the fence shows that it never was.
    Expired,
    /// Route 53's control plane could not be asked, so that it is not known whether the batch took effect.
    Unreachable {
        /// What is wrong with it.
        why: String,
        /// The share of the zone's servers that answer with the plan's target; none: no server was heard.
        moved: Option<Share>,
    },
    /// Route 53 refused the batch although the fence is as expected.
    Refused {
        /// What it said.
        why: String,
    },
}

/// The state once a plan is taken: to be written, conditionally, before anything else is done.
#[must_use]
pub fn take(state: &ServiceState, policy: &Policy, plan: Plan, now: Timestamp) -> ServiceState {
    let mut taken = state.clone();
    taken.epoch = plan.epoch;
    taken.phase = match plan.kind {
        PlanKind::Failover | PlanKind::Latch => Phase::FailingOver,
        PlanKind::Failback => Phase::FailingBack,
        // Only checks change: no traffic moves.
        PlanKind::Rearm => state.phase,
    };
    taken.automatic.retain(|at| later(*at, policy.budget_window) > now);
    if counts(&plan) {
        taken.automatic.push(now);
    }
    taken.hold_reasons.clear();
    taken.recommended = None;
    taken.in_flight =
        Some(InFlight { plan, next: 0, taken_at: now, change: None, applied_at: None, asked_at: None, alarmed: false });
    taken
}

/// Whether a plan uses the budget of automatic failovers.
fn counts(plan: &Plan) -> bool {
    plan.kind == PlanKind::Failover && plan.by == Actor::Policy
}

/// What comes next; the state alone says so.
#[must_use]
pub fn next<'a>(state: &'a ServiceState, policy: &Policy, now: Timestamp) -> Action<'a> {
    let Some(in_flight) = &state.in_flight else { return Action::Nothing };
    let plan = &in_flight.plan;
    match (plan.steps.get(in_flight.next), &in_flight.change) {
        (None, _) => Action::Nothing,
        (Some(Step::Switch(_)), _) if now > plan.expires_at => Action::GiveUp(plan),
        (Some(Step::Switch(_)), _) => Action::Switch(plan),
        (Some(_), _) if in_flight.alarmed && may_ask(in_flight, policy, now) => Action::GiveUp(plan),
        (Some(Step::AwaitSync), Some(change)) if may_ask(in_flight, policy, now) => Action::AskChange(change),
        // DNS answers are stronger than INSYNC, so nobody waits for it.
        (Some(Step::AwaitSync | Step::Verify(_)), _) => Action::Verify(&plan.to),
    }
}

fn may_ask(in_flight: &InFlight, policy: &Policy, now: Timestamp) -> bool {
    in_flight.asked_at.or(in_flight.applied_at).is_none_or(|at| later(at, policy.ask_every) <= now)
}

/// The state after an event, and what belongs in the audit trail.
#[must_use]
pub fn settle(state: &ServiceState, service: &Service, event: Event, now: Timestamp) -> (ServiceState, Vec<AuditKind>) {
    let mut after = state.clone();
    let audit = advance(&mut after, service, event, now);
    (after, audit.into_iter().collect())
}

fn advance(state: &mut ServiceState, service: &Service, event: Event, now: Timestamp) -> Option<AuditKind> {
    let in_flight = state.in_flight.as_mut()?;
    let plan = &in_flight.plan;
    let id = plan.id.clone();
    match (event, plan.steps.get(in_flight.next)?) {
        // The batch was atomic, so everything in it is true now.
        (Event::Applied { change }, Step::Switch(slots)) => {
            state.slots.clone_from(slots);
            state.fence = plan.fence();
            if plan.kind != PlanKind::Rearm {
                state.last_switch = Some(now);
            }
            if counts(plan) {
                state.unacknowledged = Some(id.clone());
            }
            if let Actor::Human { name, .. } = &plan.by {
                state.by_hand = Some(ByHand { to: plan.to.clone(), by: name.clone(), at: now });
            }
            in_flight.next += 1;
            in_flight.change = change;
            in_flight.applied_at = Some(now);
            state.hold_reasons.clear();
            Some(AuditKind::Applied { plan: id })
        }
        // Looked at again after the alarm: the fence is still the plan's own.
        (Event::Applied { .. }, Step::AwaitSync | Step::Verify(_)) if in_flight.alarmed => {
            in_flight.asked_at = Some(now);
            None
        }
        (Event::InSync, Step::AwaitSync) => {
            in_flight.next += 1;
            in_flight.asked_at = Some(now);
            None
        }
        (Event::StillPending, Step::AwaitSync) => {
            in_flight.asked_at = Some(now);
            None
        }
        (Event::Seen { answering, observers }, Step::AwaitSync | Step::Verify(_)) => {
            if answering.region() == Some(&plan.to) && observers > 0 {
                let (kind, to) = (plan.kind, plan.to.clone());
                state.in_flight = None;
                state.unverified = None;
                state.active = to;
                if kind != PlanKind::Rearm {
                    state.phase = at_rest(&state.active, service);
                }
                return Some(AuditKind::Verified { plan: id });
            }
            let late = in_flight.applied_at.is_some_and(|at| later(at, service.policy.verify_within) < now);
            if !late || in_flight.alarmed {
                return None;
            }
            // Once: it goes on waiting, and a later success takes the alarm back.
            in_flight.alarmed = true;
            state.unverified = Some(id.clone());
            Some(AuditKind::NotVerified { plan: id, seen: what_was_seen(&answering, observers) })
        }
        // The plan's own fence is no other executor's, and the expected one means that nobody was first.
        (Event::Superseded { found }, _) if found != plan.fence() && found != plan.expects.fence => {
            let newer = epoch_in(&found).is_none_or(|found| found >= plan.epoch);
            abandon(state, service);
            // Whoever was first has moved traffic just now; the cooldown keeps us from moving it again. An older plan
            // took effect unnoticed, by an executor that stalled while it was given up: when, nobody knows.
            if newer {
                state.last_switch = Some(now);
            }
            state.epoch = state.epoch.max(epoch_in(&found).unwrap_or_default());
            // By hand, while the state could not be had.
            if let Some((to, by)) = fence_order(&found) {
                state.by_hand = Some(ByHand { to, by: by.to_owned(), at: now });
            }
            let why = format!("superseded: the zone's record says `{found}`");
            state.fence = found;
            Some(AuditKind::Abandoned { plan: id, why })
        }
        (Event::Expired, Step::Switch(_)) if now > plan.expires_at => {
            let why = format!("expired: not begun before {}", plan.expires_at);
            abandon(state, service);
            Some(AuditKind::Abandoned { plan: id, why })
        }
        // It stays in flight: the next look tries again, and reads the fence first.
        (Event::Unreachable { why, moved }, Step::Switch(_)) => {
            let reason = reason::unreachable(&why, moved);
            let known = state.hold_reasons.contains(&reason);
            state.hold_reasons = vec![reason.clone()];
            (!known).then_some(AuditKind::Blocked { plan: id, reason })
        }
        (Event::Refused { why }, Step::Switch(_)) => {
            // Counted as used: what Route 53 refuses once it refuses again, so a person must look.
            let automatic = state.automatic.clone();
            abandon(state, service);
            state.automatic = automatic;
            Some(AuditKind::Abandoned { plan: id, why: format!("refused: {why}") })
        }
        _ => None,
    }
}

/// Ends a plan. One that never took effect gives its place in the budget back: an hour without Route 53's
/// control plane must not be followed by an hour without failover.
fn abandon(state: &mut ServiceState, service: &Service) {
    if let Some(InFlight { plan, taken_at, applied_at: None, .. }) = state.in_flight.take()
        && counts(&plan)
        && state.automatic.last() == Some(&taken_at)
    {
        state.automatic.pop();
    }
    state.phase = at_rest(&state.active, service);
}

/// Where a service stands while nothing is on its way.
fn at_rest(active: &RegionName, service: &Service) -> Phase {
    if *active == service.preferred().name { Phase::Steady } else { Phase::FailedOver }
}

fn what_was_seen(answering: &Answering, observers: usize) -> String {
    let answer = match answering {
        Answering::Region(region) => region.to_string(),
        Answering::Mixed => "answers that differ".to_owned(),
        Answering::Other(what) => what.clone(),
        Answering::Unknown => "no answer".to_owned(),
    };
    format!("we see {answer}; {observers} observers see the target")
}

/// The epoch in a fence that another executor wrote. No honest one has come near 2³².
fn epoch_in(fence: &str) -> Option<Epoch> {
    let epoch: u32 = fence.strip_prefix("epoch=")?.split(' ').next()?.parse().ok()?;
    Some(Epoch(epoch.into()))
}

/// The state once a person has seen the last automatic failover, or the alarm that a switch was not verified; `None`
/// when there is nothing to see. A plan that waits to be verified since then is waited for no longer.
#[must_use]
pub fn acknowledge(state: &ServiceState, service: &Service, by: &str) -> Option<(ServiceState, Vec<AuditKind>)> {
    let mut after = state.clone();
    let seen = [after.unacknowledged.take(), after.unverified.take()].into_iter().flatten().count() > 0;
    let mut audit = vec![AuditKind::Acknowledged { by: by.to_owned() }];
    if let Some(flight) = after.in_flight.take_if(|flight| flight.alarmed) {
        after.phase = at_rest(&after.active, service);
        let why = format!("not verified in time, and acknowledged by {by}");
        audit.push(AuditKind::Abandoned { plan: flight.plan.id, why });
    }
    seen.then_some((after, audit))
}

/// The state with what a decision found, when that is news: phases, the active region, the codes of the reasons,
/// a recommendation.
///
/// Texts carry counts and times that change at every look, so they alone are no news.
#[must_use]
pub fn note(state: &ServiceState, decision: &Decision) -> Option<(ServiceState, Vec<AuditKind>)> {
    let reasons: &[_] = match &decision.outcome {
        Outcome::Hold(reasons) => reasons,
        Outcome::Plan(_) => &[],
    };
    let may_approve = decision.would.as_ref().filter(|_| decision.mode == Mode::Recommend);
    let known = |plan: &Plan| state.recommended.as_ref().is_some_and(|known| is_same(known, plan));
    let recommended = may_approve.filter(|plan| !known(plan));
    let other_plan = decision.would.is_some() && state.hold_reasons != reasons;
    let held = other_plan || !codes(reasons).eq(codes(&state.hold_reasons));
    let moved = decision.active.as_ref().is_some_and(|active| *active != state.active);
    let withdrawn = may_approve.is_none() && state.recommended.is_some();
    if !(held || moved || withdrawn || recommended.is_some())
        && decision.phase == state.phase
        && decision.regions.len() == state.regions.len()
        && decision.regions.iter().all(|(region, track)| state.regions.get(region) == Some(track))
    {
        return None;
    }
    let mut noted = state.clone();
    noted.phase = decision.phase;
    if let Some(active) = &decision.active {
        noted.active.clone_from(active);
    }
    noted.regions = decision.regions.iter().cloned().collect();
    if withdrawn {
        noted.recommended = None;
    }
    let mut audit = Vec::new();
    if held {
        noted.hold_reasons = reasons.to_vec();
        if !reasons.is_empty() {
            audit.push(AuditKind::Held { reasons: reasons.to_vec() });
        }
    }
    if let Some(plan) = recommended {
        noted.recommended = Some(plan.clone());
        audit.push(AuditKind::Recommended { plan: plan.clone() });
    }
    Some((noted, audit))
}

fn codes(reasons: &[HoldReason]) -> impl Iterator<Item = HoldCode> {
    reasons.iter().map(|reason| reason.code)
}

/// Whether two plans do the same from the same state, whenever they were made.
pub(crate) fn is_same(one: &Plan, other: &Plan) -> bool {
    (one.epoch, one.kind, &one.from, &one.to) == (other.epoch, other.kind, &other.from, &other.to)
        && one.slots() == other.slots()
        && one.expects == other.expects
}

#[cfg(test)]
mod tests;
