//! Pointsman in a simulated world: the real decisions and steps; S3, Route 53's control plane and its zone modelled.

use decision::{
    Action, Event, Evidence, Order, Outcome, change_batch, decide, fence_in, fence_set, note, record_sets, settle, take,
};
use domain::{Actor, Answering, NativeChecks, Plan, PlanKind, Service, ServiceState, Verdict};
use jiff::Timestamp;
use route53::{Answer, Change, CheckId, Draw, Name, RecordType, Zone};

use crate::{chance::Chance, clients::Clients, course::Changes, judge::Watched, world::World};

/// One controller with its own state, zone and clients.
#[derive(Debug)]
pub(crate) struct Pilot {
    pub(crate) service: Service,
    pub(crate) state: ServiceState,
    checks: NativeChecks,
    /// As the control plane has it, and as the name servers do.
    held: Zone,
    served: Zone,
    name: Name,
    kind: RecordType,
    /// A batch is on its way.
    pub(crate) sending: bool,
    /// When the name servers have the last batch; milliseconds.
    synced: u64,
    pub(crate) watched: Watched,
    /// Plans carried out; what a test compares.
    pub(crate) plans: u64,
    pub(crate) deeds: u64,
}

/// What a tick sets off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    Nothing,
    /// A batch, whose reply is there after so many milliseconds.
    Batch(u64),
    /// One that nobody hears of any more after so many milliseconds, and when it arrives all the same.
    Unheard(u64, Option<u64>),
}

/// How long a call's reply is waited for; milliseconds.
const PATIENCE: u64 = 10_000;

impl Pilot {
    pub(crate) fn new(world: &World, corroborate: bool, clients: Clients) -> Self {
        let mut service = world.service().clone();
        service.policy.corroborate = corroborate;
        let own = |region: &domain::Region| {
            let id = format!("own-{}", region.name).parse().expect("letters, digits and hyphens are an identifier");
            (region.name.clone(), id)
        };
        let checks = NativeChecks {
            own: service.regions.iter().map(own).collect(),
            children: [].into(),
            always_unhealthy: "never".parse().expect("`never` is an identifier"),
        };
        let state = ServiceState::new(&service);
        let sets = record_sets(&service, &state.slots, &checks).expect("every region has its check");
        let name: Name = service.name.as_str().parse().expect("a DNS name is a Route 53 name");
        let apex = "example.com".parse().expect("`example.com` is a name");
        let held = Zone::new(apex, sets.into_iter().chain([fence_set(&service, &state.fence)]));
        let kind = if world.by_name { RecordType::Cname } else { RecordType::A };
        Self {
            served: held.clone(),
            held,
            service,
            state,
            checks,
            name,
            kind,
            sending: false,
            synced: 0,
            watched: Watched::new(clients),
            plans: 0,
            deeds: 0,
        }
    }

    /// The region that the name servers answer with while these are healthy, by their places.
    pub(crate) fn answer(&self, healthy: &[bool]) -> usize {
        let is_healthy = |check: &CheckId| {
            let region = |region: &domain::Region| check.as_str().strip_prefix("own-") == Some(region.name.as_str());
            self.service.regions.iter().position(region).is_some_and(|place| healthy[place])
        };
        let answer = self.served.answer(&self.name, self.kind, &is_healthy, Draw(0));
        let Answer::Records(sets) = answer else { return self.watched.answer };
        let value = sets.first().and_then(|set| set.values.first()).map_or("", String::as_str);
        let is_its = |region: &domain::Region| {
            let address = region.targets.a.first().is_some_and(|it| it.to_string() == value);
            address || region.targets.cname.as_ref().is_some_and(|it| value.strip_suffix('.') == Some(it.as_str()))
        };
        self.service.regions.iter().position(is_its).unwrap_or(self.watched.answer)
    }

    /// As the failover function: one step, at most.
    pub(crate) fn tick(
        &mut self,
        evidence: &mut Evidence,
        (at, now): (u64, Timestamp),
        changes: Changes,
        chance: &mut Chance,
    ) -> Sent {
        if self.sending {
            return Sent::Nothing;
        }
        evidence.answering = Answering::Region(self.service.regions[self.watched.answer].name.clone());
        let event = match decision::next(&self.state, &self.service.policy, now) {
            Action::Nothing => return self.decide(evidence, now, changes, chance),
            Action::Switch(_) => return self.send(changes, chance),
            // The record that tells can't be read either.
            Action::GiveUp(_) if changes.fails >= 1.0 => return Sent::Nothing,
            Action::GiveUp(plan) => self.found(plan),
            Action::AskChange(_) if at >= self.synced => Event::InSync,
            Action::AskChange(_) => Event::StillPending,
            Action::Verify(to) => {
                let applied = self.state.in_flight.as_ref().and_then(|flight| flight.applied_at);
                let agree = |it: &&decision::Sighting| {
                    it.observation.answering.region() == Some(to) && applied.is_some_and(|at| it.observation.at > at)
                };
                let observers = evidence.sightings.iter().filter(agree).count();
                Event::Seen { answering: evidence.answering.clone(), observers }
            }
        };
        self.state = settle(&self.state, &self.service, event, now).0;
        Sent::Nothing
    }

