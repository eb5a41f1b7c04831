//! A deployment's part in the records: what is missing is made, what is there is left.

use std::collections::BTreeMap;

use decision::{HeldChecks, ReadZone, diff_checks, ids, zoning};
use domain::{Config, Deployment, DnsName, HostedZoneId, NativeChecks, Service};
use route53::Owner;
use serde::Serialize;

use super::{DeployError, halfway};
use crate::{
    store::{Store, Version},
    switch::Switch,
};

/// What a deployment found of a service's record sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Records {
    /// Some were missing, and were made.
    Made,
    /// They are as they should be.
    There,
    /// Some differ from the configuration, and were left: `pointsman dns` changes them.
    Differ,
}

/// The zones of all services. Where somebody else's records stand under a service's name, nothing is deployed.
pub(super) async fn read(switch: &Switch, config: &Config) -> Result<BTreeMap<HostedZoneId, ReadZone>, DeployError> {
    let zones = switch.read_zones(config).await?;
    for service in &config.services {
        let zone = &service.hosted_zone;
        let checks = ids(&diff_checks(&config.stack, service, &HeldChecks::default()));
        let records = zoning(service, &zones[zone], &checks, None)?;
        if records.owner == Owner::Others && (records.adopts() || !records.refusals.is_empty()) {
            return Err(DeployError::ForeignRecords { service: service.name.clone(), zone: zone.to_string() });
        }
    }
    Ok(zones)
}

/// Makes the checks of every service, and mends those whose settings are others than the configuration's.
pub(super) async fn checks(switch: &Switch, config: &Config) -> Result<BTreeMap<DnsName, NativeChecks>, DeployError> {
    let there = switch.checks_there(config).await?;
    let mut all: Vec<_> =
        config.services.iter().map(|service| (service, diff_checks(&config.stack, service, &there))).collect();
    for service in 0..all.len() {
        let settled = switch.settle(&mut all[service].1).await;
        settled.map_err(halfway(|| {
            let checks = || all.iter().flat_map(|(_, checks)| checks);
            let there = checks().filter(|check| check.held.is_some()).count();
            format!("no stack was touched; {there} of {} health checks are there", checks().count())
        }))?;
    }
    Ok(all.into_iter().map(|(service, checks)| (service.name.clone(), ids(&checks))).collect())
}

/// Makes a service's records and state where there are none. Records that exist are never touched here: that is for
/// `dns apply`, which shows first what it changes.
pub(super) async fn ensure(
    switch: &Switch,
    store: &Store,
    deployment: &Deployment,
    service: &Service,
    zone: &ReadZone,
) -> Result<Records, DeployError> {
    let state = store.state(&service.name).await?;
    let checks = &deployment.checks[&service.name];
    let records = zoning(service, zone, checks, state.as_ref().map(|(state, _)| state))?;
    let found = if !records.is_needed() {
        Records::There
    } else if records.only_creates() && records.refusals.is_empty() {
        switch.change(&service.hosted_zone, &records.batch(service), "pointsman deploy").await?;
        Records::Made
    } else {
        Records::Differ
    };
    if state.is_none() {
        // The zone may be older than the state: what it says is what is.
        store.save(&records.state(service), &Version::Absent).await?;
    }
    Ok(found)
}
