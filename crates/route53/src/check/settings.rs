//! A health check's configuration in the API's shape: kept whole as it was given, and judged.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::{
    CheckConfig, CheckKind, Endpoint, FailureThreshold, InsufficientData, Interval, Protocol, Request, can_be_checked,
    limits,
};
use crate::invalid::{Bounds, InvalidInput};

const FAILURE_THRESHOLD: Bounds = Bounds { least: 1, most: 10, kind: "FailureThreshold" };
const HEALTH_THRESHOLD: Bounds = Bounds { least: 0, most: 256, kind: "HealthThreshold" };
const PORT: Bounds = Bounds { least: 1, most: 65_535, kind: "Port" };
const REQUEST_INTERVAL: Bounds = Bounds { least: 10, most: 30, kind: "RequestInterval" };
/// Characters of a search string, and of a path.
const TEXT: usize = 255;
/// Checker regions that a check needs (R20).
const REGIONS: usize = 3;

macro_rules! settings {
    ($($(#[$attribute:meta])* $field:ident: $kind:ty,)+) => {
        /// A configuration as given, or what an update changes of one.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase")]
        #[allow(missing_docs)]
        pub struct CheckSettings {
            $($(#[$attribute])* #[serde(skip_serializing_if = "Option::is_none")] pub $field: Option<$kind>,)+
        }

        impl CheckSettings {
            fn over(self, held: CheckSettings) -> CheckSettings {
                CheckSettings { $($field: self.$field.or(held.$field),)+ }
            }

            fn differing(&self, other: &CheckSettings) -> Vec<&'static str> {
                [$((self.$field != other.$field).then_some(stringify!($field)),)+].into_iter().flatten().collect()
            }
        }
    };
}

settings! {
    #[serde(rename = "IPAddress")]
    ip_address: String,
    port: i64,
    r#type: String,
    resource_path: String,
    fully_qualified_domain_name: String,
    search_string: String,
    request_interval: i64,
    failure_threshold: i64,
    measure_latency: bool,
    inverted: bool,
    disabled: bool,
    health_threshold: i64,
    child_health_checks: Children,
    #[serde(rename = "EnableSNI")]
    enable_sni: bool,
    regions: Regions,
    alarm_identifier: AlarmIdentifier,
    insufficient_data_health_status: String,
    routing_control_arn: String,
}

/// The checks that a calculated one counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct Children {
    #[serde(default)]
    pub child_health_check: Vec<String>,
}

/// The regions that checkers probe from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct Regions {
    #[serde(default)]
    pub region: Vec<String>,
}

/// The alarm whose data a metric check follows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct AlarmIdentifier {
    pub region: String,
    pub name: String,
}

/// What the type asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asks {
    Tcp,
    Http { searches: bool },
    Https { searches: bool },
    Children,
    Alarm,
}

