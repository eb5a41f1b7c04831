//! What can be done to AWS itself: rules as `LocalStack`'s chaos API has them, and what that can't say.

use std::fmt;

use domain::{Period, RegionName, Share};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What `LocalStack` answers with where a rule names no error.
const UNAVAILABLE: (u16, &str) = (503, "ServiceUnavailable");
/// How long reads lag behind a write where a rule does not say.
const STALE_FOR: Period = Period::seconds(5);

/// A rule: which calls it meets, how many of them, and what becomes of those.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AwsFault {
    /// Which calls.
    pub calls: Calls,
    /// What must stand in the path of a call: a bucket's name, or a part of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// How many of them, drawn for each.
    pub probability: Share,
    /// What becomes of them.
    pub effect: Effect,
}

/// Which calls are meant; what is not said is any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Calls {
    /// To this service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<AwsService>,
    /// To this region's endpoint. Route 53's is in us-east-1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<RegionName>,
    /// Of this operation, by the API's name for it: `PutObject`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
}

/// A service that Pointsman calls, by its name in `LocalStack`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "these are AWS's names")]
pub enum AwsService {
    Cloudformation,
    Cloudwatch,
    Events,
    Lambda,
    Route53,
    S3,
    Sns,
    Sts,
}

impl AwsService {
    /// Its name in a signature's scope.
    #[must_use]
    pub const fn scope(self) -> &'static str {
        match self {
            Self::Cloudformation => "cloudformation",
            Self::Cloudwatch => "monitoring",
            Self::Events => "events",
            Self::Lambda => "lambda",
            Self::Route53 => "route53",
            Self::S3 => "s3",
            Self::Sns => "sns",
            Self::Sts => "sts",
        }
    }
}

impl fmt::Display for AwsService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.service {
            Some(service) => write!(f, "{service}")?,
            None => f.write_str("AWS")?,
        }
        self.operation.iter().try_for_each(|operation| write!(f, " {operation}"))?;
        self.region.iter().try_for_each(|region| write!(f, " in {region}"))
    }
}

impl Calls {
    /// Whether a call is meant, of a service by its name in a signature's scope.
    #[must_use]
    pub fn include(&self, scope: &str, region: &str, operation: &str) -> bool {
        self.service.is_none_or(|service| service.scope() == scope)
            && self.region.as_ref().is_none_or(|own| own.as_str() == region)
            && self.operation.as_ref().is_none_or(|own| own == operation)
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Effect {
    /// It is refused.
    Error {
        /// The HTTP status.
        status: u16,
        /// AWS's error code.
        code: String,
    },
    /// It is one too many.
    Throttle {
        /// AWS's error code; none: the service's own.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<String>,
    },
    /// It takes longer.
    Latency {
        /// By this much.
        delay: Period,
    },
    /// Its connection is reset before it takes effect.
    Reset,
    /// It is never answered, nor does it take effect.
    Hang,
    /// It takes effect, and then its connection is reset.
    LostReply,
    /// A read gets what the same read got before the last write.
    StaleRead {
        /// For this long after the write.
        window: Period,
    },
    /// Events are taken, and delivered later.
    DelayEvents {
        /// By this much.
        delay: Period,
    },
    /// Events are taken, and delivered twice.
    DoubleEvents,
    /// Events are taken, and never delivered.
    DropEvents,
    /// The whole region is gone: its endpoints, and whatever of ours runs in it.
    RegionDown,
    /// Route 53's control plane is away everywhere, while answers and checks go on (R43, R44).
    Route53ControlPlane,
}

/// The kind of a rule, as written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum AwsKind {
    /// Calls are refused with `error`, as by `LocalStack`.
    #[default]
    Error,
    /// Calls are one too many: the service's own code for that.
    Throttle,
    /// Calls take longer, by `delay`.
    Latency,
    /// Connections are reset before the call takes effect.
    Reset,
    /// Calls are never answered, nor do they take effect.
    Hang,
    /// Calls take effect, and then the connection is reset.
    LostReply,
    /// Reads get what they got before the last write, for `window` after it.
    StaleRead,
    /// `PutEvents`: delivered later, by `delay`.
    DelayEvents,
    /// `PutEvents`: delivered twice.
    DoubleEvents,
    /// `PutEvents`: accepted, and never delivered.
    DropEvents,
    /// The whole region is gone: its endpoints, and whatever of Pointsman runs in it.
    RegionDown,
    /// Route 53's control plane is away everywhere, while its answers and checks go on.
    Route53ControlPlane,
}

impl AwsKind {
    const fn is_of_events(self) -> bool {
        matches!(self, Self::DelayEvents | Self::DoubleEvents | Self::DropEvents)
    }
}

impl fmt::Display for AwsKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// What a call is answered with, as in `LocalStack`'s rules.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ErrorWritten {
    /// The HTTP status, 400 to 599. Default 503.
    #[serde(rename = "statusCode")]
    status_code: Option<u16>,
    /// AWS's error code. Default `ServiceUnavailable`.
    code: Option<String>,
}

/// A rule as written.
#[derive(Debug)]
pub(crate) struct AwsWritten {
    pub(crate) kind: AwsKind,
    pub(crate) calls: Calls,
    pub(crate) resource: Option<String>,
    pub(crate) probability: Option<Share>,
    pub(crate) error: Option<ErrorWritten>,
    pub(crate) delay: Option<Period>,
    pub(crate) window: Option<Period>,
}

