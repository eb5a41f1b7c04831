//! What can be done to a region, to a name, and to an observer.

use std::{fmt, time::Duration};

use domain::{Period, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something done to a region. Several at once combine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", try_from = "Written")]
pub enum Fault {
    /// Connections are refused: the listener is really closed, open connections are reset.
    Down,
    /// Requests are read and never answered.
    Hang,
    /// The kernel takes connections, nothing is ever read from them or written.
    HalfOpen,
    /// Every answer is late.
    Latency {
        /// By this much.
        delay: Period,
        /// And by up to this much more, at random.
        jitter: Period,
    },
    /// Some answers are 503.
    Errors {
        /// How many of them.
        share: Share,
        /// Which requests are meant.
        paths: Paths,
    },
    /// Some connections are reset once the request was read.
    Reset {
        /// How many of them.
        share: Share,
    },
    /// Answers are 200 with a body that says something else.
    WrongBody {
        /// Which requests are meant.
        paths: Paths,
    },
    /// The head comes at once, the body trickles.
    SlowBody {
        /// For this long.
        over: Period,
    },
    /// A thread a core burns in the region's process.
    CpuSaturation,
    /// TLS with a certificate that has expired.
    TlsExpired,
    /// TLS with another name's certificate.
    TlsWrongName,
}

/// Something done to a name, whatever its records say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", try_from = "Written")]
pub enum NameFault {
    /// It does not exist.
    #[serde(rename = "dns-nxdomain")]
    Nxdomain,
    /// NOERROR without records.
    #[serde(rename = "dns-empty")]
    Empty,
    /// SERVFAIL.
    #[serde(rename = "dns-servfail")]
    Servfail,
    /// The right answer, late.
    #[serde(rename = "dns-slow")]
    Slow {
        /// By this much.
        delay: Period,
    },
    /// The right answer with another TTL.
    #[serde(rename = "dns-ttl")]
    Ttl {
        /// This one; whole seconds.
        ttl: Period,
    },
}

/// Something done to an observer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", try_from = "Written")]
pub enum ObserverFault {
    /// Its function is killed, and not started again.
    #[serde(rename = "observer-lost")]
    Lost,
    /// It reports the region down, whatever it sees.
    #[serde(rename = "observer-lies")]
    Lies,
    /// It reaches the region no more; without one, none of them.
    #[serde(rename = "observer-cut-off")]
    CutOff,
}

/// Which requests a fault touches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Paths {
    /// Every one.
    #[default]
    All,
    /// Every one but `/health`.
    User,
}

impl Paths {
    /// Whether a request of this path is meant.
    #[must_use]
    pub fn include(self, path: &str) -> bool {
        self == Self::All || path != "/health"
    }
}

/// The kind of a fault, as written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Connections are refused.
    Down,
    /// Requests are read and never answered.
    Hang,
    /// Connections are taken, nothing is read.
    HalfOpen,
    /// Every answer is late.
    Latency,
    /// Some answers are 503.
    Errors,
    /// Some connections are reset.
    Reset,
    /// Answers are 200 with a wrong body.
    WrongBody,
    /// Bodies trickle.
    SlowBody,
    /// A thread a core burns in the region's process.
    CpuSaturation,
    /// The certificate has expired.
    TlsExpired,
    /// The certificate is another name's.
    TlsWrongName,
    /// The region's name does not exist.
    DnsNxdomain,
    /// The region's name has no address: NOERROR without records.
    DnsEmpty,
    /// The name servers fail for the region's name.
    DnsServfail,
    /// They answer late for it.
    DnsSlow,
    /// They answer for it with another TTL.
    DnsTtl,
    /// The observer is killed, and not started again.
    ObserverLost,
    /// The observer reports the region down.
    ObserverLies,
    /// The observer reaches the region no more; without one, none.
    ObserverCutOff,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A fault as written: its kind, and what may belong to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Which.
    pub kind: Kind,
    /// `latency`, `dns-slow`: how late.
    pub delay: Option<Period>,
    /// `latency`: up to how much later at random.
    pub jitter: Option<Period>,
    /// `errors`, `reset`: how many.
    pub share: Option<Share>,
    /// `errors`, `wrong-body`: of which requests.
    pub paths: Option<Paths>,
    /// `slow-body`: how long.
    pub over: Option<Period>,
    /// `dns-ttl`: which.
    pub ttl: Option<Period>,
}

