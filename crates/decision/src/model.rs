//! Every order in which two executors, Route 53 and the network can do things, up to a bound, tried out.
//!
//! The executors run the real functions: `decide`, `order`, `take`, `next`, `settle`, `change_batch`, and the zone is
//! `route53`'s. Only what AWS does between them is modelled: a conditional write, an atomic batch, and replies that are
//! lost. An executor may stall anywhere for any time, since nothing says when it goes on.

mod checks;
mod executor;

use std::{
    hash::{Hash, Hasher},
    sync::Arc,
};

use domain::{Actor, Arming, NativeChecks, Period, Plan, PlanKind, ServiceState, Slot, Verdict};
use jiff::Timestamp;
use stateright::{Model, Property};

use crate::{
    Evidence, NativeHealth, fence_in,
    fixture::{World, region},
    reason::later,
    records, slots_in,
};
use executor::At;

const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];
/// Longer than a plan may wait to be begun, or to be verified, and than the cooldown.
const STEP: Period = Period::seconds(130);
const POLICY: &str = "failback = \"auto\"\nhold_down = \"20s\"\ncooldown = \"20s\"\nmax_auto_failovers_per_hour = 2";

/// A fence left out on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Broken {
    Nothing,
    /// Whoever writes the state wins.
    ConditionalWrite,
    /// The batch neither expects nor leaves an epoch.
    Epoch,
    /// Whoever finds a plan too late gives it up without reading what the zone says of it.
    FenceIsRead,
}

/// How much may go wrong; each multiplies the states.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    executors: usize,
    /// Crashes and lost replies.
    faults: u8,
    turns: u8,
    steps: u8,
    orders: u8,
    epochs: u64,
}

struct Switching {
    world: World,
    checks: NativeChecks,
    broken: Broken,
    bounds: Bounds,
    /// By what observers see, what Route 53's check says, and which region is answered with.
    evidence: [Evidence; 8],
    /// Each order and arming of the slots with its zone's answer while the check is healthy, and while it is not.
    answers: Vec<(Vec<Slot>, [usize; 2])>,
}

/// A batch that took effect.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Effect {
    epoch: u64,
    plan: String,
    automatic: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct System {
    store: Arc<ServiceState>,
    /// What the zone holds.
    slots: Vec<Slot>,
    fence: String,
    executors: Vec<At>,
    /// The preferred region is down for the observers, for Route 53's check.
    seen_down: bool,
    native_down: bool,
    step: u8,
    turns: u8,
    faults: u8,
    orders: u8,
    effects: Vec<Effect>,
    /// The newest epoch that was ever stored.
    newest: u64,
}

/// `stateright` tells states apart by their hashes alone, so everything that decides anything is in it.
impl Hash for System {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        hash_state(&self.store, hasher);
        hash_slots(&self.slots, hasher);
        (&self.fence, &self.executors, self.seen_down, self.native_down, self.step).hash(hasher);
        (self.turns, self.faults, self.orders, &self.effects, self.newest).hash(hasher);
    }
}

fn hash_slots<H: Hasher>(slots: &[Slot], hasher: &mut H) {
    for slot in slots {
        (slot.region.as_str(), slot.arming as u8).hash(hasher);
    }
}

