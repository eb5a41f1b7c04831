//! The health-check API: both emulators mangle configurations, so these are kept here, whole. The emulator gives the
//! ids and keeps the tags.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use hyper::{Response, StatusCode};
use route53::{CheckConfig, CheckId, CheckKind, CheckSettings, InvalidInput};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::xml::{self, ApiError};
use super::{Call, Upstream};
use crate::hosted::Route53;
use alarm::{Followed, Followers, Shown};

mod alarm;
mod status;

/// Checks in one page of a list unless the client wants fewer.
const PAGE: usize = 1000;

pub(super) struct HealthCheckApi {
    route53: Arc<Route53>,
    upstream: Upstream,
    followers: Followers,
    stored: Mutex<Stored>,
}

#[derive(Default)]
struct Stored {
    checks: BTreeMap<CheckId, HealthCheck>,
    /// The caller references of deleted checks, which can't be used again.
    spent: BTreeSet<String>,
}

struct HealthCheck {
    id: String,
    caller_reference: String,
    settings: CheckSettings,
    version: u64,
    followed: Option<Followed>,
}

/// A check as the API shows it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ShownCheck<'a> {
    id: &'a str,
    caller_reference: &'a str,
    health_check_config: &'a CheckSettings,
    health_check_version: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    cloud_watch_alarm_configuration: Option<Shown>,
}

