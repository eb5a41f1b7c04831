//! What the failover function tells of each look.

use decision::{Decision, Evidence, Outcome, Tally};
use domain::{Config, HoldCode, ObserverName, Period, Phase, PlanKind, RegionPhase, Service, ServiceState, VerdictAs};
use jiff::Timestamp;

use crate::{
    batch::Batch,
    metric::{Metric, Subject},
};

/// A switch is told by every look for so long; it is one all the same, since it is told with its own moment.
const NEWS: Period = Period::seconds(120);
/// A certificate is spoken of from here on.
const CERTIFICATE_DAYS: i64 = 30;
const DAY_S: i64 = 86_400;

/// Adds what a look at a service showed; `decision` is none while a plan is carried out.
pub fn of_look(
    batch: &mut Batch,
    service: &Service,
    state: &ServiceState,
    evidence: &Evidence,
    decision: Option<&Decision>,
    now: Timestamp,
) {
    let mut put = |metric, subject, at, value| batch.add(metric, subject, at, value);
    let this = || Subject::Service(service.name.clone());
    let hearing = evidence.hear(service, now);
    for tally in Tally::all(service, &hearing, evidence) {
        if tally.votes.len() >= service.policy.min_observers {
            let down = tally.saying(VerdictAs::Down).count() as f64;
            let subject = Subject::Region(service.name.clone(), tally.region.clone());
            put(Metric::QuorumMargin, subject, now, service.policy.quorum as f64 - down);
        }
    }
    for (observer, _) in &hearing.silent {
        put(Metric::ObserverSilent, Subject::Observer(ObserverName::clone(observer)), now, 1.0);
    }
    if let Some(age) = age(service, evidence) {
        put(Metric::StateAge, this(), now, age.as_secs_f64());
    }
    let answering = evidence.answering.region();
    if let Some(place) = answering.and_then(|active| service.regions.iter().position(|it| it.name == *active)) {
        put(Metric::Answering, this(), now, place as f64);
    }
    if let Some(switched) = state.last_switch.filter(|at| now.duration_since(*at) <= NEWS.signed()) {
        let metric = match state.phase {
            Phase::FailingOver | Phase::FailedOver | Phase::FailbackReady => Metric::Failovers,
            Phase::Steady | Phase::FailingBack => Metric::Failbacks,
        };
        put(metric, this(), switched, 1.0);
    }
    if let Some(seconds) = decision.and_then(|decision| decision_time(service, evidence, decision, now)) {
        put(Metric::DecisionTime, this(), now, seconds);
    }
    if is_blocked(state, decision) {
        put(Metric::Blocked, this(), now, 1.0);
    }
    if state.unverified.is_some() {
        put(Metric::Unverified, this(), now, 1.0);
    }
    if let Some(days) = certificate_days(evidence, now).filter(|days| *days < CERTIFICATE_DAYS) {
        put(Metric::CertificateDays, this(), now, days as f64);
    }
}

/// Adds that a look failed at Route 53: what was decided is not done.
pub fn of_failure(batch: &mut Batch, service: &Service, now: Timestamp) {
    batch.add(Metric::Blocked, Subject::Service(service.name.clone()), now, 1.0);
}

/// Adds how many checks of the preflight failed, if any did.
pub fn of_preflight(batch: &mut Batch, config: &Config, failures: usize, now: Timestamp) {
    if failures > 0 {
        batch.add(Metric::PreflightFailures, Subject::Deployment(config.stack.clone()), now, failures as f64);
    }
}

/// Of the observers that a decision needs at least, the one that wrote the longest ago; none: there are not as many.
fn age(service: &Service, evidence: &Evidence) -> Option<Period> {
    let mut ages: Vec<_> = evidence.sightings.iter().map(|sighting| sighting.age).collect();
    ages.sort();
    ages.get(service.policy.min_observers.max(1) - 1).copied()
}

fn decision_time(service: &Service, evidence: &Evidence, decision: &Decision, now: Timestamp) -> Option<f64> {
    let Outcome::Plan(plan) = &decision.outcome else { return None };
    if plan.kind != PlanKind::Failover {
        return None;
    }
    let hearing = evidence.hear(service, now);
    let tallies = Tally::all(service, &hearing, evidence);
    let left = tallies.iter().find(|tally| *tally.region == plan.from)?;
    let seen = left.saying(VerdictAs::Down).map(|vote| vote.view.since).min()?;
    Some(plan.made_at.duration_since(seen).as_secs_f64().max(0.0))
}

/// Whether a failover is due and not made, or could not be decided.
fn is_blocked(state: &ServiceState, decision: Option<&Decision>) -> bool {
    let has = |reasons: &[domain::HoldReason], code| reasons.iter().any(|reason| reason.code == code);
    let Some(decision) = decision else { return has(&state.hold_reasons, HoldCode::ControlPlaneUnreachable) };
    let Outcome::Hold(reasons) = &decision.outcome else { return false };
    let phase = decision.active.as_ref().and_then(|active| decision.track(active)).map(|track| track.phase);
    match phase {
        Some(RegionPhase::Failed) => state.in_flight.is_none() || has(reasons, HoldCode::ControlPlaneUnreachable),
        Some(RegionPhase::Critical) => has(reasons, HoldCode::NotCorroborated),
        _ => [HoldCode::AllRegionsDown, HoldCode::QuorumLost].into_iter().any(|code| has(reasons, code)),
    }
}

/// Whole days that the first certificate to expire is valid for; negative afterwards.
fn certificate_days(evidence: &Evidence, now: Timestamp) -> Option<i64> {
    let views = evidence.sightings.iter().flat_map(|sighting| sighting.observation.regions.values());
    let until = views.flat_map(|view| &view.probes).filter_map(|probe| probe.seen.certificate_until).min()?;
    Some((until - now.as_second()).div_euclid(DAY_S))
}
