//! The Route 53 API as the lab gives it: our model decides and answers, the emulator stores.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::{Method, Response, StatusCode};
use jiff::Timestamp;
use route53::{Draw, InvalidInput, Name, RateLimit, RecordSet, RecordType, Target, Zone, unknown_check};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::checks::HealthCheckApi;
use super::records::{ChangeRequest, RecordList};
use super::xml::{self, ApiError};
use super::zones::{self, HostedZone, ZoneList};
use super::{Call, Upstream};
use crate::hosted::{ChangeId, ChangeState, Route53, ZoneId};

const VERSION: &str = "2013-04-01";

pub(super) struct Route53Api {
    route53: Arc<Route53>,
    checks: HealthCheckApi,
    upstream: Upstream,
    began: Instant,
    limit: Mutex<RateLimit>,
    /// Held while a zone is loaded.
    loading: tokio::sync::Mutex<()>,
    /// The zones of which a change is being taken: one at a time (R42).
    changing: Mutex<BTreeSet<ZoneId>>,
    changes: AtomicU64,
    draws: AtomicU64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ZoneResponse {
    hosted_zone: HostedZone,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeResponse {
    change_info: ChangeInfo,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeInfo {
    id: String,
    status: &'static str,
    submitted_at: String,
}

impl Route53Api {
    pub(super) fn new(route53: Arc<Route53>, upstream: Upstream) -> Self {
        let checks = HealthCheckApi::new(Arc::clone(&route53), upstream.clone());
        Route53Api {
            route53,
            checks,
            upstream,
            began: Instant::now(),
            limit: Mutex::default(),
            loading: tokio::sync::Mutex::default(),
            changing: Mutex::default(),
            changes: AtomicU64::default(),
            draws: AtomicU64::default(),
        }
    }

    /// Answers a Route 53 call that is not the emulator's alone; `None` for every other call.
    pub(super) async fn handle(&self, call: &Call) -> Option<Response<Bytes>> {
        let mut segments = call.uri.path().split('/').filter(|segment| !segment.is_empty());
        if segments.next() != Some(VERSION) {
            return None;
        }
        // Every operation counts, whoever answers it (R42).
        if !self.limit.lock().unwrap_or_else(PoisonError::into_inner).admit(self.began.elapsed(), self.route53.second())
        {
            tracing::debug!(method = %call.method, path = call.uri.path(), "throttled");
            return Some(ApiError::Throttling.into_response());
        }
        let path: Vec<&str> = segments.collect();
        let answer = match (call.method.as_str(), &path[..]) {
            ("POST", ["hostedzone"]) => self.create_zone(call).await,
            ("GET", ["hostedzone"]) => self.zones(call).await.and_then(|zones| ZoneList::asked(zones, call)),
            ("GET", ["hostedzonesbyname"]) => self.zones(call).await.and_then(|zones| ZoneList::by_name(zones, call)),
            ("DELETE", ["hostedzone", id]) => self.delete_zone(call, id).await,
            ("GET", ["hostedzone", id, "rrset"]) => self.list_records(call, id).await,
            ("POST", ["hostedzone", id, "rrset"]) => self.change_records(call, id).await,
            ("GET", ["testdnsanswer"]) => self.test_answer(call).await,
            ("GET", ["change", id]) => self.get_change(id)?,
            ("GET", ["healthcheckcount"]) => Ok(self.checks.count().await),
            (_, ["healthcheck", rest @ ..]) => self.checks.handle(call, rest).await,
            _ => return None,
        };
        Some(answer.unwrap_or_else(ApiError::into_response))
    }

    async fn create_zone(&self, call: &Call) -> Result<Response<Bytes>, ApiError> {
        let created = self.upstream.ask(call).await?;
        let zone: ZoneResponse = xml::parse(created.body())?;
        self.load(call, &zone.hosted_zone.zone_id()).await?;
        Ok(created)
    }

    /// Every zone that the emulator keeps.
    async fn zones(&self, call: &Call) -> Result<Vec<HostedZone>, ApiError> {
        let mut zones = Vec::new();
        let mut query = String::new();
        loop {
            let list: ZoneList = xml::parse(self.get(call, &format!("/{VERSION}/hostedzone?{query}")).await?.body())?;
            let (page, marker) = list.into_page();
            let before = zones.len();
            zones.extend(page);
            match marker {
                // An emulator that repeats itself would be asked for ever.
                Some(marker) if zones.len() > before => {
                    query = form_urlencoded::Serializer::new(String::new()).append_pair("marker", &marker).finish();
                }
                _ => return Ok(zones),
            }
        }
    }

    async fn delete_zone(&self, call: &Call, id: &str) -> Result<Response<Bytes>, ApiError> {
        if !self.load(call, &zone_id(id)).await?.is_bare() {
            return Err(ApiError::HostedZoneNotEmpty);
        }
        let deleted = self.upstream.ask(call).await?;
        self.route53.unhost(&zone_id(id));
        Ok(deleted)
    }

    async fn list_records(&self, call: &Call, id: &str) -> Result<Response<Bytes>, ApiError> {
        let zone = self.load(call, &zone_id(id)).await?;
        let page = RecordList::asked(&zone, call)?;
        Ok(xml::response(StatusCode::OK, "ListResourceRecordSetsResponse", &page))
    }

    async fn test_answer(&self, call: &Call) -> Result<Response<Bytes>, ApiError> {
        let id = zone_id(&call.query("hostedzoneid").unwrap_or_default());
        let zone = self.load(call, &id).await?;
        // Knuth's multiplicative hash: one question after another meets every member of a weighted group.
        let draw = self.draws.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 16;
        zones::test_answer(&self.route53, zone.apex(), call, Draw(draw))
    }

    async fn change_records(&self, call: &Call, id: &str) -> Result<Response<Bytes>, ApiError> {
        let changes = xml::parse::<ChangeRequest>(&call.body)?.into_changes()?;
        let id = zone_id(id);
        let _turn = self.begin(&id).ok_or(ApiError::PriorRequestNotComplete)?;
        let zone = self.load(call, &id).await?;
        if let Some(unknown) = unknown_check(&changes, |check| self.route53.is_healthy(check).is_some()) {
            return Err(ApiError::NoSuchHealthCheck(unknown.to_string()));
        }
        let zone = zone.apply(&changes).map_err(ApiError::InvalidChangeBatch)?;
        match self.upstream.ask(&to_be_stored(call)).await {
            // Started again, an emulator has forgotten the zone; the lab has not.
            Err(ApiError::Emulator(said)) if said.status() == StatusCode::NOT_FOUND => {}
            stored => drop(stored?),
        }
        let number = self.changes.fetch_add(1, Ordering::Relaxed) + 1;
        let change = ChangeId(format!("C{number:013}"));
        self.route53.accept(&id, zone, change.clone());
        Ok(change_info("ChangeResourceRecordSetsResponse", &change, ChangeState::Pending))
    }

    /// The turn to change a zone; `None` while another change of it is being taken.
    fn begin(&self, id: &ZoneId) -> Option<Turn<'_>> {
        let begun = self.changing.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone());
        begun.then(|| Turn { changing: &self.changing, id: id.clone() })
    }

    /// `None` for a change that the emulator made on its own, such as a zone's creation.
    fn get_change(&self, id: &str) -> Option<Result<Response<Bytes>, ApiError>> {
        let change = ChangeId(id.to_owned());
        let state = self.route53.change_state(&change)?;
        Some(Ok(change_info("GetChangeResponse", &change, state)))
    }

    /// The zone with every accepted change, read from the emulator when it is not hosted yet.
    async fn load(&self, call: &Call, id: &ZoneId) -> Result<Zone, ApiError> {
        let _loading = self.loading.lock().await;
        if let Some(zone) = self.route53.accepted(id) {
            return Ok(zone);
        }
        let path = format!("/{VERSION}/hostedzone/{}", id.0);
        let found: ZoneResponse = xml::parse(self.get(call, &path).await?.body())?;
        let apex = found.hosted_zone.name.parse::<Name>().map_err(InvalidInput::from)?;
        let mut sets = self.stored_sets(call, &format!("{path}/rrset")).await?;
        mend_soa(&mut sets);
        let zone = Zone::new(apex, sets);
        self.route53.host(id.clone(), zone.clone());
        Ok(zone)
    }

    async fn stored_sets(&self, call: &Call, path: &str) -> Result<Vec<RecordSet>, ApiError> {
        let mut sets: Vec<RecordSet> = Vec::new();
        let mut query = String::new();
        loop {
            let page: RecordList = xml::parse(self.get(call, &format!("{path}?{query}")).await?.body())?;
            let next = page.next();
            let before = sets.len();
            sets.extend(page.into_sets()?);
            match next {
                // An emulator that repeats itself would be asked for ever.
                Some(next) if next != query && sets.len() > before => query = next,
                _ => return Ok(sets),
            }
        }
    }

    /// Asks the emulator in the name of `call`.
    async fn get(&self, call: &Call, path: &str) -> Result<Response<Bytes>, ApiError> {
        let uri = path.parse().map_err(|_| InvalidInput::Parameter(format!("{path} is no path")))?;
        let mut headers = call.headers.clone();
        headers.remove(CONTENT_LENGTH);
        headers.remove(CONTENT_TYPE);
        self.upstream.ask(&Call { method: Method::GET, uri, headers, body: Bytes::new() }).await
    }
}

/// Ends with its holder.
struct Turn<'a> {
    changing: &'a Mutex<BTreeSet<ZoneId>>,
    id: ZoneId,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

/// The call as the emulator gets it, once the model has judged it: `LocalStack` refuses a set that is created again just
/// as it was once. Both words are of one length.
fn to_be_stored(call: &Call) -> Call {
    let body = String::from_utf8_lossy(&call.body).replace("<Action>CREATE</Action>", "<Action>UPSERT</Action>");
    let Call { method, uri, headers, .. } = call;
    Call { method: method.clone(), uri: uri.clone(), headers: headers.clone(), body: body.into() }
}

/// `LocalStack` writes a zone's SOA as Python prints a dictionary; this is what Route 53 puts there.
fn mend_soa(sets: &mut [RecordSet]) {
    const FIELDS: usize = 7;
    for set in sets.iter_mut().filter(|set| set.kind == RecordType::Soa) {
        let Target::Values { values, .. } = &mut set.target else { continue };
        for value in values.iter_mut().filter(|value| value.split_whitespace().count() != FIELDS) {
            let server = value.split(['\'', ' ']).find(|word| word.ends_with('.')).unwrap_or("ns-1.awsdns-00.com.");
            *value = format!("{server} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400");
        }
    }
}

fn zone_id(id: &str) -> ZoneId {
    ZoneId(id.trim_start_matches("/hostedzone/").to_owned())
}

fn change_info(root: &str, change: &ChangeId, state: ChangeState) -> Response<Bytes> {
    let status = match state {
        ChangeState::Pending => "PENDING",
        ChangeState::InSync => "INSYNC",
    };
    let change_info =
        ChangeInfo { id: format!("/change/{}", change.0), status, submitted_at: Timestamp::now().to_string() };
    xml::response(StatusCode::OK, root, &ChangeResponse { change_info })
}

#[cfg(test)]
mod tests {
    use route53::Routing;

    use super::*;

    #[test]
    fn an_soa_that_is_none_becomes_one() {
        let soa = |value: &str| RecordSet {
            name: "example.com".parse().unwrap(),
            kind: RecordType::Soa,
            routing: Routing::Simple,
            target: Target::Values { ttl: 900, values: vec![value.to_owned()] },
            health_check: None,
        };
        let good = soa("ns-1.awsdns-00.com. hostmaster.example.com. 1 7200 900 1209600 86400");
        let mut sets =
            [soa("{'Value': 'ns-2048.awsdns-64.com. hostmaster.example.com. 1 7200 900 1209600 86400'}"), good.clone()];
        mend_soa(&mut sets);
        assert_eq!(sets, [soa("ns-2048.awsdns-64.com. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"), good]);
    }
}
