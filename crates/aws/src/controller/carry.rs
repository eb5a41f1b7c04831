//! A plan's way: taken, applied, verified, each step written down with what it is to be told of.

use decision::{Action, Decision, Event, Evidence, Sighting};
use domain::{Answering, AuditKind, Plan, Service, ServiceState};
use jiff::{SignedDuration, Timestamp};

use super::{
    AskSignals, Controller, HEAD_START, Look, TickError,
    news::{announce, forget},
};
use crate::{
    error::AwsError,
    gathering::Seat,
    store::{Version, Write},
    switch::SwitchError,
};

impl Controller {
    /// Wins the conditional write, or returns `None`; then applies the plan at once, since a taken plan helps nobody.
    pub(super) async fn take(
        &self,
        service: &Service,
        state: &ServiceState,
        plan: Plan,
        version: &Version,
        seat: &Seat,
    ) -> Result<Option<ServiceState>, TickError> {
        let mut taken = decision::take(state, &service.policy, plan.clone(), Timestamp::now());
        let news = announce(&mut taken, vec![AuditKind::Taken { plan: Box::new(plan.clone()) }]);
        let Write::Won(version) = self.store.save(&taken, version).await? else {
            return Ok(None);
        };
        tracing::info!(service = %service.name, plan = %plan.id, kind = %plan.kind, from = %plan.from, to = %plan.to, "plan taken");
        // The audit trail and the news go beside the switch, never before it: traffic is waiting. Nor after it, since a
        // switch that is slow to fail would keep from people what was decided.
        let (event, ()) = tokio::join!(self.switch_to(service, &plan, seat), self.tell(&news));
        let (event, failed) = self.explained(service, &plan, event).await?;
        forget(&mut taken, &news);
        let (next, audit) = decision::settle(&taken, service, event, Timestamp::now());
        let saved = self.save(next.clone(), &version, audit).await?;
        if saved.is_none() {
            // Another executor has gone on with the plan from here, and would tell it all again.
            self.forget_told(&service.name, &news).await;
        }
        failed.map_or(Ok(Some(saved.unwrap_or(next))), Err)
    }

    /// What came of asking Route 53; where it could not be asked, that as an event, and the error.
    pub(super) async fn explained(
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
    pub(super) async fn switch_to(&self, service: &Service, plan: &Plan, seat: &Seat) -> Result<Event, TickError> {
        match self.switch.apply(service, plan, self.checks(service)?, seat).await {
            Ok(change) => Ok(Event::Applied { change: Some(change) }),
            Err(SwitchError::Refused(why)) => {
                let found = self.switch.fence(service).await?.unwrap_or_default();
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

    /// Goes on with the plan in flight by one step; `None` when another executor was first.
    pub(super) async fn carry_on(
        &self,
        service: &Service,
        state: ServiceState,
        version: &Version,
        seat: &Seat,
    ) -> Result<Option<Look>, TickError> {
        let now = Timestamp::now();
        let evidence = self.evidence(service, &state, AskSignals::Never).await?;
        let action = decision::next(&state, &service.policy, now);
        if !matches!(action, Action::Switch(_)) {
            seat.arrive();
        }
        let (event, failed) = match action {
            Action::Nothing => return Ok(Some(Look { state, decision: None, evidence })),
            Action::Switch(_) if self.is_being_sent(&state, now) => {
                return Ok(Some(Look { state, decision: None, evidence }));
            }
            Action::Switch(plan) | Action::GiveUp(plan) => {
                self.explained(service, plan, self.begin_again(service, plan, now, seat).await).await?
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
    pub(super) async fn begin_again(
        &self,
        service: &Service,
        plan: &Plan,
        now: Timestamp,
        seat: &Seat,
    ) -> Result<Event, TickError> {
        let found = self.switch.fence(service).await?.unwrap_or_default();
        if found == plan.fence() {
            return Ok(Event::Applied { change: None });
        }
        if found != plan.expects.fence {
            return Ok(Event::Superseded { found });
        }
        if now > plan.expires_at {
            return Ok(Event::Expired);
        }
        self.switch_to(service, plan, seat).await
    }

    /// Whether whoever took the plan has had no time yet to say what became of its batch. The others stay out of the way:
    /// each would read the fence, at the moment when the account's few calls (R42) are needed most.
    pub(super) fn is_being_sent(&self, state: &ServiceState, now: Timestamp) -> bool {
        state.in_flight.as_ref().is_some_and(|flight| now.duration_since(flight.taken_at) < self.head_start())
    }

    /// As long whoever wrote the state is left to say what came of it.
    pub(super) fn head_start(&self) -> SignedDuration {
        HEAD_START.scaled(self.deployment.config.speed()).signed()
    }

    pub(super) fn seen(state: &ServiceState, evidence: &Evidence) -> Event {
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
    pub(super) async fn note(
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

    /// Writes a state together with what it is to be told of, tells it, and takes the note of that off again.
    pub(super) async fn save(
        &self,
        mut state: ServiceState,
        version: &Version,
        audit: Vec<AuditKind>,
    ) -> Result<Option<ServiceState>, TickError> {
        let news = announce(&mut state, audit);
        let Write::Won(version) = self.store.save(&state, version).await? else {
            return Ok(None);
        };
        if news.is_empty() {
            return Ok(Some(state));
        }
        self.tell(&news).await;
        let before = state.clone();
        forget(&mut state, &news);
        match self.store.save(&state, &version).await {
            Ok(Write::Won(_)) => Ok(Some(state)),
            Ok(Write::Lost) => {
                self.forget_told(&state.service, &news).await;
                Ok(Some(state))
            }
            Err(error) => {
                tracing::warn!(%error, "what was told may be told again");
                Ok(Some(before))
            }
        }
    }
}
