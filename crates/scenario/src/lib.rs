//! A scenario: faults, the truth about each region, and what a drill must show. All times are unscaled.

pub mod aws;
pub mod catalog;
mod course;
pub mod fault;
mod file;

use std::collections::BTreeSet;

use domain::{ConfigError, HoldCode, ObserverName, Period, RegionName, Share};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};

use crate::{
    aws::{AwsFault, Calls},
    fault::{Fault, NameFault, ObserverFault},
};
pub use course::{InForce, Turn};

/// A scenario, complete and checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Names it, and its file.
    pub name: String,
    /// What it shows, in a line.
    pub title: String,
    /// Rules everything random.
    pub seed: u64,
    /// How much faster than life it runs.
    pub speed: f64,
    /// The record sets' TTL; whole seconds.
    pub ttl: Period,
    /// From Route 53's yes to a change until its servers answer by it.
    pub propagation: Period,
    /// From a health check's change of status until the answers follow (R29).
    pub r29: Period,
    /// In order of preference; at least two.
    pub regions: Vec<RegionName>,
    /// Regions of the checkers; at least three.
    pub observers: Vec<RegionName>,
    /// What the service's records hold.
    pub targets: Targets,
    /// What the drill is held against; no more than a line in its report.
    pub objectives: Objectives,
    /// What the clients do.
    pub load: Load,
    /// Keys of a service's `[policy]` in `pointsman.toml`; checked there.
    pub policy: toml::Table,
    /// `[[probe]]`s as in `pointsman.toml`, without `port` where it is the regions' own; checked there. At least one.
    pub probes: Vec<toml::Table>,
    /// Before the first fault.
    pub steady: Steady,
    /// In the order of their beginnings; at least one.
    pub faults: Vec<Injection>,
    /// Given by hand, in the order of their times.
    pub orders: Vec<Order>,
    /// What is right for each region, in the order of `regions`.
    pub truth: Vec<Truth>,
    /// How long it goes on after the last fault was cleared.
    pub ends_after: Period,
    /// What the drill must show besides the truth.
    pub expect: Expect,
    /// The file that it was read from.
    pub source: String,
}

/// What a service's records hold for a region.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Targets {
    /// Its address: A records.
    #[default]
    Addresses,
    /// Its own name: CNAME records. What befalls that name befalls users.
    Names,
    /// An alias of its own name: the addresses of that, which Route 53 looks up in the zone.
    Aliases,
}

/// What an outage may cost at most; a drill's report holds its figures against them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Objectives {
    /// Recovery time: from the fault until users are served as before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rto: Option<Period>,
    /// Recovery point: of how long a time data may be lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rpo: Option<Period>,
}

/// What the clients do.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Load {
    /// Requests a second. Default 50.
    pub rate: f64,
    /// Clients, each with a DNS cache of its own. Default 20.
    pub clients: u32,
    /// A request that takes longer has failed. Default 2s.
    pub timeout: Period,
    /// The share of clients that ignore TTLs: they keep their first answer. Default 0.
    pub stale: Share,
    /// Whether they speak TLS, and validate the certificate. Default false.
    pub tls: bool,
}

impl Default for Load {
    fn default() -> Self {
        Self { rate: 50.0, clients: 20, timeout: Period::seconds(2), stale: Share::NONE, tls: false }
    }
}

/// The state before the first fault, without which a drill proves nothing.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steady {
    /// How long.
    #[serde(rename = "for")]
    pub lasts: Period,
    /// The share of requests that must succeed in it. Default 0.999.
    #[serde(default = "nearly_all")]
    pub success_rate: Share,
}

fn nearly_all() -> Share {
    Share::try_from(0.999).expect("0.999 is between 0 and 1")
}

/// A fault put on something for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    /// What is done, and to what.
    pub what: What,
    /// How strong it is, and when.
    pub shape: Shape,
    /// Since the load began: the steady state counts.
    pub begins: Period,
    /// Since the load began.
    pub ends: Period,
    /// The answer must leave the region within this time.
    pub leave_within: Option<Period>,
}

/// What is done, and to what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum What {
    /// A region's server fails.
    Region {
        /// How.
        fault: Fault,
        /// Which.
        region: RegionName,
    },
    /// A region's name fails.
    Name {
        /// How.
        fault: NameFault,
        /// Whose.
        region: RegionName,
    },
    /// An observer fails.
    Observer {
        /// How.
        fault: ObserverFault,
        /// Which.
        observer: ObserverName,
        /// What it lies about, or can't reach; none: every region.
        #[serde(skip_serializing_if = "Option::is_none")]
        about: Option<RegionName>,
    },
    /// AWS fails, for the whole lab.
    Aws {
        /// By this rule.
        aws: AwsFault,
    },
}

