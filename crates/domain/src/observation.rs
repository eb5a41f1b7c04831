//! What one observer saw of a service in one round.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::IpAddr,
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Anomaly, ConfigHash, DnsName, ObserverName, ProbeName, RegionName, Round};

/// The version of the format written by this build; readers refuse a newer one.
pub const OBSERVATION_FORMAT: u32 = 1;

/// An observer's word on a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It serves.
    Up,
    /// It serves, slower than the limits allow.
    Degraded,
    /// It does not serve.
    Down,
    /// The observer cannot tell.
    Unknown,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Down => "down",
            Self::Unknown => "unknown",
        })
    }
}

/// What went wrong with a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The name does not exist.
    DnsNxdomain,
    /// The name exists, without an address: NOERROR and nothing in it.
    DnsEmpty,
    /// The resolver could not find out.
    DnsServfail,
    /// The resolver refused, or answered with another error.
    DnsRefused,
    /// No answer from any resolver in time.
    DnsTimeout,
    /// The port is closed.
    ConnectRefused,
    /// No TCP handshake in time.
    ConnectTimeout,
    /// No route, or another network error.
    ConnectFailed,
    /// The TLS handshake failed, or the certificate is not valid for the name.
    Tls,
    /// No TLS handshake in time.
    TlsTimeout,
    /// The connection broke, or what came back is no HTTP.
    HttpBroken,
    /// No whole answer in time.
    HttpTimeout,
    /// A status that is not expected.
    HttpStatus,
    /// The body lacks the expected text.
    HttpBody,
    /// The address may not be probed (private or reserved); the observer's own refusal.
    Blocked,
    /// The observer itself failed: no file descriptors, no resolvers.
    Observer,
}

impl Fault {
    /// Whether the fault is the observer's own, which makes a verdict `unknown`, never `down`.
    #[must_use]
    pub fn is_own(self) -> bool {
        matches!(self, Self::Blocked | Self::Observer)
    }

    /// Whether nothing at all came back: a region that is gone looks so, and one whose packets are lost now and then.
    #[must_use]
    pub fn is_silence(self) -> bool {
        matches!(self, Self::DnsTimeout | Self::ConnectTimeout)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::DnsNxdomain => "dns_nxdomain",
            Self::DnsEmpty => "dns_empty",
            Self::DnsServfail => "dns_servfail",
            Self::DnsRefused => "dns_refused",
            Self::DnsTimeout => "dns_timeout",
            Self::ConnectRefused => "connect_refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::ConnectFailed => "connect_failed",
            Self::Tls => "tls",
            Self::TlsTimeout => "tls_timeout",
            Self::HttpBroken => "http_broken",
            Self::HttpTimeout => "http_timeout",
            Self::HttpStatus => "http_status",
            Self::HttpBody => "http_body",
            Self::Blocked => "blocked",
            Self::Observer => "observer",
        })
    }
}

/// How a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProbeStatus {
    /// As expected.
    Ok,
    /// As expected, slower than a limit.
    Degraded,
    /// Not as expected; `fault` says how.
    Failed,
}

/// How long each phase took, in milliseconds; `null` for a phase that was not reached or not needed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// Name resolution.
    pub dns: Option<f64>,
    /// TCP handshake.
    pub connect: Option<f64>,
    /// TLS handshake.
    pub tls: Option<f64>,
    /// From the request's last byte to the answer's first.
    pub first_byte: Option<f64>,
    /// All of it.
    pub total: Option<f64>,
}

impl Phases {
    /// A time in milliseconds with three decimals.
    #[must_use]
    pub fn millis(time: Duration) -> f64 {
        (time.as_secs_f64() * 1e6).round() / 1e3
    }
}

/// One probe of one region in one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProbeReport {
    /// The probe.
    pub probe: ProbeName,
    /// How it ended.
    pub status: ProbeStatus,
    /// What went wrong.
    pub fault: Option<Fault>,
    /// How long it took; of several samples, the median one.
    pub phases_ms: Phases,
    /// What was seen, for people: an address and a status, or an error's text.
    pub evidence: String,
    /// What was seen, for the forest.
    #[serde(default, skip_serializing_if = "Seen::is_nothing")]
    pub seen: Seen,
}

/// What a probe saw besides its times, as far as it came; of several samples, what the median one saw.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The share of the samples that failed, the observer's own faults apart.
    #[serde(default)]
    pub failed: f64,
    /// What the name resolved to.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub addresses: BTreeSet<IpAddr>,
    /// The least TTL of the answers, in seconds, as the resolver gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<u32>,
    /// When the certificate expires, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate_until: Option<i64>,
    /// Bytes of the body that were read; 64 KiB, or a little more, of a longer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<u64>,
}

impl Seen {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// An observer's view of a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegionView {
    /// The word on it.
    pub verdict: Verdict,
    /// Rounds in a row with this verdict, this one included, but those in which every region was down.
    pub streak: u32,
    /// When the streak began, by the observer's clock.
    pub since: Timestamp,
    /// Whether the observer's anomaly score raises an alert: it may shorten a count, and nothing else.
    #[serde(default)]
    pub anomalous: bool,
    /// What the observer's forest says; none: it was not asked, or there was nothing to ask about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anomaly: Option<Anomaly>,
    /// For how many rounds in a row each probe that does not succeed has not, the observer's own faults apart.
    #[serde(default)]
    pub failing: BTreeMap<ProbeName, u32>,
    /// In how many of those rounds nothing came back ([`Fault::is_silence`]); a probe that is missing: in none.
    #[serde(default)]
    pub silent: BTreeMap<ProbeName, u32>,
    /// What the verdict rests on.
    pub probes: Vec<ProbeReport>,
}

/// Where the zone's authoritative servers point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answering {
    /// Every server that answered gives this region's targets for every type.
    Region(RegionName),
    /// The servers or the types differ: a change is on its way.
    Mixed,
    /// They answer, with no region's targets; what they say.
    Other(String),
    /// None answered.
    Unknown,
}

impl Answering {
    /// The region, when there is exactly one.
    #[must_use]
    pub fn region(&self) -> Option<&RegionName> {
        match self {
            Self::Region(region) => Some(region),
            Self::Mixed | Self::Other(_) | Self::Unknown => None,
        }
    }
}

/// What one observer saw of one service in one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// [`OBSERVATION_FORMAT`].
    pub format: u32,
    /// The service.
    pub service: DnsName,
    /// Who saw it.
    pub observer: ObserverName,
    /// The configuration it was made under.
    pub config: ConfigHash,
    /// The invocation that made it: a successor's differs.
    pub invocation: String,
    /// floor(time / interval).
    pub round: Round,
    /// When the round ended, by the observer's clock.
    pub at: Timestamp,
    /// The view of each region.
    pub regions: BTreeMap<RegionName, RegionView>,
    /// Where the authoritative servers point.
    pub answering: Answering,
}
