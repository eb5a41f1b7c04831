//! `CloudFormation` stacks: applied, watched resource by resource, deleted.

use std::{collections::BTreeSet, fmt, time::Duration};

use aws_sdk_cloudformation::{
    Client,
    error::ProvideErrorMetadata,
    types::{Capability, ChangeSetStatus, ChangeSetType, Parameter, Replacement, Stack, StackEvent},
};
use domain::RegionName;
use serde::Serialize;

use crate::{
    Session,
    error::{AwsError, failed},
};

/// Why a stack is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// `CloudFormation` refused or is away.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// It ended in a failure.
    #[error("stack {stack} in {region} ended as {status}: {}", .reasons.join("; "))]
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

/// What would become of a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ResourceChange {
    /// `Add`, `Modify` or `Remove`, in CloudFormation's words.
    pub action: String,
    /// Its logical id.
    pub resource: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Whether it would certainly be another one afterwards.
    pub replaces: bool,
}

/// What would become of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StackAction {
    /// There is none, and there will be.
    Create,
    /// Resources of it change.
    Update,
    /// It is as it should be.
    Leave,
}

impl fmt::Display for StackAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Leave => "leave",
        })
    }
}

/// A template, and how it gets to `CloudFormation`.
#[derive(Debug, Clone)]
pub(crate) enum Template {
    /// In the call: 51,200 bytes at most.
    Inline(String),
    /// In a bucket, under this URL.
    Stored(String),
}

impl Template {
    fn body(&self) -> Option<String> {
        if let Self::Inline(text) = self { Some(text.clone()) } else { None }
    }

    fn url(&self) -> Option<String> {
        if let Self::Stored(url) = self { Some(url.clone()) } else { None }
    }
}

/// The change set of a preview, which is deleted at once.
const PREVIEW: &str = "pointsman-preview";

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
    watch: &'a (dyn Fn(ResourceEvent) + Sync),
}

impl<'a> Stacks<'a> {
    pub(crate) fn new(session: &Session, region: &'a RegionName, watch: &'a (dyn Fn(ResourceEvent) + Sync)) -> Self {
        // A stand-in is done in milliseconds; AWS throttles who asks more often.
        let pace = if session.endpoint_url().is_some() { 100 } else { 2_000 };
        Self { cloudformation: session.cloudformation(region), region, pace: Duration::from_millis(pace), watch }
    }

    /// Creates or updates a stack, and waits.
    pub(crate) async fn apply(
        &self,
        stack: &str,
        template: &Template,
        parameters: &[(&str, String)],
    ) -> Result<Applied, StackError> {
        let parameters = to_sdk(parameters);
        let exists = self.clear(stack).await?;
        let seen = if exists { self.events(stack).await?.iter().map(id).collect() } else { BTreeSet::new() };
        if !exists {
            self.cloudformation
                .create_stack()
                .stack_name(stack)
                .set_template_body(template.body())
                .set_template_url(template.url())
                .set_parameters(Some(parameters))
                .capabilities(Capability::CapabilityNamedIam)
                .send()
                .await
                .map_err(failed("CreateStack"))?;
            self.wait(stack, seen).await?;
            return Ok(Applied::Created);
        }
        let update = self
            .cloudformation
            .update_stack()
            .stack_name(stack)
            .set_template_body(template.body())
            .set_template_url(template.url())
            .set_parameters(Some(parameters))
            .capabilities(Capability::CapabilityNamedIam)
            .send()
            .await;
        match update {
            Ok(_) => {
                self.wait(stack, seen).await?;
                Ok(Applied::Updated)
            }
            Err(error) if error.message().is_some_and(|m| m.contains("No updates are to be performed")) => {
                Ok(Applied::Unchanged)
            }
            Err(error) => Err(failed("UpdateStack")(error).into()),
        }
    }

    /// What applying a template would do, and to which resources. A stack that would be
    /// created is not there afterwards either.
    pub(crate) async fn preview(
        &self,
        stack: &str,
        template: &Template,
        parameters: &[(&str, String)],
    ) -> Result<(StackAction, Vec<ResourceChange>), StackError> {
        let exists = match self.status(stack).await?.as_deref() {
            // It can only be deleted, which a preview does not.
            Some("ROLLBACK_COMPLETE") => return Ok((StackAction::Create, Vec::new())),
            None | Some("REVIEW_IN_PROGRESS") => false,
            Some(_) => true,
        };
        let kind = if exists { ChangeSetType::Update } else { ChangeSetType::Create };
        self.cloudformation
            .create_change_set()
            .stack_name(stack)
            .change_set_name(PREVIEW)
            .change_set_type(kind)
            .set_template_body(template.body())
            .set_template_url(template.url())
            .set_parameters(Some(to_sdk(parameters)))
            .capabilities(Capability::CapabilityNamedIam)
            .send()
            .await
            .map_err(failed("CreateChangeSet"))?;
        let described = self.described(stack).await;
        let deleted = self.cloudformation.delete_change_set().stack_name(stack).change_set_name(PREVIEW).send().await;
        if !exists {
            self.delete(stack).await?;
        }
        deleted.map_err(failed("DeleteChangeSet"))?;
        let changes = described?;
        let action = match (exists, changes.is_empty()) {
            (false, _) => StackAction::Create,
            (true, true) => StackAction::Leave,
            (true, false) => StackAction::Update,
        };
        Ok((action, changes))
    }

