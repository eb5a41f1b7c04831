//! What Route 53's own checkers say of a region, asked no more often than it helps.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use aws_config::retry::RetryConfig;
use aws_sdk_route53::{Client, config};
use decision::{Evidence, NativeHealth, Outcome};
use domain::{CheckId, NativeChecks, PlanKind, RegionCheck, RegionName, Service, ServiceState};
use jiff::Timestamp;
use tokio::time::timeout;

use crate::error::failed;

/// As long is an answer good. The fastest checkers ask every 10 s (R20).
const GOOD_FOR: Duration = Duration::from_secs(5);
/// As long is a check left alone that could not be asked.
const ALONE_FOR: Duration = Duration::from_secs(1);
/// A decision does not wait longer, its turn included: the signal is unknown then.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Answers that this process had lately, and how to get others.
#[derive(Debug, Clone)]
pub(crate) struct Native {
    route53: Client,
    speed: f64,
    known: Arc<Mutex<BTreeMap<CheckId, Known>>>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    at: Instant,
    health: NativeHealth,
}

impl Native {
    pub(crate) fn new(route53: Client, speed: f64) -> Self {
        Self { route53, speed, known: Arc::default() }
    }

    /// Each region's own check, by the 18 % rule (R22); `Unknown` when it can't be had.
    pub(crate) async fn ask(&self, service: &Service, checks: &NativeChecks) -> BTreeMap<RegionName, NativeHealth> {
        let asked = checks.own.iter().map(|(region, check)| async move {
            let own = service.region(region).and_then(|region| region.check.as_ref());
            let health = match own {
                // Route 53 tells nothing of a calculated check but through its children.
                Some(RegionCheck::Calculated { children, at_least }) => {
                    let children = children.iter().map(|child| self.of(region, child));
                    count(&futures::future::join_all(children).await, *at_least)
                }
                Some(RegionCheck::Metric { .. }) | None => self.of(region, check).await,
            };
            (region.clone(), health)
        });
        futures::future::join_all(asked).await.into_iter().collect()
    }

    async fn of(&self, region: &RegionName, check: &CheckId) -> NativeHealth {
        let known = self.known.lock().expect("no holder of this lock panics").get(check).copied();
        if let Some(known) = known.filter(|known| known.at.elapsed() < self.good_for(known.health)) {
            tracing::debug!(%region, age = ?known.at.elapsed(), health = ?known.health, "Route 53's own check was asked lately");
            return known.health;
        }
        // Not asked twice: throttled, it is unknown, and a second try would take the place of a change of records.
        let once = config::Builder::new().retry_config(RetryConfig::disabled());
        let asked = self.route53.get_health_check_status().health_check_id(check.as_str()).customize();
        let health = match timeout(PATIENCE, asked.config_override(once).send()).await {
            Ok(Ok(status)) => {
                let reports = status.health_check_observations().iter();
                let views = reports.filter_map(|seen| seen.status_report()?.status());
                judge(views.map(|text| text.starts_with("Success")).collect())
            }
            Ok(Err(error)) => {
                let error = failed("GetHealthCheckStatus")(error);
                tracing::warn!(%region, %error, "Route 53's own check can't be asked");
                NativeHealth::Unknown
            }
            Err(_) => {
                tracing::warn!(%region, "Route 53's own check did not answer in time");
                NativeHealth::Unknown
            }
        };
        let known = Known { at: Instant::now(), health };
        self.known.lock().expect("no holder of this lock panics").insert(check.clone(), known);
        health
    }

    fn good_for(&self, health: NativeHealth) -> Duration {
        let life = if health == NativeHealth::Unknown { ALONE_FOR } else { GOOD_FOR };
        life.div_f64(self.speed)
    }
}

fn judge(views: Vec<bool>) -> NativeHealth {
    match views.len() {
        0 => NativeHealth::Unknown,
        _ if route53::aggregate(views) => NativeHealth::Healthy,
        _ => NativeHealth::Unhealthy,
    }
}

/// What a check is that counts these (R25).
fn count(children: &[NativeHealth], at_least: u16) -> NativeHealth {
    let of = |health| children.iter().filter(|child| **child == health).count();
    let (healthy, unknown) = (of(NativeHealth::Healthy), of(NativeHealth::Unknown));
    match usize::from(at_least) {
        enough if healthy >= enough => NativeHealth::Healthy,
        enough if healthy + unknown >= enough => NativeHealth::Unknown,
        _ => NativeHealth::Unhealthy,
    }
}

/// The plan that this evidence leads to, whether the mode lets it be carried out or not.
pub(crate) fn led_to(
    service: &Service,
    state: &ServiceState,
    evidence: &Evidence,
    now: Timestamp,
) -> Option<(PlanKind, RegionName)> {
    let decision = decision::decide(service, state, evidence, now);
    let plan = match decision.outcome {
        Outcome::Plan(plan) => Some(plan),
        Outcome::Hold(_) => decision.would,
    };
    plan.map(|plan| (plan.kind, plan.to))
}

/// Whether what Route 53's own checks say could lead to another plan, or to one or none.
pub(crate) fn native_matters(service: &Service, state: &ServiceState, evidence: &Evidence, now: Timestamp) -> bool {
    let led_to = |health: &dyn Fn(&RegionName) -> NativeHealth| {
        let native = service.regions.iter().map(|region| (region.name.clone(), health(&region.name))).collect();
        led_to(service, state, &Evidence { native, ..evidence.clone() }, now)
    };
    let unknown = led_to(&|_| NativeHealth::Unknown);
    let differs = |health: &dyn Fn(&RegionName) -> NativeHealth| led_to(health) != unknown;
    let only = |bad: &RegionName| {
        let (bad, all_but) = (bad.clone(), bad.clone());
        differs(&move |name| if *name == bad { NativeHealth::Unhealthy } else { NativeHealth::Healthy })
            || differs(&move |name| if *name == all_but { NativeHealth::Healthy } else { NativeHealth::Unhealthy })
    };
    service.regions.iter().any(|region| only(&region.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r22_a_region_is_healthy_when_more_than_18_percent_of_the_checkers_say_so() {
        let of = |healthy: usize| judge((0..16).map(|n| n < healthy).collect());
        assert_eq!((of(3), of(2)), (NativeHealth::Healthy, NativeHealth::Unhealthy));
        assert_eq!(judge(Vec::new()), NativeHealth::Unknown, "before any checker has said a word");
    }

    #[test]
    fn r25_a_calculated_check_is_what_enough_of_its_children_are() {
        use NativeHealth::{Healthy, Unhealthy, Unknown};
        assert_eq!(count(&[Healthy, Healthy, Unhealthy], 2), Healthy);
        assert_eq!(count(&[Healthy, Unhealthy, Unhealthy], 2), Unhealthy);
        assert_eq!(count(&[Healthy, Unknown, Unhealthy], 2), Unknown);
        assert_eq!(count(&[Healthy, Unknown, Unknown], 1), Healthy, "whatever the others are");
        assert_eq!(count(&[Unknown, Unhealthy], 2), Unhealthy, "whatever the other is");
    }
}
