//! Hosted zones: the emulator keeps them, the lab lists them in Route 53's order and pages.

use std::sync::Arc;

use bytes::Bytes;
use hyper::{Response, StatusCode};
use route53::{Answer, Draw, InvalidInput, Name, RecordType, Rrset};
use serde::{Deserialize, Serialize};

use super::Call;
use super::xml::{self, ApiError};
use crate::hosted::{Route53, ZoneId};

/// Zones in one page of a list unless the client wants fewer.
pub(super) const PAGE: usize = 100;

/// A zone as the emulator describes it and clients read it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct HostedZone {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    caller_reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<ZoneConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_record_set_count: Option<u64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ZoneConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
    #[serde(default)]
    private_zone: bool,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Zones {
    #[serde(default)]
    hosted_zone: Vec<HostedZone>,
}

/// A page of the list by id, ours to clients and the emulator's to us.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ZoneList {
    hosted_zones: Zones,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
    max_items: String,
}

/// A page of the list by name.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct NamedList {
    hosted_zones: Zones,
    #[serde(rename = "DNSName", skip_serializing_if = "Option::is_none")]
    dns_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hosted_zone_id: Option<String>,
    is_truncated: bool,
    #[serde(rename = "NextDNSName", skip_serializing_if = "Option::is_none")]
    next_dns_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_hosted_zone_id: Option<String>,
    max_items: String,
}

impl HostedZone {
    pub(super) fn zone_id(&self) -> ZoneId {
        ZoneId(self.bare_id().to_owned())
    }

    fn bare_id(&self) -> &str {
        self.id.trim_start_matches("/hostedzone/")
    }

    /// The order of the list by name: labels from the right, then the id.
    fn order(&self) -> (Vec<String>, String) {
        (labels(&self.name), self.bare_id().to_owned())
    }
}

fn labels(name: &str) -> Vec<String> {
    name.trim_end_matches('.').rsplit('.').map(str::to_ascii_lowercase).collect()
}

impl ZoneList {
    /// The zones of one page of the emulator's, and the marker of the next.
    pub(super) fn into_page(self) -> (Vec<HostedZone>, Option<String>) {
        (self.hosted_zones.hosted_zone, self.next_marker.filter(|_| self.is_truncated))
    }

    /// The page of all zones that the call asks for, by id.
    pub(super) fn asked(mut zones: Vec<HostedZone>, call: &Call) -> Result<Response<Bytes>, ApiError> {
        let most = call.max_items(PAGE)?;
        zones.sort_by(|one, other| one.bare_id().cmp(other.bare_id()));
        let marker = call.query("marker");
        if let Some(marker) = &marker {
            zones.retain(|zone| zone.bare_id() >= marker.as_str());
        }
        let rest = zones.split_off(most.min(zones.len()));
        let next_marker = rest.first().map(|zone| zone.bare_id().to_owned());
        let list = ZoneList {
            hosted_zones: Zones { hosted_zone: zones },
            marker,
            is_truncated: next_marker.is_some(),
            next_marker,
            max_items: most.to_string(),
        };
        Ok(xml::response(StatusCode::OK, "ListHostedZonesResponse", &list))
    }

    /// The page of all zones that the call asks for, by name.
    pub(super) fn by_name(mut zones: Vec<HostedZone>, call: &Call) -> Result<Response<Bytes>, ApiError> {
        let most = call.max_items(PAGE)?;
        let (dns_name, id) = (call.query("dnsname"), call.query("hostedzoneid"));
        if id.is_some() && dns_name.is_none() {
            return Err(InvalidInput::Parameter("a hosted zone id goes with a DNS name".to_owned()).into());
        }
        zones.sort_by_key(HostedZone::order);
        if let Some(name) = &dns_name {
            let first = (labels(name), id.clone().unwrap_or_default());
            zones.retain(|zone| zone.order() >= first);
        }
        let rest = zones.split_off(most.min(zones.len()));
        let next = rest.first();
        let list = NamedList {
            hosted_zones: Zones { hosted_zone: zones },
            dns_name,
            hosted_zone_id: id,
            is_truncated: next.is_some(),
            next_dns_name: next.map(|zone| zone.name.clone()),
            next_hosted_zone_id: next.map(|zone| zone.bare_id().to_owned()),
            max_items: most.to_string(),
        };
        Ok(xml::response(StatusCode::OK, "ListHostedZonesByNameResponse", &list))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TestedAnswer {
    nameserver: String,
    record_name: String,
    record_type: String,
    record_data: RecordData,
    response_code: &'static str,
    protocol: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RecordData {
    record_data_entry: Vec<String>,
}

/// `TestDNSAnswer`: what a name server would say now, by the answer model.
pub(super) fn test_answer(
    route53: &Arc<Route53>,
    apex: &Name,
    call: &Call,
    draw: Draw,
) -> Result<Response<Bytes>, ApiError> {
    let asked = |key: &str| {
        let missing = || InvalidInput::Parameter(format!("{key} is expected"));
        call.query(key).filter(|value| !value.is_empty()).ok_or_else(missing)
    };
    let (record_name, record_type) = (asked("recordname")?, asked("recordtype")?);
    let name: Name = record_name.parse().map_err(InvalidInput::from)?;
    let kind: RecordType =
        record_type.parse().map_err(|error: route53::UnknownRecordType| InvalidInput::Parameter(error.to_string()))?;
    if !name.is_within(apex) {
        let reason = format!("the name {name} is not within the hosted zone {apex}");
        return Err(InvalidInput::Parameter(reason).into());
    }
    let values = |answer| match answer {
        Answer::Records(sets) => (sets.into_iter().flat_map(|set: Rrset| set.values).collect(), "NOERROR"),
        Answer::NoData => (Vec::new(), "NOERROR"),
        Answer::NxDomain => (Vec::new(), "NXDOMAIN"),
    };
    let answer = |name: &Name, kind| route53.answer(name, kind, draw).map_or(Answer::NxDomain, |zone| zone.answer);
    let (record_data_entry, response_code) = values(answer(&name, kind));
    let (servers, _): (Vec<String>, _) = values(answer(apex, RecordType::Ns));
    let body = TestedAnswer {
        nameserver: servers.into_iter().next().unwrap_or_default(),
        record_name,
        record_type,
        record_data: RecordData { record_data_entry },
        response_code,
        protocol: "UDP",
    };
    Ok(xml::response(StatusCode::OK, "TestDNSAnswerResponse", &body))
}
