//! Route 53's own health checks: read, made, mended.

use std::collections::BTreeMap;

use aws_sdk_route53::{
    error::BuildError,
    types::{
        self, CloudWatchAlarmConfiguration, CloudWatchRegion, HealthCheckConfig, HealthCheckRegion, HealthCheckType,
        ResettableElementName, builders::HealthCheckConfigBuilder,
    },
};
use decision::{CheckDiff, HeldCheck, HeldChecks, attempts, diff_checks, ids, wanted_checks};
use domain::{Config, DnsName, NativeChecks};
use route53::{AlarmIdentifier, AlarmSettings, CheckSettings, Children, Regions};

use crate::{
    error::{AwsError, failed},
    switch::{Switch, bad_id},
};

impl Switch {
    /// Makes the checks of every service, and mends those whose settings are others than the configuration's.
    pub async fn ensure_checks(&self, config: &Config) -> Result<BTreeMap<DnsName, NativeChecks>, AwsError> {
        let there = self.checks_there(config).await?;
        let mut all = BTreeMap::new();
        for service in &config.services {
            let mut checks = diff_checks(&config.stack, service, &there);
            self.settle(&mut checks).await?;
            all.insert(service.name.clone(), ids(&checks));
        }
        Ok(all)
    }

    /// Every check of the account.
    pub(crate) async fn checks_held(&self) -> Result<HeldChecks, AwsError> {
        let mut there = HeldChecks::default();
        let mut pages = self.route53.list_health_checks().into_paginator().send();
        loop {
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(failed("ListHealthChecks"))?;
            for check in page.health_checks {
                let settings = check.health_check_config.as_ref().map(settings).unwrap_or_default();
                let copied = check.cloud_watch_alarm_configuration.and_then(copied);
                if let Ok(id) = check.id.parse() {
                    there.by_reference.insert(check.caller_reference, HeldCheck { id, settings, copied });
                }
            }
        }
        Ok(there)
    }

    /// The same, and the alarms that checks of the configuration follow.
    pub(crate) async fn checks_there(&self, config: &Config) -> Result<HeldChecks, AwsError> {
        let mut there = self.checks_held().await?;
        let wanted = config.services.iter().flat_map(|service| wanted_checks(&config.stack, service));
        for alarm in wanted.filter_map(|check| check.alarm) {
            let now = match self.alarms.describe(&alarm.region, &alarm.name).await? {
                Some(found) => AlarmSettings::try_from(found).map_err(|unsupported| unsupported.to_string()),
                None => Err("there is no such alarm of a metric".to_owned()),
            };
            there.alarms.insert(alarm, now);
        }
        Ok(there)
    }

    /// Makes what is missing and mends what differs; then every check is held, and as wanted. Those that are counted stand
    /// before the one that counts them, which learns their ids here.
    pub(crate) async fn settle(&self, mut checks: &mut [CheckDiff]) -> Result<(), AwsError> {
        while let Some((check, later)) = checks.split_first_mut() {
            match &check.held {
                None => {
                    let held = self.create_check(check).await?;
                    check.held = Some(held);
                }
                Some(held) if !check.differing.is_empty() => self.update_check(held, &check.wanted.settings).await?,
                Some(_) => {}
            }
            check.differing.clear();
            for other in &mut *later {
                other.wanted.counts(check);
            }
            checks = later;
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
                    return Ok(HeldCheck { id, settings: settings.clone(), copied: None });
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
            .set_health_threshold(whole.health_threshold.and_then(number))
            .set_child_health_checks(whole.child_health_checks.map(|children| children.child_health_check))
            // Named again, the alarm is copied again (R26).
            .set_alarm_identifier(whole.alarm_identifier.map(alarm).transpose()?)
            .set_insufficient_data_health_status(whole.insufficient_data_health_status.as_deref().map(Into::into))
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
        .set_regions(settings.regions.as_ref().map(regions))
        .set_health_threshold(settings.health_threshold.and_then(number))
        .set_child_health_checks(settings.child_health_checks.clone().map(|children| children.child_health_check))
        .set_alarm_identifier(settings.alarm_identifier.clone().map(alarm).transpose()?)
        .set_insufficient_data_health_status(settings.insufficient_data_health_status.as_deref().map(Into::into));
    config.build().map_err(|error| incomplete(&error))
}

fn alarm(AlarmIdentifier { region, name }: AlarmIdentifier) -> Result<types::AlarmIdentifier, AwsError> {
    let region = CloudWatchRegion::from(region.as_str());
    types::AlarmIdentifier::builder().region(region).name(name).build().map_err(|error| incomplete(&error))
}

fn incomplete(error: &BuildError) -> AwsError {
    AwsError::Refused { operation: "CreateHealthCheck", code: "Incomplete".to_owned(), message: error.to_string() }
}

/// What Route 53 shows of the alarm that it copied; none of what it could not have copied.
fn copied(shown: CloudWatchAlarmConfiguration) -> Option<AlarmSettings> {
    let whole = |number: i32| u32::try_from(number).unwrap_or_default();
    let dimensions = shown.dimensions.unwrap_or_default().into_iter();
    let alarm = route53::Alarm {
        namespace: Some(shown.namespace),
        metric: Some(shown.metric_name),
        dimensions: dimensions.map(|dimension| (dimension.name, dimension.value)).collect(),
        statistic: Some(shown.statistic.as_str().to_owned()),
        period_s: whole(shown.period),
        evaluation_periods: whole(shown.evaluation_periods),
        threshold: shown.threshold,
        comparison: shown.comparison_operator.as_str().to_owned(),
        ..route53::Alarm::default()
    };
    AlarmSettings::try_from(alarm).ok()
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
        alarm_identifier: config
            .alarm_identifier()
            .map(|alarm| AlarmIdentifier { region: alarm.region().as_str().to_owned(), name: alarm.name().to_owned() }),
        insufficient_data_health_status: config.insufficient_data_health_status().map(|it| it.as_str().to_owned()),
        ..CheckSettings::default()
    }
}
