//! One look at a service: load, decide, fence, switch, verify. It never waits.
//!
//! The failover Lambda runs it once an invocation, the command line until a plan has ended. Both go
//! through the same conditional write and the same fenced change batch, so any number may run at once.

mod by_zone;
mod carry;
mod news;
mod people;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
    time::Duration,
};

use decision::{Decision, Evidence, NativeHealth, Outcome, Sighting};
use domain::{
    Answering, ConfigHash, Deployment, DnsName, HoldReason, NativeChecks, ObserverName, Period, Plan, Service,
    ServiceState,
};
use futures::future::{OptionFuture, join_all};
use jiff::Timestamp;
use monitoring::Batch;
use probe::Prober;

use crate::{
    alarm_states::{AlarmStates, alarms_matter},
    error::AwsError,
    function::{Function, StartError},
    gathering::{Gatherings, Seat},
    lags::{Lags, at_best, lags_matter},
    native::native_matters,
    notify::Notifier,
    report::Cloudwatch,
    store::{Store, StoreError, Version},
    switch::{Switch, SwitchError},
};

/// How often a lost race for the state is run again within one look.
const RACES: usize = 4;
/// What a change batch takes at most when all is well.
const HEAD_START: Period = Period::seconds(3);

/// `CloudWatch` is not waited for longer, so that a tick ends.
const PATIENCE: Duration = Duration::from_secs(3);

/// Why a look at a service failed; the next one begins where this one stopped.
#[derive(Debug, thiserror::Error)]
pub enum TickError {
    /// The state can't be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Route 53 can't be reached.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The records can't be switched.
    #[error(transparent)]
    Switch(#[from] SwitchError),
    /// Others wrote the state each time we tried.
    #[error("failed to write the state of {0}: others were first {RACES} times")]
    Raced(domain::DnsName),
    /// The deployment names no checks for the service.
    #[error("{0} is in the configuration, but was not deployed; run `pointsman deploy`")]
    NotDeployed(domain::DnsName),
}

impl TickError {
    /// Whether it is the state that can't be had, for now: a person may order by the zone's records alone.
    #[must_use]
    pub fn is_without_state(&self) -> bool {
        matches!(self, Self::Store(StoreError::Aws(_)))
    }

    /// What Route 53's control plane failed with.
    fn of_route53(&self) -> Option<&AwsError> {
        match self {
            Self::Aws(error) | Self::Switch(SwitchError::Aws(error)) => Some(error),
            _ => None,
        }
    }
}

/// An order by hand that was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// A safety rule forbids it.
    #[error("refused by a safety rule: {}", .0.iter().map(|r| format!("{} [{}]", r.text, r.code)).collect::<Vec<_>>().join("; "))]
    Refused(Vec<HoldReason>),
    /// It could not be carried out.
    #[error(transparent)]
    Tick(#[from] TickError),
}

/// What a look at a service led to.
#[derive(Debug, Clone)]
pub struct Look {
    /// The state after it.
    pub state: ServiceState,
    /// What was decided; none while a plan is being carried out.
    pub decision: Option<Decision>,
    /// What it was decided on.
    pub evidence: Evidence,
}

/// When Route 53's own checks, the alarms and the metrics of data are asked: an account has few calls (R42), and each
/// region costs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AskSignals {
    /// A plan in flight is not decided on again.
    Never,
    IfTheyMatter,
    /// A person asks.
    Always,
}

/// Everything that a look needs.
pub struct Controller {
    deployment: Deployment,
    hash: ConfigHash,
    observers: BTreeSet<ObserverName>,
    store: Store,
    switch: Switch,
    alarms: AlarmStates,
    lags: Lags,
    prober: Prober,
    notifier: Option<Notifier>,
    cloudwatch: Cloudwatch,
    /// When people were last told that a service's state can't be had: looks are many.
    cried: Mutex<BTreeMap<DnsName, Timestamp>>,
}

impl Controller {
    /// The controller of a deployment. Makes no call.
    pub fn new(function: &Function) -> Result<Self, StartError> {
        let control = &function.deployment.config.control_region;
        Ok(Self {
            store: Store::new(&function.session, &function.names, control),
            switch: Switch::new(&function.session, function.deployment.config.speed()),
            alarms: AlarmStates::new(&function.session, function.deployment.config.speed()),
            lags: Lags::new(&function.session, function.deployment.config.speed()),
            prober: Prober::new(&function.deployment.config)?,
            notifier: function.topic.clone().map(|topic| Notifier::new(&function.session, control, topic)),
            cloudwatch: Cloudwatch::new(&function.session, &function.deployment.config),
            observers: function.deployment.config.observers.iter().map(ObserverName::from).collect(),
            deployment: function.deployment.clone(),
            hash: function.hash.clone(),
            cried: Mutex::default(),
        })
    }

    /// The services it looks at.
    #[must_use]
    pub fn services(&self) -> &[Service] {
        &self.deployment.config.services
    }

    /// Looks at every service at once; one that fails does not hold up the others.
    pub async fn tick(&self) -> Vec<Result<Look, TickError>> {
        let gatherings = Gatherings::of(self.services());
        join_all(self.services().iter().map(|service| self.advance_with(service, gatherings.seat(service)))).await
    }

