//! Record sets in the shape of the API's requests and lists.

use route53::{Change, GivenChange, GivenSet, RecordSet, Start, Zone};
use serde::{Deserialize, Serialize};

use super::Call;
use super::xml::ApiError;

/// Sets in one page of a list unless the client wants fewer.
const PAGE: usize = 300;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeRequest {
    change_batch: ChangeBatch,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeBatch {
    changes: Changes,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Changes {
    change: Vec<GivenChange>,
}

impl ChangeRequest {
    /// The changes in order.
    pub(super) fn into_changes(self) -> Result<Vec<Change>, ApiError> {
        Ok(self.change_batch.changes.change.into_iter().map(Change::try_from).collect::<Result<_, _>>()?)
    }
}

/// A page of a zone's sets, ours to clients and the emulator's to us.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RecordList {
    resource_record_sets: Sets,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_record_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_record_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_record_identifier: Option<String>,
    max_items: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sets {
    #[serde(default)]
    resource_record_set: Vec<GivenSet>,
}

impl RecordList {
    /// The page of a zone that the call asks for.
    pub(super) fn asked(zone: &Zone, call: &Call) -> Result<Self, ApiError> {
        let [name, kind, identifier] = ["name", "type", "identifier"].map(|key| call.query(key));
        let start = Start::parse(name.as_deref(), kind.as_deref(), identifier.as_deref())?;
        let most = call.max_items(PAGE)?;
        let (page, next) = zone.page(&start, most);
        Ok(RecordList {
            resource_record_sets: Sets { resource_record_set: page.into_iter().map(Into::into).collect() },
            is_truncated: next.is_some(),
            next_record_name: next.map(|set| set.name.to_api()),
            next_record_type: next.map(|set| set.kind.to_string()),
            next_record_identifier: next.and_then(RecordSet::set_id).map(ToString::to_string),
            max_items: most.to_string(),
        })
    }

    /// The query string of the page after this one.
    pub(super) fn next(&self) -> Option<String> {
        let name = self.next_record_name.as_ref().filter(|_| self.is_truncated)?;
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("name", name);
        for (key, value) in [("type", &self.next_record_type), ("identifier", &self.next_record_identifier)] {
            if let Some(value) = value {
                query.append_pair(key, value);
            }
        }
        Some(query.finish())
    }

    pub(super) fn into_sets(self) -> Result<Vec<RecordSet>, ApiError> {
        let sets = self.resource_record_sets.resource_record_set.into_iter();
        Ok(sets.map(RecordSet::try_from).collect::<Result<_, _>>()?)
    }
}
