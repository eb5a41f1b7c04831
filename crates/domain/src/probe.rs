//! What is measured at a region.

use std::{fmt, net::IpAddr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DnsName, Period, ProbeName};

/// A share between 0 and 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "f64", into = "f64")]
pub struct Share(f64);

impl Share {
    /// None of it.
    pub const NONE: Self = Self(0.0);

    /// All of it.
    pub const ALL: Self = Self(1.0);

    /// This share of that one.
    #[must_use]
    pub fn of(self, other: Self) -> Self {
        Self(self.0 * other.0)
    }

    /// The share as a number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Share {
    type Error = String;
    fn try_from(share: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&share) {
            Ok(Self(share))
        } else {
            Err(format!("{share} is not a share: write a number from 0 to 1"))
        }
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> f64 {
        share.0
    }
}

impl Eq for Share {}

/// Where a region is probed: a name, resolved anew in each round, or an address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// Resolved by the configured resolvers.
    Name(DnsName),
    /// Used as it is.
    Address(IpAddr),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// With or without TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scheme {
    /// Plain HTTP.
    Http,
    /// HTTP over TLS; the certificate is validated for the service's name.
    Https,
}

/// A request and what its answer must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpProbe {
    /// With or without TLS.
    pub scheme: Scheme,
    /// TCP port.
    pub port: u16,
    /// Path and query, beginning with `/`.
    pub path: String,
    /// The `Host` header and the name in the certificate.
    pub host: DnsName,
    /// Statuses that are good; redirects are not followed.
    pub expect_status: Vec<u16>,
    /// A text that the body's first 64 KiB must hold.
    pub expect_body: Option<String>,
    /// Requests a round, each on a connection of its own.
    pub samples: u16,
    /// The share of them that may fail.
    pub max_failed: Share,
}

/// What a probe does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum ProbeKind {
    /// HTTP or HTTPS.
    Http(HttpProbe),
    /// A TCP connection.
    Tcp {
        /// TCP port.
        port: u16,
    },
    /// The region's name resolves to an address.
    Dns {
        /// The name asked for, A and AAAA; none: the region's endpoint.
        name: Option<DnsName>,
    },
}

/// Above these a probe that succeeds is `degraded`. Each is a limit on one phase.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Name resolution.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dns: Option<Period>,
    /// TCP handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect: Option<Period>,
    /// TLS handshake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls: Option<Period>,
    /// From the request's last byte to the answer's first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_byte: Option<Period>,
    /// All of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Period>,
}

impl Limits {
    /// The limits as lived by a lab that runs `speed` times faster than life.
    #[must_use]
    pub fn scaled(&self, speed: f64) -> Self {
        let scale = |limit: Option<Period>| limit.map(|limit| limit.scaled(speed));
        Self {
            dns: scale(self.dns),
            connect: scale(self.connect),
            tls: scale(self.tls),
            first_byte: scale(self.first_byte),
            total: scale(self.total),
        }
    }

    /// Each phase's name with its limit.
    #[must_use]
    pub fn by_phase(&self) -> [(&'static str, Option<Period>); 5] {
        [
            ("dns", self.dns),
            ("connect", self.connect),
            ("tls", self.tls),
            ("first_byte", self.first_byte),
            ("total", self.total),
        ]
    }
}

/// One measurement of each region in each round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Unique within the service.
    pub name: ProbeName,
    /// What it does.
    pub kind: ProbeKind,
    /// Above these the region is degraded.
    pub degraded_above: Limits,
}
