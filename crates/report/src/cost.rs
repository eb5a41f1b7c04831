//! What a deployment costs a month by list price, and what a standby of the service itself costs. A model, not a bill.

mod prices;
mod usage;

use std::fmt;

use domain::{Config, MetricsBy, Period};
use monitoring::{Kept, Metric, QUIET, alarms, composites, dashboards, metrics_kept};
use serde::{Deserialize, Serialize};

use prices::{Assumed, Prices, Shares, TABLE};
use usage::{Checks, Month};

/// The functions' memory in GB, as in `infra/*.yaml`.
const CHECKER_GB: f64 = 0.125;
const FAILOVER_GB: f64 = 0.25;
/// What a metric's line of a log takes, where metrics go that way.
const LOG_KB_A_METRIC: f64 = 0.25;
/// Of a region an observer writes what it has learned no more often: a week's history has so many rounds at most.
const ROUNDS_KEPT_A_WEEK: f64 = 2_048.0;
const MINUTES_A_WEEK: f64 = 7.0 * 1_440.0;
/// An observation is written at least this often, in seconds.
const KEEP_ALIVE_S: f64 = 30.0;
/// At its beginning a checker reads its predecessor's last observation, at its end it looks for its successor's first.
const READS_AN_INVOCATION: f64 = 3.5;

/// US dollars, in whole cents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "f64", into = "f64")]
pub struct Usd(u64);

impl From<f64> for Usd {
    /// Rounded; a negative amount is none.
    fn from(dollars: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from a float saturates")]
        Self((dollars * 100.0).round() as u64)
    }
}

impl From<Usd> for f64 {
    fn from(Usd(cents): Usd) -> f64 {
        cents as f64 / 100.0
    }
}

impl Usd {
    /// The difference; none if that amount is more than this.
    #[must_use]
    pub fn less(self, that: Self) -> Option<Self> {
        self.0.checked_sub(that.0).map(Self)
    }
}

impl std::iter::Sum for Usd {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.map(|Self(cents)| cents).sum())
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, cents) = (self.0 / 100, self.0 % 100);
        let mut digits = dollars.to_string();
        for place in (1..digits.len()).rev().filter(|place| (digits.len() - place) % 3 == 0).collect::<Vec<_>>() {
            digits.insert(place, ',');
        }
        f.pad(&format!("${digits}.{cents:02}"))
    }
}

/// A month of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cost {
    /// The month of the price table, `2026-11`.
    pub as_of: String,
    /// The region whose list prices they are.
    pub region: String,
    /// What is paid for.
    pub items: Vec<Item>,
    /// Their sum.
    pub monthly: Usd,
    /// The same with rounds of a second.
    pub with_fast_rounds: Usd,
    /// Ways to keep a second region of the service ready.
    pub standby: Vec<Standby>,
    /// What the model takes for granted, a sentence each.
    pub assumptions: Vec<String>,
}

/// One thing that is paid for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What.
    pub name: String,
    /// How the amount comes about, in words.
    pub how: String,
    /// Where the price stands.
    pub source: String,
    /// A month.
    pub monthly: Usd,
}

/// One way to keep a second region of the service ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standby {
    /// Its usual name.
    pub name: String,
    /// What runs in the second region.
    pub runs: String,
    /// The second region, a month.
    pub monthly: Usd,
    /// That, of what the primary costs; hundredths of a percent.
    pub share_bp: u32,
}

/// What a deployment costs a month. A lab's configuration counts as it would be in life.
#[must_use]
pub fn of(config: &Config) -> Cost {
    let Prices { as_of, region, assumed, standby, .. } = &*TABLE;
    let items = items(config);
    Cost {
        as_of: as_of.clone(),
        region: region.clone(),
        monthly: sum(&items),
        with_fast_rounds: sum(&self::items(&fast(config))),
        items,
        standby: strategies(standby, assumed),
        assumptions: assumptions(assumed, standby),
    }
}

fn sum(items: &[Item]) -> Usd {
    items.iter().map(|item| item.monthly).sum()
}

/// The same deployment with rounds of a second.
fn fast(config: &Config) -> Config {
    let mut fast = config.clone();
    let second = Period::seconds(1).scaled(config.speed());
    fast.services.iter_mut().for_each(|service| service.policy.interval = second);
    fast
}

/// US dollars a call, by list price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct PerCall(pub(crate) f64);

