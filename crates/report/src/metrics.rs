//! What a drill measured, from the clients' records, the faults' times and the timeline. Pure.
//!
//! Every time is in unscaled seconds; the fleet's own are multiplied by the speed.
//! What can't be measured is `None`, and `unmeasured` says why.

mod answers;
mod traffic;

use std::collections::BTreeMap;

use domain::RegionName;
use serde::{Deserialize, Serialize};

use crate::{
    Series,
    records::Records,
    timeline::{Event, EventKind},
};
use answers::Answers;
use scenario::{Scenario, What};
use traffic::{Span, Traffic};

pub use traffic::{LatencyMs, Percentiles};

/// A window of this length must be good for clients to have moved, or to succeed again.
pub const WINDOW_S: f64 = 10.0;
/// The share of a window's requests that must reach a region.
pub const MOVED: f64 = 0.95;
/// Success within this of before counts as recovered: 0.1 point.
const RECOVERED_WITHIN: f64 = 0.001;

/// A fault as it was lived.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lived {
    /// What was done, unscaled, and to what.
    #[serde(flatten)]
    pub what: What,
    /// When, in unscaled seconds since the load began.
    pub injected: f64,
    /// When it was cleared; none: the drill ended before.
    pub cleared: Option<f64>,
}

/// What a drill leaves to be measured.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The scenario, with the speed that it ran at.
    pub scenario: &'a Scenario,
    /// From the fleet.
    pub records: &'a Records,
    /// In the order of their injection.
    pub faults: &'a [Lived],
    /// In any order.
    pub timeline: &'a [Event],
    /// When the load ended, in unscaled seconds.
    pub ended: f64,
}

/// The metrics, as contracts.md defines them.
///
/// Times are the fault's; counts, rates and availability are the whole drill's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Fault → quorum.
    pub detection_s: Option<f64>,
    /// Fault → plan taken.
    pub decision_s: Option<f64>,
    /// Fault → authoritative answer changed.
    pub answer_s: Option<f64>,
    /// Fault → start of the first 10 s window in which 95 % of requests reach the target.
    pub failover_s: Option<f64>,
    /// Fault → success rate back within 0.1 point of before, for 10 s.
    pub mttr_s: Option<f64>,
    /// Fault cleared → 95 % of requests at the preferred region again, for 10 s.
    pub failback_s: Option<f64>,
    /// Sent.
    pub requests: u64,
    /// Answered with 2xx a second.
    pub throughput_rps: Option<f64>,
    /// 2xx / requests.
    pub success_rate: Option<f64>,
    /// Share of 1 s buckets with success of 99 % or more.
    pub availability: Option<f64>,
    /// Of requests answered or timed out, from the time they were meant to be sent.
    pub latency_ms: LatencyMs,
    /// Changes of the answer away from a region that must stay, returns to a sound preferred region apart.
    pub false_failovers: u32,
    /// Regions that must be left and were not by their deadline.
    pub missed: u32,
    /// Changes of the answer.
    pub switches: u32,
}

/// The metrics of a fault, and why some are missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The fault.
    #[serde(flatten)]
    pub lived: Lived,
    /// Its metrics.
    pub metrics: Metrics,
    /// Why a metric is `null`.
    pub unmeasured: BTreeMap<String, String>,
    /// The region that traffic moved to.
    pub target: Option<RegionName>,
}

/// The faults that are measured, and those of AWS.
///
/// AWS's faults are no region's: they are measured only where there are no others.
#[must_use]
pub fn part(faults: Vec<Lived>) -> (Vec<Lived>, Vec<Lived>) {
    let (aws, others): (Vec<_>, Vec<_>) = faults.into_iter().partition(|lived| lived.what.aws().is_some());
    (if others.is_empty() { aws.clone() } else { others }, aws)
}

/// Measures each fault, in the order given.
#[must_use]
pub fn measure(evidence: &Evidence<'_>) -> Vec<Measured> {
    let answers = Answers::new(evidence.scenario, evidence.timeline);
    let traffic = Traffic::new(evidence.records, evidence.scenario.speed);
    (0..evidence.faults.len()).map(|place| measure_one(evidence, &answers, &traffic, place)).collect()
}

