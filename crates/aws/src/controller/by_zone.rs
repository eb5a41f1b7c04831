//! Orders by hand while the state can't be had. The zone's own records tell where things stand, and the fence among them is
//! the only one: Route 53 refuses the batch of whoever comes second, and the state learns of it by that.

use decision::{Event, Order, zoning};
use domain::{Answering, AuditEntry, AuditKind, Plan, Service, ServiceState};
use futures::future::{OptionFuture, try_join};
use jiff::Timestamp;
use tokio::time::timeout;

use super::{AskSignals, Controller, OrderError, PATIENCE, TickError};
use crate::{AwsError, dns::DnsError, gathering::Seat, switch::SwitchError};

impl Controller {
    /// The plan that an order would carry out by what the zone says. Changes nothing.
    pub async fn plan_by_zone(&self, service: &Service, order: &Order) -> Result<Plan, OrderError> {
        let state = self.state_by_zone(service).await?;
        // What observers wrote lies in S3 too, where some of it may be had.
        let written = timeout(PATIENCE, self.store.observations(&service.name, &self.observers));
        let (sightings, answering) = tokio::join!(written, self.prober.answering(service));
        let sightings = sightings.ok().and_then(Result::ok).unwrap_or_default();
        let evidence = self.evidence_of(service, &state, AskSignals::Always, sightings, answering).await?;
        decision::order(service, &state, &evidence, Timestamp::now(), order).map_err(OrderError::Refused)
    }

    /// Applies the plan of such an order.
    pub async fn carry_out_by_zone(&self, service: &Service, order: &Order) -> Result<Plan, OrderError> {
        let plan = self.plan_by_zone(service, order).await?;
        let refused = |why| OrderError::Tick(SwitchError::Refused(why).into());
        match self.switch_to(service, &plan, &Seat::alone()).await? {
            Event::Superseded { found } => {
                Err(refused(format!("somebody was first: the zone's record says `{found}`")))
            }
            Event::Refused { why } => Err(refused(why)),
            _ => Ok(plan),
        }
    }

    /// What every name server of a service answers with, asked from here.
    pub async fn answering(&self, service: &Service) -> Answering {
        self.prober.answering(service).await
    }

    /// Tells people of a plan that was applied by the zone alone, and writes it into the audit trail if that can be had.
    pub async fn tell_by_zone(&self, plan: &Plan) -> Result<(), AwsError> {
        let entry = |kind| AuditEntry { service: plan.service.clone(), epoch: plan.epoch, at: plan.made_at, kind };
        let (taken, applied) =
            (AuditKind::Taken { plan: Box::new(plan.clone()) }, AuditKind::Applied { plan: plan.id.clone() });
        let (taken, applied) = (entry(taken), entry(applied));
        let notified = OptionFuture::from(self.notifier.as_ref().map(|notifier| notifier.tell(&taken)));
        let audited = try_join(self.store.audit(&taken), self.store.audit(&applied));
        let (notified, audited) = tokio::join!(timeout(PATIENCE, notified), timeout(PATIENCE, audited));
        let away = |operation| AwsError::Unreachable { operation, cause: format!("no answer in {PATIENCE:?}") };
        audited.map_err(|_| away("PutObject"))??;
        notified.map_err(|_| away("Publish"))?.unwrap_or(Ok(()))
    }

    async fn state_by_zone(&self, service: &Service) -> Result<ServiceState, TickError> {
        let read = self.switch.read_zone(&service.hosted_zone).await.map_err(|error| match error {
            DnsError::Aws(error) => TickError::Aws(error),
            other => SwitchError::Refused(other.to_string()).into(),
        })?;
        let records = zoning(service, &read, self.checks(service)?, None).map_err(SwitchError::Records)?;
        Ok(records.state(service))
    }
}
