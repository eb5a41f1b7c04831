//! What a deployment would change, by CloudFormation's own change sets. Nothing of it stays.

use std::collections::BTreeMap;

use decision::{diff_checks, ids, zoning};
use domain::{Config, Deployment, DnsName, NativeChecks, RegionName};
use futures::future::try_join_all;
use serde::Serialize;

use super::{DeployError, Release, records, wanted::Wanted, wanted::WantedStack};
use crate::{
    Session,
    names::Names,
    stacks::{Recovery, ResourceChange, StackAction, StackChanges, Stacks},
    switch::Switch,
};

/// The resource whose replacement would lose the state.
const STATE: &str = "State";

/// What a deployment would change.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// Each stack, the buckets' first.
    pub stacks: Vec<StackPreview>,
    /// Route 53's checks of each service; a word stands for one that is still to be made.
    pub services: BTreeMap<DnsName, NativeChecks>,
    /// How many of those checks would be made or mended.
    pub health_checks: usize,
    /// The services whose records would be made.
    pub records: Vec<DnsName>,
}

/// What would become of a stack.
#[derive(Debug, Clone, Serialize)]
pub struct StackPreview {
    /// Where.
    pub region: RegionName,
    /// Which.
    pub stack: String,
    /// In short.
    pub action: StackAction,
    /// What an earlier run left, and has to be dealt with first; the changes are known after that.
    pub recovery: Option<Recovery>,
    /// Its resources that change.
    pub changes: Vec<ResourceChange>,
}

impl Preview {
    /// Whether anything changes.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        let stacks = self.stacks.iter().any(|stack| stack.action != StackAction::Leave);
        stacks || self.health_checks > 0 || !self.records.is_empty()
    }

    /// The stacks that would replace the state bucket, which is refused.
    pub fn replacing_the_state(&self) -> impl Iterator<Item = &StackPreview> {
        let lost = |change: &ResourceChange| change.resource == STATE && (change.replaces || change.action == "Remove");
        self.stacks.iter().filter(move |stack| stack.changes.iter().any(lost))
    }

    /// How many resources of a region change.
    #[must_use]
    pub fn changes_in(&self, region: &RegionName) -> usize {
        self.stacks.iter().filter(|stack| stack.region == *region).map(|stack| stack.changes.len()).sum()
    }
}

/// Has CloudFormation say what deploying `config` would change, in all regions at once. Checks that are still to be made
/// stand in the configuration by a word, so that one that is new counts as another configuration, which it is.
pub async fn preview(
    session: &Session,
    names: &Names,
    config: &Config,
    release: &Release,
) -> Result<Preview, DeployError> {
    let switch = Switch::new(session, config.speed());
    let zones = records::read(&switch, config).await?;
    let there = switch.checks_there(config).await?;
    let (mut services, mut health_checks, mut made) = (BTreeMap::new(), 0, Vec::new());
    for service in &config.services {
        let diff = diff_checks(&config.stack, service, &there);
        health_checks += diff.iter().filter(|check| check.held.is_none() || !check.differing.is_empty()).count();
        let checks = ids(&diff);
        let records = zoning(service, &zones[&service.hosted_zone], &checks, None)?;
        if records.is_needed() && records.only_creates() && records.refusals.is_empty() {
            made.push(service.name.clone());
        }
        services.insert(service.name.clone(), checks);
    }
    let deployment = Deployment { config: config.clone(), checks: services };
    let wanted = Wanted::of(session, names, &deployment, release).await?;
    let stacks = wanted.artifacts.iter().chain(&wanted.functions);
    let mut stacks = try_join_all(stacks.map(|stack| of(session, stack))).await?;
    stacks.push(of_watch(session, names, &wanted).await?);
    Ok(Preview { stacks, services: deployment.checks, health_checks, records: made })
}

/// Its template may have to lie in the artifact bucket first. Where there is none yet, the stack is none either.
async fn of_watch(session: &Session, names: &Names, wanted: &Wanted) -> Result<StackPreview, DeployError> {
    let WantedStack { region, name, .. } = &wanted.watch;
    if !wanted.put_watch(session, names).await? {
        let (region, stack) = (region.clone(), name.clone());
        return Ok(StackPreview { region, stack, action: StackAction::Create, recovery: None, changes: Vec::new() });
    }
    of(session, &wanted.watch).await
}

async fn of(session: &Session, wanted: &WantedStack) -> Result<StackPreview, DeployError> {
    let watch = |_| ();
    let stacks = Stacks::new(session, &wanted.region, &watch);
    let StackChanges { action, recovery, changes } = stacks.preview(&wanted.name, &wanted.template).await?;
    Ok(StackPreview { region: wanted.region.clone(), stack: wanted.name.clone(), action, recovery, changes })
}
