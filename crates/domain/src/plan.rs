//! Plans: immutable, numbered, absolute.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{DnsName, Epoch, HoldReason, PlanId, RegionName};

/// Which check guards a region's record sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arming {
    /// Its own check: Route 53 may answer with it.
    Own,
    /// The check that is always unhealthy: Route 53 must not return to it by itself.
    AlwaysUnhealthy,
}

/// A place in the order of answers: the first is PRIMARY, the next its SECONDARY, and so on down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// The region in this place.
    pub region: RegionName,
    /// Its check.
    pub arming: Arming,
}

/// Who wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The failover Lambda, by policy.
    Policy,
    /// The policy's plan, let go by a person.
    Approved {
        /// Who, as their machine knows them.
        name: String,
    },
    /// A person.
    Human {
        /// Who, as their machine knows them.
        name: String,
        /// Why, in their words.
        reason: String,
    },
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy => f.write_str("policy"),
            Self::Approved { name } => write!(f, "policy, approved by {name}"),
            Self::Human { name, reason } => write!(f, "{name} ({reason})"),
        }
    }
}

/// What a plan is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanKind {
    /// Leave the active region.
    Failover,
    /// Return to the preferred region.
    Failback,
    /// Route 53 moved first: make the region that answers PRIMARY.
    Latch,
    /// A region that was left is up again: give it back its own check.
    Rearm,
}

impl fmt::Display for PlanKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Failover => "failover",
            Self::Failback => "failback",
            Self::Latch => "latch",
            Self::Rearm => "rearm",
        })
    }
}

/// One thing the executor does; it has no choices left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// One atomic change batch: these slots, and the epoch in the TXT record.
    Switch(Vec<Slot>),
    /// Route 53 says that all its servers have the change.
    AwaitSync,
    /// Every delegated name server answers with this region, seen by us and by an observer.
    Verify(RegionName),
}

/// What a plan expects to find; Route 53 refuses it otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// The value of `_pointsman.NAME TXT`.
    pub fence: String,
    /// The slots before.
    pub slots: Vec<Slot>,
}

/// An immutable, numbered list of steps that a decision produced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Unique among the plans of a service.
    pub id: PlanId,
    /// The service.
    pub service: DnsName,
    /// One more than the epoch it expects.
    pub epoch: Epoch,
    /// What for.
    pub kind: PlanKind,
    /// The region that answers before.
    pub from: RegionName,
    /// The region that answers after.
    pub to: RegionName,
    /// Who wants it.
    pub by: Actor,
    /// When it was made.
    pub made_at: Timestamp,
    /// Not to be begun after this.
    pub expires_at: Timestamp,
    /// What it expects to find.
    pub expects: Expectation,
    /// What to do, in order.
    pub steps: Vec<Step>,
    /// What it rests on, in words.
    pub because: Vec<String>,
    /// Rules overridden by a person with `--force`.
    pub forced: Vec<HoldReason>,
}

impl Plan {
    /// The value of the TXT record once the plan has taken effect. A person's says so: whoever finds it without having the plan
    /// must not undo what they ordered.
    #[must_use]
    pub fn fence(&self) -> String {
        let fence = fence(self.epoch, &self.id);
        match &self.by {
            Actor::Human { name, .. } => format!("{fence} to={} by={}", self.to, word(name)),
            Actor::Policy | Actor::Approved { .. } => fence,
        }
    }

    /// The slots once the plan has taken effect.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        self.steps
            .iter()
            .find_map(|step| match step {
                Step::Switch(slots) => Some(slots.as_slice()),
                Step::AwaitSync | Step::Verify(_) => None,
            })
            .unwrap_or(&self.expects.slots)
    }
}

/// The TXT record's value for an epoch and its plan.
#[must_use]
pub fn fence(epoch: Epoch, plan: &PlanId) -> String {
    format!("epoch={epoch} plan={plan}")
}

/// The epoch in a TXT record's value, `None` when it is not ours.
#[must_use]
pub fn fence_epoch(fence: &str) -> Option<Epoch> {
    let (epoch, _) = fence.strip_prefix("epoch=")?.split_once(' ')?;
    epoch.parse().ok().map(Epoch)
}

/// Where a person ordered the traffic, and who, by a TXT record's value; `None` of a plan that was not a person's.
#[must_use]
pub fn fence_order(fence: &str) -> Option<(RegionName, &str)> {
    let (to, by) = fence.split_once(" to=")?.1.split_once(" by=")?;
    Some((to.parse().ok()?, by))
}

/// A name as it may stand in a TXT record, whatever a machine knows a person as.
fn word(name: &str) -> String {
    const LONGEST: usize = 64;
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "._@-".contains(letter) { letter } else { '_' };
    name.chars().take(LONGEST).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_s_order_can_be_read_from_the_record_alone() {
        assert_eq!(word("Ada \"L\" & co"), "Ada__L____co");
        let order = fence_order("epoch=3 plan=e3-0badcafe to=us-east-1 by=ada").unwrap();
        assert_eq!((order.0.as_str(), order.1), ("us-east-1", "ada"));
        assert_eq!(fence_order("epoch=3 plan=e3-0badcafe"), None);
        assert_eq!(fence_epoch("epoch=3 plan=e3-0badcafe to=us-east-1 by=ada"), Some(Epoch(3)));
    }
}