/// The region that the authoritative servers answered with at a time; none: with no region's address.
#[must_use]
pub fn active_at<'a>(scenario: &'a Scenario, timeline: &'a [Event], t: f64) -> Option<&'a RegionName> {
    Answers::new(scenario, timeline).active_at(t)
}

/// 2xx / requests among those meant to be sent from one time up to another, in unscaled seconds.
#[must_use]
pub fn success_rate(records: &Records, speed: f64, from: f64, to: f64) -> Option<f64> {
    Traffic::new(records, speed).success_rate(Span { from, to })
}

/// What the clients lived through, a value a second.
#[must_use]
pub fn series(evidence: &Evidence<'_>) -> Series {
    Traffic::new(evidence.records, evidence.scenario.speed).series(evidence.ended)
}

/// How each region fared against the truth about it, in the order of the scenario's.
#[must_use]
pub fn judge(evidence: &Evidence<'_>) -> Vec<Judgement> {
    let answers = Answers::new(evidence.scenario, evidence.timeline);
    evidence.scenario.truth.iter().map(|truth| answers.judge(truth, evidence.faults)).collect()
}

/// How a region fared against the truth about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Judgement {
    /// It was to stay, and was not left.
    Stayed,
    /// It was to stay, and was left: false failovers.
    LeftWrongly {
        /// How often.
        times: u32,
    },
    /// It was to be left, and was.
    Left {
        /// How long after its first fault, in unscaled seconds.
        after_s: f64,
        /// By its deadline.
        in_time: bool,
    },
    /// It was to be left, and was not.
    NotLeft,
    /// It was to be left, but another served when its fault came.
    DidNotServe,
    /// It was to be left, but the drill ended before its fault.
    NoFault,
}

impl Judgement {
    /// Whether the region was to be left and was not by its deadline.
    #[must_use]
    pub fn is_missed(self) -> bool {
        matches!(self, Self::NotLeft | Self::Left { in_time: false, .. })
    }

    /// Departures from a region that must stay.
    #[must_use]
    pub fn false_failovers(self) -> u32 {
        if let Self::LeftWrongly { times } = self { times } else { 0 }
    }
}

/// Seconds to a metric, or the reason why there are none.
type Seconds = Result<f64, &'static str>;

fn measure_one(evidence: &Evidence<'_>, answers: &Answers<'_>, traffic: &Traffic<'_>, place: usize) -> Measured {
    let Evidence { scenario, faults, ended, .. } = *evidence;
    let lived = &faults[place];
    let spans = Spans::new(faults, place, ended);
    let mut unmeasured = BTreeMap::new();
    let mut note = |metric: &str, why: &str| {
        unmeasured.insert(metric.to_owned(), why.to_owned());
    };
    let mut seconds = |metric: &str, since: f64, moment: Seconds| {
        moment.map_err(|why| note(metric, why)).ok().map(|moment| to_millis(moment - since))
    };

    let injected = lived.injected;
    let first = |kind: EventKind, of: &dyn Fn(&Event) -> bool, why| -> Seconds {
        let times =
            evidence.timeline.iter().filter(|event| event.event == kind && spans.reaction.holds(event.t) && of(event));
        times.map(|event| event.t).reduce(f64::min).ok_or(why)
    };
    let left = match lived.what.region() {
        None if lived.what.aws().is_some() => Err("the fault was AWS's, not a region's"),
        None => Err("the fault was an observer's, not a region's"),
        region if answers.active_at(injected) != region => Err("the region was not the one that served"),
        Some(_) => answers.first_departure(spans.reaction).ok_or("the answer never left the region"),
    };
    let target = left.ok().and_then(|change| change.to);
    let moved: Seconds = left.and_then(|_| {
        let target = target.ok_or("the answer left for no region")?;
        traffic
            .first_window(injected, ended, MOVED, |request| request.region == Some(target))
            .ok_or("clients never reached the target for 10 s")
    });
    let judgements: Vec<_> = scenario.truth.iter().map(|truth| answers.judge(truth, faults)).collect();
    let about = |event: &Event| event.region.as_ref() == lived.what.region();
    let metrics = Metrics {
        detection_s: seconds(
            "detection_s",
            injected,
            first(EventKind::Quorum, &about, "no quorum saw the region down"),
        ),
        decision_s: seconds(
            "decision_s",
            injected,
            first(EventKind::Decision, &|event| !about(event), "no plan was taken to leave the region"),
        ),
        answer_s: seconds("answer_s", injected, left.map(|change| change.t)),
        failover_s: seconds("failover_s", injected, moved),
        mttr_s: seconds("mttr_s", injected, recovered(traffic, &spans, ended)),
        failback_s: seconds(
            "failback_s",
            lived.cleared.unwrap_or(injected),
            returned(scenario, lived, left.is_ok(), traffic, ended),
        ),
        requests: evidence.records.requests.len() as u64,
        throughput_rps: traffic.throughput(ended),
        success_rate: traffic.success_rate(Span { from: 0.0, to: f64::INFINITY }),
        availability: traffic.availability(),
        latency_ms: LatencyMs {
            before: traffic.latency(spans.before),
            during: traffic.latency(spans.during),
            after: traffic.latency(spans.after),
        },
        false_failovers: judgements.iter().map(|judgement| judgement.false_failovers()).sum(),
        missed: judgements.iter().map(|judgement| u32::from(judgement.is_missed())).sum(),
        switches: answers.switches(),
    };
    let LatencyMs { before, during, after } = metrics.latency_ms;
    for (metric, missing) in [
        ("throughput_rps", metrics.throughput_rps.is_none()),
        ("success_rate", metrics.success_rate.is_none()),
        ("availability", metrics.availability.is_none()),
    ] {
        if missing {
            note(metric, "no request was sent");
        }
    }
    for (metric, percentiles) in
        [("latency_ms.before", before), ("latency_ms.during", during), ("latency_ms.after", after)]
    {
        if percentiles.p50.is_none() {
            note(metric, "no request was answered or timed out then");
        }
    }
    Measured { lived: lived.clone(), metrics, unmeasured, target: target.cloned() }
}