fn hash_state<H: Hasher>(state: &ServiceState, hasher: &mut H) {
    (state.epoch, state.phase as u8, &state.active, &state.fence, state.last_switch).hash(hasher);
    (&state.automatic, &state.unverified, &state.unacknowledged).hash(hasher);
    state.by_hand.as_ref().map(|order| (&order.to, order.at)).hash(hasher);
    hash_slots(&state.slots, hasher);
    if let Some(flight) = &state.in_flight {
        (&flight.plan.id, flight.next, flight.taken_at, &flight.change).hash(hasher);
        (flight.applied_at, flight.asked_at, flight.alarmed).hash(hasher);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Act {
    /// An executor does its next thing; an event, a duplicate of one, or the minute started it.
    Go(usize),
    /// A person's executor takes the place of an idle one.
    Order(usize),
    /// It does it, and the reply is lost.
    GoUnheard(usize),
    /// It is gone between two steps.
    Crash(usize),
    /// Observers see the preferred region go, or come back.
    Seen,
    /// Route 53's check does: it moves, or returns, by itself.
    Native,
    /// Time passes.
    Wait,
}

impl Switching {
    fn new(broken: Broken, bounds: Bounds) -> Self {
        let (world, checks) = (World::of(POLICY, &REGIONS), records::tests::checks(&REGIONS));
        let evidence = std::array::from_fn(|case| seen(&world, case & 1 > 0, case & 2 > 0, case >> 2));
        let mut answers = Vec::new();
        for case in 0..8 {
            let arming = |bit: usize| if case & bit > 0 { Arming::AlwaysUnhealthy } else { Arming::Own };
            let slots = [(case >> 2, arming(1)), (1 - (case >> 2), arming(2))];
            let slots = slots.map(|(place, arming)| Slot { region: region(REGIONS[place]), arming }).to_vec();
            let mut world = world.clone();
            world.state.slots.clone_from(&slots);
            let zone = records::tests::zone(&world, &checks);
            let answer = |healthy: &[&str]| {
                let answer = records::tests::answers(&zone, &world, healthy);
                REGIONS.iter().position(|name| *name == answer).expect("a region answers, whatever is healthy")
            };
            answers.push((slots, [answer(&REGIONS), answer(&REGIONS[1..])]));
        }
        Self { world, checks, broken, bounds, evidence, answers }
    }

    fn now(&self, system: &System) -> Timestamp {
        later(self.world.now, Period(STEP.0 * u32::from(system.step)))
    }

    /// The region that is answered with, if any.
    fn answer(&self, system: &System) -> Option<usize> {
        let found = self.answers.iter().find(|(slots, _)| *slots == system.slots);
        found.map(|(_, answers)| answers[usize::from(system.native_down)])
    }

    fn evidence(&self, system: &System) -> &Evidence {
        let answer = self.answer(system).expect("a region answers");
        &self.evidence[usize::from(system.seen_down) | usize::from(system.native_down) << 1 | answer << 2]
    }

    /// Sends a plan's batch to the zone; `false` when it is refused.
    fn apply(&self, system: &mut System, plan: &Plan) -> bool {
        let mut batch = crate::change_batch(self.world.service(), plan, &self.checks).unwrap();
        if self.broken == Broken::Epoch {
            batch.drain(..2);
        }
        let mut world = self.world.clone();
        world.state.slots.clone_from(&system.slots);
        world.state.fence.clone_from(&system.fence);
        let Ok(after) = records::tests::zone(&world, &self.checks).apply(&batch) else { return false };
        let sets: Vec<_> = after.sets().cloned().collect();
        system.slots = slots_in(self.world.service(), &sets, &self.checks).unwrap();
        system.fence = fence_in(self.world.service(), &sets).unwrap();
        if self.broken == Broken::Epoch {
            system.fence = plan.fence();
        }
        system.effects.push(Effect {
            epoch: plan.epoch.0,
            plan: plan.id.to_string(),
            automatic: plan.kind == PlanKind::Failover && plan.by == Actor::Policy,
        });
        true
    }

    /// Writes the state if it is still what was read; `false` when another was first.
    fn write(&self, system: &mut System, read: &ServiceState, next: &Arc<ServiceState>) -> bool {
        if self.broken != Broken::ConditionalWrite && *system.store != *read {
            return false;
        }
        system.store = Arc::clone(next);
        system.newest = system.newest.max(next.epoch.0);
        true
    }
}

/// Evidence of one case; a zone answers with a region of this place.
fn seen(world: &World, down: bool, native_down: bool, answer: usize) -> Evidence {
    let mut world = world.clone();
    world.all(REGIONS[0], if down { Verdict::Down } else { Verdict::Up }, 50);
    world.answers(REGIONS[answer]);
    world.native(REGIONS[0], if native_down { NativeHealth::Unhealthy } else { NativeHealth::Healthy });
    world.native(REGIONS[1], NativeHealth::Healthy);
    world.evidence
}

impl Model for Switching {
    type State = System;
    type Action = Act;

    fn init_states(&self) -> Vec<System> {
        let state = self.world.state.clone();
        vec![System {
            slots: state.slots.clone(),
            fence: state.fence.clone(),
            store: Arc::new(state),
            executors: vec![At::Idle; self.bounds.executors],
            seen_down: false,
            native_down: false,
            step: 0,
            turns: 0,
            faults: 0,
            orders: 0,
            effects: Vec::new(),
            newest: 0,
        }]
    }

    fn actions(&self, system: &System, actions: &mut Vec<Act>) {
        for (number, at) in system.executors.iter().enumerate() {
            actions.push(Act::Go(number));
            if *at == At::Idle {
                if system.orders < self.bounds.orders {
                    actions.push(Act::Order(number));
                }
                continue;
            }
            if system.faults < self.bounds.faults {
                actions.push(Act::Crash(number));
                actions.extend(at.calls().then_some(Act::GoUnheard(number)));
            }
        }
        if system.turns < self.bounds.turns {
            actions.extend([Act::Seen, Act::Native]);
        }
        if system.step < self.bounds.steps {
            actions.push(Act::Wait);
        }
    }

    fn next_state(&self, before: &System, act: Act) -> Option<System> {
        let mut system = before.clone();
        match act {
            Act::Go(number) => self.go(&mut system, number),
            Act::Order(number) => {
                system.orders += 1;
                self.order(&mut system, number);
            }
            Act::GoUnheard(number) => {
                system.faults += 1;
                self.go(&mut system, number);
                system.executors[number] = At::Idle;
            }
            Act::Crash(number) => {
                system.faults += 1;
                system.executors[number] = At::Idle;
            }
            Act::Seen => {
                system.turns += 1;
                system.seen_down = !system.seen_down;
            }
            Act::Native => {
                system.turns += 1;
                system.native_down = !system.native_down;
            }
            Act::Wait => system.step += 1,
        }
        // Two executors are alike: which of them stands where is no difference.
        system.executors.sort_by_cached_key(|at| {
            let mut hasher = std::hash::DefaultHasher::new();
            at.hash(&mut hasher);
            hasher.finish()
        });
        (system != *before).then_some(system)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(
                "at most one plan takes effect an epoch, and none after a newer one",
                |_, system: &System| system.effects.is_sorted_by(|one, next| one.epoch < next.epoch),
            ),
            Property::always("the state never goes back", |_, system: &System| system.store.epoch.0 >= system.newest),
            Property::always("a region answers", |model: &Self, system: &System| model.answer(system).is_some()),
            Property::always("no more automatic failovers than the budget", |model: &Self, system: &System| {
                let budget = model.world.service().policy.max_auto_failovers_per_hour as usize;
                system.effects.iter().filter(|effect| effect.automatic).count() <= budget
            }),
            // With two, one may be given up by the other in the very moment in which it goes on.
            Property::always(
                "one executor's state, at rest, says what the zone holds",
                |model: &Self, system: &System| {
                    model.bounds.executors > 1
                        || system.store.in_flight.is_some()
                        || (system.store.fence == system.fence && system.store.slots == system.slots)
                },
            ),
            Property::always(
                "a plan once taken ends, and what is answered is PRIMARY then",
                |model: &Self, system: &System| model.ends(system),
            ),
            Property::sometimes("a failover, and a failback", |_, system: &System| {
                system.effects.len() >= 2
                    && system.store.phase == domain::Phase::Steady
                    && system.store.in_flight.is_none()
            }),
            Property::sometimes("Route 53's own move is made final", |_, system: &System| {
                system.effects.iter().any(|effect| !effect.automatic) && system.orders == 0 && !system.seen_down
            }),
        ]
    }

    fn within_boundary(&self, system: &System) -> bool {
        system.newest <= self.bounds.epochs
    }
}
