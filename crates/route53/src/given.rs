//! Record sets and changes as a client gives them, in the API's shape: taken as our model has them, or refused.

use serde::{Deserialize, Serialize};

use crate::invalid::{Bounds, InvalidInput};
use crate::{Action, Change, Name, RecordSet, RecordType, Role, Routing, Target};

const WEIGHT: Bounds = Bounds { least: 0, most: 255, kind: "ResourceRecordSetWeight" };
const TTL: Bounds = Bounds { least: 0, most: 2_147_483_647, kind: "TTL" };
/// Characters of a set identifier.
const SET_ID: usize = 128;

/// A record set as the API writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct GivenSet {
    pub name: String,
    pub r#type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub set_identifier: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub geo_location: Option<Unread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failover: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub multi_value_answer: Option<bool>,
    #[serde(rename = "TTL", skip_serializing_if = "Option::is_none")]
    pub ttl: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_records: Option<GivenRecords>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias_target: Option<GivenAlias>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check_id: Option<String>,
}

/// An element of which only the presence counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {}

/// A set's own records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct GivenRecords {
    #[serde(default)]
    pub resource_record: Vec<GivenRecord>,
}

/// One of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct GivenRecord {
    pub value: String,
}

/// What an alias points to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct GivenAlias {
    pub hosted_zone_id: String,
    #[serde(rename = "DNSName")]
    pub dns_name: String,
    pub evaluate_target_health: bool,
}

/// A change as the API writes it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs)]
pub struct GivenChange {
    pub action: String,
    pub resource_record_set: GivenSet,
}

impl TryFrom<GivenChange> for Change {
    type Error = InvalidInput;

    fn try_from(GivenChange { action, resource_record_set }: GivenChange) -> Result<Self, InvalidInput> {
        let set = parse(resource_record_set, &action)?;
        let action = match action.as_str() {
            "CREATE" => Action::Create,
            "DELETE" => Action::Delete,
            "UPSERT" => Action::Upsert,
            _ => return Err(InvalidInput::not_one_of(action, "[CREATE, DELETE, UPSERT]")),
        };
        Ok(Change { action, set })
    }
}

impl TryFrom<GivenSet> for RecordSet {
    type Error = InvalidInput;

    fn try_from(given: GivenSet) -> Result<Self, InvalidInput> {
        parse(given, "null")
    }
}

fn parse(given: GivenSet, action: &str) -> Result<RecordSet, InvalidInput> {
    let change = describe(&given, action);
    let name = given.name.parse::<Name>()?;
    let kind = given.r#type.parse::<RecordType>().map_err(|_| InvalidInput::not_one_of(given.r#type.clone(), TYPES))?;
    let routing = routing(&given, &change)?;
    let values = (given.ttl, given.resource_records);
    let target = match (values, given.alias_target) {
        ((Some(ttl), Some(records)), None) => Target::Values {
            ttl: TTL.hold(ttl)?,
            values: records.resource_record.into_iter().map(|record| record.value).collect(),
        },
        ((None, None), Some(alias)) => Target::Alias {
            zone: alias.hosted_zone_id,
            name: alias.dns_name.parse::<Name>()?,
            evaluate_target_health: alias.evaluate_target_health,
        },
        (_, alias) => {
            let choices = "AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId";
            return Err(InvalidInput::exactly_one(choices, alias.is_some(), change));
        }
    };
    Ok(RecordSet { name, kind, routing, target, health_check: given.health_check_id.map(Into::into) })
}

const TYPES: &str = "[SOA, A, TXT, NS, CNAME, MX, NAPTR, PTR, SRV, SPF, AAAA, CAA, DS, TLSA, SSHFP, SVCB, HTTPS]";

fn routing(given: &GivenSet, change: &str) -> Result<Routing, InvalidInput> {
    let unknown = [
        given.region.as_ref().map(|_| "latency"),
        given.geo_location.as_ref().map(|_| "geolocation"),
        given.multi_value_answer.map(|_| "multivalue answer"),
    ];
    if let Some(policy) = unknown.into_iter().flatten().next() {
        return Err(InvalidInput::UnknownPolicy(policy));
    }
    let id = match (&given.set_identifier, &given.failover, given.weight) {
        (None, None, None) => return Ok(Routing::Simple),
        (None, ..) => return Err(InvalidInput::Missing { field: "SetIdentifier", change: change.to_owned() }),
        (Some(id), ..) => id,
    };
    if id.is_empty() || id.chars().count() > SET_ID {
        return Err(InvalidInput::Length { value: id.clone(), most: SET_ID, kind: "ResourceRecordSetIdentifier" });
    }
    match (&given.failover, given.weight) {
        (Some(role), None) => {
            let role = match role.as_str() {
                "PRIMARY" => Role::Primary,
                "SECONDARY" => Role::Secondary,
                other => return Err(InvalidInput::not_one_of(other.to_owned(), "[PRIMARY, SECONDARY]")),
            };
            Ok(Routing::Failover { id: id.as_str().into(), role })
        }
        (None, Some(weight)) => Ok(Routing::Weighted { id: id.as_str().into(), weight: WEIGHT.hold(weight)? }),
        (given, _) => {
            let choices = "Weight, Region, Failover, GeoLocation, or MultiValueAnswer";
            Err(InvalidInput::exactly_one(choices, given.is_some(), change.to_owned()))
        }
    }
}

/// A change as Route 53's messages name it.
fn describe(given: &GivenSet, action: &str) -> String {
    let id = given.set_identifier.as_deref().unwrap_or("null");
    format!("[Action={action}, Name={}, Type={}, SetIdentifier={id}]", given.name, given.r#type)
}

impl From<&RecordSet> for GivenSet {
    fn from(set: &RecordSet) -> Self {
        let (failover, weight) = match set.routing {
            Routing::Simple => (None, None),
            Routing::Failover { role, .. } => (Some(role.to_string()), None),
            Routing::Weighted { weight, .. } => (None, Some(weight.into())),
        };
        let (ttl, resource_records, alias_target) = match &set.target {
            Target::Values { ttl, values } => {
                let record = |value: &String| GivenRecord { value: value.clone() };
                let resource_record = values.iter().map(record).collect();
                (Some(i64::from(*ttl)), Some(GivenRecords { resource_record }), None)
            }
            Target::Alias { zone, name, evaluate_target_health } => {
                let alias = GivenAlias {
                    hosted_zone_id: zone.clone(),
                    dns_name: name.to_api(),
                    evaluate_target_health: *evaluate_target_health,
                };
                (None, None, Some(alias))
            }
        };
        GivenSet {
            name: set.name.to_api(),
            r#type: set.kind.to_string(),
            set_identifier: set.set_id().map(ToString::to_string),
            weight,
            failover,
            ttl,
            resource_records,
            alias_target,
            health_check_id: set.health_check.as_ref().map(ToString::to_string),
            ..GivenSet::default()
        }
    }
}

#[cfg(test)]
mod tests;
