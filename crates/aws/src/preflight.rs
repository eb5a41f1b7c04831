//! Whether a failover would work if it had to, before it has to.

mod backups;
mod data;
mod functions;
mod people;
mod published;
mod route53;
mod secrets;
mod services;
mod storage;

use std::{fmt, time::Duration};

use domain::{Config, RegionName};
use futures::{
    FutureExt,
    future::{BoxFuture, join_all},
};
use serde::Serialize;
use tokio::time::timeout;

use crate::{Function, Session, StartError, names::Names};
use data::Standbys;
pub use people::TestMessage;
pub use published::published_preflight;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingStatus {
    /// As it should be.
    Pass,
    /// It could not be looked at, or there is nothing to look at.
    Skipped,
    /// A failover would work, not as well as it could.
    Warn,
    /// A failover may not work.
    Fail,
}

impl fmt::Display for FindingStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Skipped => "skipped",
            Self::Warn => "warn",
            Self::Fail => "fail",
        })
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check; of several things that it looked at, a finding each.
    pub check: &'static str,
    /// How it ended.
    pub status: FindingStatus,
    /// What was seen.
    pub detail: String,
    /// What to do about it; empty where there is nothing to be done.
    pub fix: String,
}

impl Finding {
    /// As it should be.
    pub fn pass(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, status: FindingStatus::Pass, detail: detail.into(), fix: String::new() }
    }

    /// Not looked at, and why.
    pub fn skipped(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check, status: FindingStatus::Skipped, detail: detail.into(), fix: String::new() }
    }

    /// Not as good as it could be.
    pub fn warn(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, status: FindingStatus::Warn, detail: detail.into(), fix: fix.into() }
    }

    /// Not as it must be.
    pub fn fail(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, status: FindingStatus::Fail, detail: detail.into(), fix: fix.into() }
    }
}

/// What is looked at, and how it is reached.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    session: &'a Session,
    names: &'a Names,
    /// As written; `deployed` has what runs.
    config: &'a Config,
    deployed: &'a Function,
}

impl Place<'_> {
    /// Whether something stands in for AWS that does not know all of it.
    fn is_emulated(&self) -> bool {
        self.session.endpoint_url().is_some()
    }
}

type Findings = Vec<Finding>;

/// Every check. Changes nothing but an object of its own in the state bucket.
pub async fn preflight(session: &Session, names: &Names, config: &Config, test: TestMessage) -> Findings {
    let account = Finding::pass("credentials", format!("they are of account {}", names.account()));
    let deployed = match deployed(session, names, config).await {
        Ok(deployed) => deployed,
        Err(finding) => return vec![account, finding],
    };
    let place = Place { session, names, config, deployed: &deployed };
    let found = checks(place, test).await;
    [account, same_configuration(&place)].into_iter().chain(found).collect()
}

async fn checks(place: Place<'_>, test: TestMessage) -> Findings {
    let checks: Vec<BoxFuture<'_, Findings>> = vec![
        Box::pin(functions::functions(place)),
        Box::pin(functions::invoked(place)),
        Box::pin(functions::schedules(place)),
        Box::pin(storage::versioned(place)),
        Box::pin(storage::conditional_writes(place)),
        Box::pin(services::observers(place)),
        Box::pin(services::states(place)),
        Box::pin(services::regions(place)),
        Box::pin(data_preflight(place.session, place.names, place.config)),
        Box::pin(route53::records(place)),
        Box::pin(route53::accelerated_recovery(place)),
        Box::pin(people::notifications(place, test)),
        Box::pin(people::alarms(place)),
    ];
    join_all(checks).await.into_iter().flatten().collect()
}

/// What the standbys need besides answering: their data, near enough, the capacity, secrets
/// and backups. Changes nothing.
pub async fn data_preflight(session: &Session, names: &Names, config: &Config) -> Findings {
    let place = Standbys { session, names, config, only: None };
    let standbys = data::each(place).await;
    let (lags, capacity, buckets, secrets, backups) = futures::join!(
        data::lags(place, &standbys),
        data::capacity(place, &standbys),
        data::buckets(place, &standbys),
        secrets::secrets(place, &standbys),
        backups::backups(place)
    );
    [lags, capacity, buckets, secrets, backups].concat()
}

/// What can be seen within `patience`, before a failover by hand: what is not as it should be, and no more.
pub async fn quick_preflight(deployed: &Function, to: &RegionName, patience: Duration) -> Findings {
    let Function { session, names, deployment, .. } = deployed;
    let place = Place { session, names, config: &deployment.config, deployed };
    let standby = Standbys { session, names, config: &deployment.config, only: Some(to) };
    // The states are read once, and a slow answer to one check takes nothing from the others.
    let standbys = &data::each(standby).shared();
    let checks: Vec<BoxFuture<'_, Findings>> = vec![
        Box::pin(functions::functions(place)),
        Box::pin(functions::schedules(place)),
        Box::pin(services::observers(place)),
        Box::pin(services::region(place, to)),
        Box::pin(async move { data::lags(standby, &standbys.clone().await).await }),
        Box::pin(async move { data::capacity(standby, &standbys.clone().await).await }),
        Box::pin(async move { data::buckets(standby, &standbys.clone().await).await }),
        Box::pin(async move { secrets::secrets(standby, &standbys.clone().await).await }),
        Box::pin(backups::backups(standby)),
    ];
    let checks = checks.into_iter().map(|check| timeout(patience, check));
    let found = join_all(checks).await.into_iter().flat_map(Result::unwrap_or_default);
    found.filter(|finding| finding.status > FindingStatus::Skipped).collect()
}

async fn deployed(session: &Session, names: &Names, config: &Config) -> Result<Function, Finding> {
    Function::deployed(session, names, &config.control_region).await.map_err(|error| {
        let fix = match &error {
            StartError::Aws(error) => error.hint(),
            _ => "pointsman deploy",
        };
        Finding::fail("deployed", error.to_string(), fix)
    })
}

fn same_configuration(place: &Place<'_>) -> Finding {
    let (written, runs) = (place.config.hash(), &place.deployed.hash);
    if written == *runs {
        return Finding::pass("deployed", format!("configuration {runs} is what is written"));
    }
    let detail = format!("configuration {runs} is deployed, and {written} is written");
    Finding::warn("deployed", detail, "pointsman deploy")
}
