//! Route 53's own health checks: read, made, mended.

use std::collections::BTreeMap;

use aws_sdk_route53::types::{
    HealthCheckConfig, HealthCheckRegion, HealthCheckType, ResettableElementName, builders::HealthCheckConfigBuilder,
};
use decision::{CheckDiff, HeldCheck, attempts, diff_checks, ids};
use domain::{Config, DnsName, NativeChecks};
use route53::{CheckSettings, Children, Regions};

use crate::{
    error::{AwsError, failed},
    switch::{Switch, bad_id},
};

impl Switch {
    /// Makes the checks of every service, and mends those whose settings are others than the configuration's.
    pub async fn ensure_checks(&self, config: &Config) -> Result<BTreeMap<DnsName, NativeChecks>, AwsError> {
        let there = self.checks_there().await?;
        let mut all = BTreeMap::new();
        for service in &config.services {
            let mut checks = diff_checks(&config.stack, service, &there);
            self.settle(&mut checks).await?;
            all.insert(service.name.clone(), ids(&checks));
        }
        Ok(all)
    }

    /// Every check of the account, by its caller reference.
    pub(crate) async fn checks_there(&self) -> Result<BTreeMap<String, HeldCheck>, AwsError> {
        let mut there = BTreeMap::new();
        let mut pages = self.route53.list_health_checks().into_paginator().send();
        loop {
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(failed("ListHealthChecks"))?;
            for check in page.health_checks {
                let settings = check.health_check_config.as_ref().map(settings).unwrap_or_default();
                if let Ok(id) = check.id.parse() {
                    there.insert(check.caller_reference, HeldCheck { id, settings });
                }
            }
        }
        Ok(there)
    }

    /// Makes what is missing and mends what differs; then every check is held, and as wanted.
    pub(crate) async fn settle(&self, checks: &mut [CheckDiff]) -> Result<(), AwsError> {
        for check in checks {
            match &check.held {
                None => {
                    let held = self.create_check(check).await?;
                    check.held = Some(held);
                }
                Some(held) if !check.differing.is_empty() => self.update_check(held, &check.wanted.settings).await?,
                Some(_) => {}
            }
            check.differing.clear();
        }
        Ok(())
    }

    async fn create_check(&self, check: &CheckDiff) -> Result<HeldCheck, AwsError> {
        let settings = &check.wanted.settings;
        let mut spent = None;
        for reference in attempts(&check.wanted.reference) {
            let create = self.route53.create_health_check().caller_reference(reference);
            let made = create.health_check_config(to_sdk(settings)?).send().await;
            match made.map_err(failed("CreateHealthCheck")) {
                Ok(made) => {
                    let id = made.health_check.map(|check| check.id).unwrap_or_default();
                    let id = id.parse().map_err(|error| bad_id("CreateHealthCheck", &error))?;
                    return Ok(HeldCheck { id, settings: settings.clone() });
                }
                // Somebody deleted the check that was made under this reference.
                Err(error) if error.code() == Some("HealthCheckAlreadyExists") => spent = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(spent.expect("there is more than one attempt, and each ended here"))
    }

    async fn update_check(&self, held: &HeldCheck, wanted: &CheckSettings) -> Result<(), AwsError> {
        let gone = |wanted: bool, held: bool, element| (held && !wanted).then_some(element);
        let reset = [
            gone(wanted.regions.is_some(), held.settings.regions.is_some(), ResettableElementName::Regions),
            gone(
                wanted.resource_path.is_some(),
                held.settings.resource_path.is_some(),
                ResettableElementName::ResourcePath,
            ),
            gone(
                wanted.fully_qualified_domain_name.is_some(),
                held.settings.fully_qualified_domain_name.is_some(),
                ResettableElementName::FullyQualifiedDomainName,
            ),
        ];
        let reset: Vec<_> = reset.into_iter().flatten().collect();
        let whole = wanted.clone().with_defaults();
        self.route53
            .update_health_check()
            .health_check_id(held.id.as_str())
            .set_ip_address(whole.ip_address)
            .set_port(whole.port.and_then(number))
            .set_resource_path(whole.resource_path)
            .set_fully_qualified_domain_name(whole.fully_qualified_domain_name)
            .set_search_string(whole.search_string)
            .set_failure_threshold(whole.failure_threshold.and_then(number))
            .set_inverted(whole.inverted)
            .set_disabled(whole.disabled)
            .set_enable_sni(whole.enable_sni)
            .set_regions(whole.regions.as_ref().map(regions))
            .set_reset_elements((!reset.is_empty()).then_some(reset))
            .send()
            .await
            .map_err(failed("UpdateHealthCheck"))?;
        Ok(())
    }
}

fn number(wide: i64) -> Option<i32> {
    i32::try_from(wide).ok()
}

fn regions(regions: &Regions) -> Vec<HealthCheckRegion> {
    regions.region.iter().map(|region| HealthCheckRegion::from(region.as_str())).collect()
}

fn to_sdk(settings: &CheckSettings) -> Result<HealthCheckConfig, AwsError> {
    let CheckSettings { r#type, ip_address, port, resource_path, fully_qualified_domain_name, .. } = settings.clone();
    let kind = r#type.unwrap_or_default();
    let config: HealthCheckConfigBuilder = HealthCheckConfig::builder()
        .r#type(HealthCheckType::from(kind.as_str()))
        .set_ip_address(ip_address)
        .set_port(port.and_then(number))
        .set_resource_path(resource_path)
        .set_fully_qualified_domain_name(fully_qualified_domain_name)
        .set_search_string(settings.search_string.clone())
        .set_request_interval(settings.request_interval.and_then(number))
        .set_failure_threshold(settings.failure_threshold.and_then(number))
        .set_inverted(settings.inverted)
        .set_disabled(settings.disabled)
        .set_enable_sni(settings.enable_sni)
        .set_regions(settings.regions.as_ref().map(regions));
    config.build().map_err(|error| AwsError::Refused {
        operation: "CreateHealthCheck",
        code: "Incomplete".to_owned(),
        message: error.to_string(),
    })
}

fn settings(config: &HealthCheckConfig) -> CheckSettings {
    let children = config.child_health_checks();
    let checkers = config.regions();
    CheckSettings {
        ip_address: config.ip_address().map(str::to_owned),
        port: config.port().map(i64::from),
        r#type: Some(config.r#type().as_str().to_owned()),
        resource_path: config.resource_path().map(str::to_owned),
        fully_qualified_domain_name: config.fully_qualified_domain_name().map(str::to_owned),
        search_string: config.search_string().map(str::to_owned),
        request_interval: config.request_interval().map(i64::from),
        failure_threshold: config.failure_threshold().map(i64::from),
        measure_latency: config.measure_latency(),
        inverted: config.inverted(),
        disabled: config.disabled(),
        health_threshold: config.health_threshold().map(i64::from),
        child_health_checks: (!children.is_empty()).then(|| Children { child_health_check: children.to_vec() }),
        enable_sni: config.enable_sni(),
        regions: (!checkers.is_empty())
            .then(|| Regions { region: checkers.iter().map(|region| region.as_str().to_owned()).collect() }),
        ..CheckSettings::default()
    }
}
