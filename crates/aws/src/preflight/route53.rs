//! The records and checks in Route 53.

use std::collections::BTreeSet;

use aws_sdk_route53::types::AcceleratedRecoveryStatus;
use decision::NativeHealth;
use futures::future::join_all;
use route53::Step;

use super::{Finding, Findings, Place};
use crate::{
    dns::{ServiceDns, plan_dns},
    error::failed,
    switch::Switch,
};

const RECORDS: &str = "records";
const CHECKS: &str = "health_checks";
const STATUS: &str = "native_health";
const ACCELERATED: &str = "accelerated_recovery";
const APPLY: &str = "`pointsman dns plan` shows how, `pointsman dns apply` mends it";

/// Records and checks are as the configuration wants them, and the checks say healthy.
pub(super) async fn records(place: Place<'_>) -> Findings {
    let plan = match plan_dns(place.session, place.names, &place.deployed.deployment.config).await {
        Ok(plan) => plan,
        Err(error) => return vec![Finding::fail(RECORDS, error.to_string(), "`pointsman dns plan`")],
    };
    let mut findings: Vec<_> =
        plan.services.iter().flat_map(|service| [of_records(service), of_checks(service)]).collect();
    findings.extend(plan.warnings().map(|warning| {
        let fix = if warning.code == "ttl" { "a shorter `ttl`" } else { "`aaaa` addresses for every region" };
        Finding::warn(warning.code, &warning.text, fix)
    }));
    let switch = Switch::new(place.session, place.config.speed());
    let asked = plan.services.iter().map(|service| {
        let switch = &switch;
        async move { of_status(place, service, switch).await }
    });
    findings.extend(join_all(asked).await.into_iter().flatten());
    findings
}

fn of_records(service: &ServiceDns) -> Finding {
    let name = &service.service.name;
    let differing = service.records.groups.iter().filter(|group| group.step != Step::Leave);
    let differing: Vec<_> = differing.map(|group| format!("{} {}", group.name, group.kind)).collect();
    if differing.is_empty() {
        return Finding::pass(RECORDS, format!("{name}: as planned, {} first", service.records.slots[0].region));
    }
    Finding::fail(RECORDS, format!("{name}: {} differ from the configuration", differing.join(", ")), APPLY)
}

fn of_checks(service: &ServiceDns) -> Finding {
    let name = &service.service.name;
    let missing = service.checks.iter().filter(|check| check.held.is_none()).count();
    let edited: BTreeSet<_> = service.checks.iter().flat_map(|check| check.differing.iter().copied()).collect();
    if missing > 0 {
        return Finding::fail(CHECKS, format!("{name}: {missing} of its health checks are gone"), APPLY);
    }
    if !edited.is_empty() {
        let edited: Vec<_> = edited.into_iter().collect();
        return Finding::fail(CHECKS, format!("{name}: {} of a health check differ", edited.join(", ")), APPLY);
    }
    Finding::pass(CHECKS, format!("{name}: {} checks, as they should be", service.checks.len()))
}

/// A target that Route 53 holds unhealthy would not be answered.
async fn of_status(place: Place<'_>, service: &ServiceDns, switch: &Switch) -> Findings {
    let name = &service.service.name;
    let Some(checks) = place.deployed.deployment.checks.get(name) else { return Vec::new() };
    let health = switch.native(&service.service, checks).await;
    let of = |(region, health)| match health {
        NativeHealth::Healthy => Finding::pass(STATUS, format!("{name}: Route 53 holds {region} healthy")),
        NativeHealth::Unhealthy => Finding::fail(
            STATUS,
            format!("{name}: Route 53 holds {region} unhealthy, and would not answer with it"),
            "compare what the check asks with what the region answers",
        ),
        NativeHealth::Unknown => Finding::warn(
            STATUS,
            format!("{name}: Route 53's check of {region} can't be asked, or says nothing yet"),
            "run it again in a minute",
        ),
    };
    health.into_iter().map(of).collect()
}

/// Whether records could still be changed while us-east-1 is away (R43).
pub(super) async fn accelerated_recovery(place: Place<'_>) -> Findings {
    if place.is_emulated() {
        return vec![Finding::skipped(ACCELERATED, "what stands in for AWS does not know it")];
    }
    let zones: BTreeSet<_> =
        place.deployed.deployment.config.services.iter().map(|service| &service.hosted_zone).collect();
    let switch = Switch::new(place.session, place.config.speed());
    let asked = zones.into_iter().map(|zone| {
        let switch = &switch;
        async move {
            let asked = switch.route53.get_hosted_zone().id(zone.as_str()).send().await;
            let found = match asked.map_err(failed("GetHostedZone")) {
                Ok(found) => found.hosted_zone,
                Err(error) => return Finding::fail(ACCELERATED, format!("zone {zone}: {error}"), error.hint()),
            };
            let features = found.as_ref().and_then(|zone| zone.features());
            match features.and_then(|features| features.accelerated_recovery_status()) {
                Some(AcceleratedRecoveryStatus::Enabled) => {
                    Finding::pass(ACCELERATED, format!("zone {zone} has opted in"))
                }
                _ if found.as_ref().and_then(|zone| zone.config()).is_some_and(|config| config.private_zone()) => {
                    Finding::skipped(ACCELERATED, format!("zone {zone} is private"))
                }
                _ => Finding::warn(
                    ACCELERATED,
                    format!(
                        "zone {zone} has not opted in: while us-east-1 is away, only Route 53's own checks move traffic"
                    ),
                    "aws route53 update-hosted-zone-features --enable-accelerated-recovery",
                ),
            }
        }
    });
    join_all(asked).await
}
