//! The Route 53 API as the lab gives it: our model decides and answers, the emulator stores.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::{Method, Response, StatusCode};
use jiff::Timestamp;
use route53::{Change, Name, RecordSet, Zone};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::checks::HealthCheckApi;
use super::records::{ChangeRequest, RecordList, Start};
use super::xml::{self, ApiError};
use super::{Call, Upstream};
use crate::hosted::{ChangeId, ChangeState, Route53, ZoneId};

const VERSION: &str = "2013-04-01";

pub(super) struct Route53Api {
    route53: Arc<Route53>,
    checks: HealthCheckApi,
    upstream: Upstream,
    /// Held while zones are loaded or changed: one change at a time (R42).
    turn: Mutex<()>,
    changes: AtomicU64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ZoneResponse {
    hosted_zone: HostedZone,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HostedZone {
    id: String,
    name: String,
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
        Route53Api { route53, checks, upstream, turn: Mutex::default(), changes: AtomicU64::default() }
    }

    /// Answers a Route 53 call that is not the emulator's alone; `None` for every other call.
    pub(super) async fn handle(&self, call: &Call) -> Option<Response<Bytes>> {
        let mut segments = call.uri.path().split('/').filter(|segment| !segment.is_empty());
        if segments.next() != Some(VERSION) {
            return None;
        }
        let path: Vec<&str> = segments.collect();
        let answer = match (call.method.as_str(), &path[..]) {
            ("POST", ["hostedzone"]) => self.create_zone(call).await,
            ("DELETE", ["hostedzone", id]) => self.delete_zone(call, id).await,
            ("GET", ["hostedzone", id, "rrset"]) => self.list_records(call, id).await,
            ("POST", ["hostedzone", id, "rrset"]) => self.change_records(call, id).await,
            ("GET", ["change", id]) => self.get_change(id)?,
            (_, ["healthcheck", rest @ ..]) => self.checks.handle(call, rest).await,
            (_, ["healthcheckcount"]) => Err(ApiError::Unsupported("GetHealthCheckCount".to_owned())),
            _ => return None,
        };
        Some(answer.unwrap_or_else(ApiError::into_response))
    }

    async fn create_zone(&self, call: &Call) -> Result<Response<Bytes>, ApiError> {
        let created = self.upstream.ask(call).await?;
        let zone: ZoneResponse = xml::parse(created.body())?;
        self.load(call, &zone_id(&zone.hosted_zone.id)).await?;
        Ok(created)
    }

    async fn delete_zone(&self, call: &Call, id: &str) -> Result<Response<Bytes>, ApiError> {
        let deleted = self.upstream.ask(call).await?;
        self.route53.unhost(&zone_id(id));
        Ok(deleted)
    }

    async fn list_records(&self, call: &Call, id: &str) -> Result<Response<Bytes>, ApiError> {
        let zone = self.load(call, &zone_id(id)).await?;
        let name = call.query("name").map(|name| name.parse::<Name>()).transpose();
        let start = Start {
            name: name.map_err(|error| ApiError::InvalidInput(error.to_string()))?,
            kind: call.query("type"),
            identifier: call.query("identifier"),
        };
        let max_items = call.query("maxitems").and_then(|max_items| max_items.parse().ok());
        let page = RecordList::page(&zone, &start, max_items);
        Ok(xml::response(StatusCode::OK, "ListResourceRecordSetsResponse", &page))
    }

    async fn change_records(&self, call: &Call, id: &str) -> Result<Response<Bytes>, ApiError> {
        let changes = xml::parse::<ChangeRequest>(&call.body)?.into_changes()?;
        let id = zone_id(id);
        self.load(call, &id).await?;
        let _turn = self.turn.lock().await;
        let Some(zone) = self.route53.accepted(&id) else { return Err(ApiError::NoSuchHostedZone(id.0)) };
        if let Some(unknown) = self.unknown_check(&changes) {
            return Err(ApiError::NoSuchHealthCheck(unknown));
        }
        let zone = zone.apply(&changes).map_err(ApiError::InvalidChangeBatch)?;
        self.upstream.ask(call).await?;
        let number = self.changes.fetch_add(1, Ordering::Relaxed) + 1;
        let change = ChangeId(format!("C{number:013}"));
        self.route53.accept(&id, zone, change.clone());
        Ok(change_info("ChangeResourceRecordSetsResponse", &change, ChangeState::Pending))
    }

    fn unknown_check(&self, changes: &[Change]) -> Option<String> {
        let checks = changes.iter().filter_map(|change| change.set.health_check.as_ref());
        let mut unknown = checks.filter(|check| self.route53.is_healthy(check).is_none());
        unknown.next().map(ToString::to_string)
    }

    /// `None` for a change that the emulator made on its own, such as a zone's creation.
    fn get_change(&self, id: &str) -> Option<Result<Response<Bytes>, ApiError>> {
        let change = ChangeId(id.to_owned());
        let state = self.route53.change_state(&change)?;
        Some(Ok(change_info("GetChangeResponse", &change, state)))
    }

    /// The zone with every accepted change, read from the emulator when it is not hosted yet.
    async fn load(&self, call: &Call, id: &ZoneId) -> Result<Zone, ApiError> {
        let _turn = self.turn.lock().await;
        if let Some(zone) = self.route53.accepted(id) {
            return Ok(zone);
        }
        let path = format!("/{VERSION}/hostedzone/{}", id.0);
        let found: ZoneResponse = xml::parse(self.get(call, &path).await?.body())?;
        let apex = found.hosted_zone.name.parse::<Name>().map_err(|error| ApiError::InvalidInput(error.to_string()))?;
        let zone = Zone::new(apex, self.stored_sets(call, &format!("{path}/rrset")).await?);
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
        let uri = path.parse().map_err(|_| ApiError::InvalidInput(format!("{path} is no path")))?;
        let mut headers = call.headers.clone();
        headers.remove(CONTENT_LENGTH);
        headers.remove(CONTENT_TYPE);
        self.upstream.ask(&Call { method: Method::GET, uri, headers, body: Bytes::new() }).await
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
