//! A service's state: one small object in the control region's bucket.

use std::{collections::BTreeMap, fmt};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Arming, AuditEntry, DnsName, Epoch, Plan, PlanId, RegionName, Service, Slot, plan::fence};

/// The version of the format written by this build. Format 1 lacks `by_hand`, `unacknowledged` and `recommended`.
pub const STATE_FORMAT: u32 = 2;

/// Why a state object can't be used; it is never overwritten then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// It is not JSON of this shape.
    #[error("the state object is corrupted: {0}")]
    Corrupted(String),
    /// A newer Pointsman wrote it.
    #[error("the state object has format {found}, this build knows up to {STATE_FORMAT}")]
    Newer {
        /// Its format.
        found: u32,
    },
}

/// Where a service stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The preferred region answers.
    Steady,
    /// A plan to leave is being carried out.
    FailingOver,
    /// Another region answers.
    FailedOver,
    /// The preferred region could be returned to.
    FailbackReady,
    /// A plan to return is being carried out.
    FailingBack,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Steady => "steady",
            Self::FailingOver => "failing_over",
            Self::FailedOver => "failed_over",
            Self::FailbackReady => "failback_ready",
            Self::FailingBack => "failing_back",
        })
    }
}

/// How a region is seen, all observers together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionPhase {
    /// Up by quorum.
    Healthy,
    /// Degraded by quorum, or down for some observers but no quorum.
    Degraded,
    /// Down by quorum, not yet for long enough or not corroborated.
    Critical,
    /// Down by quorum for `down_after` rounds, and corroborated.
    Failed,
    /// Too few observers know.
    Unknown,
}

impl fmt::Display for RegionPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Critical => "critical",
            Self::Failed => "failed",
            Self::Unknown => "unknown",
        })
    }
}

/// A region's phase and since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RegionTrack {
    /// The phase.
    pub phase: RegionPhase,
    /// Since when.
    pub since: Timestamp,
}

/// Why nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldCode {
    /// The active region is up.
    Healthy,
    /// A plan is being carried out.
    PlanInFlight,
    /// Decisions are paused.
    Paused,
    /// The mode is `observe` or `recommend`.
    Mode,
    /// Fewer than `min_observers` know.
    QuorumLost,
    /// No quorum says down.
    NoQuorum,
    /// Down by quorum, not for enough rounds yet.
    Counting,
    /// No independent signal agrees.
    NotCorroborated,
    /// Every region is down.
    AllRegionsDown,
    /// No region to move to is itself up.
    NoTarget,
    /// Route 53's own check holds the target unhealthy.
    TargetUnhealthy,
    /// Too soon after the last switch.
    Cooldown,
    /// The hour's budget of automatic failovers is used up.
    Budget,
    /// The region that was left has not been left for long enough.
    HoldDown,
    /// The region to return to has not been up for enough rounds.
    Returning,
    /// Failback is by hand.
    ManualFailback,
    /// It is not known which region answers.
    ActiveUnknown,
    /// The region asked for answers already.
    AlreadyThere,
    /// The region asked for is not one of the service's.
    UnknownRegion,
    /// The last switch was not verified: a person must look first.
    NotVerified,
    /// Route 53's control plane does not do what the plan in flight needs.
    ControlPlaneUnreachable,
    /// Nobody has acknowledged the last automatic failover.
    NotAcknowledged,
    /// A person ordered the traffic where it is.
    ByHand,
    /// The target's data are further behind than the RPO allows, or nobody knows how far.
    DataLoss,
    /// Too little of what observers probe of the target is well.
    PanicThreshold,
    /// What is to be approved is not what would be planned now.
    NotRecommended,
}

impl HoldCode {
    /// The code as it stands in JSON and after `--force`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::PlanInFlight => "plan_in_flight",
            Self::Paused => "paused",
            Self::Mode => "mode",
            Self::QuorumLost => "quorum_lost",
            Self::NoQuorum => "no_quorum",
            Self::Counting => "counting",
            Self::NotCorroborated => "not_corroborated",
            Self::AllRegionsDown => "all_regions_down",
            Self::NoTarget => "no_target",
            Self::TargetUnhealthy => "target_unhealthy",
            Self::Cooldown => "cooldown",
            Self::Budget => "budget",
            Self::HoldDown => "hold_down",
            Self::Returning => "returning",
            Self::ManualFailback => "manual_failback",
            Self::ActiveUnknown => "active_unknown",
            Self::AlreadyThere => "already_there",
            Self::UnknownRegion => "unknown_region",
            Self::NotVerified => "not_verified",
            Self::ControlPlaneUnreachable => "control_plane_unreachable",
            Self::NotAcknowledged => "not_acknowledged",
            Self::ByHand => "by_hand",
            Self::DataLoss => "data_loss",
            Self::PanicThreshold => "panic_threshold",
            Self::NotRecommended => "not_recommended",
        }
    }
}

