//! A health check's configuration in the API's shape, and as our model takes it.

use std::net::IpAddr;

use route53::{
    CheckConfig, CheckKind, Endpoint, FailureThreshold, InsufficientData, Interval, Protocol, Request, can_be_checked,
    limits,
};
use serde::{Deserialize, Serialize};

use crate::proxy::xml::ApiError;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Type {
    Http,
    Https,
    HttpStrMatch,
    HttpsStrMatch,
    Tcp,
    Calculated,
    CloudwatchMetric,
    RecoveryControl,
}

macro_rules! config {
    ($($(#[$attribute:meta])* $field:ident: $kind:ty,)+) => {
        /// A configuration, or (without its fixed fields) what an update changes of one.
        #[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "PascalCase")]
        pub(super) struct HealthCheckConfig {
            $($(#[$attribute])* #[serde(skip_serializing_if = "Option::is_none")] $field: Option<$kind>,)+
        }

        impl HealthCheckConfig {
            fn over(self, held: HealthCheckConfig) -> HealthCheckConfig {
                HealthCheckConfig { $($field: self.$field.or(held.$field),)+ }
            }
        }
    };
}

config! {
    r#type: Type,
    request_interval: u32,
    measure_latency: bool,
    routing_control_arn: String,
    #[serde(rename = "IPAddress")]
    ip_address: String,
    port: u16,
    resource_path: String,
    fully_qualified_domain_name: String,
    search_string: String,
    failure_threshold: u32,
    inverted: bool,
    disabled: bool,
    health_threshold: u16,
    child_health_checks: Children,
    #[serde(rename = "EnableSNI")]
    enable_sni: bool,
    regions: Regions,
    alarm_identifier: AlarmIdentifier,
    insufficient_data_health_status: InsufficientStatus,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Children {
    #[serde(default)]
    child_health_check: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Regions {
    #[serde(default)]
    region: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AlarmIdentifier {
    region: String,
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum InsufficientStatus {
    Healthy,
    Unhealthy,
    LastKnownStatus,
}

impl HealthCheckConfig {
    /// With what Route 53 fills in where nothing is said.
    pub(super) fn with_defaults(mut self) -> Self {
        self.inverted.get_or_insert(false);
        self.disabled.get_or_insert(false);
        let default_port = match self.r#type {
            Some(Type::Http | Type::HttpStrMatch) => Some(80),
            Some(Type::Https | Type::HttpsStrMatch) => Some(443),
            Some(Type::Tcp) => None,
            Some(Type::Calculated | Type::CloudwatchMetric | Type::RecoveryControl) | None => return self,
        };
        self.port = self.port.or(default_port);
        self.request_interval.get_or_insert(30);
        self.measure_latency.get_or_insert(false);
        self.failure_threshold.get_or_insert(3);
        self.enable_sni.get_or_insert(default_port == Some(443));
        self
    }

    /// What a check is, and how often and how it measures, is fixed when it is created.
    pub(super) fn updated(&self, change: HealthCheckConfig, reset: &[String]) -> Self {
        let mut held = self.clone();
        for element in reset {
            match element.as_str() {
                "ChildHealthChecks" => held.child_health_checks = None,
                "FullyQualifiedDomainName" => held.fully_qualified_domain_name = None,
                "Regions" => held.regions = None,
                "ResourcePath" => held.resource_path = None,
                _ => {}
            }
        }
        let fixed = HealthCheckConfig {
            r#type: held.r#type,
            request_interval: held.request_interval,
            measure_latency: held.measure_latency,
            ..HealthCheckConfig::default()
        };
        fixed.over(change).over(held)
    }

    fn endpoint(&self, protocol: Protocol) -> Result<Endpoint, ApiError> {
        let address = self.ip_address.as_deref().map(parse_address).transpose()?;
        let domain = self.fully_qualified_domain_name.clone();
        if address.is_none() && domain.is_none() {
            return Err(invalid("either IPAddress or FullyQualifiedDomainName is expected"));
        }
        let interval = match self.request_interval {
            Some(10) => Interval::Fast,
            Some(30) | None => Interval::Standard,
            Some(other) => return Err(invalid(&format!("RequestInterval is 10 or 30, not {other}"))),
        };
        let failure_threshold = match self.failure_threshold {
            Some(count) => FailureThreshold::try_from(count).map_err(|error| invalid(&error.to_string()))?,
            None => FailureThreshold::default(),
        };
        let port = self.port.filter(|port| *port > 0).ok_or_else(|| invalid("Port is expected"))?;
        Ok(Endpoint { address, domain, port, protocol, interval, failure_threshold })
    }

    fn request(&self, searches: bool) -> Result<Request, ApiError> {
        let search = match (searches, self.search_string.clone().filter(|search| !search.is_empty())) {
            (true, None) => return Err(invalid("SearchString is expected")),
            (true, search) => search,
            (false, None) => None,
            (false, Some(_)) => return Err(invalid("SearchString goes with HTTP_STR_MATCH and HTTPS_STR_MATCH")),
        };
        let path = self.resource_path.as_deref().unwrap_or_default();
        Ok(Request { path: format!("/{}", path.trim_start_matches('/')), search })
    }
}

/// Loopback is the lab's one exemption from R30: its regions live there.
fn parse_address(text: &str) -> Result<IpAddr, ApiError> {
    let address: IpAddr = text.parse().map_err(|_| invalid(&format!("{text} is no IP address")))?;
    if address.is_loopback() || can_be_checked(address) {
        Ok(address)
    } else {
        Err(invalid(&format!("checkers can't reach the private or reserved address {address}")))
    }
}

fn invalid(reason: &str) -> ApiError {
    ApiError::InvalidInput(format!("Invalid health check: {reason}"))
}

impl TryFrom<&HealthCheckConfig> for CheckConfig {
    type Error = ApiError;

    fn try_from(config: &HealthCheckConfig) -> Result<Self, ApiError> {
        let kind = match config.r#type.ok_or_else(|| invalid("Type is expected"))? {
            Type::Tcp => CheckKind::Endpoint(config.endpoint(Protocol::Tcp)?),
            Type::Http => CheckKind::Endpoint(config.endpoint(Protocol::Http(config.request(false)?))?),
            Type::HttpStrMatch => CheckKind::Endpoint(config.endpoint(Protocol::Http(config.request(true)?))?),
            Type::Https => CheckKind::Endpoint(config.endpoint(Protocol::Https(config.request(false)?))?),
            Type::HttpsStrMatch => CheckKind::Endpoint(config.endpoint(Protocol::Https(config.request(true)?))?),
            Type::Calculated => {
                let children = config.child_health_checks.iter().flat_map(|children| &children.child_health_check);
                let children: std::collections::BTreeSet<_> = children.cloned().map(Into::into).collect();
                if children.len() > limits::CHILDREN {
                    return Err(invalid("more than 255 children"));
                }
                let threshold = config.health_threshold.ok_or_else(|| invalid("HealthThreshold is expected"))?;
                CheckKind::Calculated { children, threshold }
            }
            Type::CloudwatchMetric => {
                let alarm = config.alarm_identifier.clone().ok_or_else(|| invalid("AlarmIdentifier is expected"))?;
                let insufficient = match config.insufficient_data_health_status {
                    Some(InsufficientStatus::Healthy) => InsufficientData::Healthy,
                    Some(InsufficientStatus::Unhealthy) => InsufficientData::Unhealthy,
                    Some(InsufficientStatus::LastKnownStatus) | None => InsufficientData::LastKnownStatus,
                };
                CheckKind::Alarm { name: alarm.name, region: alarm.region, insufficient }
            }
            Type::RecoveryControl => return Err(ApiError::Unsupported("RECOVERY_CONTROL health checks".to_owned())),
        };
        Ok(CheckConfig { kind, inverted: config.inverted == Some(true), disabled: config.disabled == Some(true) })
    }
}
