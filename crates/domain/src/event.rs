//! What travels on the bus, and what is kept for the audit.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{DnsName, Epoch, HoldReason, ObserverName, Plan, PlanId, RegionName, Round, Verdict};

/// The `source` of our events.
pub const EVENT_SOURCE: &str = "pointsman";
/// The `detail-type` of a change event.
pub const EVENT_DETAIL_TYPE: &str = "Region Not Up";

/// After a round in which some region is not up: the verdicts and their rounds in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeEvent {
    /// The service.
    pub service: DnsName,
    /// Who saw it.
    pub observer: ObserverName,
    /// The round.
    pub round: Round,
    /// Verdict and rounds in a row of each region.
    pub regions: BTreeMap<RegionName, (Verdict, u32)>,
}

/// What happened to a plan or to the decisions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AuditKind {
    /// A plan was taken: the conditional write was won.
    Taken {
        /// The plan, whole.
        plan: Box<Plan>,
    },
    /// Route 53 accepted its change batch, or had already.
    Applied {
        /// The plan.
        plan: PlanId,
    },
    /// Every name server answers with its target.
    Verified {
        /// The plan.
        plan: PlanId,
    },
    /// Not so in time: the alarm.
    NotVerified {
        /// The plan.
        plan: PlanId,
        /// What was seen instead.
        seen: String,
    },
    /// It can't be carried out any more: superseded, expired or refused.
    Abandoned {
        /// The plan.
        plan: PlanId,
        /// Why.
        why: String,
    },
    /// Route 53's control plane could not be asked to carry it out, or no longer answered: it is tried again.
    Blocked {
        /// The plan.
        plan: PlanId,
        /// Why, and what Route 53's own checks did meanwhile.
        reason: HoldReason,
    },
    /// A plan that the mode does not allow to carry out.
    Recommended {
        /// The plan, whole.
        plan: Box<Plan>,
    },
    /// The reasons for doing nothing changed.
    Held {
        /// The reasons.
        reasons: Vec<HoldReason>,
    },
    /// Decisions were stopped.
    Paused {
        /// By whom.
        by: String,
        /// Why.
        reason: String,
    },
    /// A person has seen the last automatic failover, or the alarm.
    Acknowledged {
        /// Who.
        by: String,
    },
    /// Decisions go on.
    Resumed {
        /// By whom.
        by: String,
    },
}

/// One line of the audit trail: an object of its own in the state bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The service.
    pub service: DnsName,
    /// The epoch that the state had then.
    pub epoch: Epoch,
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: AuditKind,
}
