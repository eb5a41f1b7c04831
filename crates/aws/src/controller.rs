//! One look at a service: load, decide, fence, switch, verify. It never waits.
//!
//! The failover Lambda runs it once an invocation, the command line until a plan has ended. Both go
//! through the same conditional write and the same fenced change batch, so any number may run at once.

mod news;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use decision::{Action, Decision, Event, Evidence, NativeHealth, Order, Outcome, Sighting};
use domain::{
    Answering, AuditKind, ConfigHash, Deployment, DnsName, Epoch, HoldReason, NativeChecks, ObserverName, Paused,
    Period, Plan, Service, ServiceState,
};
use futures::future::join_all;
use jiff::Timestamp;
use probe::Prober;

use crate::{
    error::AwsError,
    function::{Function, StartError},
    native::native_matters,
    notify::Notifier,
    store::{Store, StoreError, Version, Write},
    switch::{Switch, SwitchError},
};

/// How often a lost race for the state is run again within one look.
const RACES: usize = 4;
/// What a change batch takes at most when all is well.
const HEAD_START: Period = Period::seconds(3);

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
    #[error("refused by a safety rule: {}", .0.iter().map(|r| format!("{} ({})", r.text, r.code)).collect::<Vec<_>>().join("; "))]
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

/// When Route 53's own checks are asked: an account has few calls (R42), and each region costs one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AskNative {
    /// A plan in flight is not decided on again.
    Never,
    IfItMatters,
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
    prober: Prober,
    notifier: Option<Notifier>,
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
            prober: Prober::new(&function.deployment.config)?,
            notifier: function.topic.clone().map(|topic| Notifier::new(&function.session, control, topic)),
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
        join_all(self.services().iter().map(|service| self.advance(service))).await
    }

    /// Advances a service by at most one step.
    pub async fn advance(&self, service: &Service) -> Result<Look, TickError> {
        let looked = self.step(service).await;
        if let Err(TickError::Store(StoreError::Aws(error))) = &looked {
            self.cry(service, error).await;
        }
        looked
    }

    async fn step(&self, service: &Service) -> Result<Look, TickError> {
        for _ in 0..RACES {
            let (state, version) = self.load(service).await?;
            if state.in_flight.is_some() {
                if let Some(look) = self.carry_on(service, state, &version).await? {
                    return Ok(look);
                }
                continue;
            }
            let evidence = self.evidence(service, &state, AskNative::IfItMatters).await?;
            let now = Timestamp::now();
            let decision = decision::decide(service, &state, &evidence, now);
            let state = match &decision.outcome {
                Outcome::Plan(plan) => match self.take(service, &state, Plan::clone(plan), &version).await? {
                    Some(state) => state,
                    None => continue,
                },
                Outcome::Hold(_) => match self.note(&state, &decision, &version).await? {
                    Some(state) => state,
                    None => continue,
                },
            };
            return Ok(Look { state, decision: Some(decision), evidence });
        }
        Err(TickError::Raced(service.name.clone()))
    }

    /// What would be decided now. Changes nothing.
    pub async fn look(&self, service: &Service) -> Result<Look, TickError> {
        let (state, _) = self.load(service).await?;
        let evidence = self.evidence(service, &state, AskNative::Always).await?;
        let decision = decision::decide(service, &state, &evidence, Timestamp::now());
        Ok(Look { state, decision: Some(decision), evidence })
    }

    /// The plan that an order by hand would carry out. Changes nothing.
    pub async fn plan(&self, service: &Service, order: &Order) -> Result<Plan, OrderError> {
        let (state, _) = self.load(service).await?;
        let evidence = self.evidence(service, &state, AskNative::Always).await?;
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
            let evidence = self.evidence(service, &state, AskNative::Always).await?;
            let plan = plan(&state, &evidence).map_err(OrderError::Refused)?;
            if let Some(state) = self.take(service, &state, plan.clone(), &version).await? {
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

    async fn load(&self, service: &Service) -> Result<(ServiceState, Version), TickError> {
        let found = self.store.state(&service.name).await?;
        Ok(found.unwrap_or_else(|| (ServiceState::new(service), Version::Absent)))
    }

    fn checks(&self, service: &Service) -> Result<&NativeChecks, TickError> {
        self.deployment.checks.get(&service.name).ok_or_else(|| TickError::NotDeployed(service.name.clone()))
    }

    /// Everything that a decision rests on.
    async fn evidence(&self, service: &Service, state: &ServiceState, ask: AskNative) -> Result<Evidence, TickError> {
        let (sightings, answering) =
            tokio::join!(self.store.observations(&service.name, &self.observers), self.prober.answering(service));
        let native = service.regions.iter().map(|region| (region.name.clone(), NativeHealth::Unknown)).collect();
        let (config, observers) = (self.hash.clone(), self.observers.clone());
        // Nothing measures the lag yet: under an RPO only a person moves traffic.
        let mut evidence =
            Evidence { config, observers, sightings: sightings?, answering, native, lag: BTreeMap::new() };
        let asks = match ask {
            AskNative::Never => false,
            AskNative::IfItMatters => native_matters(service, state, &evidence, Timestamp::now()),
            AskNative::Always => true,
        };
        if asks {
            evidence.native = self.switch.native(self.checks(service)?).await;
        }
        Ok(evidence)
    }

    /// Wins the conditional write, or returns `None`; then applies the plan at once, since a taken plan helps nobody.
    async fn take(
        &self,
        service: &Service,
        state: &ServiceState,
        plan: Plan,
        version: &Version,
    ) -> Result<Option<ServiceState>, TickError> {
        let taken = decision::take(state, &service.policy, plan.clone(), Timestamp::now());
        let audit = AuditKind::Taken { plan: Box::new(plan.clone()) };
        let Write::Won(version) = self.store.save(&taken, version).await? else {
            return Ok(None);
        };
        tracing::info!(service = %service.name, plan = %plan.id, kind = %plan.kind, from = %plan.from, to = %plan.to, "plan taken");
        // The audit trail and the news go beside the switch, never before it: traffic is waiting. Nor after it, since a
        // switch that is slow to fail would keep from people what was decided.
        let (event, ()) = tokio::join!(self.switch_to(service, &plan), self.record(&taken, vec![audit]));
        let (event, failed) = self.explained(service, &plan, event).await?;
        let (next, audit) = decision::settle(&taken, service, event, Timestamp::now());
        // Lost: another executor has gone on with the plan from here.
        let saved = self.save(next.clone(), &version, audit).await?;
        failed.map_or(Ok(Some(saved.unwrap_or(next))), Err)
    }

    /// What came of asking Route 53; where it could not be asked, that as an event, and the error.
    async fn explained(
        &self,
        service: &Service,
        plan: &Plan,
        came: Result<Event, TickError>,
    ) -> Result<(Event, Option<TickError>), TickError> {
        let error = match came {
            Ok(event) => return Ok((event, None)),
            Err(error) => error,
        };
        let Some(why) = error.of_route53().map(AwsError::of_the_control_plane) else { return Err(error) };
        let moved = self.prober.share_answering(service, &plan.to).await;
        Ok((Event::Unreachable { why, moved }, Some(error)))
    }

    /// Applies a plan's batch; a refusal is explained by the fence that stands in the zone.
    async fn switch_to(&self, service: &Service, plan: &Plan) -> Result<Event, TickError> {
        match self.switch.apply(service, plan, self.checks(service)?).await {
            Ok(change) => Ok(Event::Applied { change: Some(change) }),
            Err(SwitchError::Refused(why)) => {
                let found = self.fence(service).await?;
                Ok(if found == plan.fence() {
                    Event::Applied { change: None }
                } else if found == plan.expects.fence {
                    Event::Refused { why }
                } else {
                    Event::Superseded { found }
                })
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn fence(&self, service: &Service) -> Result<String, TickError> {
        let sets = self.switch.record_sets(service).await?;
        Ok(decision::fence_in(service, &sets).unwrap_or_default())
    }

    /// Goes on with the plan in flight by one step; `None` when another executor was first.
    async fn carry_on(
        &self,
        service: &Service,
        state: ServiceState,
        version: &Version,
    ) -> Result<Option<Look>, TickError> {
        let now = Timestamp::now();
        let evidence = self.evidence(service, &state, AskNative::Never).await?;
        let (event, failed) = match decision::next(&state, &service.policy, now) {
            Action::Nothing => return Ok(Some(Look { state, decision: None, evidence })),
            Action::Switch(_) if self.is_being_sent(&state, now) => {
                return Ok(Some(Look { state, decision: None, evidence }));
            }
            Action::Switch(plan) | Action::GiveUp(plan) => {
                self.explained(service, plan, self.begin_again(service, plan, now).await).await?
            }
            Action::AskChange(change) => match self.switch.is_in_sync(change).await {
                Ok(true) => (Event::InSync, None),
                Ok(false) => (Event::StillPending, None),
                // What is answered proves more than INSYNC, and needs no control plane.
                Err(error) => {
                    tracing::warn!(%error, "Route 53 can't be asked about the change");
                    (Self::seen(&state, &evidence), None)
                }
            },
            Action::Verify(_) => (Self::seen(&state, &evidence), None),
        };
        let (next, audit) = decision::settle(&state, service, event, Timestamp::now());
        let saved = if next == state { Some(state) } else { self.save(next, version, audit).await? };
        match failed {
            Some(error) => Err(error),
            None => Ok(saved.map(|state| Look { state, decision: None, evidence })),
        }
    }

    /// A plan that was taken, and of which it is not known whether the batch took effect: the fence tells.
    async fn begin_again(&self, service: &Service, plan: &Plan, now: Timestamp) -> Result<Event, TickError> {
        let found = self.fence(service).await?;
        if found == plan.fence() {
            return Ok(Event::Applied { change: None });
        }
        if found != plan.expects.fence {
            return Ok(Event::Superseded { found });
        }
        if now > plan.expires_at {
            return Ok(Event::Expired);
        }
        self.switch_to(service, plan).await
    }

    /// Whether whoever took the plan has had no time yet to say what became of its batch. The others stay out of the way:
    /// each would read the fence, at the moment when the account's few calls (R42) are needed most.
    fn is_being_sent(&self, state: &ServiceState, now: Timestamp) -> bool {
        let head_start = HEAD_START.scaled(self.deployment.config.speed()).signed();
        state.in_flight.as_ref().is_some_and(|flight| now.duration_since(flight.taken_at) < head_start)
    }

    fn seen(state: &ServiceState, evidence: &Evidence) -> Event {
        let flight = state.in_flight.as_ref();
        let observers = flight.map_or(0, |flight| {
            let agree = |sighting: &&Sighting| {
                sighting.observation.answering == Answering::Region(flight.plan.to.clone())
                    && flight.applied_at.is_some_and(|applied| sighting.observation.at > applied)
            };
            evidence.sightings.iter().filter(agree).count()
        });
        Event::Seen { answering: evidence.answering.clone(), observers }
    }

    /// Writes what the look showed, if that is news; `None` when another was first.
    async fn note(
        &self,
        state: &ServiceState,
        decision: &Decision,
        version: &Version,
    ) -> Result<Option<ServiceState>, TickError> {
        match decision::note(state, decision) {
            Some((noted, audit)) => self.save(noted, version, audit).await,
            None => Ok(Some(state.clone())),
        }
    }

    async fn save(
        &self,
        state: ServiceState,
        version: &Version,
        audit: Vec<AuditKind>,
    ) -> Result<Option<ServiceState>, TickError> {
        match self.store.save(&state, version).await? {
            Write::Won(_) => {
                self.record(&state, audit).await;
                Ok(Some(state))
            }
            Write::Lost => Ok(None),
        }
    }
}
