//! Backups that a region is restored from.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Period, RegionName};

/// Recovery points of AWS Backup, of which the newest must be new enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backup {
    /// The AWS region whose vault holds them.
    pub region: RegionName,
    /// The vault's name.
    pub vault: String,
    /// The ARN of what they are of; none: of anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// How old the newest may be.
    pub max_age: Period,
}

impl fmt::Display for Backup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "vault {} in {}", self.vault, self.region)?;
        self.resource.iter().try_for_each(|resource| write!(f, " of {resource}"))
    }
}
