//! What happened in a drill, and when, in unscaled seconds since its load began.

use domain::{ObserverName, RegionName};
use serde::{Deserialize, Serialize};

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
    /// An observer's forest finds the region unusual: an episode begins.
    Anomaly,
    /// Pointsman called people: something keeps it from doing what it should.
    Alarm,
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
            Self::Anomaly => "Unusual",
            Self::Alarm => "Alarm",
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
