//! What is deployed, and how it runs.

use bytes::Bytes;
use domain::Config;

/// A function's code: a zip with `bootstrap` in it.
#[derive(Debug, Clone)]
pub struct Code {
    /// The zip.
    pub zip: Bytes,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

impl Code {
    /// Where it lies in a region's artifact bucket.
    pub(super) fn key(&self, function: &str) -> String {
        key(function, &self.sha256)
    }
}

/// Where code of this SHA-256, hexadecimal, lies in a region's artifact bucket.
pub(super) fn key(function: &str, sha256: &str) -> String {
    format!("code/{function}-{}.zip", sha256.get(..32).unwrap_or(sha256))
}

/// What to deploy.
#[derive(Debug, Clone)]
pub struct Release {
    /// The checker.
    pub checker: Code,
    /// The failover function.
    pub failover: Code,
    /// What both are compiled for.
    pub architecture: Architecture,
}

/// What a function is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit ARM.
    Arm64,
    /// 64-bit x86.
    X86_64,
}

impl Architecture {
    /// This machine's.
    #[must_use]
    pub const fn host() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::X86_64 }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }
}

/// Who starts the functions once a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// EventBridge.
    EventBridge,
    /// The lab, at the scaled minute.
    Lab,
}

impl Schedule {
    /// EventBridge's minute cannot be scaled, so a lab that runs faster than life plays the schedule itself.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        match &config.lab {
            Some(lab) if lab.speed > 1.0 => Self::Lab,
            _ => Self::EventBridge,
        }
    }

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::EventBridge => "ENABLED",
            Self::Lab => "DISABLED",
        }
    }
}
