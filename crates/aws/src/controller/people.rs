//! What people ask for: to see, to order, to approve, to acknowledge, to pause.

use decision::{Evidence, Order};
use domain::{AuditKind, Epoch, HoldReason, Paused, Plan, Service, ServiceState};
use jiff::Timestamp;

use super::{AskSignals, Controller, Look, OrderError, RACES, TickError};
use crate::gathering::Seat;

impl Controller {
    /// What would be decided now. Changes nothing.
    pub async fn look(&self, service: &Service) -> Result<Look, TickError> {
        let (state, _) = self.load(service).await?;
        let evidence = self.evidence(service, &state, AskSignals::Always).await?;
        let decision = decision::decide(service, &state, &evidence, Timestamp::now());
        Ok(Look { state, decision: Some(decision), evidence })
    }

    /// The plan that an order by hand would carry out. Changes nothing.
    pub async fn plan(&self, service: &Service, order: &Order) -> Result<Plan, OrderError> {
        let (state, _) = self.load(service).await?;
        let evidence = self.evidence(service, &state, AskSignals::Always).await?;
        decision::order(service, &state, &evidence, Timestamp::now(), order).map_err(OrderError::Refused)
    }

    /// Takes and applies the plan of an order by hand.
    pub async fn carry_out(&self, service: &Service, order: &Order) -> Result<(Plan, ServiceState), OrderError> {
        let plan = |state: &_, evidence: &_| decision::order(service, state, evidence, Timestamp::now(), order);
        self.take_by_hand(service, plan).await
    }

    /// Takes and applies the plan that was recommended under this epoch.
    pub async fn approve(&self, service: &Service, epoch: Epoch, by: &str) -> Result<(Plan, ServiceState), OrderError> {
        let plan = |state: &_, evidence: &_| decision::approve(service, state, evidence, Timestamp::now(), epoch, by);
        self.take_by_hand(service, plan).await
    }

    /// Takes and applies what a person's word makes of the state and the evidence.
    async fn take_by_hand(
        &self,
        service: &Service,
        plan: impl Fn(&ServiceState, &Evidence) -> Result<Plan, Vec<HoldReason>>,
    ) -> Result<(Plan, ServiceState), OrderError> {
        for _ in 0..RACES {
            let (state, version) = self.load(service).await?;
            let evidence = self.evidence(service, &state, AskSignals::Always).await?;
            let plan = plan(&state, &evidence).map_err(OrderError::Refused)?;
            if let Some(state) = self.take(service, &state, plan.clone(), &version, &Seat::alone()).await? {
                return Ok((plan, state));
            }
        }
        Err(TickError::Raced(service.name.clone()).into())
    }

    /// Notes that a person has seen the last automatic failover, or the alarm; whether there was anything to see.
    pub async fn acknowledge(&self, service: &Service, by: &str) -> Result<(ServiceState, bool), TickError> {
        for _ in 0..RACES {
            let (state, version) = self.load(service).await?;
            let Some((after, audit)) = decision::acknowledge(&state, service, by) else {
                return Ok((state, false));
            };
            if let Some(state) = self.save(after, &version, audit).await? {
                return Ok((state, true));
            }
        }
        Err(TickError::Raced(service.name.clone()))
    }

    /// Stops decisions, or lets them go on with `None`.
    pub async fn set_paused(
        &self,
        service: &Service,
        paused: Option<Paused>,
        by: &str,
    ) -> Result<ServiceState, TickError> {
        for _ in 0..RACES {
            let (mut state, version) = self.load(service).await?;
            if state.paused.is_some() == paused.is_some() {
                return Ok(state);
            }
            state.paused.clone_from(&paused);
            let kind = match &paused {
                Some(paused) => AuditKind::Paused { by: paused.by.clone(), reason: paused.reason.clone() },
                None => AuditKind::Resumed { by: by.to_owned() },
            };
            if let Some(state) = self.save(state, &version, vec![kind]).await? {
                return Ok(state);
            }
        }
        Err(TickError::Raced(service.name.clone()))
    }
}