/// The times that belong to one fault among several.
#[derive(Debug)]
struct Spans {
    /// Since all faults before it were cleared.
    before: Span,
    during: Span,
    /// Until the next fault.
    after: Span,
    /// In which what happens is its doing: until the next fault of the same region.
    reaction: Span,
}

impl Spans {
    fn new(faults: &[Lived], place: usize, ended: f64) -> Self {
        let lived = &faults[place];
        let injected = lived.injected;
        let cleared = lived.cleared.unwrap_or(ended);
        let calm =
            faults.iter().filter_map(|other| other.cleared).filter(|cleared| *cleared <= injected).fold(0.0, f64::max);
        let next = |from: f64, same: bool| {
            let others = faults
                .iter()
                .enumerate()
                .filter(|(index, other)| *index != place && (!same || other.what.region() == lived.what.region()));
            others.map(|(_, other)| other.injected).filter(|injected| *injected > from).fold(ended, f64::min)
        };
        Self {
            before: Span { from: calm, to: injected },
            during: Span { from: injected, to: cleared },
            after: Span { from: cleared, to: next(cleared, false) },
            reaction: Span { from: injected, to: next(injected, true) },
        }
    }
}

fn recovered(traffic: &Traffic<'_>, spans: &Spans, ended: f64) -> Seconds {
    let before = traffic.success_rate(spans.before).ok_or("no request was sent before the fault")?;
    traffic
        .first_window(spans.during.from, ended, before - RECOVERED_WITHIN, |request| request.success)
        .ok_or("the success rate of before did not return for 10 s")
}

fn returned(scenario: &Scenario, lived: &Lived, left: bool, traffic: &Traffic<'_>, ended: f64) -> Seconds {
    let cleared = lived.cleared.ok_or("the fault was not cleared")?;
    if lived.what.region() != Some(scenario.preferred()) {
        return Err("the fault was not in the preferred region");
    }
    if !left {
        return Err("the preferred region was never left");
    }
    traffic
        .first_window(cleared, ended, MOVED, |request| request.region == Some(scenario.preferred()))
        .ok_or("clients did not return to the preferred region for 10 s")
}

/// Three decimals.
fn to_millis(seconds: f64) -> f64 {
    (seconds * 1e3).round() / 1e3
}

#[cfg(test)]
mod tests;
