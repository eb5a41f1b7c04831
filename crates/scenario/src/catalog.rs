//! The scenarios that come with Pointsman, and those in files.

use std::{io, path::PathBuf};

use domain::ConfigError;

use crate::Scenario;

macro_rules! scenarios {
    ($folder:literal: $($name:literal)*) => {
        [$(($name, include_str!(concat!("../../../", $folder, "/", $name, ".toml")))),*]
    };
}

/// Those of docs/incidents.md.
const INCIDENTS: [(&str, &str); 11] = scenarios! { "scenarios/incidents":
    "region-down"
    "empty-dns"
    "flapping-checks"
    "user-brownout"
    "creeping-errors"
    "observers-partitioned"
    "lying-observer"
    "ttl-ignored"
    "both-regions-down"
    "thundering-return"
    "delayed-writer"
};

const SCENARIOS: [(&str, &str); 24] = scenarios! { "scenarios":
    "region-outage"
    "flapping"
    "both-down"
    "brownout"
    "hang"
    "latency-spike"
    "slow-bleed"
    "error-burst"
    "cpu-saturation"
    "sequential"
    "dns-empty"
    "observer-loss"
    "observer-lies"
    "stale-clients"
    "three-regions"
    "failback-by-hand"
    "route53-throttled"
    "reply-lost"
    "control-plane-down"
    "state-bucket-refuses"
    "events-unreliable"
    "lambda-throttled"
    "observer-region-gone"
    "control-region-gone"
};

/// Why there is no such scenario.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// It is none of ours, and no file.
    #[error("there is no scenario `{name}`; there are {}, or name a file that ends in .toml", known())]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// The file can't be read.
    #[error("failed to read {}: {source}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is wrong.
    #[error(transparent)]
    Scenario(#[from] ConfigError),
}

fn known() -> String {
    SCENARIOS.iter().chain(&INCIDENTS).map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// The scenarios that come with Pointsman: each one's name, and what it shows in a line.
pub fn all() -> Result<Vec<Scenario>, ConfigError> {
    SCENARIOS.iter().map(|(name, source)| Scenario::parse(&format!("scenarios/{name}.toml"), source)).collect()
}

/// The incidents of docs/incidents.md, for the drill and the simulation alike.
pub fn incidents() -> Result<Vec<Scenario>, ConfigError> {
    INCIDENTS
        .iter()
        .map(|(name, source)| Scenario::parse(&format!("scenarios/incidents/{name}.toml"), source))
        .collect()
}

/// The scenario or incident of that name, or in that file.
pub fn find(name: &str) -> Result<Scenario, FindError> {
    if let Some((name, source)) = SCENARIOS.iter().chain(&INCIDENTS).find(|(known, _)| *known == name) {
        return Ok(Scenario::parse(&format!("scenarios/{name}.toml"), source)?);
    }
    if std::path::Path::new(name).extension().is_none_or(|extension| extension != "toml") {
        return Err(FindError::Unknown { name: name.to_owned() });
    }
    let source = std::fs::read_to_string(name).map_err(|source| FindError::Read { path: name.into(), source })?;
    Ok(Scenario::parse(name, &source)?)
}
