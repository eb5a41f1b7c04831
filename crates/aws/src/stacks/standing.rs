//! What can be done with a stack as it stands, by `CloudFormation`'s word for that.

use std::fmt;

use domain::RegionName;
use serde::Serialize;

use super::StackError;

/// What an earlier run left of a stack, and the way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recovery {
    /// `CloudFormation`'s status.
    pub status: String,
    /// What has to be done before anything else.
    pub way: Way,
}

/// The way from where a stack can't be updated to where it can.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Something is under way in it, and ends by itself.
    Wait,
    /// It was never made, or rolled back to nothing: it holds nothing that runs, and is deleted and made again.
    Delete,
    /// Its rollback stopped half-way, and is continued.
    ContinueRollback,
}

impl Way {
    /// None: it can be updated.
    pub(crate) fn out_of(status: &str) -> Option<Self> {
        match status {
            "REVIEW_IN_PROGRESS" | "CREATE_FAILED" | "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" | "DELETE_FAILED" => {
                Some(Self::Delete)
            }
            "UPDATE_ROLLBACK_FAILED" => Some(Self::ContinueRollback),
            status if status.ends_with("_IN_PROGRESS") => Some(Self::Wait),
            _ => None,
        }
    }
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match self.way {
            Way::Wait => "what is under way in it is waited for",
            Way::Delete => "it holds nothing that runs: it is deleted and made again",
            Way::ContinueRollback => "its rollback is continued",
        };
        write!(f, "was left as {}; {way}", self.status)
    }
}

/// How what was under way in a stack has ended.
pub(super) struct Ended {
    pub(super) region: RegionName,
    pub(super) stack: String,
    /// None: there is no such stack.
    pub(super) status: Option<String>,
    /// What failed, and why.
    pub(super) reasons: Vec<String>,
}

impl Ended {
    pub(super) fn must_be(self, wanted: &str) -> Result<(), StackError> {
        let Self { region, stack, status, reasons } = self;
        let status = status.unwrap_or_else(|| "DELETE_COMPLETE".to_owned());
        if status == wanted { Ok(()) } else { Err(StackError::Failed { region, stack, status, reasons }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_a_way() {
        for (status, way) in [
            ("CREATE_COMPLETE", None),
            ("UPDATE_COMPLETE", None),
            ("UPDATE_ROLLBACK_COMPLETE", None),
            ("UPDATE_FAILED", None),
            ("IMPORT_ROLLBACK_COMPLETE", None),
            ("CREATE_IN_PROGRESS", Some(Way::Wait)),
            ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", Some(Way::Wait)),
            ("UPDATE_ROLLBACK_IN_PROGRESS", Some(Way::Wait)),
            ("DELETE_IN_PROGRESS", Some(Way::Wait)),
            ("REVIEW_IN_PROGRESS", Some(Way::Delete)),
            ("ROLLBACK_COMPLETE", Some(Way::Delete)),
            ("ROLLBACK_FAILED", Some(Way::Delete)),
            ("CREATE_FAILED", Some(Way::Delete)),
            ("DELETE_FAILED", Some(Way::Delete)),
            ("UPDATE_ROLLBACK_FAILED", Some(Way::ContinueRollback)),
        ] {
            assert_eq!(Way::out_of(status), way, "{status}");
        }
    }
}
