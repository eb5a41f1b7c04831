//! The lab's schedule: starts every function at the scaled minute, as EventBridge does at the real one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws::{Names, Session};
use domain::{Config, DnsName, ObserverName, RegionName};
use tokio_util::task::AbortOnDropHandle;

/// The observers that each service's scenario has killed.
type Lost = BTreeMap<DnsName, BTreeSet<ObserverName>>;

/// Plays the schedule until it is dropped.
#[derive(Debug)]
pub(super) struct Player {
    lost: Arc<Mutex<Lost>>,
    _task: Option<AbortOnDropHandle<()>>,
}

impl Player {
    /// EventBridge does it.
    pub(super) fn silent() -> Self {
        Self { lost: Arc::default(), _task: None }
    }

    pub(super) fn play(session: &Session, names: &Names, config: &Config) -> Self {
        let lost = Arc::default();
        let task = tokio::spawn(play(session.clone(), names.clone(), config.clone(), Arc::clone(&lost)));
        Self { lost, _task: Some(AbortOnDropHandle::new(task)) }
    }

    /// These are not started while some service leaves them out.
    pub(super) fn leave_out(&self, service: &DnsName, observers: &BTreeSet<ObserverName>) {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner).insert(service.clone(), observers.clone());
    }
}

async fn play(session: Session, names: Names, config: Config, lost: Arc<Mutex<Lost>>) {
    let mut minute = tokio::time::interval(config.minute.0.max(Duration::from_millis(100)));
    loop {
        minute.tick().await;
        let lost = lost.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_lost = |region: &RegionName| lost.values().any(|lost| lost.contains(&ObserverName::from(region)));
        let checkers = config.observers.iter().filter(|region| !is_lost(region));
        let all = checkers.map(|region| (region, names.checker())).chain([(&config.control_region, names.failover())]);
        let started = all.map(|(region, function)| {
            let session = &session;
            async move {
                if let Err(error) = aws::start(session, region, &function, b"{}").await {
                    tracing::warn!(%region, function, %error, "the schedule could not start a function");
                }
            }
        });
        futures::future::join_all(started).await;
    }
}