impl AwsWritten {
    /// The rule that is meant; `wrong` hears of each key that is missing or has no place.
    pub(crate) fn check(self, mut wrong: impl FnMut(&'static str, String)) -> Option<AwsFault> {
        let Self { kind, calls, resource, probability, error, delay, window } = self;
        let late = [AwsKind::Latency, AwsKind::DelayEvents].contains(&kind);
        // What is about a whole region, or Route 53 as a whole, leaves nothing to choose.
        let whole = [AwsKind::RegionDown, AwsKind::Route53ControlPlane].contains(&kind);
        let control_plane = kind == AwsKind::Route53ControlPlane;
        let answered = [AwsKind::Error, AwsKind::Throttle].contains(&kind);
        for (given, key, fits) in [
            (error.is_some(), "error", answered),
            (delay.is_some(), "delay", late),
            (window.is_some(), "window", kind == AwsKind::StaleRead),
            (probability.is_some(), "probability", !whole),
            (resource.is_some(), "resource", !whole && !kind.is_of_events()),
            (calls.service.is_some(), "service", !whole && !kind.is_of_events()),
            (calls.operation.is_some(), "operation", !whole && !kind.is_of_events()),
            (calls.region.is_some(), "region", !control_plane),
        ] {
            if given && !fits {
                wrong(key, format!("has no meaning for `{kind}`"));
            }
        }
        if kind == AwsKind::RegionDown && calls.region.is_none() {
            wrong("region", format!("`{kind}` needs it: which one"));
        }
        if late && delay.is_none() {
            wrong("delay", format!("`{kind}` needs it: how late"));
        }
        let (status, code) = error.map_or((None, None), |error| (error.status_code, error.code));
        if kind == AwsKind::Throttle && status.is_some() {
            wrong("error", "`throttle` has the service's own status: say `code` alone".to_owned());
        }
        if status.is_some_and(|status| !(400..600).contains(&status)) {
            wrong("error", "`statusCode` of an error is from 400 to 599".to_owned());
        }
        let effect = match kind {
            AwsKind::Error => Effect::Error {
                status: status.unwrap_or(UNAVAILABLE.0),
                code: code.unwrap_or_else(|| UNAVAILABLE.1.to_owned()),
            },
            AwsKind::Throttle => Effect::Throttle { code },
            AwsKind::Latency => Effect::Latency { delay: delay? },
            AwsKind::Reset => Effect::Reset,
            AwsKind::Hang => Effect::Hang,
            AwsKind::LostReply => Effect::LostReply,
            AwsKind::StaleRead => Effect::StaleRead { window: window.unwrap_or(STALE_FOR) },
            AwsKind::DelayEvents => Effect::DelayEvents { delay: delay? },
            AwsKind::DoubleEvents => Effect::DoubleEvents,
            AwsKind::DropEvents => Effect::DropEvents,
            AwsKind::RegionDown => Effect::RegionDown,
            AwsKind::Route53ControlPlane => Effect::Route53ControlPlane,
        };
        let calls = match kind {
            AwsKind::Route53ControlPlane => Calls { service: Some(AwsService::Route53), ..Calls::default() },
            _ if kind.is_of_events() => {
                let operation = Some("PutEvents".to_owned());
                Calls { service: Some(AwsService::Events), operation, ..calls }
            }
            _ => calls,
        };
        Some(AwsFault { calls, resource, probability: probability.unwrap_or(Share::ALL), effect })
    }
}

impl AwsFault {
    /// The rule as lived by a lab that runs `speed` times faster than life.
    #[must_use]
    pub fn scaled(&self, speed: f64) -> Self {
        let effect = match self.effect {
            Effect::Latency { delay } => Effect::Latency { delay: delay.scaled(speed) },
            Effect::DelayEvents { delay } => Effect::DelayEvents { delay: delay.scaled(speed) },
            Effect::StaleRead { window } => Effect::StaleRead { window: window.scaled(speed) },
            ref other => other.clone(),
        };
        Self { effect, ..self.clone() }
    }

    /// The region that is gone as a whole.
    #[must_use]
    pub fn lost_region(&self) -> Option<&RegionName> {
        self.calls.region.as_ref().filter(|_| self.effect == Effect::RegionDown)
    }

    /// What it is put on, in words: `route53 ChangeResourceRecordSets`.
    #[must_use]
    pub fn target(&self) -> String {
        match (&self.effect, &self.calls.region, &self.resource) {
            (Effect::RegionDown, Some(region), _) => format!("AWS region {region}"),
            (Effect::Route53ControlPlane, ..) => "Route 53's control plane".to_owned(),
            (.., None) => self.calls.to_string(),
            (.., Some(resource)) => format!("{}, of `{resource}`", self.calls),
        }
    }
}

impl fmt::Display for AwsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.target())?;
        if self.probability != Share::ALL {
            write!(f, "{}% of calls: ", (self.probability.get() * 1e3).round() / 10.0)?;
        }
        match &self.effect {
            Effect::Error { status, code } => write!(f, "answered with {status} {code}"),
            Effect::Throttle { code: None } => f.write_str("throttled"),
            Effect::Throttle { code: Some(code) } => write!(f, "throttled with {code}"),
            Effect::Latency { delay } => write!(f, "answered {delay} late"),
            Effect::Reset => f.write_str("connections are reset"),
            Effect::Hang => f.write_str("never answered"),
            Effect::LostReply => f.write_str("done, and the reply is lost"),
            Effect::StaleRead { window } => write!(f, "reads get what held before the last write, for {window}"),
            Effect::DelayEvents { delay } => write!(f, "events are delivered {delay} late"),
            Effect::DoubleEvents => f.write_str("events are delivered twice"),
            Effect::DropEvents => f.write_str("events are taken and never delivered"),
            Effect::RegionDown => f.write_str("the whole region is gone"),
            Effect::Route53ControlPlane => f.write_str("unreachable, while answers and checks go on"),
        }
    }
}

#[cfg(test)]
mod tests;
