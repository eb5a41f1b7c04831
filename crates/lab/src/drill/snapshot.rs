//! How a drill stands, for whoever watches.

use std::time::Duration;

use domain::{ObserverName, RegionName, Verdict};

use crate::{clock::Clock, recorder::Recorder, stage::Play};
use report::records::{Outcome, Records, Request, histogram};
use scenario::Scenario;

/// How things stand at a moment of a drill. Times are unscaled seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Since the load began.
    pub t: f64,
    /// When the drill will end.
    pub ends: f64,
    /// In order of preference.
    pub regions: Vec<RegionNow>,
    /// Where DNS points.
    pub answering: Option<RegionName>,
    /// Requests a second of life, over the last second.
    pub rate: f64,
    /// Of these the share that succeeded; none were sent: `None`.
    pub success: Option<f64>,
    /// Median latency of the last second in milliseconds of life.
    pub p50_ms: Option<f64>,
    /// The service's phase in the failover function's own words: `steady`, `failing_over`, `failed_over`, …
    pub phase: String,
    /// Why it is so: a decision's reasons, or those for holding still.
    pub reasons: Vec<String>,
}

/// How a region stands.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionNow {
    /// Its name.
    pub name: RegionName,
    /// What was done to it, in words.
    pub faults: Vec<String>,
    /// Each observer's latest word, in the order of their names; `None` before its first.
    pub verdicts: Vec<(ObserverName, Option<Verdict>)>,
    /// Of the last second's answered requests the share that it answered.
    pub reached: f64,
}

/// What clients lived through in the last second of life.
#[derive(Debug, Default)]
pub(super) struct LastSecond {
    rate: f64,
    success: Option<f64>,
    p50_ms: Option<f64>,
    reached: Vec<f64>,
}

impl LastSecond {
    /// `now` counts from the fleet's start. Requests are in the order of their ends.
    pub(super) fn of(records: &Records, scenario: &Scenario, now: Duration) -> Self {
        let second = Duration::from_secs(1).div_f64(scenario.speed);
        let from = now.saturating_sub(second);
        let ended = |request: &&Request| request.intended() + request.latency() >= from;
        let last: Vec<_> = records.requests.iter().rev().take_while(ended).collect();
        let answered = last.iter().filter(|request| matches!(request.outcome, Outcome::Status(_))).count();
        let succeeded = last.iter().filter(|request| request.outcome.is_success()).count();
        let share = |of: usize, all: usize| (all > 0).then(|| of as f64 / all as f64);
        let waited = histogram(last.iter().map(|request| request.latency().mul_f64(scenario.speed)));
        Self {
            rate: last.len() as f64,
            success: share(succeeded, last.len()),
            p50_ms: (!waited.is_empty()).then(|| waited.value_at_quantile(0.5) as f64 / 1e3),
            reached: scenario
                .regions
                .iter()
                .map(|name| {
                    let its = last.iter().filter(|request| records.region(request) == Some(name)).count();
                    share(its, answered).unwrap_or(0.0)
                })
                .collect(),
        }
    }
}

impl Snapshot {
    pub(super) fn new(
        play: &Play,
        clock: &Clock,
        observers: &[ObserverName],
        recorder: &Recorder<'_>,
        second: &LastSecond,
    ) -> Self {
        let scenario = &play.scenario;
        let t = clock.at(std::time::Instant::now());
        let now = |place: usize, name: &RegionName| RegionNow {
            name: name.clone(),
            faults: scenario
                .faults
                .iter()
                .filter(|fault| fault.what.region() == Some(name))
                .filter(|fault| fault.begins.as_secs_f64() <= t && t < fault.ends.as_secs_f64())
                .map(|fault| fault.what.to_string())
                .collect(),
            verdicts: observers.iter().map(|it| (it.clone(), recorder.verdict(it, name))).collect(),
            reached: second.reached.get(place).copied().unwrap_or(0.0),
        };
        let (phase, reasons) = recorder.phase();
        Self {
            t,
            ends: scenario.ends().as_secs_f64(),
            regions: scenario.regions.iter().enumerate().map(|(place, name)| now(place, name)).collect(),
            answering: recorder.answering().cloned(),
            rate: second.rate,
            success: second.success,
            p50_ms: second.p50_ms,
            phase: phase.to_string(),
            reasons: reasons.to_vec(),
        }
    }
}
