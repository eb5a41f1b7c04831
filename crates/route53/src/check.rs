//! Health checks: what they are told to do, and how results become a status (R20–R30).

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use crate::CheckId;

pub(crate) mod alarm;
pub(crate) mod settings;

/// What Route 53 documents about its checkers' patience and number.
pub mod limits {
    use std::time::Duration;

    /// Checkers of one check, over all checker regions (R20).
    pub const CHECKERS: usize = 16;
    /// The eight checker regions (R20).
    pub const REGIONS: [&str; 8] = [
        "us-east-1",
        "us-west-1",
        "us-west-2",
        "eu-west-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-northeast-1",
        "sa-east-1",
    ];
    /// To connect for HTTP(S) (R23).
    pub const HTTP_CONNECT: Duration = Duration::from_secs(4);
    /// From connected to the status (R23).
    pub const HTTP_STATUS: Duration = Duration::from_secs(2);
    /// From the status to the end of what is searched (R23).
    pub const HTTP_BODY: Duration = Duration::from_secs(2);
    /// To connect for TCP (R23).
    pub const TCP_CONNECT: Duration = Duration::from_secs(10);
    /// The search string lies wholly in this many first bytes (R23).
    pub const SEARCHED_BYTES: usize = 5120;
    /// Children of a calculated check (R25).
    pub const CHILDREN: usize = 255;
    /// The hosted zone of every `CloudFront` distribution, as aliases name it.
    pub const CLOUDFRONT: &str = "Z2FDTNDATAQYW2";
}

/// A health check's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckConfig {
    /// What it looks at.
    pub kind: CheckKind,
    /// Healthy ↔ unhealthy (R27).
    pub inverted: bool,
    /// It looks at nothing and is healthy (R27).
    pub disabled: bool,
}

/// What a check looks at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckKind {
    /// The checkers connect to an endpoint.
    Endpoint(Endpoint),
    /// Other checks (R25).
    Calculated {
        /// The checks that are counted.
        children: BTreeSet<CheckId>,
        /// How many of them must be healthy.
        threshold: u16,
    },
    /// A CloudWatch alarm's data (R26).
    Alarm {
        /// The alarm's name.
        name: String,
        /// The alarm's region.
        region: String,
        /// What missing data means.
        insufficient: InsufficientData,
    },
}

/// What a metric check is while its alarm has too little data (R26).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum InsufficientData {
    Healthy,
    Unhealthy,
    LastKnownStatus,
}

/// An endpoint and how it is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Where to connect; without one the domain is resolved.
    pub address: Option<IpAddr>,
    /// The host name that is sent, and resolved without an address.
    pub domain: Option<String>,
    /// The port.
    pub port: u16,
    /// What is spoken.
    pub protocol: Protocol,
    /// How often each checker asks.
    pub interval: Interval,
    /// Results in a row that turn a checker's view.
    pub failure_threshold: FailureThreshold,
}

/// What is spoken with an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// Connecting suffices.
    Tcp,
    /// `GET` without TLS.
    Http(Request),
    /// `GET` over TLS; certificates are not validated (R24).
    Https(Request),
}

/// What is asked of an HTTP endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Path and query, with the leading slash.
    pub path: String,
    /// What the body must hold.
    pub search: Option<String>,
}

/// How often each checker asks (R20).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interval {
    /// Every 10 s.
    Fast,
    /// Every 30 s.
    Standard,
}

impl Interval {
    /// As a duration.
    #[must_use]
    pub const fn duration(self) -> Duration {
        match self {
            Interval::Fast => Duration::from_secs(10),
            Interval::Standard => Duration::from_secs(30),
        }
    }
}

/// Results in a row that turn a checker's view: 1–10, 3 unless set (R21).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailureThreshold(u8);

/// A failure threshold outside 1–10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("tried to use {0} as a failure threshold, which is 1 to 10")]
pub struct InvalidThreshold(u32);

impl TryFrom<u32> for FailureThreshold {
    type Error = InvalidThreshold;

    fn try_from(count: u32) -> Result<Self, InvalidThreshold> {
        match u8::try_from(count) {
            Ok(valid @ 1..=10) => Ok(FailureThreshold(valid)),
            _ => Err(InvalidThreshold(count)),
        }
    }
}

impl Default for FailureThreshold {
    fn default() -> Self {
        FailureThreshold(3)
    }
}

impl CheckConfig {
    /// The check's status (R25–R28). `observed` is what checkers or alarm say, `None` before they say anything;
    /// `child` is another check's status.
    pub fn is_healthy(&self, observed: Option<bool>, child: impl Fn(&CheckId) -> bool) -> bool {
        let plain = self.disabled
            || match &self.kind {
                CheckKind::Endpoint(_) => observed.unwrap_or(true),
                CheckKind::Calculated { children, threshold } => {
                    children.iter().filter(|id| child(id)).count() >= usize::from(*threshold)
                }
                CheckKind::Alarm { insufficient, .. } => {
                    observed.unwrap_or(*insufficient != InsufficientData::Unhealthy)
                }
            };
        plain != self.inverted
    }
}

/// One checker's view of an endpoint: it turns after a threshold of results in a row (R21), and begins healthy (R28).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckerView {
    healthy: bool,
    contrary: u8,
    threshold: FailureThreshold,
}

impl CheckerView {
    /// The view before the first result.
    #[must_use]
    pub fn new(threshold: FailureThreshold) -> Self {
        CheckerView { healthy: true, contrary: 0, threshold }
    }

    /// Counts one result.
    pub fn record(&mut self, success: bool) {
        if success == self.healthy {
            self.contrary = 0;
            return;
        }
        self.contrary += 1;
        if self.contrary >= self.threshold.0 {
            self.healthy = success;
            self.contrary = 0;
        }
    }

    /// What the checker holds now.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.healthy
    }
}

/// The checkers' common word: healthy when more than 18 % of them say so (R22).
pub fn aggregate(views: impl IntoIterator<Item = bool>) -> bool {
    let (mut healthy, mut all) = (0_usize, 0_usize);
    for view in views {
        healthy += usize::from(view);
        all += 1;
    }
    healthy * 100 > all * 18
}

/// Whether an HTTP status counts as success (R23).
#[must_use]
pub fn status_is_success(status: u16) -> bool {
    (200..400).contains(&status)
}

/// Whether checkers can reach the address: they refuse private and reserved ones (R30).
#[must_use]
pub fn can_be_checked(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(ip) => {
            let [a, b, ..] = ip.octets();
            let shared = a == 100 && (64..128).contains(&b);
            let reserved = a == 0 || a >= 224 || shared;
            !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_documentation() || reserved)
        }
        IpAddr::V6(ip) => {
            let reserved = ip.is_loopback() || ip.is_unspecified() || ip.is_multicast();
            !(reserved || ip.is_unique_local() || ip.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests;