impl HealthCheck {
    fn shown(&self) -> ShownCheck<'_> {
        ShownCheck {
            id: &self.id,
            caller_reference: &self.caller_reference,
            health_check_config: &self.settings,
            health_check_version: self.version,
            cloud_watch_alarm_configuration: self.followed.as_ref().map(Shown::from),
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateRequest {
    caller_reference: String,
    health_check_config: CheckSettings,
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
    health_check: ShownCheck<'a>,
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
    health_check: Vec<ShownCheck<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CountResponse {
    health_check_count: usize,
}

impl HealthCheckApi {
    pub(super) fn new(route53: Arc<Route53>, upstream: Upstream) -> Self {
        let followers = Followers::new(Arc::clone(&route53), upstream.clone());
        HealthCheckApi { route53, upstream, followers, stored: Mutex::default() }
    }

    /// `path` is what follows `healthcheck`.
    pub(super) async fn handle(&self, call: &Call, path: &[&str]) -> Result<Response<Bytes>, ApiError> {
        match (call.method.as_str(), path) {
            ("POST", []) => self.create(call).await,
            ("GET", []) => self.list(call).await,
            ("GET", [id]) => self.get(id).await,
            ("POST", [id]) => self.update(call, id).await,
            ("DELETE", [id]) => self.delete(call, id).await,
            ("GET", [id, "status"]) => status::now(&self.route53, id),
            ("GET", [id, "lastfailurereason"]) => status::last_failures(&self.route53, id),
            _ => Err(ApiError::Unsupported(format!("{} {}", call.method, call.uri.path()))),
        }
    }

    pub(super) async fn count(&self) -> Response<Bytes> {
        let count = CountResponse { health_check_count: self.stored.lock().await.checks.len() };
        xml::response(StatusCode::OK, "GetHealthCheckCountResponse", &count)
    }

    async fn create(&self, call: &Call) -> Result<Response<Bytes>, ApiError> {
        let CreateRequest { caller_reference, health_check_config } = xml::parse(&call.body)?;
        let settings = health_check_config.with_defaults();
        let judged = self.judge(&settings)?;
        let mut stored = self.stored.lock().await;
        if let Some(before) = stored.checks.values().find(|check| check.caller_reference == caller_reference) {
            return if before.settings == settings {
                Ok(one(StatusCode::CREATED, "CreateHealthCheckResponse", before))
            } else {
                Err(ApiError::HealthCheckAlreadyExists(caller_reference))
            };
        }
        if stored.spent.contains(&caller_reference) {
            return Err(ApiError::HealthCheckAlreadyExists(caller_reference));
        }
        let followed = self.copy_alarm(&settings).await?;
        let created: Created = xml::parse(self.upstream.ask(call).await?.body())?;
        let id = created.health_check.id;
        let check = HealthCheck { id: id.clone(), caller_reference, settings, version: 1, followed };
        let response = one(StatusCode::CREATED, "CreateHealthCheckResponse", &check);
        self.take_up(&check, judged).await;
        stored.checks.insert(id.into(), check);
        Ok(response)
    }

    async fn get(&self, id: &str) -> Result<Response<Bytes>, ApiError> {
        let stored = self.stored.lock().await;
        let check = stored.checks.get(&id.into()).ok_or_else(|| ApiError::NoSuchHealthCheck(id.to_owned()))?;
        Ok(one(StatusCode::OK, "GetHealthCheckResponse", check))
    }

    async fn update(&self, call: &Call, id: &str) -> Result<Response<Bytes>, ApiError> {
        let update: UpdateRequest = xml::parse(&call.body)?;
        let change: CheckSettings = xml::parse(&call.body)?;
        let mut stored = self.stored.lock().await;
        let check = stored.checks.get_mut(&id.into()).ok_or_else(|| ApiError::NoSuchHealthCheck(id.to_owned()))?;
        let held = check.version;
        if let Some(given) = update.health_check_version.filter(|given| *given != held) {
            return Err(ApiError::HealthCheckVersionMismatch { held, given });
        }
        let settings = check.settings.updated(change, &update.reset_elements.resettable_element_name)?;
        let judged = self.judge(&settings)?;
        check.followed = self.copy_alarm(&settings).await?;
        check.settings = settings;
        check.version += 1;
        self.take_up(check, judged).await;
        Ok(one(StatusCode::OK, "UpdateHealthCheckResponse", check))
    }

    /// Record sets may go on naming a check that has been deleted, which Route 53 does not prevent; it does of a
    /// calculated check's child. `HealthCheckInUse` is documented as no longer in use, so that is invalid input.
    async fn delete(&self, call: &Call, id: &str) -> Result<Response<Bytes>, ApiError> {
        let check = CheckId::from(id);
        let mut stored = self.stored.lock().await;
        if !stored.checks.contains_key(&check) {
            return Err(ApiError::NoSuchHealthCheck(id.to_owned()));
        }
        if self.route53.is_child(&check) {
            let reason = format!("The health check {id} is referenced by a calculated health check.");
            return Err(InvalidInput::Parameter(reason).into());
        }
        if let Some(removed) = stored.checks.remove(&check) {
            stored.spent.insert(removed.caller_reference);
        }
        self.followers.forget(&check);
        self.route53.remove_check(&check);
        self.upstream.ask(call).await
    }

    async fn list(&self, call: &Call) -> Result<Response<Bytes>, ApiError> {
        let marker = call.query("marker");
        let max_items = call.max_items(PAGE)?;
        let stored = self.stored.lock().await;
        let from = |check: &&HealthCheck| marker.as_ref().is_none_or(|marker| check.id >= *marker);
        let mut rest = stored.checks.values().filter(from);
        let health_checks = Checks { health_check: rest.by_ref().take(max_items).map(HealthCheck::shown).collect() };
        let next_marker = rest.next().map(|check| check.id.as_str());
        let is_truncated = next_marker.is_some();
        let list = CheckList { health_checks, marker: marker.clone(), is_truncated, next_marker, max_items };
        Ok(xml::response(StatusCode::OK, "ListHealthChecksResponse", &list))
    }

    async fn copy_alarm(&self, settings: &CheckSettings) -> Result<Option<Followed>, ApiError> {
        match &settings.alarm_identifier {
            Some(alarm) => Ok(Some(self.followers.copy(alarm).await?)),
            None => Ok(None),
        }
    }

    async fn take_up(&self, check: &HealthCheck, judged: CheckConfig) {
        let id = CheckId::from(check.id.as_str());
        // Disabled, it stops monitoring the metric.
        let followed = check.followed.clone().filter(|_| !judged.disabled);
        self.route53.put_check(&id, judged);
        match followed {
            Some(followed) => self.followers.follow(&id, followed).await,
            None => self.followers.forget(&id),
        }
    }

    /// The configuration as our model takes it; the children of a calculated check must exist and be no calculated ones (R25).
    fn judge(&self, settings: &CheckSettings) -> Result<CheckConfig, ApiError> {
        let judged = settings.judge()?;
        if let CheckKind::Calculated { children, .. } = &judged.kind {
            for child in children {
                let reason = match self.route53.is_calculated(child) {
                    Some(false) => continue,
                    Some(true) => format!("The calculated health check {child} can't be a child of another."),
                    None => format!("The child health check {child} does not exist."),
                };
                return Err(InvalidInput::Parameter(reason).into());
            }
        }
        Ok(judged)
    }
}

fn one(status: StatusCode, root: &str, check: &HealthCheck) -> Response<Bytes> {
    xml::response(status, root, &OneCheck { health_check: check.shown() })
}
