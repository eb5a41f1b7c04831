//! What Route 53's own checkers say of a region, asked no more often than it helps.

use std::collections::BTreeMap;

use aws_config::retry::RetryConfig;
use aws_sdk_route53::{Client, config};
use decision::{Evidence, NativeHealth, Outcome};
use domain::{CheckId, Child, NativeChecks, PlanKind, RegionCheck, RegionName, Service, ServiceState};
use futures::future::join_all;
use jiff::Timestamp;

use crate::{
    error::{AwsError, failed},
    recent::Recent,
};

/// What they said lately, and how to ask them again.
#[derive(Debug, Clone)]
pub(crate) struct Native {
    route53: Client,
    recent: Recent<CheckId, NativeHealth>,
}

impl Native {
    pub(crate) fn new(route53: Client, speed: f64) -> Self {
        Self { route53, recent: Recent::new("Route 53's own check", speed) }
    }

    /// Each region's own check, by the 18 % rule (R22); `Unknown` when it can't be had.
    pub(crate) async fn ask(&self, service: &Service, checks: &NativeChecks) -> BTreeMap<RegionName, NativeHealth> {
        let asked = checks.own.iter().map(|(region, check)| async move {
            let own = service.region(region).and_then(|region| region.check.as_ref());
            let health = match own {
                // Route 53 tells nothing of a calculated check but through its children.
                Some(RegionCheck::Calculated { children, at_least }) => {
                    let given = children.iter().filter_map(|child| match child {
                        Child::There(id) => Some(id),
                        Child::Metric(_) | Child::Endpoint(_) => None,
                    });
                    let all = given.chain(checks.children.get(region).into_iter().flatten());
                    let asked = all.map(|child| self.recent.or_ask(child, self.health_of(child)));
                    count(&join_all(asked).await, *at_least)
                }
                Some(RegionCheck::Metric(_)) | None => self.recent.or_ask(check, self.health_of(check)).await,
            };
            (region.clone(), health)
        });
        join_all(asked).await.into_iter().collect()
    }

    async fn health_of(&self, check: &CheckId) -> Result<NativeHealth, AwsError> {
        // Not asked twice: throttled, it is unknown, and a second try would take the place of a change of records.
        let once = config::Builder::new().retry_config(RetryConfig::disabled());
        let asked = self.route53.get_health_check_status().health_check_id(check.as_str()).customize();
        let status = asked.config_override(once).send().await.map_err(failed("GetHealthCheckStatus"))?;
        let reports = status.health_check_observations().iter();
        let views = reports.filter_map(|seen| seen.status_report()?.status());
        Ok(judge(views.map(|text| text.starts_with("Success")).collect()))
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
