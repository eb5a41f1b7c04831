//! The health-check API: both emulators mangle configurations, so these are kept here, whole. The emulator gives the
//! ids and keeps the tags.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use hyper::{Response, StatusCode};
use route53::{CheckConfig, CheckId, CheckKind, limits};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::xml::{self, ApiError};
use super::{Call, Upstream};
use crate::hosted::{ProbeOutcome, Route53};
use config::HealthCheckConfig;

mod config;

/// Checks in one page of a list unless the client wants fewer.
const PAGE: usize = 100;

pub(super) struct HealthCheckApi {
    route53: Arc<Route53>,
    upstream: Upstream,
    stored: Mutex<BTreeMap<CheckId, HealthCheck>>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
struct HealthCheck {
    id: String,
    caller_reference: String,
    #[serde(rename = "HealthCheckConfig")]
    config: HealthCheckConfig,
    #[serde(rename = "HealthCheckVersion")]
    version: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateRequest {
    caller_reference: String,
    health_check_config: HealthCheckConfig,
}

/// What surrounds the changed fields, which stand beside it in the same element.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpdateRequest {
    health_check_version: Option<u64>,
    #[serde(default)]
    reset_elements: ResetElements,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ResetElements {
    #[serde(default)]
    resettable_element_name: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    health_check: CreatedCheck,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreatedCheck {
    id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct OneCheck<'a> {
    health_check: &'a HealthCheck,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CheckList<'a> {
    health_checks: Checks<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    marker: Option<String>,
    is_truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<&'a str>,
    max_items: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Checks<'a> {
    health_check: Vec<&'a HealthCheck>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StatusResponse {
    health_check_observations: Observations,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Observations {
    health_check_observation: Vec<CheckerReport>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CheckerReport {
    region: &'static str,
    #[serde(rename = "IPAddress")]
    ip_address: String,
    status_report: StatusReport,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StatusReport {
    status: String,
    checked_time: String,
}

impl HealthCheckApi {
    pub(super) fn new(route53: Arc<Route53>, upstream: Upstream) -> Self {
        HealthCheckApi { route53, upstream, stored: Mutex::default() }
    }

    /// `path` is what follows `healthcheck`.
    pub(super) async fn handle(&self, call: &Call, path: &[&str]) -> Result<Response<Bytes>, ApiError> {
        match (call.method.as_str(), path) {
            ("POST", []) => self.create(call).await,
            ("GET", []) => Ok(self.list(call).await),
            ("GET", [id]) => self.get(id).await,
            ("POST", [id]) => self.update(call, id).await,
            ("DELETE", [id]) => self.delete(call, id).await,
            ("GET", [id, "status"]) => self.status(id),
            _ => Err(ApiError::Unsupported(format!("{} {}", call.method, call.uri.path()))),
        }
    }

    async fn create(&self, call: &Call) -> Result<Response<Bytes>, ApiError> {
        let CreateRequest { caller_reference, health_check_config } = xml::parse(&call.body)?;
        let config = health_check_config.with_defaults();
        let judged = self.judge(&config)?;
        let mut stored = self.stored.lock().await;
        let before = stored.values().find(|check| check.caller_reference == caller_reference);
        if let Some(before) = before {
            return if before.config == config {
                Ok(one(StatusCode::CREATED, "CreateHealthCheckResponse", before))
            } else {
                Err(ApiError::HealthCheckAlreadyExists(caller_reference))
            };
        }
        let created: Created = xml::parse(self.upstream.ask(call).await?.body())?;
        let id = created.health_check.id;
        let check = HealthCheck { id: id.clone(), caller_reference, config, version: 1 };
        let response = one(StatusCode::CREATED, "CreateHealthCheckResponse", &check);
        self.route53.put_check(&id.as_str().into(), judged);
        stored.insert(id.into(), check);
        Ok(response)
    }

    async fn get(&self, id: &str) -> Result<Response<Bytes>, ApiError> {
        let stored = self.stored.lock().await;
        let check = stored.get(&id.into()).ok_or_else(|| ApiError::NoSuchHealthCheck(id.to_owned()))?;
        Ok(one(StatusCode::OK, "GetHealthCheckResponse", check))
    }

    async fn update(&self, call: &Call, id: &str) -> Result<Response<Bytes>, ApiError> {
        let update: UpdateRequest = xml::parse(&call.body)?;
        let change: HealthCheckConfig = xml::parse(&call.body)?;
        let mut stored = self.stored.lock().await;
        let check = stored.get_mut(&id.into()).ok_or_else(|| ApiError::NoSuchHealthCheck(id.to_owned()))?;
        let held = check.version;
        if let Some(given) = update.health_check_version.filter(|given| *given != held) {
            return Err(ApiError::HealthCheckVersionMismatch { held, given });
        }
        let config = check.config.updated(change, &update.reset_elements.resettable_element_name);
        let judged = self.judge(&config)?;
        check.config = config;
        check.version += 1;
        self.route53.put_check(&id.into(), judged);
        Ok(one(StatusCode::OK, "UpdateHealthCheckResponse", check))
    }

    async fn delete(&self, call: &Call, id: &str) -> Result<Response<Bytes>, ApiError> {
        let removed = self.stored.lock().await.remove(&id.into());
        removed.ok_or_else(|| ApiError::NoSuchHealthCheck(id.to_owned()))?;
        self.route53.remove_check(&id.into());
        self.upstream.ask(call).await
    }

    async fn list(&self, call: &Call) -> Response<Bytes> {
        let marker = call.query("marker");
        let max_items = call.query("maxitems").and_then(|max_items| max_items.parse().ok());
        let max_items = max_items.unwrap_or(PAGE).clamp(1, PAGE);
        let stored = self.stored.lock().await;
        let from = |check: &&HealthCheck| marker.as_ref().is_none_or(|marker| check.id >= *marker);
        let mut rest = stored.values().filter(from);
        let health_checks = Checks { health_check: rest.by_ref().take(max_items).collect() };
        let next_marker = rest.next().map(|check| check.id.as_str());
        let is_truncated = next_marker.is_some();
        let marker = marker.clone();
        let list = CheckList { health_checks, marker, is_truncated, next_marker, max_items };
        xml::response(StatusCode::OK, "ListHealthChecksResponse", &list)
    }

    fn status(&self, id: &str) -> Result<Response<Bytes>, ApiError> {
        match self.route53.is_calculated(&id.into()) {
            None => return Err(ApiError::NoSuchHealthCheck(id.to_owned())),
            Some(true) => return Err(ApiError::InvalidInput("a calculated health check has no checkers".to_owned())),
            Some(false) => {}
        }
        let report = |seen: crate::hosted::Observation| CheckerReport {
            region: limits::REGIONS[seen.checker % limits::REGIONS.len()],
            // TEST-NET-2: the lab's checkers all connect from this machine.
            ip_address: format!("198.51.100.{}", seen.checker + 1),
            status_report: StatusReport {
                status: match seen.outcome {
                    ProbeOutcome::Success(found) => format!("Success: {found}"),
                    ProbeOutcome::Failure(found) => format!("Failure: {found}"),
                },
                checked_time: seen.at.to_string(),
            },
        };
        let reports = self.route53.observations(&id.into()).into_iter().map(report).collect();
        let body = StatusResponse { health_check_observations: Observations { health_check_observation: reports } };
        Ok(xml::response(StatusCode::OK, "GetHealthCheckStatusResponse", &body))
    }

    /// The configuration as our model takes it; the children of a calculated check must exist and be no calculated ones (R25).
    fn judge(&self, config: &HealthCheckConfig) -> Result<CheckConfig, ApiError> {
        let judged: CheckConfig = config.try_into()?;
        if let CheckKind::Calculated { children, .. } = &judged.kind {
            for child in children {
                match self.route53.is_calculated(child) {
                    Some(false) => {}
                    Some(true) => {
                        let reason = format!("the calculated health check {child} can't be a child of another");
                        return Err(ApiError::InvalidInput(reason));
                    }
                    None => {
                        return Err(ApiError::InvalidInput(format!("the child health check {child} does not exist")));
                    }
                }
            }
        }
        Ok(judged)
    }
}

fn one(status: StatusCode, root: &str, check: &HealthCheck) -> Response<Bytes> {
    xml::response(status, root, &OneCheck { health_check: check })
}