/// A fault by what it is put on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// On a region.
    Region(Fault),
    /// On a region's name.
    Name(NameFault),
    /// On an observer.
    Observer(ObserverFault),
}

impl Written {
    /// The fault that is meant; `wrong` hears of each key that is missing or has no place.
    pub fn check(self, mut wrong: impl FnMut(&'static str, String)) -> Option<Checked> {
        use Kind::{DnsSlow, DnsTtl, Errors, Latency, Reset, SlowBody, WrongBody};
        let Self { kind, delay, jitter, share, paths, over, ttl } = self;
        for (given, key, of) in [
            (delay.is_some(), "delay", &[Latency, DnsSlow][..]),
            (jitter.is_some(), "jitter", &[Latency]),
            (share.is_some(), "share", &[Errors, Reset]),
            (paths.is_some(), "paths", &[Errors, WrongBody]),
            (over.is_some(), "over", &[SlowBody]),
            (ttl.is_some(), "ttl", &[DnsTtl]),
        ] {
            if given && !of.contains(&kind) {
                wrong(key, format!("has no meaning for `{kind}`"));
            }
        }
        for (missing, key, of, what) in [
            (delay.is_none(), "delay", &[Latency, DnsSlow][..], "how late answers are"),
            (share.is_none(), "share", &[Errors], "how many answers, from 0 to 1"),
            (over.is_none(), "over", &[SlowBody], "how long a body takes"),
            (ttl.is_none(), "ttl", &[DnsTtl], "the TTL that is answered"),
        ] {
            if missing && of.contains(&kind) {
                wrong(key, format!("`{kind}` needs it: {what}"));
            }
        }
        if ttl.is_some_and(|ttl| ttl.0.subsec_nanos() != 0) {
            wrong("ttl", "a TTL is a whole number of seconds".to_owned());
        }
        let paths = paths.unwrap_or_default();
        Some(match kind {
            Kind::Down => Checked::Region(Fault::Down),
            Kind::Hang => Checked::Region(Fault::Hang),
            Kind::HalfOpen => Checked::Region(Fault::HalfOpen),
            Latency => Checked::Region(Fault::Latency { delay: delay?, jitter: jitter.unwrap_or_default() }),
            Errors => Checked::Region(Fault::Errors { share: share?, paths }),
            Reset => Checked::Region(Fault::Reset { share: share.unwrap_or(Share::ALL) }),
            WrongBody => Checked::Region(Fault::WrongBody { paths }),
            SlowBody => Checked::Region(Fault::SlowBody { over: over? }),
            Kind::CpuSaturation => Checked::Region(Fault::CpuSaturation),
            Kind::TlsExpired => Checked::Region(Fault::TlsExpired),
            Kind::TlsWrongName => Checked::Region(Fault::TlsWrongName),
            Kind::DnsNxdomain => Checked::Name(NameFault::Nxdomain),
            Kind::DnsEmpty => Checked::Name(NameFault::Empty),
            Kind::DnsServfail => Checked::Name(NameFault::Servfail),
            DnsSlow => Checked::Name(NameFault::Slow { delay: delay? }),
            DnsTtl => Checked::Name(NameFault::Ttl { ttl: ttl? }),
            Kind::ObserverLost => Checked::Observer(ObserverFault::Lost),
            Kind::ObserverLies => Checked::Observer(ObserverFault::Lies),
            Kind::ObserverCutOff => Checked::Observer(ObserverFault::CutOff),
        })
    }

    fn checked(self) -> Result<Checked, String> {
        let mut problems = Vec::new();
        let fault = self.check(|key, problem| problems.push(format!("`{key}` {problem}")));
        fault.filter(|_| problems.is_empty()).ok_or_else(|| problems.join("; "))
    }
}

impl TryFrom<Written> for Fault {
    type Error = String;
    fn try_from(written: Written) -> Result<Self, String> {
        let kind = written.kind;
        match written.checked()? {
            Checked::Region(fault) => Ok(fault),
            Checked::Name(_) | Checked::Observer(_) => Err(format!("`{kind}` is no fault of a region's server")),
        }
    }
}

impl TryFrom<Written> for NameFault {
    type Error = String;
    fn try_from(written: Written) -> Result<Self, String> {
        let kind = written.kind;
        match written.checked()? {
            Checked::Name(fault) => Ok(fault),
            Checked::Region(_) | Checked::Observer(_) => Err(format!("`{kind}` is no fault of a name")),
        }
    }
}

impl TryFrom<Written> for ObserverFault {
    type Error = String;
    fn try_from(written: Written) -> Result<Self, String> {
        let kind = written.kind;
        match written.checked()? {
            Checked::Observer(fault) => Ok(fault),
            Checked::Region(_) | Checked::Name(_) => Err(format!("`{kind}` is no fault of an observer")),
        }
    }
}

impl Fault {
    /// The fault as lived by a lab that runs `speed` times faster than life.
    #[must_use]
    pub fn scaled(&self, speed: f64) -> Self {
        match *self {
            Self::Latency { delay, jitter } => {
                Self::Latency { delay: delay.scaled(speed), jitter: jitter.scaled(speed) }
            }
            Self::SlowBody { over } => Self::SlowBody { over: over.scaled(speed) },
            _ => self.clone(),
        }
    }