impl What {
    /// The region that users may notice it in; none for what is done to an observer or to AWS.
    #[must_use]
    pub fn region(&self) -> Option<&RegionName> {
        match self {
            Self::Region { region, .. } | Self::Name { region, .. } => Some(region),
            Self::Observer { .. } | Self::Aws { .. } => None,
        }
    }

    /// The rule by which AWS fails.
    #[must_use]
    pub fn aws(&self) -> Option<&AwsFault> {
        if let Self::Aws { aws } = self { Some(aws) } else { None }
    }
}

impl std::fmt::Display for What {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Region { fault, .. } => fault.fmt(f),
            Self::Name { fault, .. } => fault.fmt(f),
            Self::Observer { fault, about, .. } => {
                fault.fmt(f)?;
                about.iter().try_for_each(|region| write!(f, ": {region}"))
            }
            Self::Aws { aws } => aws.fmt(f),
        }
    }
}

/// How strong a fault is, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Fully, all the time.
    Constant,
    /// From nothing to all of it, for this long.
    Ramp(Period),
    /// On and off in turn, beginning with on.
    Pulse(OnOff),
    /// The same for lengths drawn at random; these are the means.
    Random(OnOff),
}

/// Lengths of a fault that comes and goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnOff {
    /// How long it is there.
    pub on: Period,
    /// How long it is not.
    pub off: Period,
}

/// What a person orders during the drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// Since the load began.
    pub at: Period,
    /// What.
    pub command: Command,
    /// Why.
    pub reason: String,
}

/// An order by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// To this region.
    Failover(RegionName),
    /// To the preferred region.
    Failback,
}

/// What is right for a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    /// The region.
    pub region: RegionName,
    /// Whether it must be left.
    pub must: Must,
}

/// Whether a region must be left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Must {
    /// Within this time of its first fault.
    LeaveWithin(Period),
    /// Never: leaving it is a false failover.
    Stay,
}

/// What a drill must show besides the truth.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// When the first fault is cleared.
    pub during: Moment,
    /// At the end.
    pub after: Moment,
    /// Codes of holds that must be seen.
    #[schemars(with = "Vec<String>")]
    pub hold: BTreeSet<HoldCode>,
    /// Texts, each of which must stand in an event of the timeline.
    pub event: Vec<String>,
    /// Calls that Pointsman's functions may not make between the first fault and recovery.
    /// Route 53's control plane, which a flip can't do without, counts only where `service` names it.
    pub no_calls: Vec<Calls>,
    /// Bounds on metrics.
    pub metrics: Bounds,
}

/// What must be so at a moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Moment {
    /// The region that the authoritative servers answer with.
    pub active: Option<RegionName>,
}

/// A metric may not be less or more; one that can't be measured is outside.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Bound {
    /// Not less than this.
    pub at_least: Option<f64>,
    /// Not more than this.
    pub at_most: Option<f64>,
}

/// Bounds on the metrics of the first fault; their names are those of the report.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "the report's metrics define these names")]
pub struct Bounds {
    pub detection_s: Bound,
    pub decision_s: Bound,
    pub answer_s: Bound,
    pub failover_s: Bound,
    pub mttr_s: Bound,
    pub failback_s: Bound,
    pub success_rate: Bound,
    pub availability: Bound,
    pub false_failovers: Bound,
    pub missed: Bound,
    pub switches: Bound,
}

impl Scenario {
    /// Reads a scenario; `name` is what errors call the file.
    pub fn parse(name: &str, source: &str) -> Result<Self, ConfigError> {
        file::parse(name, source)
    }

    /// The JSON schema of a scenario file.
    #[must_use]
    pub fn schema() -> Schema {
        file::schema()
    }

    /// The region that serves when all is well.
    #[must_use]
    pub fn preferred(&self) -> &RegionName {
        &self.regions[0]
    }

    /// By what AWS fails, and when: what scenarios in one lab must have in common.
    pub fn aws_faults(&self) -> impl Iterator<Item = &Injection> {
        self.faults.iter().filter(|fault| fault.what.aws().is_some())
    }

    /// When the last fault is cleared, since the load began.
    #[must_use]
    pub fn last_cleared(&self) -> Period {
        self.faults.iter().map(|fault| fault.ends).max().unwrap_or(self.steady.lasts)
    }

    /// When it ends, since the load began.
    #[must_use]
    pub fn ends(&self) -> Period {
        Period(self.last_cleared().0 + self.ends_after.0)
    }
}

#[cfg(test)]
mod tests;