impl fmt::Display for HoldCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Why nothing is done, for machines and for people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldReason {
    /// For machines.
    pub code: HoldCode,
    /// For people.
    pub text: String,
}

/// Decisions are stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// By whom.
    pub by: String,
    /// Since when.
    pub at: Timestamp,
    /// Why.
    pub reason: String,
}

/// A person's order, which holds until a person says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// Where to.
    pub to: RegionName,
    /// Who, as their machine knows them.
    pub by: String,
    /// When it took effect.
    pub at: Timestamp,
}

/// A plan being carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlight {
    /// The plan.
    pub plan: Plan,
    /// Index of the step that comes next.
    pub next: usize,
    /// When it was taken.
    pub taken_at: Timestamp,
    /// Route 53's id of the change, once it was accepted.
    pub change: Option<String>,
    /// When the change was accepted.
    pub applied_at: Option<Timestamp>,
    /// When `GetChange` was asked last (R42: every 5 s or slower).
    pub asked_at: Option<Timestamp>,
    /// Whether the alarm "not verified in time" was raised.
    pub alarmed: bool,
}

/// A service's state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceState {
    /// [`STATE_FORMAT`].
    pub format: u32,
    /// The service.
    pub service: DnsName,
    /// The newest plan's number.
    pub epoch: Epoch,
    /// Where it stands.
    pub phase: Phase,
    /// The region that answered when last seen.
    pub active: RegionName,
    /// The order of answers, as last written to Route 53.
    pub slots: Vec<Slot>,
    /// The TXT record's value, as last written.
    pub fence: String,
    /// The plan being carried out.
    pub in_flight: Option<InFlight>,
    /// Each region.
    pub regions: BTreeMap<RegionName, RegionTrack>,
    /// When the records were changed last, by anyone.
    pub last_switch: Option<Timestamp>,
    /// The automatic failovers within the budget's window.
    pub automatic: Vec<Timestamp>,
    /// Set while decisions are stopped.
    pub paused: Option<Paused>,
    /// Set when the last switch was not verified in time.
    pub unverified: Option<PlanId>,
    /// The last order by hand: the policy never returns past it.
    #[serde(default)]
    pub by_hand: Option<ByHand>,
    /// The last automatic failover, until a person has seen it.
    #[serde(default)]
    pub unacknowledged: Option<PlanId>,
    /// What the mode does not allow to carry out, and a person may approve.
    #[serde(default)]
    pub recommended: Option<Box<Plan>>,
    /// Why nothing was done at the last look.
    pub hold_reasons: Vec<HoldReason>,
    /// What the audit trail and people may not have been told yet: written with what it tells of, so that whoever comes
    /// after a crash tells it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub untold: Vec<AuditEntry>,
}

impl ServiceState {
    /// A service that was never switched: slots in the order of preference, epoch 0.
    #[must_use]
    pub fn new(service: &Service) -> Self {
        let first = service.preferred().name.clone();
        Self {
            format: STATE_FORMAT,
            service: service.name.clone(),
            epoch: Epoch(0),
            phase: Phase::Steady,
            active: first,
            slots: service
                .regions
                .iter()
                .map(|region| Slot { region: region.name.clone(), arming: Arming::Own })
                .collect(),
            fence: Self::first_fence(),
            in_flight: None,
            regions: BTreeMap::new(),
            last_switch: None,
            automatic: Vec::new(),
            paused: None,
            unverified: None,
            by_hand: None,
            unacknowledged: None,
            recommended: None,
            hold_reasons: Vec::new(),
            untold: Vec::new(),
        }
    }

    /// The TXT record's value before the first plan.
    #[must_use]
    pub fn first_fence() -> String {
        let none: PlanId = "none".parse().expect("`none` is an identifier");
        fence(Epoch(0), &none)
    }

    /// Reads a state object; an older one becomes one of today's.
    pub fn parse(json: &[u8]) -> Result<Self, StateError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let corrupted = |error: serde_json::Error| StateError::Corrupted(error.to_string());
        let Format { format } = serde_json::from_slice(json).map_err(corrupted)?;
        if format > STATE_FORMAT {
            return Err(StateError::Newer { found: format });
        }
        let state: Self = serde_json::from_slice(json).map_err(corrupted)?;
        Ok(Self { format: STATE_FORMAT, ..state })
    }
}
