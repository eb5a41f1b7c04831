//! `CloudFormation` stacks: applied, watched resource by resource, deleted.

mod change_set;
mod standing;

use std::{collections::BTreeSet, mem, time::Duration};

use aws_sdk_cloudformation::{
    Client,
    error::ProvideErrorMetadata,
    types::{Capability, Parameter, Stack, StackEvent, TemplateStage},
};
use domain::RegionName;

use crate::{
    Session,
    error::{AwsError, failed},
};
pub(crate) use change_set::StackChanges;
pub use change_set::{ResourceChange, StackAction};
use standing::Ended;
pub use standing::{Recovery, Way};

/// Why a stack is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// `CloudFormation` refused or is away.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// It ended in a failure.
    #[error("ended as {status}: {}", .reasons.join("; "))]
    Failed {
        /// Where.
        region: RegionName,
        /// The stack.
        stack: String,
        /// `CloudFormation`'s status.
        status: String,
        /// What it says of each resource that failed.
        reasons: Vec<String>,
    },
}

/// Something that happened to a resource.
#[derive(Debug, Clone)]
pub struct ResourceEvent {
    /// Where.
    pub region: RegionName,
    /// The stack.
    pub stack: String,
    /// The resource's logical id.
    pub resource: String,
    /// `CloudFormation`'s status.
    pub status: String,
    /// Why, when it failed.
    pub reason: Option<String>,
}

/// What is to be told of a stack.
#[derive(Debug, Clone)]
pub(crate) enum StackNews {
    /// A resource of it changed.
    Resource(ResourceEvent),
    /// What an earlier run left of it is dealt with.
    Recovery { region: RegionName, stack: String, recovery: Recovery },
}

/// A template and what it is given.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    body: String,
    /// Where it lies, too long for a call.
    url: Option<String>,
    parameters: Vec<Parameter>,
}

impl Template {
    pub(crate) fn new(body: String, parameters: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        let parameter = |(key, value)| Parameter::builder().parameter_key(key).parameter_value(value).build();
        Self { body, url: None, parameters: parameters.into_iter().map(parameter).collect() }
    }

    /// `CloudFormation` reads it from there.
    pub(crate) fn stored(self, url: String) -> Self {
        Self { url: Some(url), ..self }
    }

    fn in_call(&self) -> Option<String> {
        self.url.is_none().then(|| self.body.clone())
    }

    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    pub(crate) fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().filter_map(|it| Some((it.parameter_key()?, it.parameter_value()?)))
    }
}

/// How often a call is made that another was before.
const ATTEMPTS: usize = 3;

/// How often a look is throttled in a row before it is given up, the SDK's own attempts aside.
const PATIENCE: usize = 5;

/// What applying a template did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// There was no such stack.
    Created,
    /// Something changed.
    Updated,
    /// Nothing to do.
    Unchanged,
}

/// The stacks of one region.
pub(crate) struct Stacks<'a> {
    cloudformation: Client,
    region: &'a RegionName,
    pace: Duration,
    watch: &'a (dyn Fn(StackNews) + Sync),
}

impl<'a> Stacks<'a> {
    pub(crate) fn new(session: &Session, region: &'a RegionName, watch: &'a (dyn Fn(StackNews) + Sync)) -> Self {
        // A stand-in is done in milliseconds; AWS throttles who asks more often.
        let pace = if session.endpoint_url().is_some() { 100 } else { 2_000 };
        Self { cloudformation: session.cloudformation(region), region, pace: Duration::from_millis(pace), watch }
    }

