//! Who is told what: the audit trail, and people.

use std::sync::PoisonError;

use domain::{AuditEntry, AuditKind, DnsName, Service, ServiceState};
use jiff::Timestamp;

use super::{Controller, RACES};
use crate::{
    error::AwsError,
    store::{StoreError, Write},
};

impl Controller {
    /// Tells people that the state can't be had, once a minute: it can't be written down that they were told.
    pub(super) async fn cry(&self, service: &Service, why: &AwsError) {
        let Some(notifier) = &self.notifier else { return };
        let now = Timestamp::now();
        {
            let mut cried = self.cried.lock().unwrap_or_else(PoisonError::into_inner);
            let minute = self.deployment.config.minute.signed();
            if cried.get(&service.name).is_some_and(|last| now.duration_since(*last) < minute) {
                return;
            }
            cried.insert(service.name.clone(), now);
        }
        if let Err(error) = notifier.cry(&service.name, why).await {
            tracing::error!(%error, "nobody was told");
        }
    }

    /// Audit and news. A plan must not fail because nobody can be told, so errors are logged.
    pub(super) async fn tell(&self, news: &[AuditEntry]) {
        for entry in news {
            tracing::info!(service = %entry.service, epoch = %entry.epoch, entry = ?entry.kind, "audit");
            if let Err(error) = self.store.audit(entry).await {
                tracing::error!(%error, "the audit entry is lost but for this log");
            }
            if let Some(notifier) = &self.notifier
                && let Err(error) = notifier.tell(entry).await
            {
                tracing::error!(%error, "nobody was told");
            }
        }
    }

    /// What whoever wrote it has had the time to tell, and has not: it was ended before. An entry's key is its own, so that
    /// one told twice stands in the audit trail once.
    pub(super) fn overdue(&self, state: &ServiceState) -> Vec<AuditEntry> {
        let (now, head_start) = (Timestamp::now(), self.head_start());
        state.untold.iter().filter(|entry| now.duration_since(entry.at) >= head_start).cloned().collect()
    }

    /// Takes what was told off the state, whoever has written it meanwhile. Left there, it is told again.
    pub(super) async fn forget_told(&self, service: &DnsName, told: &[AuditEntry]) {
        if told.is_empty() {
            return;
        }
        for _ in 0..RACES {
            let written = async {
                let Some((mut state, version)) = self.store.state(service).await? else { return Ok(true) };
                let noted = state.untold.len();
                forget(&mut state, told);
                Ok::<_, StoreError>(
                    state.untold.len() == noted || self.store.save(&state, &version).await? != Write::Lost,
                )
            };
            match written.await {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%error, "what was told may be told again");
                    return;
                }
            }
        }
    }
}

/// Dates what is to be told and notes it in the state, to be written with it.
pub(super) fn announce(state: &mut ServiceState, kinds: Vec<AuditKind>) -> Vec<AuditEntry> {
    let at = Timestamp::now();
    let entry = |kind| AuditEntry { service: state.service.clone(), epoch: state.epoch, at, kind };
    let news: Vec<_> = kinds.into_iter().map(entry).collect();
    state.untold.extend(news.iter().cloned());
    news
}

/// Takes what was told off a state.
pub(super) fn forget(state: &mut ServiceState, told: &[AuditEntry]) {
    state.untold.retain(|entry| !told.contains(entry));
}
