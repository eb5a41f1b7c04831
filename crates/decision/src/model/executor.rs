//! An executor as the failover function is one: it reads, thinks, calls, writes, and may stop after each.

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use domain::{Actor, Plan, ServiceState};

use super::{Broken, Switching, System, hash_state};
use crate::{Action, Event, Order, Outcome, decide, fixture::region, next, order, settle, take};

/// Where an executor stands; what it holds in memory is as old as its last step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum At {
    Idle,
    /// It has read the state.
    Read(Arc<ServiceState>),
    /// It is about to take a plan.
    Taking {
        read: Arc<ServiceState>,
        taken: Arc<ServiceState>,
    },
    /// It is about to send the batch of the plan in flight.
    Sending(Arc<ServiceState>),
    /// It is about to write what came of a step.
    Saving {
        read: Arc<ServiceState>,
        after: Arc<ServiceState>,
    },
}

impl Hash for At {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        std::mem::discriminant(self).hash(hasher);
        match self {
            Self::Idle => {}
            Self::Read(state) | Self::Sending(state) => hash_state(state, hasher),
            Self::Taking { read, taken: after } | Self::Saving { read, after } => {
                hash_state(read, hasher);
                hash_state(after, hasher);
            }
        }
    }
}

impl At {
    /// Whether the next step is a call that changes something, whose reply may be lost.
    pub(super) fn calls(&self) -> bool {
        matches!(self, Self::Taking { .. } | Self::Sending(_) | Self::Saving { .. })
    }
}

impl Switching {
    /// One step of an executor.
    pub(super) fn go(&self, system: &mut System, number: usize) {
        system.executors[number] = match system.executors[number].clone() {
            At::Idle => At::Read(Arc::clone(&system.store)),
            At::Read(state) if state.in_flight.is_some() => self.carry_on(system, state),
            At::Read(state) => {
                let (now, evidence) = (self.now(system), self.evidence(system));
                match decide(self.world.service(), &state, evidence, now).outcome {
                    Outcome::Plan(plan) => self.taking(system, state, *plan),
                    Outcome::Hold(_) => At::Idle,
                }
            }
            At::Taking { read, taken } if self.write(system, &read, &taken) => At::Sending(taken),
            At::Sending(state) => {
                let event = self.send(system, &state);
                self.settled(system, state, event)
            }
            At::Saving { read, after } => {
                self.write(system, &read, &after);
                At::Idle
            }
            At::Taking { .. } => At::Idle,
        };
    }

    /// A person orders the traffic elsewhere: it is read and planned in one go, and carried out step by step.
    pub(super) fn order(&self, system: &mut System, number: usize) {
        let state = Arc::clone(&system.store);
        let to = super::REGIONS[usize::from(self.answer(system) == Some(0))];
        let by = Actor::Human { name: "ada".into(), reason: "model".into() };
        let wish = Order { to: region(to), by, forced: [].into() };
        if let Ok(plan) = order(self.world.service(), &state, self.evidence(system), self.now(system), &wish) {
            system.executors[number] = self.taking(system, state, plan);
        }
    }

    fn taking(&self, system: &System, read: Arc<ServiceState>, plan: Plan) -> At {
        let taken = take(&read, &self.world.service().policy, plan, self.now(system));
        At::Taking { read, taken: Arc::new(taken) }
    }

    /// As `Controller::carry_on`.
    fn carry_on(&self, system: &System, state: Arc<ServiceState>) -> At {
        let now = self.now(system);
        let event = match next(&state, &self.world.service().policy, now) {
            Action::Nothing => return At::Idle,
            Action::GiveUp(_) if self.broken == Broken::FenceIsRead => Event::Expired,
            Action::Switch(plan) | Action::GiveUp(plan) => {
                if system.fence == plan.fence() {
                    Event::Applied { change: None }
                } else if system.fence != plan.expects.fence {
                    Event::Superseded { found: system.fence.clone() }
                } else if now > plan.expires_at {
                    Event::Expired
                } else {
                    return At::Sending(state);
                }
            }
            Action::AskChange(_) => Event::InSync,
            Action::Verify(to) => {
                let answering = self.evidence(system).answering.clone();
                Event::Seen { observers: usize::from(answering.region() == Some(to)), answering }
            }
        };
        self.settled(system, state, event)
    }

    /// As `Controller::switch_to`.
    fn send(&self, system: &mut System, state: &ServiceState) -> Event {
        let Some(flight) = &state.in_flight else { return Event::Expired };
        let plan = &flight.plan;
        if self.apply(system, plan) {
            Event::Applied { change: Some("C1".into()) }
        } else if system.fence == plan.fence() {
            Event::Applied { change: None }
        } else if system.fence == plan.expects.fence {
            Event::Refused { why: "refused".into() }
        } else {
            Event::Superseded { found: system.fence.clone() }
        }
    }

    fn settled(&self, system: &System, read: Arc<ServiceState>, event: Event) -> At {
        let (after, _) = settle(&read, self.world.service(), event, self.now(system));
        if after == *read { At::Idle } else { At::Saving { read, after: Arc::new(after) } }
    }

    /// Whether one executor, left alone where all is well, ends the plan in flight and makes PRIMARY what is answered.
    pub(super) fn ends(&self, system: &System) -> bool {
        let settled = |system: &System| {
            let first = system.store.slots.first().map(|slot| slot.region.as_str());
            system.store.in_flight.is_none() && first == self.answer(system).map(|place| super::REGIONS[place])
        };
        if settled(system) {
            return true;
        }
        let mut system = system.clone();
        system.executors = vec![At::Idle];
        (system.native_down, system.seen_down) = (false, false);
        for step in 0_u8..60 {
            self.go(&mut system, 0);
            if settled(&system) {
                return true;
            }
            system.step += u8::from(step % 8 == 7);
        }
        false
    }
}
