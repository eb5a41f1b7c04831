//! What a deployment uses in a month.

use std::fmt;

use domain::{AnomalyUse, Child, Config, NativeCheck, ProbeKind, Region, RegionCheck, Service};

use super::{
    KEEP_ALIVE_S,
    prices::{Assumed, Route53},
};

/// From a checker's minute until it sees its successor's first round.
const HANDOVER_S: f64 = 1.5;

/// What one observer does in a month, of all services together, in life's time.
#[derive(Debug)]
pub(super) struct Month {
    pub(super) minutes: f64,
    /// How long a checker runs.
    pub(super) checker_s: f64,
    /// Those with an anomaly score.
    pub(super) scored: usize,
    pub(super) writes: f64,
    pub(super) incident_rounds: f64,
    pub(super) queries: f64,
    pub(super) probes: f64,
}

impl Month {
    pub(super) fn of(config: &Config, assumed: &Assumed) -> Self {
        let speed = config.lab.as_ref().map_or(1.0, |lab| lab.speed);
        let interval = |service: &Service| service.policy.interval.as_secs_f64() * speed;
        let seconds = f64::from(assumed.hours_a_month) * 3_600.0;
        let sum = |of: &dyn Fn(&Service) -> f64| config.services.iter().map(of).sum::<f64>();
        let rounds = |service: &Service| seconds / interval(service);
        Self {
            minutes: seconds / 60.0,
            checker_s: 60.0 + HANDOVER_S,
            scored: config.services.iter().filter(is_scored).map(|service| service.regions.len()).sum(),
            writes: sum(&|service| seconds / interval(service).max(KEEP_ALIVE_S)),
            incident_rounds: sum(&|service| assumed.incident_hours * 3_600.0 / interval(service)),
            queries: sum(&|service| {
                seconds / interval(service).max(KEEP_ALIVE_S) * f64::from(assumed.name_servers) * record_types(service)
            }),
            probes: sum(&|service| rounds(service) * service.regions.len() as f64 * requests(service)),
        }
    }
}

fn is_scored(service: &&Service) -> bool {
    service.policy.anomaly != AnomalyUse::Off
}

fn record_types(service: &Service) -> f64 {
    service.preferred().targets.record_types().len() as f64
}

/// Of a round, at one region.
fn requests(service: &Service) -> f64 {
    let of = |kind: &ProbeKind| if let ProbeKind::Http(http) = kind { f64::from(http.samples) } else { 1.0 };
    service.probes.iter().map(|probe| of(&probe.kind)).sum()
}

/// Route 53's own checks.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Checks {
    aws: usize,
    elsewhere: usize,
    https: bool,
    fast: bool,
    pub(super) dollars: f64,
}

impl Checks {
    pub(super) fn of(service: &Service, prices: &Route53) -> Self {
        // Always unhealthy.
        let mut all = Self::plain(prices);
        for region in &service.regions {
            let asking = |check| Self::asking(check, region, prices);
            all = all.and(match &region.check {
                None => asking(&service.check),
                Some(RegionCheck::Metric(_)) => Self::plain(prices),
                Some(RegionCheck::Calculated { children, .. }) => {
                    children.iter().fold(Self::plain(prices), |counted, child| match child {
                        // Somebody pays for it already.
                        Child::There(_) => counted,
                        Child::Metric(_) => counted.and(Self::plain(prices)),
                        Child::Endpoint(check) => counted.and(asking(check)),
                    })
                }
            });
        }
        all
    }

    /// One that asks nobody, and so has no option.
    fn plain(prices: &Route53) -> Self {
        Self { aws: 1, dollars: prices.check_aws, ..Self::default() }
    }

    fn asking(check: &NativeCheck, region: &Region, prices: &Route53) -> Self {
        let NativeCheck { https, interval_s, search, .. } = check;
        let fast = *interval_s == 10;
        let options = f64::from(u8::from(*https) + u8::from(fast) + u8::from(search.is_some()));
        let aws = is_aws(region);
        let (one, option) =
            if aws { (prices.check_aws, prices.option_aws) } else { (prices.check_elsewhere, prices.option_elsewhere) };
        let (aws, elsewhere) = (usize::from(aws), usize::from(!aws));
        Self { aws, elsewhere, https: *https, fast, dollars: one + options * option }
    }

    pub(super) fn and(self, other: Self) -> Self {
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
    let name = region.name.as_str();
    let parts: Vec<_> = name.split('-').collect();
    parts.len() >= 3
        && parts[0].len() == 2
        && parts.last().is_some_and(|number| number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit()))
}