/// What a call costs, by the service's name in a signature's scope; none where the table says nothing.
pub(crate) fn per_call(scope: &str, operation: &str) -> Option<PerCall> {
    let Prices { lambda, eventbridge, s3, cloudwatch, sns, .. } = &*TABLE;
    Some(PerCall(match (scope, operation) {
        // Deleting is free; what writes or lists costs more than what reads.
        ("s3", "DeleteObject" | "DeleteObjects" | "DeleteBucket") => 0.0,
        ("s3", "GetObject" | "HeadObject" | "HeadBucket") => s3.thousand_gets / 1e3,
        ("s3", _) => s3.thousand_puts / 1e3,
        ("monitoring", "PutMetricData") => cloudwatch.thousand_requests / 1e3,
        // Ours hold one event each.
        ("events", "PutEvents") => eventbridge.million_events / 1e6,
        ("lambda", "Invoke") => lambda.million_requests / 1e6,
        ("sns", "Publish") => sns.million_requests / 1e6,
        ("route53" | "cloudformation" | "sts" | "events" | "lambda" | "sns", _) => 0.0,
        _ => return None,
    }))
}

/// What each observer has learned in S3, the service's phase, which it reads each minute, and the metrics of the score.
fn anomaly_score(config: &Config, month: &Month) -> Item {
    let Prices { s3, cloudwatch, .. } = &*TABLE;
    let (observers, services) = (config.observers.len(), config.services.len());
    let of_a_region = month.minutes / MINUTES_A_WEEK * ROUNDS_KEPT_A_WEEK / 1e3 * s3.thousand_puts;
    let of_a_service = if month.scored > 0 { month.minutes / 1e3 * s3.thousand_gets } else { 0.0 };
    let learned = (of_a_region * month.scored as f64 + of_a_service * services as f64) * observers as f64;
    let metrics = metrics_kept(config, |metric| metric == Metric::AnomalyScore);
    Item {
        name: "Anomaly score".to_owned(),
        how: format!(
            "{}; {} × {}: S3 writes of what is learned, a read of the phase each minute",
            plural(metrics, "metric"),
            plural(month.scored, "region"),
            plural(observers, "observer")
        ),
        source: cloudwatch.source.clone(),
        monthly: (learned + metrics as f64 * cloudwatch.metric).into(),
    }
}

/// Metrics, what takes them there, alarms and dashboards.
fn watching(config: &Config, month: &Month) -> Vec<Item> {
    let Prices { cloudwatch, assumed, .. } = &*TABLE;
    let item = |name: &str, how: String, dollars: f64| Item {
        name: name.to_owned(),
        how,
        source: cloudwatch.source.clone(),
        monthly: dollars.into(),
    };
    let kept = metrics_kept(config, |metric| metric != Metric::AnomalyScore);
    let sparse: usize = sparse_metrics().map(|metric| metric.subjects(config).len()).sum();
    let now_and_then = sparse as f64 * assumed.incident_hours / f64::from(assumed.hours_a_month);
    let alarms = alarms(config);
    let composites = composites(config, &alarms).len();
    let dashboards = dashboards(config, "").len();
    vec![
        item(
            "CloudWatch: metrics",
            format!("{kept} all the time, {sparse} in {} h a month", assumed.incident_hours),
            (kept as f64 + now_and_then) * cloudwatch.metric,
        ),
        sending(config, month, kept),
        item(
            "CloudWatch: alarms",
            format!("{}, {} that pages", plural(alarms.len(), "alarm"), plural(composites, "composite")),
            alarms.len() as f64 * cloudwatch.alarm + composites as f64 * cloudwatch.composite,
        ),
        item("CloudWatch: dashboard", plural(dashboards, "dashboard"), dashboards as f64 * cloudwatch.dashboard),
    ]
}

fn sending(config: &Config, month: &Month, metrics: usize) -> Item {
    let cloudwatch = &TABLE.cloudwatch;
    let observers = config.observers.len() as f64;
    let (name, how, dollars) = match config.metrics {
        MetricsBy::Api => (
            "CloudWatch: PutMetricData",
            "a call a minute of the failover function, one in five minutes of each observer".to_owned(),
            (month.minutes * (1.0 + observers / (QUIET.as_secs_f64() / 60.0)) + month.incident_rounds * observers)
                / 1e3
                * cloudwatch.thousand_requests,
        ),
        MetricsBy::Emf => (
            "CloudWatch: metrics in logs",
            format!("{LOG_KB_A_METRIC} kB a metric and minute"),
            month.minutes * metrics as f64 * LOG_KB_A_METRIC / 1e6 * cloudwatch.log_gb,
        ),
    };
    Item { name: name.to_owned(), how, source: cloudwatch.source.clone(), monthly: dollars.into() }
}

fn sparse_metrics() -> impl Iterator<Item = Metric> {
    Metric::ALL.into_iter().filter(|metric| metric.kept() == Kept::Sparsely)
}

