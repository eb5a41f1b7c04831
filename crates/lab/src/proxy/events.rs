//! `EventBridge` that is late, or tells twice, or not at all; and a function that can't be invoked by it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::calls::Identity;
use super::faults::{Delivery, Faults};
use super::{Call, Upstream};

/// An event that no function took by then is given up: `MaximumEventAgeInSeconds` of `infra/control.yaml`.
const MAXIMUM_AGE: Duration = Duration::from_mins(1);
/// Lambda waits for so long before it tries again, and twice as long each time.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Where events go.
pub(super) struct Events {
    upstream: Upstream,
    faults: Arc<Faults>,
    /// What is still on its way; ends with the proxy.
    later: Mutex<JoinSet<()>>,
}

impl Events {
    pub(super) fn new(upstream: Upstream, faults: Arc<Faults>) -> Self {
        Self { upstream, faults, later: Mutex::default() }
    }

    /// Answers `PutEvents`, and delivers what it brings.
    pub(super) async fn put(&self, identity: &Identity, call: &Call, delivery: Delivery) -> Response<Bytes> {
        match delivery {
            Delivery::Once if self.faults.refuse_invocation(&identity.region) => {
                self.spawn(again(
                    self.upstream.clone(),
                    Arc::clone(&self.faults),
                    identity.region.clone(),
                    call.clone(),
                ));
                accepted(call)
            }
            Delivery::Once => self.upstream.send(call).await,
            Delivery::Twice => {
                let answer = self.upstream.send(call).await;
                self.upstream.send(call).await;
                answer
            }
            Delivery::Later(delay) => {
                let (upstream, call) = (self.upstream.clone(), call.clone());
                let answer = accepted(&call);
                self.spawn(async move {
                    sleep(delay).await;
                    upstream.send(&call).await;
                });
                answer
            }
            Delivery::Never => accepted(call),
        }
    }

    fn spawn(&self, delivery: impl Future<Output = ()> + Send + 'static) {
        let mut later = self.later.lock().unwrap_or_else(PoisonError::into_inner);
        while later.try_join_next().is_some() {}
        later.spawn(delivery);
    }
}

/// Delivers once the function can be invoked, as Lambda tries an event again that it had to throttle.
async fn again(upstream: Upstream, faults: Arc<Faults>, region: String, call: Call) {
    let (mut age, mut wait) = (Duration::ZERO, FIRST_WAIT);
    while age < MAXIMUM_AGE {
        sleep(faults.scaled(wait)).await;
        if !faults.refuse_invocation(&region) {
            upstream.send(&call).await;
            return;
        }
        age += wait;
        wait *= 2;
    }
}

/// `EventBridge`'s yes to every event of a call.
fn accepted(call: &Call) -> Response<Bytes> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Put {
        entries: Vec<serde::de::IgnoredAny>,
    }
    let entries = serde_json::from_slice::<Put>(&call.body).map_or(0, |put| put.entries.len());
    let entries: Vec<_> = (0..entries)
        .map(|number| serde_json::json!({ "EventId": format!("00000000-0000-4000-8000-{number:012}") }))
        .collect();
    let body = serde_json::json!({ "FailedEntryCount": 0, "Entries": entries });
    let mut response = Response::new(Bytes::from(body.to_string()));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.1"));
    response
}