    /// The changes of the preview's change set, once CloudFormation knows them.
    async fn described(&self, stack: &str) -> Result<Vec<ResourceChange>, StackError> {
        let (mut changes, mut page) = (Vec::new(), None);
        loop {
            let asked = self.cloudformation.describe_change_set().stack_name(stack).change_set_name(PREVIEW);
            let found = asked.set_next_token(page.clone()).send().await.map_err(failed("DescribeChangeSet"))?;
            match found.status() {
                Some(ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress) => {
                    tokio::time::sleep(self.pace).await;
                    continue;
                }
                Some(ChangeSetStatus::Failed) => {
                    let reason = found.status_reason().unwrap_or_default().to_owned();
                    if reason.contains("didn't contain changes") || reason.contains("No updates are to be performed") {
                        return Ok(Vec::new());
                    }
                    return Err(StackError::Failed {
                        region: self.region.clone(),
                        stack: stack.to_owned(),
                        status: "FAILED".to_owned(),
                        reasons: vec![reason],
                    });
                }
                _ => {}
            }
            changes.extend(found.changes().iter().filter_map(|change| change.resource_change()).map(|change| {
                ResourceChange {
                    action: change.action().map(|action| action.as_str().to_owned()).unwrap_or_default(),
                    resource: change.logical_resource_id().unwrap_or_default().to_owned(),
                    kind: change.resource_type().unwrap_or_default().to_owned(),
                    replaces: change.replacement() == Some(&Replacement::True),
                }
            }));
            page = found.next_token().map(str::to_owned);
            if page.is_none() {
                return Ok(changes);
            }
        }
    }

    /// Whether there is a stack that can be updated. One that was never made, or rolled back to nothing, holds nothing and
    /// can only be deleted, which is done.
    async fn clear(&self, stack: &str) -> Result<bool, StackError> {
        match self.status(stack).await?.as_deref() {
            None => Ok(false),
            Some("ROLLBACK_COMPLETE" | "REVIEW_IN_PROGRESS") => {
                self.delete(stack).await?;
                Ok(false)
            }
            Some(_) => Ok(true),
        }
    }

    /// Deletes a stack, and waits; one that does not exist is deleted.
    pub(crate) async fn delete(&self, stack: &str) -> Result<(), StackError> {
        if self.status(stack).await?.is_none() {
            return Ok(());
        }
        let seen = self.events(stack).await?.iter().map(id).collect();
        self.cloudformation.delete_stack().stack_name(stack).send().await.map_err(failed("DeleteStack"))?;
        self.wait(stack, seen).await
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

    async fn wait(&self, stack: &str, mut seen: BTreeSet<String>) -> Result<(), StackError> {
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
                (self.watch)(ResourceEvent {
                    region: self.region.clone(),
                    stack: stack.to_owned(),
                    resource: resource.to_owned(),
                    status: status.to_owned(),
                    reason,
                });
            }
            match status.as_deref() {
                None | Some("CREATE_COMPLETE" | "UPDATE_COMPLETE" | "DELETE_COMPLETE") => return Ok(()),
                Some(status) if status.ends_with("_IN_PROGRESS") => tokio::time::sleep(self.pace).await,
                Some(status) => {
                    return Err(StackError::Failed {
                        region: self.region.clone(),
                        stack: stack.to_owned(),
                        status: status.to_owned(),
                        reasons,
                    });
                }
            }
        }
    }

    async fn status(&self, stack: &str) -> Result<Option<String>, AwsError> {
        Ok(self.describe(stack).await?.and_then(|found| found.0.stack_status).map(|status| status.as_str().to_owned()))
    }

    /// A stack as it stands, `None` when it does not exist.
    pub(crate) async fn describe(&self, stack: &str) -> Result<Option<Described>, AwsError> {
        match self.cloudformation.describe_stacks().stack_name(stack).send().await {
            Ok(found) => {
                let stack = found.stacks.unwrap_or_default().into_iter().next();
                let deleted =
                    |stack: &Stack| stack.stack_status.as_ref().is_some_and(|s| s.as_str() == "DELETE_COMPLETE");
                Ok(stack.filter(|stack| !deleted(stack)).map(Described))
            }
            Err(error) if error.message().is_some_and(|m| m.contains("does not exist")) => Ok(None),
            Err(error) => Err(failed("DescribeStacks")(error)),
        }
    }

    async fn events(&self, stack: &str) -> Result<Vec<StackEvent>, AwsError> {
        match self.cloudformation.describe_stack_events().stack_name(stack).send().await {
            Ok(found) => Ok(found.stack_events.unwrap_or_default()),
            Err(error) if error.message().is_some_and(|m| m.contains("does not exist")) => Ok(Vec::new()),
            Err(error) => Err(failed("DescribeStackEvents")(error)),
        }
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

fn to_sdk(parameters: &[(&str, String)]) -> Vec<Parameter> {
    let parameter =
        |(key, value): &(&str, String)| Parameter::builder().parameter_key(*key).parameter_value(value).build();
    parameters.iter().map(parameter).collect()
}

fn id(event: &StackEvent) -> String {
    event.event_id().unwrap_or_default().to_owned()
}
