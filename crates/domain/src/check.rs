//! Route 53's own checks, as a configuration asks for them.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Alarm, CheckId, RegionName};

/// Route 53's own check of a region.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NativeCheck {
    /// HTTPS rather than HTTP; with `path`.
    pub https: bool,
    /// TCP port.
    pub port: u16,
    /// The path asked for; none makes it a TCP check.
    pub path: Option<String>,
    /// 10 or 30 seconds (R20).
    pub interval_s: u8,
    /// Results in a row (R21).
    pub threshold: u8,
    /// What the body's first 5,120 bytes must hold (R23); with `path`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub search: Option<String>,
    /// Where the checkers are: three of their regions or more; none named: all eight (R20).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checkers: Vec<RegionName>,
}

/// What a metric check is while its alarm has too little data (R26).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InsufficientData {
    /// Healthy.
    Healthy,
    /// Unhealthy.
    Unhealthy,
    /// What it was while there were data; a check that never had any is healthy.
    LastKnownStatus,
}

/// A check that follows the data of an alarm's metric (R26).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct MetricCheck {
    /// The alarm, whose settings Route 53 copies.
    pub alarm: Alarm,
    /// What the check is while there are no data.
    pub insufficient_data: InsufficientData,
}

/// Route 53's check of one region where it asks no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RegionCheck {
    /// Follows an alarm's data.
    Metric(MetricCheck),
    /// Counts other checks (R25).
    Calculated {
        /// What is counted.
        children: Vec<Child>,
        /// As many of them must be healthy.
        at_least: u16,
    },
}

/// A check that a calculated one counts; never itself a calculated one (R25).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Child {
    /// One that is there already.
    There(CheckId),
    /// One to be made, which follows an alarm's data.
    Metric(MetricCheck),
    /// One to be made, which asks the region.
    Endpoint(NativeCheck),
}

impl fmt::Display for Child {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::There(id) => id.fmt(f),
            Self::Metric(MetricCheck { alarm, .. }) => write!(f, "metric of {alarm}"),
            Self::Endpoint(NativeCheck { https, port, path, .. }) => match path {
                None => write!(f, "tcp :{port}"),
                Some(path) if *https => write!(f, "https :{port}{path}"),
                Some(path) => write!(f, "http :{port}{path}"),
            },
        }
    }
}
