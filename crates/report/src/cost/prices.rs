//! The price table.

use std::sync::LazyLock;

use serde::Deserialize;

/// The embedded table.
pub(super) static TABLE: LazyLock<Prices> = LazyLock::new(|| {
    toml::from_str(include_str!("../prices.toml")).expect("the embedded price table is read by the tests")
});

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Prices {
    pub(super) as_of: String,
    pub(super) region: String,
    pub(super) lambda: Lambda,
    pub(super) eventbridge: EventBridge,
    pub(super) s3: S3,
    pub(super) cloudwatch: CloudWatch,
    pub(super) route53: Route53,
    pub(super) sns: Sns,
    pub(super) transfer: Transfer,
    pub(super) assumed: Assumed,
    pub(super) standby: Shares,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Lambda {
    pub(super) source: String,
    pub(super) gb_second: f64,
    pub(super) million_requests: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventBridge {
    pub(super) source: String,
    pub(super) million_events: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct S3 {
    pub(super) source: String,
    pub(super) thousand_puts: f64,
    pub(super) thousand_gets: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CloudWatch {
    pub(super) source: String,
    pub(super) metric: f64,
    pub(super) alarm: f64,
    pub(super) composite: f64,
    pub(super) dashboard: f64,
    pub(super) thousand_requests: f64,
    pub(super) log_gb: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Route53 {
    pub(super) source: String,
    pub(super) million_queries: f64,
    pub(super) check_aws: f64,
    pub(super) check_elsewhere: f64,
    pub(super) option_aws: f64,
    pub(super) option_elsewhere: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sns {
    pub(super) source: String,
    pub(super) hundred_thousand_emails: f64,
    pub(super) million_requests: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Transfer {
    pub(super) source: String,
    pub(super) gb: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Assumed {
    pub(super) hours_a_month: u32,
    pub(super) incident_hours: f64,
    pub(super) switches_a_month: u32,
    pub(super) name_servers: u32,
    pub(super) tick_seconds: f64,
    pub(super) log_kb_an_invocation: f64,
    pub(super) request_kb: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Shares {
    pub(super) primary_usd: u32,
    pub(super) always_on: f64,
    pub(super) warm: f64,
    pub(super) pilot_light: f64,
}
