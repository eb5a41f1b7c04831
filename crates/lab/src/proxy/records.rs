//! Record sets and changes in the API's shape.

use route53::{Action, Change, Name, RecordSet, RecordType, Role, Routing, Target, Zone};
use serde::{Deserialize, Serialize};

use super::xml::ApiError;

/// Sets in one page of a list unless the client wants fewer.
const PAGE: usize = 300;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ResourceRecordSet {
    name: String,
    r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    set_identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failover: Option<Failover>,
    #[serde(rename = "TTL", skip_serializing_if = "Option::is_none")]
    ttl: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_records: Option<ResourceRecords>,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias_target: Option<AliasTarget>,
    #[serde(skip_serializing_if = "Option::is_none")]
    health_check_id: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Failover {
    Primary,
    Secondary,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceRecords {
    #[serde(default)]
    resource_record: Vec<ResourceRecord>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceRecord {
    value: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AliasTarget {
    hosted_zone_id: String,
    #[serde(rename = "DNSName")]
    dns_name: String,
    evaluate_target_health: bool,
}

impl TryFrom<ResourceRecordSet> for RecordSet {
    type Error = ApiError;

    fn try_from(set: ResourceRecordSet) -> Result<Self, ApiError> {
        let invalid = |text: &dyn std::fmt::Display| ApiError::InvalidInput(text.to_string());
        let name = set.name.parse::<Name>().map_err(|error| invalid(&error))?;
        let kind = set.r#type.parse::<RecordType>().map_err(|error| invalid(&error))?;
        let routing = match (set.set_identifier, set.failover, set.weight) {
            (None, None, None) => Routing::Simple,
            (Some(id), Some(failover), None) => Routing::Failover { id: id.into(), role: failover.into() },
            (Some(id), None, Some(weight)) => Routing::Weighted { id: id.into(), weight },
            _ => {
                let reason =
                    "a set identifier goes with exactly one of Failover and Weight, the policies that the lab knows";
                return Err(invalid(&format_args!("Invalid request: {name} {kind}: {reason}")));
            }
        };
        let target = match (set.ttl, set.resource_records, set.alias_target) {
            (Some(ttl), Some(records), None) => {
                Target::Values { ttl, values: records.resource_record.into_iter().map(|record| record.value).collect() }
            }
            (None, None, Some(alias)) => Target::Alias {
                zone: alias.hosted_zone_id,
                name: alias.dns_name.parse::<Name>().map_err(|error| invalid(&error))?,
                evaluate_target_health: alias.evaluate_target_health,
            },
            _ => {
                let reason = "exactly one of [AliasTarget, all of [TTL, and ResourceRecords]] is expected";
                return Err(invalid(&format_args!("Invalid request: {name} {kind}: {reason}")));
            }
        };
        Ok(RecordSet { name, kind, routing, target, health_check: set.health_check_id.map(Into::into) })
    }
}

impl From<&RecordSet> for ResourceRecordSet {
    fn from(set: &RecordSet) -> Self {
        let (failover, weight) = match set.routing {
            Routing::Simple => (None, None),
            Routing::Failover { role, .. } => (Some(role.into()), None),
            Routing::Weighted { weight, .. } => (None, Some(weight)),
        };
        let (ttl, resource_records, alias_target) = match &set.target {
            Target::Values { ttl, values } => {
                let record = |value: &String| ResourceRecord { value: value.clone() };
                (Some(*ttl), Some(ResourceRecords { resource_record: values.iter().map(record).collect() }), None)
            }
            Target::Alias { zone, name, evaluate_target_health } => {
                let alias = AliasTarget {
                    hosted_zone_id: zone.clone(),
                    dns_name: name.to_api(),
                    evaluate_target_health: *evaluate_target_health,
                };
                (None, None, Some(alias))
            }
        };
        ResourceRecordSet {
            name: set.name.to_api(),
            r#type: set.kind.to_string(),
            set_identifier: set.set_id().map(ToString::to_string),
            weight,
            failover,
            ttl,
            resource_records,
            alias_target,
            health_check_id: set.health_check.as_ref().map(ToString::to_string),
        }
    }
}

impl From<Failover> for Role {
    fn from(failover: Failover) -> Self {
        match failover {
            Failover::Primary => Role::Primary,
            Failover::Secondary => Role::Secondary,
        }
    }
}

impl From<Role> for Failover {
    fn from(role: Role) -> Self {
        match role {
            Role::Primary => Failover::Primary,
            Role::Secondary => Failover::Secondary,
        }
    }
}

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
    change: Vec<WireChange>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WireChange {
    action: WireAction,
    resource_record_set: ResourceRecordSet,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum WireAction {
    Create,
    Delete,
    Upsert,
}

impl ChangeRequest {
    /// The changes in order.
    pub(super) fn into_changes(self) -> Result<Vec<Change>, ApiError> {
        let change = |WireChange { action, resource_record_set }| {
            let action = match action {
                WireAction::Create => Action::Create,
                WireAction::Delete => Action::Delete,
                WireAction::Upsert => Action::Upsert,
            };
            Ok(Change { action, set: resource_record_set.try_into()? })
        };
        self.change_batch.changes.change.into_iter().map(change).collect()
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
    resource_record_set: Vec<ResourceRecordSet>,
}

/// Where a page begins.
#[derive(Debug, Default)]
pub(super) struct Start {
    pub(super) name: Option<Name>,
    pub(super) kind: Option<String>,
    pub(super) identifier: Option<String>,
}

impl RecordList {
    pub(super) fn page(zone: &Zone, start: &Start, max_items: Option<usize>) -> Self {
        let max_items = max_items.unwrap_or(PAGE).clamp(1, PAGE);
        let mut sets: Vec<_> = zone.sets().map(|set| (order(set), set)).collect();
        sets.sort_by(|one, other| one.0.cmp(&other.0));
        let first = start.name.as_ref().map(|name| {
            let kind = start.kind.clone().unwrap_or_default();
            (name.list_order(), kind, start.identifier.clone().unwrap_or_default())
        });
        let mut rest =
            sets.iter().filter(|(order, _)| first.as_ref().is_none_or(|first| order >= first)).map(|(_, set)| set);
        let page = rest.by_ref().take(max_items).map(|set| ResourceRecordSet::from(*set)).collect();
        let next = rest.next();
        RecordList {
            resource_record_sets: Sets { resource_record_set: page },
            is_truncated: next.is_some(),
            next_record_name: next.map(|set| set.name.to_api()),
            next_record_type: next.map(|set| set.kind.to_string()),
            next_record_identifier: next.and_then(|set| set.set_id()).map(ToString::to_string),
            max_items: max_items.to_string(),
        }
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
        self.resource_record_sets.resource_record_set.into_iter().map(TryInto::try_into).collect()
    }
}

fn order(set: &RecordSet) -> (Vec<&str>, String, String) {
    (set.name.list_order(), set.kind.to_string(), set.set_id().map(ToString::to_string).unwrap_or_default())
}
