//! What a deployment would change, by CloudFormation's own change sets. Nothing of it stays.

use std::collections::BTreeMap;

use decision::{diff_checks, ids, zoning};
use domain::{Config, Deployment, DnsName, NativeChecks, RegionName};
use futures::future::Either;
use serde::Serialize;

use super::{
    DeployError, Release, Standing, Step, records,
    wanted::{Put, Wanted, WantedStack},
};
use crate::{
    Session,
    error::failed,
    names::Names,
    stacks::{Recovery, ResourceChange, StackAction, StackChanges, Stacks},
    switch::Switch,
};

/// The resource whose replacement would lose the state.
const STATE: &str = "State";

/// What a deployment would change.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// Each stack, the buckets' first and last those that go.
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

    /// Whether this stack is as it should be.
    pub(super) fn leaves(&self, region: &RegionName, name: &str) -> bool {
        let mut same = self.stacks.iter().filter(|stack| stack.region == *region && stack.stack == name);
        same.any(|stack| stack.action == StackAction::Leave && stack.recovery.is_none())
    }

    /// The resources that change, each with its stack.
    pub fn changing(&self) -> impl Iterator<Item = (&StackPreview, &ResourceChange)> {
        self.stacks.iter().flat_map(|stack| stack.changes.iter().map(move |change| (stack, change)))
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
    let obsolete = Standing::obsolete(session, names, config).await?;
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
    let step = Step {
        after: "nothing was changed",
        taken: "nothing of it was changed",
        missed: "at most an empty change set of it is left, which the next run takes away",
    };
    let stacks = wanted.artifacts.iter().chain(&wanted.functions);
    let of_stack = |stack| Either::Left(of(session, stack));
    let of_watch = Either::Right(of_watch(session, names, &wanted));
    let each = stacks.map(|stack| (stack, of_stack(stack))).chain([(&wanted.watch, of_watch)]);
    let mut stacks =
        step.everywhere(each.map(|(stack, asked)| (stack.region.clone(), stack.name.clone(), asked))).await?;
    stacks.extend(obsolete.preview().await?);
    Ok(Preview { stacks, services: deployment.checks, health_checks, records: made })
}

/// Its template may have to lie in the artifact bucket for as long as it is asked about. Where there is no bucket yet, the
/// stack is none either.
async fn of_watch(session: &Session, names: &Names, wanted: &Wanted) -> Result<StackPreview, DeployError> {
    let WantedStack { region, name, .. } = &wanted.watch;
    let lent = match wanted.put_watch(session, names).await? {
        Put::NoBucket => {
            let (region, stack) = (region.clone(), name.clone());
            return Ok(StackPreview {
                region,
                stack,
                action: StackAction::Create,
                recovery: None,
                changes: Vec::new(),
            });
        }
        Put::There => None,
        Put::Now(key) => Some(key),
    };
    let asked = of(session, &wanted.watch).await;
    if let Some(key) = lent {
        let delete = session.s3(region).delete_object().bucket(names.artifacts(region)).key(key).send().await;
        delete.map_err(failed("DeleteObject"))?;
    }
    asked
}

async fn of(session: &Session, wanted: &WantedStack) -> Result<StackPreview, DeployError> {
    let watch = |_| ();
    let stacks = Stacks::new(session, &wanted.region, &watch);
    let StackChanges { action, recovery, changes } = stacks.preview(&wanted.name, &wanted.template).await?;
    Ok(StackPreview { region: wanted.region.clone(), stack: wanted.name.clone(), action, recovery, changes })
}
