//! What a deployment would change, by CloudFormation's own change sets. Nothing of it stays.

use decision::{diff_checks, ids};
use domain::{Config, Deployment, RegionName};
use futures::future::try_join_all;
use serde::Serialize;

use super::{DeployError, Release, records, wanted::Wanted, wanted::WantedStack};
use crate::{
    Session,
    names::Names,
    stacks::{ResourceChange, StackAction, Stacks},
    switch::Switch,
};

/// The resource whose replacement would lose the state.
const STATE: &str = "State";

/// What a deployment would change.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// Each stack, the buckets' first.
    pub stacks: Vec<StackPreview>,
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
    /// Its resources that change.
    pub changes: Vec<ResourceChange>,
}

impl Preview {
    /// Whether anything changes.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.stacks.iter().any(|stack| stack.action != StackAction::Leave)
    }

    /// The stacks that would replace the state bucket, which is refused.
    pub fn replacing_the_state(&self) -> impl Iterator<Item = &StackPreview> {
        let lost = |change: &ResourceChange| change.resource == STATE && (change.replaces || change.action == "Remove");
        self.stacks.iter().filter(move |stack| stack.changes.iter().any(lost))
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
    records::read(&switch, config).await?;
    let there = switch.checks_there().await?;
    let checks = config.services.iter().map(|service| {
        let checks = ids(&diff_checks(&config.stack, service, &there));
        (service.name.clone(), checks)
    });
    let deployment = Deployment { config: config.clone(), checks: checks.collect() };
    let wanted = Wanted::of(session, names, &deployment, release).await?;
    let stacks = wanted.artifacts.iter().chain(&wanted.functions);
    let mut stacks = try_join_all(stacks.map(|stack| of(session, stack))).await?;
    stacks.push(of_watch(session, names, &wanted).await?);
    Ok(Preview { stacks })
}

/// Its template may have to lie in the artifact bucket first. Where there is none yet, the stack is none either.
async fn of_watch(session: &Session, names: &Names, wanted: &Wanted) -> Result<StackPreview, DeployError> {
    let WantedStack { region, name, .. } = &wanted.watch;
    if !wanted.put_watch(session, names).await? {
        let (region, stack) = (region.clone(), name.clone());
        return Ok(StackPreview { region, stack, action: StackAction::Create, changes: Vec::new() });
    }
    of(session, &wanted.watch).await
}

async fn of(session: &Session, wanted: &WantedStack) -> Result<StackPreview, DeployError> {
    let watch = |_| ();
    let stacks = Stacks::new(session, &wanted.region, &watch);
    let (action, changes) = stacks.preview(&wanted.name, &wanted.template, &wanted.parameters).await?;
    Ok(StackPreview { region: wanted.region.clone(), stack: wanted.name.clone(), action, changes })
}
