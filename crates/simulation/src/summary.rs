//! What all worlds together came to, and how it is told (contracts.md, `simulate`).

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{figures::Percentiles, judge::Record};

/// Who decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Controller {
    /// Pointsman.
    Pointsman,
    /// Pointsman that asks for no independent signal.
    PointsmanUncorroborated,
    /// Route 53's failover records with checks every 10 s.
    NativeFast,
    /// The same every 30 s.
    NativeStandard,
    /// A single prober that flips a record.
    Threshold,
}

/// What was counted. It does not grow with the time that was lived.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// Worlds.
    pub runs: u64,
    /// Milliseconds lived in all of them.
    pub lasted: u64,
    /// Rounds, of all observers together, that were lived.
    pub rounds_run: u64,
    /// Rounds that were counted only.
    pub rounds_skipped: u64,
    /// Probes made, and those that failed.
    pub probes: (u64, u64),
    /// What plans were carried out when, as a hash: equal lives have equal deeds.
    pub deeds: u64,
    /// Each controller's.
    pub records: BTreeMap<Controller, Record>,
}

impl Tally {
    /// Adds what was counted elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.runs += other.runs;
        self.lasted += other.lasted;
        self.rounds_run += other.rounds_run;
        self.rounds_skipped += other.rounds_skipped;
        self.probes = (self.probes.0 + other.probes.0, self.probes.1 + other.probes.1);
        self.deeds ^= other.deeds;
        for (controller, record) in &other.records {
            self.records.entry(*controller).or_default().merge(record);
        }
    }

    /// As it is told.
    #[must_use]
    pub fn summary(&self, scenario: &str) -> Summary {
        let controllers = self.records.iter().map(|(controller, record)| (*controller, Figures::of(record)));
        Summary {
            scenario: scenario.to_owned(),
            seeds: self.runs,
            hours: self.lasted as f64 / 3.6e6,
            rounds_run: self.rounds_run,
            rounds_skipped: self.rounds_skipped,
            probe_failure_rate: self.probes.1 as f64 / (self.probes.0.max(1)) as f64,
            controllers: controllers.collect(),
        }
    }
}

/// What `simulate` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Its name.
    pub scenario: String,
    /// How many worlds.
    pub seeds: u64,
    /// Hours lived in all of them.
    pub hours: f64,
    /// Rounds, of all observers together, that were lived.
    pub rounds_run: u64,
    /// Rounds that were counted only.
    pub rounds_skipped: u64,
    /// The share of probes that failed.
    pub probe_failure_rate: f64,
    /// Each controller's figures.
    pub controllers: BTreeMap<Controller, Figures>,
}

/// One controller's figures; all times in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    /// Changes of the answer away from a region that must stay.
    pub false_failovers: u64,
    /// Regions that must be left and were not by their deadline.
    pub missed: u64,
    /// Regions that must be left and served.
    pub duties: u64,
    /// Trouble → a quorum, or the check, sees it.
    pub detection_s: Percentiles,
    /// Trouble → the change was accepted; `null` where answers follow without one.
    pub accepted_s: Percentiles,
    /// Trouble → the answer changed.
    pub answer_s: Percentiles,
    /// Trouble → 95 % of the requests reach the target.
    pub failover_s: Percentiles,
    /// The share of seconds in which 99 % of the requests succeeded.
    pub availability: Option<f64>,
}

impl Figures {
    fn of(record: &Record) -> Self {
        let (good, all) = record.seconds;
        Self {
            false_failovers: record.false_failovers,
            missed: record.missed,
            duties: record.duties,
            detection_s: record.detection.percentiles(),
            accepted_s: record.accepted.percentiles(),
            answer_s: record.answer.percentiles(),
            failover_s: record.failover.percentiles(),
            availability: (all > 0).then(|| good as f64 / all as f64),
        }
    }
}
