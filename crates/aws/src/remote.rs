//! The deployed checkers' eyes, borrowed for a round.

use std::{collections::BTreeMap, time::Duration};

use aws_sdk_lambda::{
    config::{Builder, timeout::TimeoutConfig},
    primitives::Blob,
};
use domain::{Config, Observation, ObserverName, RegionName};
use futures::future::join_all;

use crate::{Names, Session, error::AwsError, error::failed};

/// What an invocation takes besides its probes: a cold start, its configuration, what it writes.
const BESIDES_PROBES: Duration = Duration::from_secs(10);

/// Why an observer has nothing to say.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// It can't be invoked.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// It was invoked and failed.
    #[error("{function} in {region} failed: {why}")]
    Function {
        /// Which.
        function: String,
        /// Where.
        region: RegionName,
        /// What it said.
        why: String,
    },
    /// It is not this build's.
    #[error("{function} in {region} answers with something else than observations: {why}")]
    Unreadable {
        /// Which.
        function: String,
        /// Where.
        region: RegionName,
        /// What the parser says.
        why: serde_json::Error,
    },
}

/// Has the checker in each observer region look once, now, at every service; `config` is what is deployed.
/// A round like any other: it is written, and an event goes out where one is due.
pub async fn check_remote(
    session: &Session,
    names: &Names,
    config: &Config,
) -> BTreeMap<ObserverName, Result<Vec<Observation>, RemoteError>> {
    let longest = config.services.iter().map(|service| service.policy.timeout.0).max().unwrap_or_default();
    let looks = config.observers.iter().map(|region| async move {
        (ObserverName::from(region), look(session, names, region, longest + BESIDES_PROBES).await)
    });
    join_all(looks).await.into_iter().collect()
}

async fn look(
    session: &Session,
    names: &Names,
    region: &RegionName,
    within: Duration,
) -> Result<Vec<Observation>, RemoteError> {
    let function = names.checker();
    let patience = TimeoutConfig::builder().operation_attempt_timeout(within).operation_timeout(within).build();
    let answer = session
        .lambda(region)
        .invoke()
        .function_name(&function)
        .payload(Blob::new(br#"{"once":true}"#))
        .customize()
        .config_override(Builder::new().timeout_config(patience))
        .send()
        .await
        .map_err(failed("Invoke"))?;
    let body = answer.payload.map(Blob::into_inner).unwrap_or_default();
    if answer.function_error.is_some() {
        let why = String::from_utf8_lossy(&body).into_owned();
        return Err(RemoteError::Function { function, region: region.clone(), why });
    }
    serde_json::from_slice(&body).map_err(|why| RemoteError::Unreadable { function, region: region.clone(), why })
}
