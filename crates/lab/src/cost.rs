//! What a deployment costs a month by list price, and what a standby of the service itself costs. A model, not a bill.

use std::{collections::BTreeSet, fmt, sync::LazyLock};

use domain::{Config, NativeCheck, ProbeKind, Region, RegionName, Service};
use serde::{Deserialize, Serialize};

const PRICES: &str = include_str!("prices.toml");
static TABLE: LazyLock<Prices> =
    LazyLock::new(|| toml::from_str(PRICES).expect("the embedded price table is read by the tests"));

/// Both functions' memory in GB, as in `infra/*.yaml`.
const FUNCTION_GB: f64 = 0.25;
/// Metrics that a checker keeps of each region of each service.
const METRICS: f64 = 3.0;
/// An observation is written at least this often, in seconds.
const KEEP_ALIVE_S: f64 = 30.0;
/// At its beginning a checker reads its predecessor's last observation, at its end its successor's first.
const READS_AN_INVOCATION: f64 = 2.0;

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

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prices {
    as_of: String,
    region: String,
    lambda: Lambda,
    eventbridge: EventBridge,
    s3: S3,
    cloudwatch: CloudWatch,
    route53: Route53,
    sns: Sns,
    transfer: Transfer,
    assumed: Assumed,
    standby: Shares,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lambda {
    source: String,
    gb_second: f64,
    million_requests: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct EventBridge {
    source: String,
    million_events: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct S3 {
    source: String,
    thousand_puts: f64,
    thousand_gets: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CloudWatch {
    source: String,
    metric: f64,
    thousand_requests: f64,
    log_gb: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Route53 {
    source: String,
    zone: f64,
    million_queries: f64,
    check_aws: f64,
    check_elsewhere: f64,
    option_aws: f64,
    option_elsewhere: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sns {
    source: String,
    hundred_thousand_emails: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    source: String,
    gb: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Assumed {
    hours_a_month: u32,
    incident_hours: f64,
    switches_a_month: u32,
    name_servers: u32,
    tick_seconds: f64,
    log_kb_an_invocation: f64,
    request_kb: f64,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shares {
    primary_usd: u32,
    always_on: f64,
    warm: f64,
    pilot_light: f64,
}

/// What a deployment costs a month. A lab's configuration counts as it would be in life.
#[must_use]
pub fn of(config: &Config) -> Cost {
    let Prices { as_of, region, assumed, standby, .. } = &*TABLE;
    let items = items(config);
    Cost {
        as_of: as_of.clone(),
        region: region.clone(),
        monthly: items.iter().map(|item| item.monthly).sum(),
        items,
        standby: strategies(standby, assumed),
        assumptions: assumptions(assumed, standby),
    }
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
    let zones = config.services.iter().map(|service| &service.hosted_zone).collect::<BTreeSet<_>>().len();
    vec![
        item(
            "Lambda: checkers",
            format!(
                "{} × 256 MB arm64, which run all the time: {:.1} s begun each minute",
                plural(observers, "observer"),
                month.checker_s
            ),
            &lambda.source,
            month.minutes * observers as f64 * month.checker_s * FUNCTION_GB * lambda.gb_second,
        ),
        item(
            "Lambda: failover",
            format!("a tick a minute of {} s, 256 MB arm64", assumed.tick_seconds),
            &lambda.source,
            month.minutes * assumed.tick_seconds * FUNCTION_GB * lambda.gb_second,
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
        item(
            "CloudWatch: metrics",
            format!("{METRICS} metrics × {} × {}", plural(month.regions, "region"), plural(observers, "observer")),
            &cloudwatch.source,
            METRICS * (month.regions * observers) as f64 * cloudwatch.metric,
        ),
        item(
            "CloudWatch: PutMetricData",
            "one call a minute of each observer".to_owned(),
            &cloudwatch.source,
            month.minutes * observers as f64 / 1e3 * cloudwatch.thousand_requests,
        ),
        item(
            "CloudWatch: logs",
            format!("{} kB an invocation", assumed.log_kb_an_invocation),
            &cloudwatch.source,
            month.minutes * (observers + 1) as f64 * assumed.log_kb_an_invocation / 1e6 * cloudwatch.log_gb,
        ),
        item("Route 53: health checks", checks.to_string(), &route53.source, checks.dollars),
        item("Route 53: hosted zone", plural(zones, "zone"), &route53.source, zones as f64 * route53.zone),
        item(
            "Route 53: queries of the observers",
            format!("each round asks all {} servers of the zone, for each record type", assumed.name_servers),
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
    ]
}

/// What one observer does in a month, of all services together, in life's time.
#[derive(Debug)]
struct Month {
    minutes: f64,
    /// Of the slowest service: on average a checker meets its successor half a round after its minute.
    checker_s: f64,
    regions: usize,
    writes: f64,
    incident_rounds: f64,
    queries: f64,
    probes: f64,
}

impl Month {
    fn of(config: &Config, assumed: &Assumed) -> Self {
        let speed = config.lab.as_ref().map_or(1.0, |lab| lab.speed);
        let interval = |service: &Service| service.policy.interval.as_secs_f64() * speed;
        let seconds = f64::from(assumed.hours_a_month) * 3_600.0;
        let sum = |of: &dyn Fn(&Service) -> f64| config.services.iter().map(of).sum::<f64>();
        let rounds = |service: &Service| seconds / interval(service);
        Self {
            minutes: seconds / 60.0,
            checker_s: 60.0 + config.services.iter().map(interval).fold(0.0, f64::max) / 2.0,
            regions: config.services.iter().map(|service| service.regions.len()).sum(),
            writes: sum(&|service| seconds / interval(service).max(KEEP_ALIVE_S)),
            incident_rounds: sum(&|service| assumed.incident_hours * 3_600.0 / interval(service)),
            queries: sum(&|service| rounds(service) * f64::from(assumed.name_servers) * record_types(service)),
            probes: sum(&|service| rounds(service) * service.regions.len() as f64 * requests(service)),
        }
    }
}

fn record_types(service: &Service) -> f64 {
    let targets = &service.preferred().targets;
    [!targets.a.is_empty(), !targets.aaaa.is_empty(), targets.cname.is_some()].into_iter().map(f64::from).sum()
}

/// Of a round, at one region.
fn requests(service: &Service) -> f64 {
    let of = |kind: &ProbeKind| if let ProbeKind::Http(http) = kind { f64::from(http.samples) } else { 1.0 };
    service.probes.iter().map(|probe| of(&probe.kind)).sum()
}

/// Route 53's own checks.
#[derive(Debug, Default)]
struct Checks {
    aws: usize,
    elsewhere: usize,
    https: bool,
    fast: bool,
    dollars: f64,
}

impl Checks {
    fn of(service: &Service, prices: &Route53) -> Self {
        let NativeCheck { https, interval_s, .. } = service.check;
        let fast = interval_s == 10;
        let options = f64::from(u8::from(https) + u8::from(fast));
        let aws = service.regions.iter().filter(|region| is_aws(region)).count();
        let elsewhere = service.regions.len() - aws;
        // The one that is always unhealthy has no option and asks nobody.
        let dollars = prices.check_aws
            + aws as f64 * (prices.check_aws + options * prices.option_aws)
            + elsewhere as f64 * (prices.check_elsewhere + options * prices.option_elsewhere);
        Self { aws: aws + 1, elsewhere, https, fast, dollars }
    }

    fn and(self, other: Self) -> Self {
        Self {
            aws: self.aws + other.aws,
            elsewhere: self.elsewhere + other.elsewhere,
            https: self.https || other.https,
            fast: self.fast || other.fast,
            dollars: self.dollars + other.dollars,
        }
    }
}

impl fmt::Display for Checks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of AWS endpoints", self.aws)?;
        if self.elsewhere > 0 {
            write!(f, ", {} of others", self.elsewhere)?;
        }
        f.write_str(", one a service without options")?;
        match (self.https, self.fast) {
            (true, true) => f.write_str("; options: HTTPS, 10 s interval"),
            (true, false) => f.write_str("; option: HTTPS"),
            (false, true) => f.write_str("; option: 10 s interval"),
            (false, false) => Ok(()),
        }
    }
}

/// By its name: `eu-west-1` is AWS's, `other-cloud` is not.
fn is_aws(region: &Region) -> bool {
    let name = RegionName::as_str(&region.name);
    let parts: Vec<_> = name.split('-').collect();
    parts.len() >= 3
        && parts[0].len() == 2
        && parts.last().is_some_and(|number| number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit()))
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
mod tests {
    use domain::LabExemption;

    use super::*;

    const CONFIG: &str = r#"control_region = "eu-north-1"
observers = ["us-west-2", "eu-central-1", "ap-southeast-2"]

[[service]]
name = "api.example.com"
hosted_zone = "Z1"
region = [{ name = "eu-west-1", a = ["52.95.110.1"] }, { name = "us-east-1", a = ["52.95.110.2"] }]
probe = [{ name = "health", kind = "https", path = "/health" }]
"#;

    fn config(source: &str) -> Config {
        Config::parse("pointsman.toml", source).unwrap()
    }

    fn amount(cost: &Cost, name: &str) -> f64 {
        let item = cost.items.iter().find(|item| item.name == name);
        item.unwrap_or_else(|| panic!("{name} is an item")).monthly.into()
    }

    #[test]
    fn a_month_of_three_observers_is_counted_item_by_item() {
        let cost = of(&config(CONFIG));
        // 43,800 minutes × 3 × 65 s × 0.25 GB × $0.0000133334
        assert_eq!(amount(&cost, "Lambda: checkers"), 28.47);
        // Two with HTTPS and a fast interval, one that is always unhealthy.
        assert_eq!(amount(&cost, "Route 53: health checks"), 5.50);
        // 3 × 2 regions × 3 observers × $0.30
        assert_eq!(amount(&cost, "CloudWatch: metrics"), 5.40);
        // 87,600 a checker × 3, and some in incidents.
        assert_eq!(amount(&cost, "S3: observations written"), 1.34);
        // 262,800 rounds × 4 servers × 3
        assert_eq!(amount(&cost, "Route 53: queries of the observers"), 1.26);
        assert_eq!(cost.monthly, cost.items.iter().map(|item| item.monthly).sum());
    }

    #[test]
    fn a_lab_s_haste_does_not_change_the_cost() {
        let exemption =
            LabExemption { speed: 4.0, name_servers: Vec::new(), sources: std::collections::BTreeMap::new() };
        assert_eq!(of(&config(CONFIG).in_lab(exemption)), of(&config(CONFIG)));
    }

    #[test]
    fn another_cloud_s_check_costs_more() {
        let elsewhere = of(&config(&CONFIG.replace("us-east-1", "other-cloud")));
        assert_eq!(amount(&elsewhere, "Route 53: health checks"), 0.5 + 2.5 + 4.75);
    }

    #[test]
    fn shorter_rounds_cost_queries_but_hardly_time() {
        let fast = of(&config(&CONFIG.replace("hosted_zone", "policy.preset = \"fast\"\nhosted_zone")));
        let steady = of(&config(CONFIG));
        assert!(amount(&fast, "Lambda: checkers") < amount(&steady, "Lambda: checkers"));
        assert_eq!(amount(&fast, "Route 53: queries of the observers"), 12.61);
    }

    #[test]
    fn standby_from_dearest_to_cheapest() {
        let standby = of(&config(CONFIG)).standby;
        let shown: Vec<_> = standby.iter().map(|it| (it.name.as_str(), it.monthly.to_string(), it.share_bp)).collect();
        assert_eq!(
            shown,
            [
                ("Always-on duplicate", "$10,000.00".to_owned(), 10_000),
                ("Hot standby", "$10,000.00".to_owned(), 10_000),
                ("Warm standby", "$3,000.00".to_owned(), 3_000),
                ("Pilot light", "$1,000.00".to_owned(), 1_000),
                ("Adaptive standby", "$1,049.32".to_owned(), 1_049),
            ]
        );
    }

    #[test]
    fn dollars_survive_json_to_the_cent() {
        for cents in [0, 1, 29, 1_999, 104_932, 123_456_789] {
            let usd = Usd(cents);
            let json = serde_json::to_string(&usd).unwrap();
            assert_eq!(serde_json::from_str::<Usd>(&json).unwrap(), usd, "{json}");
        }
        assert_eq!(Usd(123_456_789).to_string(), "$1,234,567.89");
    }
}
