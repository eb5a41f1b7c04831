//! `CloudWatch` metrics that speak of a region.

use std::{collections::BTreeMap, fmt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Period, RegionName};

/// How the values of a minute become one; as `CloudWatch` writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Statistic {
    /// Their mean.
    Average,
    /// The greatest.
    Maximum,
    /// The smallest.
    Minimum,
    /// All together.
    Sum,
}

/// A metric, and where it lives.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Metric {
    /// The AWS region whose `CloudWatch` has it.
    pub region: RegionName,
    /// Its namespace, such as `AWS/RDS`.
    pub namespace: String,
    /// Its name there.
    pub name: String,
    /// All of its dimensions: `CloudWatch` takes another set for another metric.
    pub dimensions: BTreeMap<String, String>,
    /// What of a minute is looked at.
    pub statistic: Statistic,
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.namespace, self.name)?;
        for (place, (name, value)) in self.dimensions.iter().enumerate() {
            write!(f, "{}{name}={value}", if place == 0 { " of " } else { ", " })?;
        }
        write!(f, " in {}", self.region)
    }
}

/// What a metric of time counts in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TimeUnit {
    /// Microseconds.
    Us,
    /// Milliseconds.
    Ms,
    /// Seconds.
    S,
}

impl TimeUnit {
    /// So many of it; `None` of what is no length of time, such as the -1 of a replica that is not connected.
    #[must_use]
    pub fn of(self, count: f64) -> Option<Period> {
        let seconds = match self {
            Self::Us => count / 1e6,
            Self::Ms => count / 1e3,
            Self::S => count,
        };
        std::time::Duration::try_from_secs_f64(seconds).ok().map(Period)
    }

    /// What AWS documents that its own metric counts in.
    #[must_use]
    pub fn documented(namespace: &str, metric: &str) -> Option<Self> {
        match (namespace, metric) {
            (
                "AWS/RDS",
                "AuroraGlobalDBReplicationLag"
                | "AuroraGlobalDBRPOLag"
                | "AuroraGlobalDBProgressLag"
                | "AuroraReplicaLag",
            )
            | ("AWS/DynamoDB", "ReplicationLatency") => Some(Self::Ms),
            ("AWS/RDS", "ReplicaLag" | "AuroraBinlogReplicaLag")
            | ("AWS/S3", "ReplicationLatency")
            | ("AWS/ElastiCache", "ReplicationLag" | "GlobalDatastoreReplicationLag") => Some(Self::S),
            _ => None,
        }
    }
}

impl fmt::Display for TimeUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Us => "us",
            Self::Ms => "ms",
            Self::S => "s",
        })
    }
}

/// What tells how far a region's data are behind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReplicationLag {
    /// The metric.
    pub metric: Metric,
    /// What it counts in.
    pub unit: TimeUnit,
    /// An older value tells nothing.
    pub stale_after: Period,
}

impl fmt::Display for ReplicationLag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.metric.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_by_its_unit_and_what_is_no_time_is_none() {
        let of = |count| [TimeUnit::Us, TimeUnit::Ms, TimeUnit::S].map(|unit| unit.of(count));
        assert_eq!(of(1500.0)[1..], [Some(Period::millis(1_500)), Some(Period::seconds(1_500))]);
        assert_eq!(of(2e6)[0], Some(Period::seconds(2)));
        for wrong in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(of(wrong), [None; 3], "{wrong}");
        }
    }
}
