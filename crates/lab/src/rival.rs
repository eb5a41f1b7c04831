//! What one would have without Pointsman, as services of their own beside ours: the same regions, faults, TTL and speed.

use std::{collections::BTreeMap, fmt, str::FromStr, time::Duration};

use aws::Switch;
use decision::{record_sets, target_of};
use domain::{Config, DnsName, NativeCheck, Region, RegionName, Service, ServiceState};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use route53::{
    Action, Change, Endpoint, FailureThreshold, Interval, Protocol, RecordSet, RecordType, Request, Routing,
};
use serde::{Deserialize, Serialize};

use crate::{
    health::{Pace, probe},
    hosted::{ProbeOutcome, Route53},
    stage::StageError,
};

/// How often the single prober asks (what home-made scripts do).
const PROBE_EVERY: Duration = Duration::from_secs(30);
/// Its failures, or successes, in a row.
const IN_A_ROW: u32 = 3;

/// What one would have instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rival {
    /// Route 53's failover records with fast checks (10 s × 3), and nothing of ours.
    Native,
    /// A single prober that flips the record after three failures in a row, 30 s apart.
    Threshold,
}

impl fmt::Display for Rival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Native => "native",
            Self::Threshold => "threshold",
        })
    }
}

/// There is no such rival.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no controller to compare with: `native` or `threshold`")]
pub struct UnknownRival(String);

impl FromStr for Rival {
    type Err = UnknownRival;
    fn from_str(name: &str) -> Result<Self, UnknownRival> {
        match name {
            "native" => Ok(Self::Native),
            "threshold" => Ok(Self::Threshold),
            _ => Err(UnknownRival(name.to_owned())),
        }
    }
}

/// Makes failover records and fast checks under a name of their own; the check of each region.
pub async fn set_up_native(
    switch: &Switch,
    config: &Config,
    service: &Service,
    name: DnsName,
) -> Result<BTreeMap<RegionName, domain::CheckId>, StageError> {
    let check = NativeCheck { interval_s: 10, threshold: 3, ..service.check.clone() };
    let alone = Service { name: name.clone(), check, ..service.clone() };
    let config = Config { services: vec![alone.clone()], ..config.clone() };
    let mut checks = switch.ensure_checks(&config).await?;
    let checks = checks.remove(&name).expect("every service of a configuration gets its checks");
    let sets = record_sets(&alone, &ServiceState::new(&alone).slots, &checks).map_err(aws::SwitchError::from)?;
    let create = |set| Change { action: Action::Create, set };
    switch.change(&service.hosted_zone, &sets.into_iter().map(create).collect::<Vec<_>>(), "native").await?;
    Ok(checks.own)
}

/// The single prober with its record.
#[derive(Debug, Clone)]
pub struct Threshold {
    switch: Switch,
    service: Service,
    name: DnsName,
    pace: Pace,
}

/// What the single prober does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Three failures, or successes, in a row.
    Turned {
        /// The region that it will point to.
        to: RegionName,
        /// What it saw last.
        seen: String,
    },
    /// Route 53 took the change.
    Applied {
        /// The region that it points to.
        to: RegionName,
    },
}

impl Threshold {
    /// Makes its record, which points to the preferred region.
    pub async fn set_up(switch: &Switch, service: &Service, name: DnsName, pace: Pace) -> Result<Self, StageError> {
        let threshold = Self { switch: switch.clone(), service: service.clone(), name, pace };
        threshold.point_to(service.preferred(), Action::Create).await?;
        Ok(threshold)
    }

    /// Probes the preferred region and flips the record, for ever.
    pub async fn run(&self, route53: &Route53, mut on: impl FnMut(Step)) {
        let every = self.pace.scaled(PROBE_EVERY);
        let phase: f64 = ChaCha8Rng::seed_from_u64(self.pace.seed).random();
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + every.mul_f64(phase), every);
        let preferred = self.service.preferred();
        let endpoint = self.endpoint(preferred);
        let (mut away, mut in_a_row) = (false, 0);
        loop {
            ticks.tick().await;
            let (healthy, seen) = match probe::probe(route53, &endpoint, self.pace).await {
                ProbeOutcome::Success(seen) => (true, seen),
                ProbeOutcome::Failure(seen) => (false, seen),
            };
            in_a_row = if healthy == away { in_a_row + 1 } else { 0 };
            if in_a_row < IN_A_ROW {
                continue;
            }
            in_a_row = 0;
            let to = if away { preferred } else { &self.service.regions[1] };
            on(Step::Turned { to: to.name.clone(), seen });
            match self.point_to(to, Action::Upsert).await {
                Ok(()) => {
                    away = !away;
                    on(Step::Applied { to: to.name.clone() });
                }
                Err(error) => tracing::warn!(%error, "the single prober could not flip its record"),
            }
        }
    }

    async fn point_to(&self, region: &Region, action: Action) -> Result<(), StageError> {
        // Its record is of one type, whatever the service has.
        let kind = region.targets.record_types().into_iter().next().unwrap_or(RecordType::A);
        let set = RecordSet {
            name: self.name.as_str().parse().expect("a name is a name"),
            kind,
            routing: Routing::Simple,
            target: target_of(&self.service, region, kind),
            health_check: None,
        };
        self.switch.change(&self.service.hosted_zone, &[Change { action, set }], "threshold").await?;
        Ok(())
    }

    fn endpoint(&self, region: &Region) -> Endpoint {
        let NativeCheck { https, port, path, search, .. } = &self.service.check;
        let request = |path: &String| Request { path: path.clone(), search: search.clone() };
        Endpoint {
            address: region.targets.a.first().map(|address| (*address).into()),
            domain: Some(region.targets.name().unwrap_or(&self.service.name).to_string()),
            port: *port,
            protocol: match path {
                None => Protocol::Tcp,
                Some(path) if *https => Protocol::Https(request(path)),
                Some(path) => Protocol::Http(request(path)),
            },
            interval: Interval::Standard,
            failure_threshold: FailureThreshold::default(),
        }
    }
}