impl CheckSettings {
    fn asks(&self) -> Result<Asks, InvalidInput> {
        const TYPES: &str =
            "[HTTP, HTTPS, HTTP_STR_MATCH, HTTPS_STR_MATCH, TCP, CALCULATED, CLOUDWATCH_METRIC, RECOVERY_CONTROL]";
        Ok(match self.r#type.as_deref() {
            Some("TCP") => Asks::Tcp,
            Some("HTTP") => Asks::Http { searches: false },
            Some("HTTP_STR_MATCH") => Asks::Http { searches: true },
            Some("HTTPS") => Asks::Https { searches: false },
            Some("HTTPS_STR_MATCH") => Asks::Https { searches: true },
            Some("CALCULATED") => Asks::Children,
            Some("CLOUDWATCH_METRIC") => Asks::Alarm,
            Some("RECOVERY_CONTROL") => {
                return Err(InvalidInput::parameter("the lab's Route 53 does not know RECOVERY_CONTROL health checks"));
            }
            other => return Err(InvalidInput::not_one_of(other.unwrap_or_default().to_owned(), TYPES)),
        })
    }

    /// With what Route 53 fills in where nothing is said.
    #[must_use]
    pub fn with_defaults(mut self) -> Self {
        self.inverted.get_or_insert(false);
        self.disabled.get_or_insert(false);
        let port = match self.asks() {
            Ok(Asks::Http { .. }) => Some(80),
            Ok(Asks::Https { .. }) => Some(443),
            Ok(Asks::Tcp) => None,
            Ok(Asks::Children | Asks::Alarm) | Err(_) => return self,
        };
        self.port = self.port.or(port);
        self.request_interval.get_or_insert(30);
        self.measure_latency.get_or_insert(false);
        self.failure_threshold.get_or_insert(3);
        self.enable_sni.get_or_insert(port == Some(443));
        self
    }

    /// The settings, by name, in which a check that is held differs from these, however either was written.
    #[must_use]
    pub fn drift(&self, held: &CheckSettings) -> Vec<&'static str> {
        self.clone().normal().differing(&held.clone().normal())
    }

    fn normal(self) -> Self {
        let mut normal = self.with_defaults();
        let texts = [&mut normal.resource_path, &mut normal.search_string, &mut normal.fully_qualified_domain_name];
        for text in texts {
            text.take_if(|text| text.is_empty());
        }
        if let Some(path) = &mut normal.resource_path {
            *path = format!("/{}", path.trim_start_matches('/'));
        }
        let of_an_endpoint = matches!(normal.asks(), Ok(Asks::Tcp | Asks::Http { .. } | Asks::Https { .. }));
        if of_an_endpoint && normal.regions.is_none() {
            normal.regions = Some(Regions { region: limits::REGIONS.map(str::to_owned).to_vec() });
        }
        if let Some(regions) = &mut normal.regions {
            regions.region.sort();
        }
        if let Some(children) = &mut normal.child_health_checks {
            children.child_health_check.sort();
        }
        normal
    }

    /// With `change` made and the elements of `reset` put back to what they are when nothing is said.
    ///
    /// # Errors
    /// An unknown element, or a change of what is fixed once a check is made: whether it has an address.
    pub fn updated(&self, change: CheckSettings, reset: &[String]) -> Result<Self, InvalidInput> {
        if change.ip_address.is_some() && self.ip_address.is_none() {
            return Err(InvalidInput::parameter("An IP address can't be added to a health check that has none."));
        }
        let mut held = self.clone();
        for element in reset {
            match element.as_str() {
                "ChildHealthChecks" => held.child_health_checks = None,
                "FullyQualifiedDomainName" => held.fully_qualified_domain_name = None,
                "Regions" => held.regions = None,
                "ResourcePath" => held.resource_path = None,
                other => {
                    let known = "[FullyQualifiedDomainName, Regions, ResourcePath, ChildHealthChecks]";
                    return Err(InvalidInput::not_one_of(other.to_owned(), known));
                }
            }
        }
        // What a check is, and how often and how it measures, is fixed when it is made.
        let fixed = CheckSettings {
            r#type: held.r#type.clone(),
            request_interval: held.request_interval,
            measure_latency: held.measure_latency,
            routing_control_arn: held.routing_control_arn.clone(),
            ..CheckSettings::default()
        };
        Ok(fixed.over(change).over(held))
    }

    /// The configuration as the model has it. Loopback is the lab's one exemption from R30: its regions live there.
    ///
    /// # Errors
    /// Whatever Route 53 would not take. That children exist is not looked at.
    pub fn judge(&self) -> Result<CheckConfig, InvalidInput> {
        let asks = self.asks()?;
        self.only_what_fits(asks)?;
        let kind = match asks {
            Asks::Tcp => self.endpoint(Protocol::Tcp)?,
            Asks::Http { searches } => self.endpoint(Protocol::Http(self.request(searches)?))?,
            Asks::Https { searches } => self.endpoint(Protocol::Https(self.request(searches)?))?,
            Asks::Children => self.calculated()?,
            Asks::Alarm => self.alarm()?,
        };
        Ok(CheckConfig { kind, inverted: self.inverted == Some(true), disabled: self.disabled == Some(true) })
    }

    /// Refuses the settings of other types.
    fn only_what_fits(&self, asks: Asks) -> Result<(), InvalidInput> {
        let endpoint = [
            (self.ip_address.is_some(), "an IP address"),
            (self.port.is_some(), "a port"),
            (self.resource_path.is_some(), "a resource path"),
            (self.fully_qualified_domain_name.is_some(), "a fully qualified domain name"),
            (self.search_string.is_some(), "a search string"),
            (self.request_interval.is_some(), "a request interval"),
            (self.failure_threshold.is_some(), "a failure threshold"),
            (self.regions.is_some(), "a region"),
            (self.enable_sni == Some(true), "SNI"),
        ];
        let calculated =
            [(self.health_threshold.is_some(), "a health threshold"), (self.child_health_checks.is_some(), "a child")];
        // "an metric region" is Route 53's own grammar.
        let alarm = [
            (self.alarm_identifier.is_some(), "an metric region"),
            (self.insufficient_data_health_status.is_some(), "an insufficient data health status"),
        ];
        let (called, others) = match asks {
            Asks::Tcp | Asks::Http { .. } | Asks::Https { .. } => ("Basic", [&calculated[..], &alarm].concat()),
            Asks::Children => ("Calculated", [&endpoint[..], &alarm].concat()),
            Asks::Alarm => ("Metric", [&endpoint[..], &calculated].concat()),
        };
        match others.into_iter().find(|(given, _)| *given) {
            Some((_, what)) => {
                Err(InvalidInput::parameter(format!("{called} health checks must not have {what} specified.")))
            }
            None => Ok(()),
        }
    }

    fn endpoint(&self, protocol: Protocol) -> Result<CheckKind, InvalidInput> {
        let address = self.ip_address.as_deref().map(address).transpose()?;
        let domain = self.fully_qualified_domain_name.clone().filter(|domain| !domain.is_empty());
        if address.is_none() && domain.is_none() {
            return Err(InvalidInput::parameter(
                "Basic health checks must have an IP address or a fully qualified domain name specified.",
            ));
        }
        if protocol == Protocol::Tcp && self.resource_path.as_ref().is_some_and(|path| !path.is_empty()) {
            return Err(InvalidInput::parameter("TCP health checks must not have a resource path specified."));
        }
        if !matches!(protocol, Protocol::Https(_)) && self.enable_sni == Some(true) {
            return Err(InvalidInput::parameter("SNI can be enabled for HTTPS health checks only."));
        }
        let interval = match self.request_interval {
            Some(10) => Interval::Fast,
            Some(30) | None => Interval::Standard,
            Some(other) => {
                REQUEST_INTERVAL.hold::<u8>(other)?;
                return Err(InvalidInput::parameter(format!("The request interval is 10 or 30 seconds, not {other}.")));
            }
        };
        let failure_threshold = match self.failure_threshold {
            Some(count) => FailureThreshold(FAILURE_THRESHOLD.hold(count)?),
            None => FailureThreshold::default(),
        };
        let port = self.port.ok_or_else(|| InvalidInput::parameter("TCP health checks must have a port specified."))?;
        self.judge_regions()?;
        let port = PORT.hold(port)?;
        Ok(CheckKind::Endpoint(Endpoint { address, domain, port, protocol, interval, failure_threshold }))
    }

    fn judge_regions(&self) -> Result<(), InvalidInput> {
        let Some(Regions { region }) = &self.regions else { return Ok(()) };
        if let Some(unknown) = region.iter().find(|region| !limits::REGIONS.contains(&region.as_str())) {
            let known = "[us-east-1, us-west-1, us-west-2, eu-west-1, ap-southeast-1, ap-southeast-2, ap-northeast-1, sa-east-1]";
            return Err(InvalidInput::not_one_of(unknown.clone(), known));
        }
        if region.iter().collect::<BTreeSet<_>>().len() < REGIONS {
            return Err(InvalidInput::parameter(format!(
                "Health checks must have at least {REGIONS} regions specified."
            )));
        }
        Ok(())
    }

    fn request(&self, searches: bool) -> Result<Request, InvalidInput> {
        let search = match (searches, self.search_string.clone().filter(|search| !search.is_empty())) {
            (true, None) => {
                return Err(InvalidInput::parameter("String match health checks must have a search string specified."));
            }
            (false, Some(_)) => {
                return Err(InvalidInput::parameter(
                    "Only string match health checks may have a search string specified.",
                ));
            }
            (_, search) => search,
        };
        let path = self.resource_path.as_deref().unwrap_or_default();
        for (text, kind) in [(search.as_deref().unwrap_or_default(), "SearchString"), (path, "ResourcePath")] {
            if text.chars().count() > TEXT {
                return Err(InvalidInput::Length { value: text.to_owned(), most: TEXT, kind });
            }
        }
        Ok(Request { path: format!("/{}", path.trim_start_matches('/')), search })
    }

    fn calculated(&self) -> Result<CheckKind, InvalidInput> {
        let threshold = self.health_threshold.ok_or_else(|| {
            InvalidInput::parameter("Calculated health checks must have a health threshold specified.")
        })?;
        let children = self.child_health_checks.iter().flat_map(|children| &children.child_health_check);
        let children: BTreeSet<_> = children.cloned().map(Into::into).collect();
        if children.len() > limits::CHILDREN {
            return Err(InvalidInput::parameter(format!(
                "Calculated health checks must not have more than {} children.",
                limits::CHILDREN
            )));
        }
        Ok(CheckKind::Calculated { children, threshold: HEALTH_THRESHOLD.hold(threshold)? })
    }

    fn alarm(&self) -> Result<CheckKind, InvalidInput> {
        let AlarmIdentifier { name, region } = self
            .alarm_identifier
            .clone()
            .ok_or_else(|| InvalidInput::parameter("Metric health checks must have an alarm identifier specified."))?;
        let insufficient = match self.insufficient_data_health_status.as_deref() {
            Some("Healthy") => InsufficientData::Healthy,
            Some("Unhealthy") => InsufficientData::Unhealthy,
            Some("LastKnownStatus") | None => InsufficientData::LastKnownStatus,
            Some(other) => {
                return Err(InvalidInput::not_one_of(other.to_owned(), "[Healthy, Unhealthy, LastKnownStatus]"));
            }
        };
        Ok(CheckKind::Alarm { name, region, insufficient })
    }
}

fn address(text: &str) -> Result<IpAddr, InvalidInput> {
    let address: IpAddr = text.parse().map_err(|_| InvalidInput::NoAddress(text.to_owned()))?;
    if address.is_loopback() || can_be_checked(address) {
        Ok(address)
    } else {
        Err(InvalidInput::parameter(format!(
            "The IP address {address} is private or reserved: health checkers can't reach it."
        )))
    }
}

#[cfg(test)]
mod tests;