    /// Tells `CloudWatch` what a tick saw. Its patience is short: the next tick tells it again.
    pub async fn publish(&self, looks: &[Result<Look, TickError>]) {
        let now = Timestamp::now();
        let mut batch = Batch::default();
        for (service, look) in self.services().iter().zip(looks) {
            match look {
                Ok(Look { state, decision, evidence }) => {
                    monitoring::of_look(&mut batch, service, state, evidence, decision.as_ref(), now);
                }
                Err(error) if error.of_route53().is_some() => monitoring::of_failure(&mut batch, service, now),
                Err(_) => {}
            }
        }
        match tokio::time::timeout(PATIENCE, self.cloudwatch.send(&mut batch)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, "this tick's metrics are lost"),
            Err(_) => tracing::warn!("this tick's metrics are lost: CloudWatch did not answer in time"),
        }
    }

    /// Advances a service by at most one step.
    pub async fn advance(&self, service: &Service) -> Result<Look, TickError> {
        self.advance_with(service, Seat::alone()).await
    }

    async fn advance_with(&self, service: &Service, seat: Seat) -> Result<Look, TickError> {
        let looked = self.step(service, &seat).await;
        // Whoever has nothing more to change holds nobody up.
        drop(seat);
        if let Err(TickError::Store(StoreError::Aws(error))) = &looked {
            self.cry(service, error).await;
        }
        looked
    }

    async fn step(&self, service: &Service, seat: &Seat) -> Result<Look, TickError> {
        for _ in 0..RACES {
            let (state, version) = self.load(service).await?;
            let overdue = self.overdue(&state);
            // Beside the step: traffic does not wait until old news is told.
            let (looked, ()) = tokio::join!(self.go_on(service, state, &version, seat), self.tell(&overdue));
            // After it: the step expects the version that was read.
            self.forget_told(&service.name, &overdue).await;
            if let Some(look) = looked? {
                return Ok(look);
            }
        }
        Err(TickError::Raced(service.name.clone()))
    }

    /// One step from this state; `None` when another executor was first.
    async fn go_on(
        &self,
        service: &Service,
        state: ServiceState,
        version: &Version,
        seat: &Seat,
    ) -> Result<Option<Look>, TickError> {
        if state.in_flight.is_some() {
            return self.carry_on(service, state, version, seat).await;
        }
        let evidence = self.evidence(service, &state, AskSignals::IfTheyMatter).await?;
        let decision = decision::decide(service, &state, &evidence, Timestamp::now());
        let state = match &decision.outcome {
            Outcome::Plan(plan) => self.take(service, &state, Plan::clone(plan), version, seat).await?,
            Outcome::Hold(_) => {
                seat.arrive();
                self.note(&state, &decision, version).await?
            }
        };
        Ok(state.map(|state| Look { state, decision: Some(decision), evidence }))
    }

    async fn load(&self, service: &Service) -> Result<(ServiceState, Version), TickError> {
        let found = self.store.state(&service.name).await?;
        Ok(found.unwrap_or_else(|| (ServiceState::new(service), Version::Absent)))
    }

    fn checks(&self, service: &Service) -> Result<&NativeChecks, TickError> {
        self.deployment.checks.get(&service.name).ok_or_else(|| TickError::NotDeployed(service.name.clone()))
    }

    /// Everything that a decision rests on.
    async fn evidence(&self, service: &Service, state: &ServiceState, ask: AskSignals) -> Result<Evidence, TickError> {
        let (sightings, answering) =
            tokio::join!(self.store.observations(&service.name, &self.observers), self.prober.answering(service));
        self.evidence_of(service, state, ask, sightings?, answering).await
    }

    async fn evidence_of(
        &self,
        service: &Service,
        state: &ServiceState,
        ask: AskSignals,
        sightings: Vec<Sighting>,
        answering: Answering,
    ) -> Result<Evidence, TickError> {
        let native = service.regions.iter().map(|region| (region.name.clone(), NativeHealth::Unknown)).collect();
        let (config, observers) = (self.hash.clone(), self.observers.clone());
        // A signal is worth asking for where a plan could follow, however far behind the data turn out to be.
        let (alarms, lag) = (BTreeMap::new(), at_best(service));
        let mut evidence = Evidence { config, observers, sightings, answering, native, alarms, lag };
        let asks = |evidence: &Evidence, matters: fn(&_, &_, &_, _) -> bool| match ask {
            AskSignals::Never => false,
            AskSignals::IfTheyMatter => matters(service, state, evidence, Timestamp::now()),
            AskSignals::Always => true,
        };
        let (asks_native, asks_alarms) = (asks(&evidence, native_matters), asks(&evidence, alarms_matter));
        let checks = self.checks(service)?;
        let native = OptionFuture::from(asks_native.then(|| self.switch.native(service, checks)));
        let alarms = OptionFuture::from(asks_alarms.then(|| self.alarms.ask(service)));
        let (native, alarms) = tokio::join!(native, alarms);
        evidence.native = native.unwrap_or(evidence.native);
        evidence.alarms = alarms.unwrap_or_default();
        evidence.lag = BTreeMap::new();
        if asks(&evidence, lags_matter) {
            evidence.lag = self.lags.ask(service).await;
        }
        Ok(evidence)
    }
}
