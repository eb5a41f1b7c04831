//! Names and numbers that must not be mistaken for one another.

use std::{
    borrow::{Borrow, Cow},
    fmt,
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use arrayvec::ArrayString;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Period;

/// Why a text is not the name that it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}: {why}")]
pub struct NameError {
    what: &'static str,
    text: String,
    why: &'static str,
}

/// Labels and ids, held in place: decisions copy names by the dozen, and counting references costs more than their bytes.
type Short = ArrayString<64>;

/// Declares a newtype over a text that is checked once, when parsed.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident($held:ty), $what:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(#[schemars(with = "String")] $held);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                let check: fn(&str) -> Result<Cow<'_, str>, &'static str> = $check;
                let name = check(text).map_err(|why| NameError { what: $what, text: text.to_owned(), why })?;
                Ok(Self(name.as_ref().try_into().expect("what is checked is short enough")))
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.as_str().to_owned()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }
    };
}

fn label(text: &str) -> Result<Cow<'_, str>, &'static str> {
    if text.is_empty() || text.len() > 63 {
        return Err("it must have 1 to 63 characters");
    }
    if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return Err("it may hold only a-z, 0-9 and -");
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err("it may not begin or end with -");
    }
    Ok(text.into())
}

fn dns_name(text: &str) -> Result<Cow<'_, str>, &'static str> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    if name.is_empty() || name.len() > 253 {
        return Err("it must have 1 to 253 characters");
    }
    for label in name.split('.') {
        if label.is_empty() || label.len() > 63 {
            return Err("each part between dots must have 1 to 63 characters");
        }
        if !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return Err("it may hold only letters, digits, -, _ and dots");
        }
    }
    Ok(name.into())
}

fn identifier(text: &str) -> Result<Cow<'_, str>, &'static str> {
    if text.is_empty() || text.len() > 64 {
        return Err("it must have 1 to 64 characters");
    }
    if !text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Err("it may hold only letters, digits and -");
    }
    Ok(text.into())
}

fn prefixed<'a>(id: Cow<'a, str>, prefix: &str, why: &'static str) -> Result<Cow<'a, str>, &'static str> {
    if id.starts_with(prefix) { Ok(id) } else { Err(why) }
}

name!(
    /// A place that can serve: an AWS region or an external target.
    RegionName(Short), "region name", label
);
name!(
    /// One deployment of the checker; observers are named after their AWS region.
    ObserverName(Short), "observer name", label
);
name!(
    /// Names everything that one deployment owns.
    StackName(Short), "stack name", label
);
name!(
    /// A probe of a service, unique within it.
    ProbeName(Short), "probe name", label
);
name!(
    /// A DNS name in lower case without the final dot.
    DnsName(Arc<str>), "DNS name", dns_name
);
name!(
    /// A Route 53 hosted zone's id, without `/hostedzone/`.
    HostedZoneId(Short), "hosted zone id", |t| identifier(t.strip_prefix("/hostedzone/").unwrap_or(t))
);
name!(
    /// A Route 53 health check's id.
    CheckId(Short), "health check id", identifier
);
name!(
    /// A subnet's id.
    SubnetId(Short), "subnet id", |t| identifier(t).and_then(|id| prefixed(id, "subnet-", "it must begin with `subnet-`"))
);
name!(
    /// A security group's id.
    SecurityGroupId(Short), "security group id", |t| identifier(t).and_then(|id| prefixed(id, "sg-", "it must begin with `sg-`"))
);
name!(
    /// A plan's id: unique among the plans of a service.
    PlanId(Short), "plan id", identifier
);

impl From<&RegionName> for ObserverName {
    fn from(region: &RegionName) -> Self {
        Self(region.0)
    }
}

impl From<&ObserverName> for RegionName {
    fn from(observer: &ObserverName) -> Self {
        Self(observer.0)
    }
}

/// The number of a plan; the zone's TXT record holds the newest that took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch that follows.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a round: floor(time / interval), the same for every observer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Round(pub u64);

impl Round {
    /// The round that a moment, given since the Unix epoch, lies in.
    #[must_use]
    pub fn at(since_epoch: Duration, interval: Period) -> Self {
        let round = since_epoch.as_nanos() / interval.0.as_nanos().max(1);
        Self(u64::try_from(round).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_once_and_normalised() {
        assert_eq!("API.Example.com.".parse::<DnsName>().unwrap().as_str(), "api.example.com");
        assert_eq!("/hostedzone/Z1".parse::<HostedZoneId>().unwrap().as_str(), "Z1");
        assert_eq!(
            "eu west".parse::<RegionName>().unwrap_err().to_string(),
            "`eu west` is not a region name: it may hold only a-z, 0-9 and -"
        );
        assert!("a..b".parse::<DnsName>().is_err());
        assert!("-a".parse::<StackName>().is_err());
    }

    #[test]
    fn a_round_has_the_same_number_for_everybody_in_it() {
        let at = |millis| Round::at(Duration::from_millis(millis), Period::seconds(10)).0;
        assert_eq!((at(0), at(9_999), at(10_000), at(1_763_723_455_000)), (0, 0, 1, 176_372_345));
    }
}