fn items(config: &Config) -> Vec<Item> {
    let Prices { lambda, eventbridge, s3, cloudwatch, route53, sns, transfer, assumed, .. } = &*TABLE;
    let month = Month::of(config, assumed);
    let item = |name: &str, how: String, source: &str, dollars: f64| Item {
        name: name.to_owned(),
        how,
        source: source.to_owned(),
        monthly: dollars.into(),
    };
    let (observers, services) = (config.observers.len(), config.services.len());
    let checks = config.services.iter().map(|service| Checks::of(service, route53));
    let checks = checks.fold(Checks::default(), Checks::and);
    let mut items = vec![
        item(
            "Lambda: checkers",
            format!(
                "{} × 128 MB arm64, which run all the time: {:.1} s begun each minute",
                plural(observers, "observer"),
                month.checker_s
            ),
            &lambda.source,
            month.minutes * observers as f64 * month.checker_s * CHECKER_GB * lambda.gb_second,
        ),
        item(
            "Lambda: failover",
            format!("a tick a minute of {} s, 256 MB arm64", assumed.tick_seconds),
            &lambda.source,
            month.minutes * assumed.tick_seconds * FAILOVER_GB * lambda.gb_second,
        ),
        item(
            "Lambda: requests",
            format!("{} functions, once a minute each", observers + 1),
            &lambda.source,
            month.minutes * (observers + 1) as f64 / 1e6 * lambda.million_requests,
        ),
        item(
            "EventBridge: change events",
            format!("one a round of each observer in {} h a month in which a region is not up", assumed.incident_hours),
            &eventbridge.source,
            month.incident_rounds * observers as f64 / 1e6 * eventbridge.million_events,
        ),
        item(
            "S3: observations written",
            format!(
                "{} × {}, one every {KEEP_ALIVE_S} s or a round if that is longer",
                plural(observers, "observer"),
                plural(services, "service")
            ),
            &s3.source,
            (month.writes + month.incident_rounds) * observers as f64 / 1e3 * s3.thousand_puts,
        ),
        item(
            "S3: state and observations read",
            "each minute by the failover function, once at each checker's beginning and end".to_owned(),
            &s3.source,
            month.minutes * services as f64 * (1.0 + observers as f64 * (1.0 + READS_AN_INVOCATION)) / 1e3
                * s3.thousand_gets,
        ),
        anomaly_score(config, &month),
        item(
            "CloudWatch: logs",
            format!("{} kB an invocation", assumed.log_kb_an_invocation),
            &cloudwatch.source,
            month.minutes * (observers + 1) as f64 * assumed.log_kb_an_invocation / 1e6 * cloudwatch.log_gb,
        ),
        item("Route 53: health checks", checks.to_string(), &route53.source, checks.dollars),
        item(
            "Route 53: queries of the observers",
            format!(
                "all {} servers of the zone, for each record type, once in {KEEP_ALIVE_S} s or a round",
                assumed.name_servers
            ),
            &route53.source,
            month.queries * observers as f64 / 1e6 * route53.million_queries,
        ),
        item(
            "Data out: probes",
            format!("{:.1} million requests of {} kB", month.probes * observers as f64 / 1e6, assumed.request_kb),
            &transfer.source,
            month.probes * observers as f64 * assumed.request_kb / 1e6 * transfer.gb,
        ),
        item(
            "SNS: notifications",
            format!("{} switches a month, an e-mail each", assumed.switches_a_month),
            &sns.source,
            f64::from(assumed.switches_a_month) / 1e5 * sns.hundred_thousand_emails,
        ),
    ];
    items.extend(watching(config, &month));
    items
}

fn strategies(shares: &Shares, assumed: &Assumed) -> Vec<Standby> {
    let raised = shares.pilot_light
        + assumed.incident_hours / f64::from(assumed.hours_a_month) * (shares.always_on - shares.pilot_light);
    let standby = |name: &str, runs: &str, share: f64| Standby {
        name: name.to_owned(),
        runs: runs.to_owned(),
        monthly: (share * f64::from(shares.primary_usd)).into(),
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the price table")]
        share_bp: (share * 1e4).round() as u32,
    };
    vec![
        standby("Always-on duplicate", "all of it, and it serves too", shares.always_on),
        standby("Hot standby", "all of it, serving nobody", shares.always_on),
        standby("Warm standby", "all of it at a fraction of its size, grown when traffic comes", shares.warm),
        standby(
            "Pilot light",
            "the data and what keeps it current; the rest is started when needed",
            shares.pilot_light,
        ),
        standby(
            "Adaptive standby",
            "a pilot light that is raised to full size while a drill or an incident lasts",
            raised,
        ),
    ]
}

fn assumptions(assumed: &Assumed, shares: &Shares) -> Vec<String> {
    let percent = |share: f64| (share * 100.0).round();
    vec![
        "the hosted zone is there without Pointsman".to_owned(),
        format!("a month has {} h; no free tier, discount or tax is counted", assumed.hours_a_month),
        format!(
            "incidents and drills last {} h a month together; the adaptive standby is at full size for as long",
            assumed.incident_hours
        ),
        format!(
            "the primary region of the service costs {} a month; of that a warm standby costs {} %, a pilot light {} %",
            Usd::from(f64::from(shares.primary_usd)),
            percent(shares.warm),
            percent(shares.pilot_light)
        ),
    ]
}

fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
