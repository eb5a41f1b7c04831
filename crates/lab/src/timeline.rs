//! What happened in a drill, and when, in unscaled seconds since its load began.

use std::time::{Duration, Instant};

use domain::{ObserverName, Period, RegionName};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Turns moments of a lab that runs `speed` times faster than life into seconds of life.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    started: Instant,
    began: Timestamp,
    speed: f64,
}

impl Clock {
    /// Begins now.
    #[must_use]
    pub fn start(speed: f64) -> Self {
        Self { started: Instant::now(), began: Timestamp::now(), speed }
    }

    /// When it began.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// A moment of this process.
    #[must_use]
    pub fn at(&self, moment: Instant) -> f64 {
        moment.saturating_duration_since(self.started).as_secs_f64() * self.speed
    }

    /// A moment that another process wrote down; before the beginning it is negative.
    #[must_use]
    pub fn at_timestamp(&self, moment: Timestamp) -> f64 {
        moment.duration_since(self.began).as_secs_f64() * self.speed
    }

    /// The moment at which so much of life has passed.
    #[must_use]
    pub fn moment(&self, after: Period) -> Instant {
        self.started + after.scaled(self.speed).0
    }

    /// A length of this process in seconds of life.
    #[must_use]
    pub fn unscaled(&self, length: Duration) -> f64 {
        length.as_secs_f64() * self.speed
    }
}

/// What happened. `region` in the event is the one named here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A fault was put on the region.
    FaultInjected,
    /// An observer's first failed probe of the region since the fault.
    FirstBadProbe,
    /// A quorum of observers says that the region is down.
    Quorum,
    /// A plan was taken to move to the region.
    Decision,
    /// Route 53 accepted the change to the region.
    SwitchApplied,
    /// The authoritative servers now answer with the region; without one: with no region's address.
    DnsAnswerChanged,
    /// The clients reach the region.
    ClientsMoved,
    /// A fault was taken off the region.
    FaultCleared,
    /// A plan was taken to return to the region.
    FailbackDecision,
    /// Route 53 accepted the change back to the region.
    FailbackApplied,
    /// The clients reach the preferred region again.
    FailbackDone,
}

impl EventKind {
    /// In a word or two.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::FaultInjected => "Fault begins",
            Self::FirstBadProbe => "First bad probe",
            Self::Quorum => "Quorum: down",
            Self::Decision => "Plan to move",
            Self::SwitchApplied => "Records changed",
            Self::DnsAnswerChanged => "DNS answers",
            Self::ClientsMoved => "Clients moved",
            Self::FaultCleared => "Fault over",
            Self::FailbackDecision => "Plan to return",
            Self::FailbackApplied => "Records changed back",
            Self::FailbackDone => "Clients returned",
        }
    }
}

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Unscaled seconds since the load began.
    pub t: f64,
    /// What happened.
    pub event: EventKind,
    /// To or with which region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionName>,
    /// Who saw it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observer: Option<ObserverName>,
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Event {
    /// An event about a region.
    #[must_use]
    pub fn new(t: f64, event: EventKind, region: &RegionName) -> Self {
        Self { t, event, region: Some(region.clone()), observer: None, detail: None }
    }
}