    /// Creates or updates a stack, and waits. One that an earlier run left half-made is dealt with first.
    pub(crate) async fn apply(&self, stack: &str, wanted: &Template) -> Result<Applied, StackError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let done = if self.ready(stack).await? {
                self.update(stack, wanted).await
            } else {
                self.create(stack, wanted).await
            };
            match done {
                // Its reply was lost and the call was made again, or somebody else was first: what is there now counts.
                Err(StackError::Aws(error)) if attempts < ATTEMPTS && is_overtaken(&error) => {}
                done => return done,
            }
        }
    }

    async fn create(&self, stack: &str, wanted: &Template) -> Result<Applied, StackError> {
        self.cloudformation
            .create_stack()
            .stack_name(stack)
            .set_template_body(wanted.in_call())
            .set_template_url(wanted.url.clone())
            .set_parameters(Some(wanted.parameters.clone()))
            .capabilities(Capability::CapabilityNamedIam)
            .send()
            .await
            .map_err(failed("CreateStack"))?;
        self.ended(stack, BTreeSet::new()).await?.must_be("CREATE_COMPLETE")?;
        Ok(Applied::Created)
    }

    async fn update(&self, stack: &str, wanted: &Template) -> Result<Applied, StackError> {
        let seen = self.events(stack).await?.iter().map(id).collect();
        let update = self
            .cloudformation
            .update_stack()
            .stack_name(stack)
            .set_template_body(wanted.in_call())
            .set_template_url(wanted.url.clone())
            .set_parameters(Some(wanted.parameters.clone()))
            .capabilities(Capability::CapabilityNamedIam)
            .send()
            .await;
        match update {
            Ok(_) => {
                self.ended(stack, seen).await?.must_be("UPDATE_COMPLETE")?;
                Ok(Applied::Updated)
            }
            Err(error) if error.message().is_some_and(|m| m.contains("No updates are to be performed")) => {
                Ok(Applied::Unchanged)
            }
            Err(error) => Err(failed("UpdateStack")(error).into()),
        }
    }

    /// Brings a stack to where it can be created or updated; whether it is there.
    pub(crate) async fn ready(&self, stack: &str) -> Result<bool, StackError> {
        let mut waits = false;
        loop {
            let Some(status) = self.status(stack).await? else { return Ok(false) };
            let Some(way) = Way::out_of(&status) else { return Ok(true) };
            // Waiting is told once.
            if way != Way::Wait || !mem::replace(&mut waits, true) {
                let recovery = Recovery { status, way };
                self.tell(StackNews::Recovery { region: self.region.clone(), stack: stack.to_owned(), recovery });
            }
            match way {
                Way::Wait => tokio::time::sleep(self.pace).await,
                Way::Delete => self.delete(stack).await?,
                Way::ContinueRollback => self.continue_rollback(stack).await?,
            }
        }
    }

    async fn continue_rollback(&self, stack: &str) -> Result<(), StackError> {
        let seen = self.events(stack).await?.iter().map(id).collect();
        let asked = self.cloudformation.continue_update_rollback().stack_name(stack).send().await;
        asked.map_err(failed("ContinueUpdateRollback"))?;
        self.ended(stack, seen).await?.must_be("UPDATE_ROLLBACK_COMPLETE")
    }

    /// A stack as it can be brought back to, `None` when it does not exist.
    pub(crate) async fn remembered(&self, stack: &str) -> Result<Option<Template>, AwsError> {
        let Some(Described(found)) = self.describe(stack).await? else { return Ok(None) };
        let asked = self.cloudformation.get_template().stack_name(stack).template_stage(TemplateStage::Original);
        let template = asked.send().await.map_err(failed("GetTemplate"))?;
        let body = template.template_body.unwrap_or_default();
        Ok(Some(Template { body, url: None, parameters: found.parameters.unwrap_or_default() }))
    }

    /// Waits until nothing is under way in a stack; how it stands then, `None` when it does not exist.
    pub(crate) async fn quiet(&self, stack: &str) -> Result<Option<String>, AwsError> {
        loop {
            let status = self.status(stack).await?;
            if status.as_deref().and_then(Way::out_of) != Some(Way::Wait) {
                return Ok(status);
            }
            tokio::time::sleep(self.pace).await;
        }
    }

    /// Deletes a stack, and waits; one that does not exist is deleted.
    pub(crate) async fn delete(&self, stack: &str) -> Result<(), StackError> {
        if self.quiet(stack).await?.is_none() {
            return Ok(());
        }
        let seen = self.events(stack).await?.iter().map(id).collect();
        self.cloudformation.delete_stack().stack_name(stack).send().await.map_err(failed("DeleteStack"))?;
        self.ended(stack, seen).await?.must_be("DELETE_COMPLETE")
    }

    /// What goes with a stack.
    pub(crate) async fn removing(&self, stack: &str) -> Result<Vec<ResourceChange>, AwsError> {
        let asked = self.cloudformation.list_stack_resources().stack_name(stack).into_paginator().items().send();
        let found = asked.collect::<Result<Vec<_>, _>>().await.map_err(failed("ListStackResources"))?;
        Ok(found.iter().map(ResourceChange::removes).collect())
    }

    /// Whether a stack holds a resource of that logical id.
    pub(crate) async fn owns(&self, stack: &str, resource: &str) -> Result<bool, AwsError> {
        let found =
            self.cloudformation.describe_stack_resource().stack_name(stack).logical_resource_id(resource).send().await;
        match found {
            Ok(_) => Ok(true),
            Err(error) if error.message().is_some_and(|m| m.contains("does not exist")) => Ok(false),
            Err(error) => Err(failed("DescribeStackResource")(error)),
        }
    }

    /// Waits until what is under way in a stack has ended, and tells of each resource meanwhile.
    async fn ended(&self, stack: &str, mut seen: BTreeSet<String>) -> Result<Ended, AwsError> {
        let mut reasons = Vec::new();
        loop {
            let status = self.status(stack).await?;
            for event in self.events(stack).await?.iter().rev() {
                if !seen.insert(id(event)) {
                    continue;
                }
                let status = event.resource_status().map_or("", |s| s.as_str());
                let resource = event.logical_resource_id().unwrap_or_default();
                let reason = event.resource_status_reason().map(str::to_owned);
                if status.ends_with("_FAILED") {
                    reasons.push(format!("{resource}: {}", reason.as_deref().unwrap_or("no reason given")));
                }
                self.tell(StackNews::Resource(ResourceEvent {
                    region: self.region.clone(),
                    stack: stack.to_owned(),
                    resource: resource.to_owned(),
                    status: status.to_owned(),
                    reason,
                }));
            }
            if status.as_deref().and_then(Way::out_of) != Some(Way::Wait) {
                return Ok(Ended { region: self.region.clone(), stack: stack.to_owned(), status, reasons });
            }
            tokio::time::sleep(self.pace).await;
        }
    }

    /// What a look finds, which is taken again where it is throttled: what is under way must not be lost sight of.
    async fn patiently<T>(&self, look: impl AsyncFn() -> Result<T, AwsError>) -> Result<T, AwsError> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match look().await {
                Err(AwsError::Throttled { .. }) if attempts < PATIENCE => tokio::time::sleep(self.pace).await,
                looked => return looked,
            }
        }
    }

    fn tell(&self, news: StackNews) {
        (self.watch)(news);
    }

    async fn status(&self, stack: &str) -> Result<Option<String>, AwsError> {
        Ok(self.describe(stack).await?.and_then(|found| found.0.stack_status).map(|status| status.as_str().to_owned()))
    }

    /// A stack as it stands, `None` when it does not exist.
    pub(crate) async fn describe(&self, stack: &str) -> Result<Option<Described>, AwsError> {
        let look = async || match self.cloudformation.describe_stacks().stack_name(stack).send().await {
            Ok(found) => {
                let stack = found.stacks.unwrap_or_default().into_iter().next();
                let deleted =
                    |stack: &Stack| stack.stack_status.as_ref().is_some_and(|s| s.as_str() == "DELETE_COMPLETE");
                Ok(stack.filter(|stack| !deleted(stack)).map(Described))
            }
            Err(error) if error.message().is_some_and(|m| m.contains("does not exist")) => Ok(None),
            Err(error) => Err(failed("DescribeStacks")(error)),
        };
        self.patiently(look).await
    }

    async fn events(&self, stack: &str) -> Result<Vec<StackEvent>, AwsError> {
        let look = async || match self.cloudformation.describe_stack_events().stack_name(stack).send().await {
            Ok(found) => Ok(found.stack_events.unwrap_or_default()),
            Err(error) if error.message().is_some_and(|m| m.contains("does not exist")) => Ok(Vec::new()),
            Err(error) => Err(failed("DescribeStackEvents")(error)),
        };
        self.patiently(look).await
    }
}

/// A stack as it stands.
pub(crate) struct Described(Stack);

impl Described {
    pub(crate) fn parameter(&self, key: &str) -> Option<String> {
        let found = self.0.parameters().iter().find(|parameter| parameter.parameter_key() == Some(key));
        found?.parameter_value().map(str::to_owned)
    }

    pub(crate) fn output(&self, key: &str) -> Option<String> {
        let found = self.0.outputs().iter().find(|output| output.output_key() == Some(key));
        found?.output_value().map(str::to_owned)
    }
}

fn id(event: &StackEvent) -> String {
    event.event_id().unwrap_or_default().to_owned()
}

/// Whether a stack is not where it was when it was looked at.
fn is_overtaken(error: &AwsError) -> bool {
    match error {
        AwsError::Refused { code, message, .. } => {
            code == "AlreadyExistsException" || message.contains("_IN_PROGRESS state")
        }
        _ => false,
    }
}