    fn decide(&mut self, evidence: &Evidence, now: Timestamp, changes: Changes, chance: &mut Chance) -> Sent {
        let decision = decide(&self.service, &self.state, evidence, now);
        if let Outcome::Plan(plan) = decision.outcome {
            return self.take(*plan, now, changes, chance);
        }
        if let Some((noted, _)) = note(&self.state, &decision) {
            self.state = noted;
        }
        Sent::Nothing
    }

    fn take(&mut self, plan: Plan, now: Timestamp, changes: Changes, chance: &mut Chance) -> Sent {
        self.state = take(&self.state, &self.service.policy, plan, now);
        self.plans += 1;
        self.send(changes, chance)
    }

    /// A person's order, if the rules allow it.
    pub(crate) fn order(
        &mut self,
        to: usize,
        evidence: &mut Evidence,
        now: Timestamp,
        changes: Changes,
        chance: &mut Chance,
    ) -> Sent {
        evidence.answering = Answering::Region(self.service.regions[self.watched.answer].name.clone());
        let by = Actor::Human { name: "the scenario".into(), reason: "ordered".into() };
        let wish = Order { to: self.service.regions[to].name.clone(), by, forced: [].into() };
        match decision::order(&self.service, &self.state, evidence, now, &wish) {
            Ok(plan) => self.take(plan, now, changes, chance),
            Err(_) => Sent::Nothing,
        }
    }

    fn send(&mut self, changes: Changes, chance: &mut Chance) -> Sent {
        self.sending = true;
        // The state is written, then Route 53 takes its time.
        let after = 60 + 150 + chance.about(250);
        if chance.happens(changes.fails) {
            Sent::Unheard(after, None)
        } else if chance.happens(changes.unheard) {
            Sent::Unheard(after, Some(after))
        } else if changes.late > PATIENCE {
            Sent::Unheard(PATIENCE, Some(after + changes.late))
        } else {
            Sent::Batch(after + changes.late)
        }
    }

    /// What the zone's record says of a plan whose batch was refused, or is not to be sent any more.
    fn found(&self, plan: &Plan) -> Event {
        let found = fence_in(&self.service, &self.held.sets().cloned().collect::<Vec<_>>()).unwrap_or_default();
        match found {
            found if found == plan.fence() => Event::Applied { change: None },
            found if found == plan.expects.fence => Event::Expired,
            found => Event::Superseded { found },
        }
    }

    /// Nobody hears of the batch any more.
    pub(crate) fn unheard(&mut self, now: Timestamp) {
        self.sending = false;
        let event = Event::Unreachable { why: "control plane unreachable".to_owned(), moved: None };
        self.state = settle(&self.state, &self.service, event, now).0;
    }

    /// The batch of a plan on its way, for one that stalls while it sends it.
    pub(crate) fn batch(&self) -> Option<Vec<Change>> {
        let plan = &self.state.in_flight.as_ref()?.plan;
        Some(change_batch(&self.service, plan, &self.checks).expect("every region has its check"))
    }

    /// A batch arrives of which nobody hears; whether Route 53 takes it.
    pub(crate) fn arrives(&mut self, batch: &[Change], at: u64, propagation: u64) -> bool {
        let Ok(held) = self.held.apply(batch) else { return false };
        self.held = held;
        self.synced = at + propagation;
        true
    }

    /// The batch's reply is there; the region that was left, and when the name servers will know.
    pub(crate) fn accepted(&mut self, (at, now): (u64, Timestamp), propagation: u64) -> Option<usize> {
        self.sending = false;
        let plan = self.state.in_flight.as_ref()?.plan.clone();
        let batch = change_batch(&self.service, &plan, &self.checks).expect("every region has its check");
        let Ok(held) = self.held.apply(&batch) else {
            self.state = settle(&self.state, &self.service, self.found(&plan), now).0;
            return None;
        };
        self.held = held;
        self.synced = at + propagation;
        let applied = Event::Applied { change: Some("C1".to_owned()) };
        self.state = settle(&self.state, &self.service, applied, now).0;
        self.deeds = self.deeds.rotate_left(7) ^ at ^ plan.epoch.0;
        let moves = matches!(plan.kind, PlanKind::Failover | PlanKind::Failback);
        self.service.regions.iter().position(|region| moves && region.name == plan.from)
    }

    /// The name servers have what the control plane has.
    pub(crate) fn propagated(&mut self) {
        self.served = self.held.clone();
    }

    /// Whether nothing happens to it while all regions are up and nobody does anything.
    pub(crate) fn is_at_rest(&self) -> bool {
        !self.sending
            && self.state.in_flight.is_none()
            && self.state.phase == domain::Phase::Steady
            && self.watched.answer == 0
            && self.watched.is_at_rest()
            && self.state.slots.iter().all(|slot| slot.arming == domain::Arming::Own)
    }

    /// Whether a quorum of what was written says that a region is down.
    pub(crate) fn sees_down(&self, evidence: &Evidence, region: usize) -> bool {
        let name = &self.service.regions[region].name;
        let down = |it: &&decision::Sighting| {
            it.observation.regions.get(name).is_some_and(|view| view.verdict == Verdict::Down)
        };
        evidence.sightings.iter().filter(down).count() >= self.service.policy.quorum
    }
}
