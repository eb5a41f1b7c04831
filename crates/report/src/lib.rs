//! What a drill shows: `report.json`, and the headline for the terminal.

pub mod anomaly;
pub mod calls;
pub mod cost;
mod expectations;
pub(crate) mod figures;
mod markdown;
pub mod metrics;
pub mod page;
pub mod records;
mod summary;
pub mod timeline;

use std::collections::{BTreeMap, BTreeSet};

use domain::{HoldCode, ObserverName, RegionName, Verdict};
use serde::{Deserialize, Serialize};

use crate::{
    anomaly::{Score, Track},
    calls::{AwsCalls, Call},
    cost::Cost,
    metrics::{Evidence, Lived, Measured, Metrics},
    timeline::{Event, EventKind},
};

/// What every lab exempts itself from (R30, and the probes' own guard).
pub const LOOPBACK_EXEMPTION: &str =
    "loopback addresses are probed and answered with, which neither Route 53 nor a deployed checker would do";
/// A fleet whose p99 lateness is above this, in milliseconds of this process, did not keep its schedule.
const LATE_MS: f64 = 5.0;

/// A drill's report; contracts.md defines the names.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The scenario's name.
    pub scenario: String,
    /// What it shows, in a line.
    pub title: String,
    /// What ruled everything random.
    pub seed: u64,
    /// What stood for AWS.
    pub emulator: String,
    /// How much faster than life it ran.
    pub speed: f64,
    /// From Route 53's yes to a change until its servers answered by it.
    pub propagation_s: f64,
    /// The record sets' TTL.
    pub ttl_s: f64,
    /// From a health check's change of status until the answers followed.
    pub r29_s: f64,
    /// In order of preference.
    pub regions: Vec<RegionName>,
    /// Who watched.
    pub observers: Vec<ObserverName>,
    /// What the scenario allows an outage to cost.
    pub objectives: Objectives,
    /// How long the load lasted.
    pub lasted_s: f64,
    /// It was ended before its time: what is here is what there was until then.
    pub partial: bool,
    /// What happened, in order.
    pub timeline: Vec<Event>,
    /// Each change of an observer's word on a region, in order; before its first an observer has said nothing.
    pub verdicts: Vec<Said>,
    /// What their forests said, and what that was good for.
    #[serde(default)]
    pub anomaly: Track,
    /// The metrics of each fault.
    pub faults: Vec<Measured>,
    /// Those of the first fault.
    pub metrics: Metrics,
    /// Side by side, those of each controller.
    pub comparison: Comparison,
    /// Why a metric of the first fault is `null`.
    pub unmeasured: BTreeMap<String, String>,
    /// What the lab allows that AWS does not.
    pub exemptions: Vec<String>,
    /// The reasons for holding still that were seen.
    pub holds: BTreeSet<HoldCode>,
    /// What was asked of AWS.
    pub aws_calls: Vec<AwsCalls>,
    /// Which operations each of our functions asked for, as in `s3:GetObject`: what its role must allow.
    #[serde(default)]
    pub function_calls: BTreeMap<String, BTreeSet<String>>,
    /// By what AWS failed, for the whole lab.
    pub aws_faults: Vec<Lived>,
    /// How well the clients kept their schedule.
    pub fleet: Schedule,
    /// What the scenario expects, and whether it was so.
    pub expectations: Vec<Expectation>,
    /// What the deployment costs a month by list price; a model.
    pub cost: Option<Cost>,
    /// The scenario's file.
    pub source: String,
    /// `pointsman.toml` as it was deployed.
    pub config: String,
}

/// What an outage may cost at most, in seconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Objectives {
    /// From the fault until users are served as before: `mttr_s` is held against it.
    pub rto_s: Option<f64>,
    /// Of how long a time data may be lost.
    pub rpo_s: Option<f64>,
}

