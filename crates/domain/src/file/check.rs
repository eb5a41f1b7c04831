//! Route 53's own checks, as written.

use std::fmt;

use schemars::JsonSchema;
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};

use super::{AlarmFile, Kind};
use crate::{CheckId, InsufficientData, Period, RegionName};

/// Route 53's own check.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CheckFile {
    /// `http`, `https` or `tcp`.
    pub(crate) kind: Kind,
    /// TCP port.
    pub(crate) port: u16,
    /// The path asked for; not for `tcp`.
    pub(crate) path: Option<String>,
    /// `"10s"` or `"30s"`. Default 10s.
    pub(crate) interval: Option<Period>,
    /// Results in a row, 1 to 10. Default 3.
    pub(crate) threshold: Option<u8>,
    /// A text that the body's first 5,120 bytes must hold; not for `tcp`.
    pub(crate) search: Option<String>,
    /// Regions of Route 53's checkers, three or more. Default: all eight.
    #[serde(default)]
    pub(crate) checkers: Vec<RegionName>,
}

/// Route 53's own check of one region that asks no endpoint.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegionCheckFile {
    /// `metric` follows an alarm's data, `calculated` counts other checks.
    pub(crate) kind: RegionCheckKind,
    /// Of `metric`: a metric alarm, which may live in the region itself.
    pub(crate) alarm: Option<AlarmFile>,
    /// Of `metric`: what the check is while there are no data. Default `unhealthy` for an alarm that lives in the region,
    /// else `last_known_status`.
    pub(crate) insufficient_data: Option<InsufficientData>,
    /// Of `calculated`: 1 to 255 checks; each by its id where it is there already, or as a table where it is to be made.
    pub(crate) children: Option<Vec<ChildFile>>,
    /// Of `calculated`: how many of them must be healthy. Default: all.
    pub(crate) at_least: Option<u16>,
}

/// What such a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RegionCheckKind {
    Metric,
    Calculated,
}

/// A check that is counted: the id of one that is there, or one to be made.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
pub(crate) enum ChildFile {
    There(CheckId),
    Own(OwnCheckFile),
}

/// By hand: of an untagged enum serde would tell neither the key nor what is wrong with it.
impl<'de> Deserialize<'de> for ChildFile {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct IdOrTable;

        impl<'de> Visitor<'de> for IdOrTable {
            type Value = ChildFile;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the id of a health check, or a table that says what to check")
            }

            fn visit_str<E: Error>(self, id: &str) -> Result<ChildFile, E> {
                id.parse().map(ChildFile::There).map_err(E::custom)
            }

            fn visit_map<A: MapAccess<'de>>(self, table: A) -> Result<ChildFile, A::Error> {
                OwnCheckFile::deserialize(MapAccessDeserializer::new(table)).map(ChildFile::Own)
            }
        }

        deserializer.deserialize_any(IdOrTable)
    }
}

/// A check that is made to be counted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OwnCheckFile {
    /// `http`, `https` and `tcp` ask the region, `metric` follows an alarm's data.
    pub(crate) kind: OwnCheckKind,
    /// TCP port; not for `metric`.
    pub(crate) port: Option<u16>,
    /// The path asked for; of `http` and `https`. Default `/`.
    pub(crate) path: Option<String>,
    /// `"10s"` or `"30s"`; not for `metric`. Default 10s.
    pub(crate) interval: Option<Period>,
    /// Results in a row, 1 to 10; not for `metric`. Default 3.
    pub(crate) threshold: Option<u8>,
    /// A text that the body's first 5,120 bytes must hold; of `http` and `https`.
    pub(crate) search: Option<String>,
    /// Regions of Route 53's checkers, three or more; not for `metric`. Default: all eight.
    #[serde(default)]
    pub(crate) checkers: Vec<RegionName>,
    /// Of `metric`: a metric alarm, which may live in the region itself.
    pub(crate) alarm: Option<AlarmFile>,
    /// Of `metric`: what the check is while there are no data. Default `unhealthy` for an alarm that lives in the region,
    /// else `last_known_status`.
    pub(crate) insufficient_data: Option<InsufficientData>,
}

/// What such a check looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum OwnCheckKind {
    Http,
    Https,
    Tcp,
    Metric,
}