    /// The fault at a share of its strength; `None` for one that is either on or off.
    #[must_use]
    pub fn at(&self, strength: Share) -> Option<Self> {
        let part = |whole: Period| Period(whole.0.mul_f64(strength.get()));
        match *self {
            Self::Latency { delay, jitter } => Some(Self::Latency { delay: part(delay), jitter: part(jitter) }),
            Self::SlowBody { over } => Some(Self::SlowBody { over: part(over) }),
            Self::Errors { share, paths } => Some(Self::Errors { share: share.of(strength), paths }),
            Self::Reset { share } => Some(Self::Reset { share: share.of(strength) }),
            _ => None,
        }
    }
}

impl NameFault {
    /// The fault as lived by a lab that runs `speed` times faster than life. A TTL has one second at least.
    #[must_use]
    pub fn scaled(&self, speed: f64) -> Self {
        match *self {
            Self::Slow { delay } => Self::Slow { delay: delay.scaled(speed) },
            Self::Ttl { ttl } => {
                let to_the_nearest = ttl.scaled(speed).0 + Duration::from_millis(500);
                Self::Ttl { ttl: Period::seconds(to_the_nearest.as_secs().max(1)) }
            }
            _ => self.clone(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = |share: Share| (share.get() * 1e3).round() / 10.0;
        let requests = |paths: Paths| match paths {
            Paths::All => "requests",
            Paths::User => "user requests",
        };
        match self {
            Self::Down => f.write_str("connections are refused"),
            Self::Hang => f.write_str("requests are never answered"),
            Self::HalfOpen => f.write_str("connections are taken and never read"),
            Self::Latency { delay, jitter } if *jitter == Period::default() => write!(f, "answers are {delay} late"),
            Self::Latency { delay, jitter } => write!(f, "answers are {delay} late, and up to {jitter} more"),
            Self::Errors { share, paths } => write!(f, "{}% of {} fail", percent(*share), requests(*paths)),
            Self::Reset { share } => write!(f, "{}% of connections are reset", percent(*share)),
            Self::WrongBody { paths } => write!(f, "{} are answered with a wrong body", requests(*paths)),
            Self::SlowBody { over } => write!(f, "bodies take {over}"),
            Self::CpuSaturation => f.write_str("a thread a core burns in its process"),
            Self::TlsExpired => f.write_str("the certificate has expired"),
            Self::TlsWrongName => f.write_str("the certificate is another name's"),
        }
    }
}

impl fmt::Display for NameFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nxdomain => f.write_str("its name does not exist"),
            Self::Empty => f.write_str("its name has no address: NOERROR without records"),
            Self::Servfail => f.write_str("the name servers fail for its name"),
            Self::Slow { delay } => write!(f, "its name is answered {delay} late"),
            Self::Ttl { ttl } => write!(f, "its name is answered with a TTL of {ttl}"),
        }
    }
}

impl fmt::Display for ObserverFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lost => "it is killed, and not started again",
            Self::Lies => "it reports a region down that it sees up",
            Self::CutOff => "it is cut off",
        })
    }
}

#[cfg(test)]
mod tests;
