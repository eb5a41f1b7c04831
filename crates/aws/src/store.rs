//! State, observations and audit in S3, fenced by conditional writes.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use aws_sdk_s3::{Client, error::ProvideErrorMetadata, primitives::ByteStream};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeDeserializationInterceptorContextRef},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{DateTime, config_bag::ConfigBag, date_time::Format};
use decision::Sighting;
use domain::{AuditEntry, AuditKind, DnsName, Observation, ObserverName, Period, RegionName, ServiceState, StateError};
use futures::future::join_all;

use crate::{
    Session,
    error::{AwsError, failed},
    names::{Names, baseline_key, observation_key, state_key},
};

/// So often another write may come between before an alert is told all the same: twice is better than never.
const ALERT_TRIES: usize = 4;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// S3 refused or is away.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The object is there but can't be used; it is left as it is.
    #[error("s3://{bucket}/{key}: {source}")]
    State {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// What is wrong with it.
        source: StateError,
    },
}

/// The version that a conditional write expects to replace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Version {
    /// No object yet.
    Absent,
    /// The object with this `ETag`.
    Tag(String),
}

/// How a conditional write ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// It took effect; the version that it made.
    Won(Version),
    /// Someone was first: read again.
    Lost,
}

/// The buckets of the control region.
#[derive(Debug, Clone)]
pub struct Store {
    s3: Client,
    state: String,
    observations: String,
}

impl Store {
    /// The store of a deployment. Makes no call.
    #[must_use]
    pub fn new(session: &Session, names: &Names, control: &RegionName) -> Self {
        Self { s3: session.s3(control), state: names.state(control), observations: names.observations(control) }
    }

    /// A service's state, `None` before the first deployment.
    pub async fn state(&self, service: &DnsName) -> Result<Option<(ServiceState, Version)>, StoreError> {
        let key = state_key(service);
        let Some(object) = get(&self.s3, &self.state, &key).await? else {
            return Ok(None);
        };
        let state = ServiceState::parse(&object.body).map_err(|source| StoreError::State {
            bucket: self.state.clone(),
            key,
            source,
        })?;
        Ok(Some((state, object.version)))
    }

    /// Writes a service's state where the store still holds `expected`.
    pub async fn save(&self, state: &ServiceState, expected: &Version) -> Result<Write, StoreError> {
        let body = serde_json::to_vec_pretty(state).expect("the state is plain data");
        Ok(self.put(&self.state, &state_key(&state.service), body, Some(expected)).await?)
    }

    /// Adds a line to the audit trail. Entries of the same moment and kind are the same entry.
    pub async fn audit(&self, entry: &AuditEntry) -> Result<(), AwsError> {
        let body = serde_json::to_vec_pretty(entry).expect("an audit entry is plain data");
        let key = format!("audit/{}/{}-{}-{}.json", entry.service, entry.at, entry.epoch, audit_name(&entry.kind));
        self.put(&self.state, &key, body, None).await?;
        Ok(())
    }

    /// The latest observation of a service by each observer; one that can't be read is left out.
    pub async fn observations(
        &self,
        service: &DnsName,
        observers: &BTreeSet<ObserverName>,
    ) -> Result<Vec<Sighting>, StoreError> {
        let all = join_all(observers.iter().map(|observer| self.observation(service, observer))).await;
        let mut seen = Vec::new();
        for one in all {
            seen.extend(one?);
        }
        Ok(seen)
    }

    /// The latest observation of a service by one observer.
    pub async fn observation(
        &self,
        service: &DnsName,
        observer: &ObserverName,
    ) -> Result<Option<Sighting>, StoreError> {
        let key = observation_key(observer, service);
        let Some(object) = get(&self.s3, &self.observations, &key).await? else {
            return Ok(None);
        };
        match serde_json::from_slice(&object.body) {
            Ok(observation) => Ok(Some(Sighting { observation, age: object.age })),
            Err(error) => {
                tracing::warn!(%observer, %error, "an observation can't be read and counts as none");
                Ok(None)
            }
        }
    }

    /// Writes an observation; an observer is the only writer of its own.
    ///
    /// Invocations of it may overlap, and see the same episode begin. So one that alerts is written in the place of what was
    /// read before, and only there; who finds the episode told of already does not tell of it again.
    pub async fn observe(&self, observation: &mut Observation) -> Result<(), StoreError> {
        let key = observation_key(&observation.observer, &observation.service);
        for _ in 0..ALERT_TRIES {
            if !decision::alerts(observation) {
                break;
            }
            let found = get(&self.s3, &self.observations, &key).await?;
            let version = found.as_ref().map_or(Version::Absent, |found| found.version.clone());
            // What can't be read has told nobody.
            if let Some(latest) = found.and_then(|found| serde_json::from_slice(&found.body).ok()) {
                decision::leave_alerts_to(&latest, observation);
            }
            if let Write::Won(_) = self.put(&self.observations, &key, to_json(observation), Some(&version)).await? {
                return Ok(());
            }
        }
        self.put(&self.observations, &key, to_json(observation), None).await?;
        Ok(())
    }

