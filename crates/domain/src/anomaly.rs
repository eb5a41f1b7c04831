//! How unusual an observer finds a region, and why.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What an observer's forest says of a region in one round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Anomaly {
    /// It has seen too little for a score.
    Learning {
        /// Usual rounds seen.
        rounds: u32,
        /// How many there must be.
        needed: u32,
    },
    /// A score.
    Scored {
        /// From 0 to 1; 0.5 is an average round.
        score: f64,
        /// It begins an episode, as the first round of it that is told.
        alert: bool,
        /// The episode that it belongs to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        episode: Option<Episode>,
        /// The two strongest at most, the strongest first.
        reasons: Vec<Reason>,
    },
}

impl Anomaly {
    /// The score, once there is one.
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        match self {
            Self::Learning { .. } => None,
            Self::Scored { score, .. } => Some(*score),
        }
    }

    /// Whether it begins an episode.
    #[must_use]
    pub fn is_alert(&self) -> bool {
        matches!(self, Self::Scored { alert: true, .. })
    }

    /// The episode that it belongs to.
    #[must_use]
    pub fn episode(&self) -> Option<Episode> {
        match self {
            Self::Learning { .. } => None,
            Self::Scored { episode, .. } => *episode,
        }
    }

    /// Why, the strongest first.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        match self {
            Self::Learning { .. } => &[],
            Self::Scored { reasons, .. } => reasons,
        }
    }
}

/// Rounds that belong together: from an unusual one until there was none for long enough. There is one alert of them.
///
/// It travels in the observation, so that it goes on in whichever invocation comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Episode {
    /// Its first unusual round.
    pub since: Timestamp,
    /// It is over unless there is another by then.
    pub until: Timestamp,
}

/// What may be unusual about a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sign {
    /// How long names took to resolve.
    DnsTime,
    /// How long TCP handshakes took.
    ConnectTime,
    /// How long TLS handshakes took.
    TlsTime,
    /// How long the answers' first bytes took.
    FirstByteTime,
    /// How long probes took as a whole.
    TotalTime,
    /// The share of requests that failed in DNS.
    DnsErrors,
    /// The share that failed in connecting.
    ConnectErrors,
    /// The share that failed in TLS.
    TlsErrors,
    /// The share that failed in HTTP.
    HttpErrors,
    /// Which addresses the names have.
    Answers,
    /// The answers' TTL.
    Ttl,
    /// The days that the certificates have left.
    Certificate,
    /// How large the bodies are.
    Body,
}

impl fmt::Display for Sign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::DnsTime => "time to resolve",
            Self::ConnectTime => "time to connect",
            Self::TlsTime => "time to shake hands",
            Self::FirstByteTime => "time to first byte",
            Self::TotalTime => "time in all",
            Self::DnsErrors => "DNS errors",
            Self::ConnectErrors => "connection errors",
            Self::TlsErrors => "TLS errors",
            Self::HttpErrors => "HTTP errors",
            Self::Answers => "the answer set changed",
            Self::Ttl => "TTL",
            Self::Certificate => "the certificate is about to expire",
            Self::Body => "body size",
        })
    }
}

/// Why a round is unusual.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// What is.
    pub sign: Sign,
    /// How many times the usual it is, where it is a size or a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<f64>,
    /// The share of all that makes the round unusual, from 0 to 1.
    pub share: f64,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.times {
            Some(times) => write!(f, "{} {times:.1} × usual", self.sign),
            None => self.sign.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_words() {
        let of = |sign, times| Reason { sign, times, share: 0.5 }.to_string();
        assert_eq!(of(Sign::FirstByteTime, Some(4.12)), "time to first byte 4.1 × usual");
        assert_eq!(of(Sign::Answers, None), "the answer set changed");
        assert_eq!(of(Sign::HttpErrors, None), "HTTP errors");
    }

    #[test]
    fn it_is_written_with_its_state() {
        let learning = Anomaly::Learning { rounds: 3, needed: 360 };
        let written = serde_json::to_string(&learning).unwrap();
        assert_eq!(written, r#"{"state":"learning","rounds":3,"needed":360}"#);
        assert_eq!(serde_json::from_str::<Anomaly>(&written).unwrap(), learning);
        assert_eq!((learning.score(), learning.is_alert(), learning.reasons()), (None, false, &[][..]));
    }
}
