//! What can be done to a region.

use std::fmt;

use domain::{Period, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something done to a region. Several at once combine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", try_from = "Written")]
pub enum Fault {
    /// Connections are refused: the listener is really closed, open connections are reset.
    Down,
    /// Connections are accepted, requests are never answered.
    Hang,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Connections are refused.
    Down,
    /// Requests are never answered.
    Hang,
    /// Every answer is late.
    Latency,
    /// Some answers are 503.
    Errors,
}

/// A fault as written: its kind, and what may belong to it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Written {
    /// Which.
    pub kind: Kind,
    /// `latency`: how late.
    pub delay: Option<Period>,
    /// `latency`: up to how much later at random.
    pub jitter: Option<Period>,
    /// `errors`: how many.
    pub share: Option<Share>,
    /// `errors`: of which requests.
    pub paths: Option<Paths>,
}

impl Written {
    /// The fault that is meant; `wrong` hears of each key that is missing or has no place.
    pub fn check(self, mut wrong: impl FnMut(&'static str, String)) -> Option<Fault> {
        let kind = match self.kind {
            Kind::Down => "down",
            Kind::Hang => "hang",
            Kind::Latency => "latency",
            Kind::Errors => "errors",
        };
        for (given, key, of) in [
            (self.delay.is_some(), "delay", Kind::Latency),
            (self.jitter.is_some(), "jitter", Kind::Latency),
            (self.share.is_some(), "share", Kind::Errors),
            (self.paths.is_some(), "paths", Kind::Errors),
        ] {
            if given && of != self.kind {
                wrong(key, format!("has no meaning for `{kind}`"));
            }
        }
        match self.kind {
            Kind::Down => Some(Fault::Down),
            Kind::Hang => Some(Fault::Hang),
            Kind::Latency => {
                if self.delay.is_none() {
                    wrong("delay", "`latency` needs it: how late answers are".to_owned());
                }
                Some(Fault::Latency { delay: self.delay?, jitter: self.jitter.unwrap_or_default() })
            }
            Kind::Errors => {
                if self.share.is_none() {
                    wrong("share", "`errors` needs it: how many answers, from 0 to 1".to_owned());
                }
                Some(Fault::Errors { share: self.share?, paths: self.paths.unwrap_or_default() })
            }
        }
    }
}

impl TryFrom<Written> for Fault {
    type Error = String;
    fn try_from(written: Written) -> Result<Self, String> {
        let mut problems = Vec::new();
        let fault = written.check(|key, problem| problems.push(format!("`{key}` {problem}")));
        fault.filter(|_| problems.is_empty()).ok_or_else(|| problems.join("; "))
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
            Self::Down | Self::Hang | Self::Errors { .. } => self.clone(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => f.write_str("connections are refused"),
            Self::Hang => f.write_str("requests are never answered"),
            Self::Latency { delay, jitter } if *jitter == Period::default() => write!(f, "answers are {delay} late"),
            Self::Latency { delay, jitter } => write!(f, "answers are {delay} late, and up to {jitter} more"),
            Self::Errors { share, paths } => {
                let of = match paths {
                    Paths::All => "requests",
                    Paths::User => "user requests",
                };
                write!(f, "{}% of {of} fail", (share.get() * 1e3).round() / 10.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Fault, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn a_fault_survives_a_round_trip() {
        let share = Share::try_from(0.4).unwrap();
        for fault in [
            Fault::Down,
            Fault::Hang,
            Fault::Latency { delay: Period::millis(200), jitter: Period::millis(50) },
            Fault::Errors { share, paths: Paths::User },
        ] {
            let json = serde_json::to_string(&fault).unwrap();
            assert_eq!(read(&json), Ok(fault), "{json}");
        }
    }

    #[test]
    fn what_has_no_place_is_refused() {
        assert_eq!(read(r#"{"kind":"down"}"#), Ok(Fault::Down));
        assert!(read(r#"{"kind":"down","share":0.5}"#).unwrap_err().contains("`share` has no meaning for `down`"));
        assert!(read(r#"{"kind":"latency"}"#).unwrap_err().contains("`delay`"));
        assert!(read(r#"{"kind":"errors","share":4}"#).unwrap_err().contains("not a share"));
        assert!(read(r#"{"kind":"down","colour":"red"}"#).unwrap_err().contains("unknown field `colour`"));
    }

    #[test]
    fn people_can_read_it() {
        let errors = Fault::Errors { share: Share::try_from(0.4).unwrap(), paths: Paths::User };
        assert_eq!(errors.to_string(), "40% of user requests fail");
        let late = Fault::Latency { delay: Period::millis(200), jitter: Period::millis(50) };
        assert_eq!(late.to_string(), "answers are 200ms late, and up to 50ms more");
    }

    #[test]
    fn speed_shortens_delays_only() {
        let late = Fault::Latency { delay: Period::seconds(2), jitter: Period::seconds(1) };
        assert_eq!(late.scaled(2.0), Fault::Latency { delay: Period::seconds(1), jitter: Period::millis(500) });
        assert_eq!(Fault::Down.scaled(2.0), Fault::Down);
    }
}
