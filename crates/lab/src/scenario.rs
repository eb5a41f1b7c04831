//! A scenario: faults, the truth about each region, and what a drill must show. All times are unscaled.

mod file;

use std::collections::BTreeSet;

use domain::{ConfigError, HoldCode, Period, RegionName, Share};
use schemars::{JsonSchema, Schema};
use serde::Deserialize;

use crate::fault::Fault;

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
    /// What is right for each region, in the order of `regions`.
    pub truth: Vec<Truth>,
    /// How long it goes on after the last fault was cleared.
    pub ends_after: Period,
    /// What the drill must show besides the truth.
    pub expect: Expect,
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
}

impl Default for Load {
    fn default() -> Self {
        Self { rate: 50.0, clients: 20, timeout: Period::seconds(2) }
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

/// A fault put on a region for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    /// What is done.
    pub fault: Fault,
    /// To which region.
    pub region: RegionName,
    /// Since the load began: the steady state counts.
    pub begins: Period,
    /// Since the load began.
    pub ends: Period,
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

/// A moment at which a region's faults change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Since the load began.
    pub at: Period,
    /// The region.
    pub region: RegionName,
    /// All its faults from then on, scaled to the lab's time.
    pub faults: Vec<Fault>,
    /// The places in [`Scenario::faults`] of those that begin here.
    pub begun: Vec<usize>,
    /// The places of those that end here.
    pub ended: Vec<usize>,
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

    /// Every moment at which some region's faults change, in order.
    #[must_use]
    pub fn turns(&self) -> Vec<Turn> {
        let moments: BTreeSet<_> =
            self.faults.iter().flat_map(|fault| [(fault.begins, &fault.region), (fault.ends, &fault.region)]).collect();
        let places = |holds: &dyn Fn(&Injection) -> bool| -> Vec<usize> {
            (0..self.faults.len()).filter(|place| holds(&self.faults[*place])).collect()
        };
        moments
            .into_iter()
            .map(|(at, region)| Turn {
                at,
                region: region.clone(),
                faults: self
                    .faults
                    .iter()
                    .filter(|fault| fault.region == *region && fault.begins <= at && at < fault.ends)
                    .map(|fault| fault.fault.scaled(self.speed))
                    .collect(),
                begun: places(&|fault| fault.region == *region && fault.begins == at),
                ended: places(&|fault| fault.region == *region && fault.ends == at),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;