/// An observer's word on a region, from a moment on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Unscaled seconds since the load began; what was said before counts as said at 0.
    pub t: f64,
    /// Who.
    pub observer: ObserverName,
    /// On which region.
    pub region: RegionName,
    /// The word.
    pub verdict: Verdict,
}

/// Side by side, with the same faults, seed, TTL, propagation and speed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Ours.
    pub pointsman: Controller,
    /// Route 53's health checks alone: fast ones, 10 s × 3.
    pub native: Option<Controller>,
    /// A single prober that flips the record after 3 failures in a row, 30 s apart.
    pub threshold: Option<Controller>,
    /// Nobody: the preferred region's address, whatever happens.
    pub no_failover: Option<Controller>,
}

/// How one controller fared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Controller {
    /// Of the first fault.
    pub metrics: Metrics,
    /// Why a metric is `null`.
    pub unmeasured: BTreeMap<String, String>,
    /// What it did, and what it did not do: faults and changes of the answer among it, in order.
    pub timeline: Vec<Event>,
    /// What its clients lived through.
    pub series: Series,
}

/// What clients lived through, a value a second of life; the place in each list is the second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Requests that were meant to be sent.
    pub requests: Vec<u32>,
    /// Of these, answered with 2xx.
    pub succeeded: Vec<u32>,
    /// Median latency in milliseconds of life, of requests that were answered or timed out.
    pub p50_ms: Vec<Option<f64>>,
    /// 95 of 100.
    pub p95_ms: Vec<Option<f64>>,
    /// 99 of 100.
    pub p99_ms: Vec<Option<f64>>,
    /// Requests that each region answered.
    pub reached: BTreeMap<RegionName, Vec<u32>>,
}

/// How well the clients kept their schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Of 100 requests 99 were sent no later than this after their time; milliseconds of this process.
    pub late_p99_ms: Option<f64>,
    /// Whether that is 5 ms or less.
    pub kept: bool,
}

/// One thing that the scenario expects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// What is expected.
    pub text: String,
    /// Whether it was so.
    pub met: bool,
    /// What was seen.
    pub seen: String,
}

/// What the runner knows besides the evidence.
#[derive(Debug, Clone, Default)]
pub struct Circumstances {
    /// What stood for AWS.
    pub emulator: String,
    /// What the lab allows that AWS does not.
    pub exemptions: Vec<String>,
    /// The reasons for holding still that were seen.
    pub holds: BTreeSet<HoldCode>,
    /// What was asked of AWS, in any order.
    pub calls: Vec<Call>,
    /// By what AWS failed.
    pub aws_faults: Vec<Lived>,
    /// Who watched.
    pub observers: Vec<ObserverName>,
    /// What they said, and when.
    pub verdicts: Vec<Said>,
    /// What their forests said, and when.
    pub scores: Vec<Score>,
    /// How many observers must agree.
    pub quorum: usize,
    /// `pointsman.toml` as it was deployed.
    pub config: String,
    /// What the deployment costs a month by list price.
    pub cost: Option<Cost>,
    /// It was ended before its time.
    pub partial: bool,
}

/// How a rival fared, or nobody.
#[derive(Debug, Clone, Default)]
pub struct Rivals {
    /// Route 53's health checks alone.
    pub native: Option<Controller>,
    /// A single prober.
    pub threshold: Option<Controller>,
    /// Nobody.
    pub no_failover: Option<Controller>,
}

/// The drill ended before its first fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the drill ended before its first fault: there is nothing to report")]
pub struct NothingToReport;

/// The headline figures of several drills of one scenario, each the median, as a table for a terminal.
#[must_use]
pub fn medians<'a>(reports: impl IntoIterator<Item = &'a Report>) -> String {
    summary::medians(reports)
}

