//! How metrics get to `CloudWatch`, and who is told.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How metrics get to `CloudWatch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MetricsBy {
    /// By `PutMetricData`, in the control region.
    #[default]
    Api,
    /// As lines of each function's log, in its own region.
    Emf,
}

impl MetricsBy {
    pub(crate) fn is_api(&self) -> bool {
        *self == Self::Api
    }
}

/// Where a message of a topic goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub enum Subscriber {
    /// An e-mail address.
    Email(String),
    /// An HTTPS URL.
    Https(String),
}

/// A text that is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an e-mail address nor a URL that begins with https://")]
pub struct SubscriberError(String);

impl FromStr for Subscriber {
    type Err = SubscriberError;
    fn from_str(text: &str) -> Result<Self, SubscriberError> {
        let plain = !text.chars().any(|it| it.is_whitespace() || it.is_control());
        let has_host = text.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/'));
        let is_address = matches!(text.split_once('@'), Some((name, host)) if !name.is_empty() && host.contains('.'));
        match (plain, has_host, is_address && !text.contains('/')) {
            (true, true, _) => Ok(Self::Https(text.to_owned())),
            (true, false, true) => Ok(Self::Email(text.to_owned())),
            _ => Err(SubscriberError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for Subscriber {
    type Error = SubscriberError;
    fn try_from(text: String) -> Result<Self, SubscriberError> {
        text.parse()
    }
}

impl From<Subscriber> for String {
    fn from(subscriber: Subscriber) -> Self {
        let (Subscriber::Email(text) | Subscriber::Https(text)) = subscriber;
        text
    }
}

impl fmt::Display for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Email(text) | Self::Https(text)) = self;
        f.pad(text)
    }
}

impl Subscriber {
    /// SNS's word for the way there.
    #[must_use]
    pub const fn protocol(&self) -> &'static str {
        match self {
            Self::Email(_) => "email",
            Self::Https(_) => "https",
        }
    }
}

/// Who is told of what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Notify {
    /// E-mail addresses and HTTPS URLs that are told everything: switches, every alarm, recoveries.
    #[serde(default)]
    pub everything: Vec<Subscriber>,
    /// Those that are told only what somebody has to get up for, once.
    #[serde(default)]
    pub page: Vec<Subscriber>,
}

impl Notify {
    pub(crate) fn is_nobody(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_is_an_address_or_an_https_url() {
        let email = Subscriber::Email("on-call@example.com".to_owned());
        let https = Subscriber::Https("https://events.example.com/page?key=1".to_owned());
        for subscriber in [email, https] {
            assert_eq!(subscriber.to_string().parse(), Ok(subscriber));
        }
        for neither in
            ["", "on-call", "http://example.com", "https://", "https:///x", "a b@example.com", "@example.com"]
        {
            assert!(neither.parse::<Subscriber>().is_err(), "{neither}");
        }
    }
}
