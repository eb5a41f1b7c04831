//! Who is told what: the audit trail, and people.

use std::sync::PoisonError;

use domain::{AuditEntry, AuditKind, Service, ServiceState};
use jiff::Timestamp;

use super::Controller;
use crate::error::AwsError;

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
    pub(super) async fn record(&self, state: &ServiceState, kinds: Vec<AuditKind>) {
        for kind in kinds {
            let entry = AuditEntry { service: state.service.clone(), epoch: state.epoch, at: Timestamp::now(), kind };
            tracing::info!(service = %entry.service, epoch = %entry.epoch, entry = ?entry.kind, "audit");
            if let Err(error) = self.store.audit(&entry).await {
                tracing::error!(%error, "the audit entry is lost but for this log");
            }
            if let Some(notifier) = &self.notifier
                && let Err(error) = notifier.tell(&entry).await
            {
                tracing::error!(%error, "nobody was told");
            }
        }
    }
}
