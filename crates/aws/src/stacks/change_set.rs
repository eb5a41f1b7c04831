//! What applying a template would do, by `CloudFormation`'s own change sets. Nothing of it stays.

use std::fmt;

use aws_sdk_cloudformation::types::{
    Capability, ChangeAction, ChangeSetStatus, ChangeSetType, Replacement, StackResourceSummary,
};
use serde::Serialize;

use super::{Recovery, StackError, Stacks, Template, Way};
use crate::error::{AwsError, failed};

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

impl ResourceChange {
    pub(super) fn removes(held: &StackResourceSummary) -> Self {
        Self {
            action: ChangeAction::Remove.as_str().to_owned(),
            resource: held.logical_resource_id().unwrap_or_default().to_owned(),
            kind: held.resource_type().unwrap_or_default().to_owned(),
            replaces: false,
        }
    }
}

/// What would become of a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum StackAction {
    /// There is none, and there will be.
    Create,
    /// Resources of it change.
    Update,
    /// The configuration does not name its region any more.
    Remove,
    /// It is as it should be.
    Leave,
}

impl fmt::Display for StackAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Remove => "remove",
            Self::Leave => "leave",
        })
    }
}

/// What applying a template would do.
pub(crate) struct StackChanges {
    pub(crate) action: StackAction,
    /// What has to be done first.
    pub(crate) recovery: Option<Recovery>,
    pub(crate) changes: Vec<ResourceChange>,
}

/// The change set of a preview, which is deleted at once.
const PREVIEW: &str = "pointsman-preview";

impl Stacks<'_> {
    /// What applying a template would do, and to which resources. A stack that would be created is not there afterwards
    /// either. Waits for what is under way in it, and changes nothing else.
    pub(crate) async fn preview(&self, stack: &str, wanted: &Template) -> Result<StackChanges, StackError> {
        let status = self.quiet(stack).await?;
        // What a preview that was ended has left holds nothing.
        let status = status.filter(|status| status != "REVIEW_IN_PROGRESS");
        let exists = status.is_some();
        let recovery = status.and_then(|status| Some(Recovery { way: Way::out_of(&status)?, status }));
        if let Some(recovery) = recovery {
            // No change set can be made of it before that.
            let action = if recovery.way == Way::Delete { StackAction::Create } else { StackAction::Update };
            return Ok(StackChanges { action, recovery: Some(recovery), changes: Vec::new() });
        }
        let kind = if exists { ChangeSetType::Update } else { ChangeSetType::Create };
        match self.create_change_set(stack, wanted, kind.clone()).await {
            Err(error) if error.code() == Some("AlreadyExistsException") => {
                self.delete_change_set(stack).await?;
                self.create_change_set(stack, wanted, kind).await?;
            }
            made => made?,
        }
        let described = self.described(stack).await;
        let deleted = self.delete_change_set(stack).await;
        if !exists {
            self.delete(stack).await?;
        }
        deleted?;
        let changes = described?;
        let action = match (exists, changes.is_empty()) {
            (false, _) => StackAction::Create,
            (true, true) => StackAction::Leave,
            (true, false) => StackAction::Update,
        };
        Ok(StackChanges { action, recovery: None, changes })
    }

    async fn create_change_set(&self, stack: &str, wanted: &Template, kind: ChangeSetType) -> Result<(), AwsError> {
        self.cloudformation
            .create_change_set()
            .stack_name(stack)
            .change_set_name(PREVIEW)
            .change_set_type(kind)
            .set_template_body(wanted.in_call())
            .set_template_url(wanted.url.clone())
            .set_parameters(Some(wanted.parameters.clone()))
            .capabilities(Capability::CapabilityNamedIam)
            .send()
            .await
            .map_err(failed("CreateChangeSet"))?;
        Ok(())
    }

    async fn delete_change_set(&self, stack: &str) -> Result<(), AwsError> {
        let deleted = self.cloudformation.delete_change_set().stack_name(stack).change_set_name(PREVIEW).send().await;
        deleted.map_err(failed("DeleteChangeSet"))?;
        Ok(())
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
}