    /// What an observer has learned of a region, as it was written.
    pub(crate) async fn baseline(
        &self,
        observer: &ObserverName,
        service: &DnsName,
        region: &RegionName,
    ) -> Result<Option<Vec<u8>>, AwsError> {
        let found = get(&self.s3, &self.observations, &baseline_key(observer, service, region)).await?;
        Ok(found.map(|object| object.body))
    }

    /// Writes it.
    pub(crate) async fn save_baseline(
        &self,
        observer: &ObserverName,
        service: &DnsName,
        region: &RegionName,
        bytes: Vec<u8>,
    ) -> Result<(), AwsError> {
        let key = baseline_key(observer, service, region);
        let request = self.s3.put_object().bucket(&self.observations).key(key);
        let request = request.content_type("application/octet-stream").body(ByteStream::from(bytes));
        request.send().await.map_err(failed("PutObject"))?;
        Ok(())
    }

    async fn put(&self, bucket: &str, key: &str, body: Vec<u8>, expected: Option<&Version>) -> Result<Write, AwsError> {
        let mut request =
            self.s3.put_object().bucket(bucket).key(key).content_type("application/json").body(ByteStream::from(body));
        request = match expected {
            None => request,
            Some(Version::Absent) => request.if_none_match("*"),
            Some(Version::Tag(tag)) => request.if_match(tag),
        };
        match request.send().await {
            Ok(done) => Ok(Write::Won(done.e_tag.map_or(Version::Absent, Version::Tag))),
            Err(error) => {
                let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
                // A retry of one's own write that had taken effect says the same: read again.
                if matches!(code, Some("PreconditionFailed" | "ConditionalRequestConflict")) {
                    return Ok(Write::Lost);
                }
                Err(failed("PutObject")(error))
            }
        }
    }
}

fn to_json(observation: &Observation) -> Vec<u8> {
    serde_json::to_vec(observation).expect("an observation is plain data")
}

fn audit_name(kind: &AuditKind) -> &'static str {
    match kind {
        AuditKind::Taken { .. } => "taken",
        AuditKind::Applied { .. } => "applied",
        AuditKind::Verified { .. } => "verified",
        AuditKind::NotVerified { .. } => "not_verified",
        AuditKind::Abandoned { .. } => "abandoned",
        AuditKind::Blocked { .. } => "blocked",
        AuditKind::Recommended { .. } => "recommended",
        AuditKind::Held { .. } => "held",
        AuditKind::Paused { .. } => "paused",
        AuditKind::Resumed { .. } => "resumed",
        AuditKind::Acknowledged { .. } => "acknowledged",
    }
}

pub(crate) struct Object {
    pub(crate) body: Vec<u8>,
    age: Period,
    version: Version,
}

/// Reads an object, `None` when there is none.
pub(crate) async fn get(s3: &Client, bucket: &str, key: &str) -> Result<Option<Object>, AwsError> {
    let clock = StoreClock::default();
    let sent = s3.get_object().bucket(bucket).key(key).customize().interceptor(clock.clone()).send().await;
    let object = match sent {
        Ok(object) => object,
        Err(error) if error.as_service_error().is_some_and(|e| e.is_no_such_key()) => return Ok(None),
        Err(error) => return Err(failed("GetObject")(error)),
    };
    let age = object.last_modified.and_then(|written| clock.since(&written)).unwrap_or_default();
    let version = object.e_tag.map_or(Version::Absent, Version::Tag);
    let body = object
        .body
        .collect()
        .await
        .map_err(|error| AwsError::Unreachable { operation: "GetObject", cause: error.to_string() })?;
    Ok(Some(Object { body: body.to_vec(), age, version }))
}

/// Reads the store's clock from its answer: observers' clocks and ours may be wrong, S3's is the one they share.
#[derive(Debug, Clone, Default)]
struct StoreClock(Arc<Mutex<Option<DateTime>>>);

impl StoreClock {
    fn since(&self, written: &DateTime) -> Option<Period> {
        let now = (*self.0.lock().ok()?)?;
        let millis = now.to_millis().ok()?.saturating_sub(written.to_millis().ok()?);
        Some(Period::millis(u64::try_from(millis).unwrap_or(0)))
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for StoreClock {
    fn name(&self) -> &'static str {
        "StoreClock"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let parsed = date.and_then(|date| DateTime::from_str(date, Format::HttpDate).ok());
        if let Ok(mut clock) = self.0.lock() {
            *clock = parsed;
        }
        Ok(())
    }
}