impl Controller {
    /// Measures one controller by its own clients and its own timeline.
    pub fn new(evidence: &Evidence<'_>) -> Result<Self, NothingToReport> {
        let faults = metrics::measure(evidence);
        let first = faults.first().ok_or(NothingToReport)?;
        Ok(Self {
            metrics: first.metrics.clone(),
            unmeasured: first.unmeasured.clone(),
            timeline: timeline(evidence, &faults),
            series: metrics::series(evidence),
        })
    }
}

impl Report {
    /// Measures, and checks what the scenario expects.
    pub fn new(evidence: &Evidence<'_>, circumstances: Circumstances, rivals: Rivals) -> Result<Self, NothingToReport> {
        let scenario = evidence.scenario;
        let faults = metrics::measure(evidence);
        let first = faults.first().ok_or(NothingToReport)?.clone();
        let late = evidence.records.lateness_p99().map(|late| late.as_secs_f64() * 1e3);
        let expectations = expectations::check(evidence, &faults, &circumstances);
        let Circumstances {
            emulator,
            exemptions,
            holds,
            calls,
            aws_faults,
            observers,
            verdicts,
            scores,
            quorum,
            config,
            cost,
            partial,
        } = circumstances;
        let timeline = timeline(evidence, &faults);
        let pointsman = Controller {
            metrics: first.metrics.clone(),
            unmeasured: first.unmeasured.clone(),
            timeline: timeline.clone(),
            series: metrics::series(evidence),
        };
        let Rivals { native, threshold, no_failover } = rivals;
        Ok(Self {
            scenario: scenario.name.clone(),
            title: scenario.title.clone(),
            seed: scenario.seed,
            emulator,
            speed: scenario.speed,
            propagation_s: scenario.propagation.as_secs_f64(),
            ttl_s: scenario.ttl.as_secs_f64(),
            r29_s: scenario.r29.as_secs_f64(),
            regions: scenario.regions.clone(),
            observers,
            objectives: Objectives {
                rto_s: scenario.objectives.rto.map(|rto| rto.as_secs_f64()),
                rpo_s: scenario.objectives.rpo.map(|rpo| rpo.as_secs_f64()),
            },
            lasted_s: evidence.ended,
            partial,
            timeline,
            anomaly: Track::new(scores, &verdicts, &faults, quorum, evidence.ended),
            verdicts,
            faults,
            metrics: first.metrics,
            comparison: Comparison { pointsman, native, threshold, no_failover },
            unmeasured: first.unmeasured,
            exemptions,
            holds,
            aws_calls: calls::count(&calls),
            function_calls: calls::by_function(&calls),
            aws_faults,
            fleet: Schedule { late_p99_ms: late, kept: late.is_some_and(|late| late <= LATE_MS) },
            expectations,
            cost,
            source: scenario.source.clone(),
            config,
        })
    }

    /// Whether all was as the scenario expects.
    #[must_use]
    pub fn met(&self) -> bool {
        self.expectations.iter().all(|expectation| expectation.met)
    }

    /// The headline figures, as a table for a terminal.
    #[must_use]
    pub fn summary(&self) -> String {
        summary::of(self)
    }

    /// `report.md`: the report for a pull request, shorter than a hundred lines.
    #[must_use]
    pub fn markdown(&self) -> String {
        markdown::of(self)
    }
}

/// The events in order, with what only the clients' records tell.
fn timeline(evidence: &Evidence<'_>, faults: &[Measured]) -> Vec<Event> {
    let mut timeline = evidence.timeline.to_vec();
    for Measured { lived, metrics, target, .. } in faults {
        if let (Some(moved), Some(target)) = (metrics.failover_s, target) {
            timeline.push(Event::new(lived.injected + moved, EventKind::ClientsMoved, target));
        }
        if let (Some(back), Some(cleared), Some(region)) = (metrics.failback_s, lived.cleared, lived.what.region()) {
            timeline.push(Event::new(cleared + back, EventKind::FailbackDone, region));
        }
    }
    timeline.sort_by(|one, other| one.t.total_cmp(&other.t));
    timeline
}

#[cfg(test)]
mod tests;
