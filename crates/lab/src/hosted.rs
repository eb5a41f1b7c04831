//! The lab's Route 53: what its zones answer, when accepted changes become effective, and what its health checks say.
//!
//! The name servers, the health checkers and the proxy share one [`Route53`].

use std::collections::{BTreeMap, VecDeque};
use std::ops::Deref;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use route53::{
    AlarmData, Answer, CheckConfig, CheckId, Chosen, Compiled, Draw, Endpoint, Name, RecordType, Rrset, Zone,
};
use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

pub(crate) use answers::{Answers, Data};
use checks::{Checks, Turn};
pub use checks::{Generation, Observation, ProbeOutcome};
use scenario::fault::NameFault;

mod answers;
mod checks;

/// Events kept for a subscriber that is slow.
const EVENT_BACKLOG: usize = 4096;

/// A hosted zone's id, without `/hostedzone/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneId(pub String);

/// A change's id, without `/change/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeId(pub String);

/// One moment on both clocks: to report, and to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Wall-clock time.
    pub timestamp: Timestamp,
    /// Monotonic time.
    pub instant: Instant,
}

impl Moment {
    /// The present.
    #[must_use]
    pub fn now() -> Self {
        Moment { timestamp: Timestamp::now(), instant: Instant::now() }
    }
}

/// Delays between a change and its answers, already scaled.
#[derive(Debug, Clone, Copy)]
pub struct Delays {
    /// From an accepted change of records to its answers (R41).
    pub propagation: Duration,
    /// From a check's change of status to its answers (R29).
    pub status: Duration,
    /// A second of life: the control plane takes so many requests in one (R42).
    pub second: Duration,
}

/// What changed in the answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Moment,
    /// What.
    pub what: Happening,
}

/// The kinds of [`Event`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    /// A record change became effective.
    ChangeEffective {
        /// The zone that was changed.
        zone: ZoneId,
        /// The change.
        change: ChangeId,
    },
    /// A check's status turned, by its checkers' views; the answers follow (R29).
    StatusTurned {
        /// The check.
        check: CheckId,
        /// Its status from now on.
        healthy: bool,
    },
    /// A check's status, as answers see it, turned.
    CheckTurned {
        /// The check.
        check: CheckId,
        /// Its status from now on.
        healthy: bool,
    },
}

/// Where a change is on its way to the answers (R41).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeState {
    /// Accepted, not yet answered.
    Pending,
    /// Answered by every name server.
    InSync,
}

/// What a zone says to a query, with what the authority section needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZoneAnswer {
    /// The answer.
    pub answer: Answer,
    /// The zone's SOA, if it has one.
    pub soa: Option<Rrset>,
}

/// The shared state. Health and records are as the answers see them, delays included.
#[derive(Debug)]
pub struct Route53 {
    state: RwLock<State>,
    /// Made anew by whoever changes what is answered, before it lets go of the state.
    answers: ArcSwap<Answers>,
    delays: Delays,
    events: broadcast::Sender<Event>,
    probing: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct State {
    zones: BTreeMap<ZoneId, Hosted>,
    changes: BTreeMap<ChangeId, ChangeState>,
    faults: BTreeMap<Name, NameFault>,
    checks: Checks,
}

#[derive(Debug)]
struct Hosted {
    answered: Arc<Compiled<Data>>,
    accepted: Zone,
    /// Accepted and not yet answered, oldest first.
    pending: VecDeque<Pending>,
    changes: u64,
}

#[derive(Debug)]
struct Pending {
    number: u64,
    change: ChangeId,
    zone: Zone,
}

impl Route53 {
    /// No zones, no checks.
    #[must_use]
    pub fn new(delays: Delays) -> Arc<Self> {
        let (events, _) = broadcast::channel(EVENT_BACKLOG);
        let (probing, _) = watch::channel(());
        Arc::new(Route53 { state: RwLock::default(), answers: ArcSwap::default(), delays, events, probing })
    }

    /// Every event from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Takes up a zone whose records are effective at once.
    pub fn host(&self, id: ZoneId, zone: Zone) {
        let answered = Arc::new(zone.compile(Data::new));
        let hosted = Hosted { answered, accepted: zone, pending: VecDeque::new(), changes: 0 };
        let mut state = self.write();
        state.zones.insert(id, hosted);
        self.publish(&state);
    }

    /// Gives a zone up.
    pub fn unhost(&self, id: &ZoneId) {
        let mut state = self.write();
        state.zones.remove(id);
        self.publish(&state);
    }

    /// The zone with every accepted change, effective or not; `None` for a zone that is not hosted.
    #[must_use]
    pub fn accepted(&self, id: &ZoneId) -> Option<Zone> {
        self.read().zones.get(id).map(|hosted| hosted.accepted.clone())
    }

    /// Accepts a change that makes the zone `zone`; it becomes effective after the propagation time.
    pub fn accept(self: &Arc<Self>, id: &ZoneId, zone: Zone, change: ChangeId) {
        let number = {
            let mut state = self.write();
            let Some(hosted) = state.zones.get_mut(id) else { return };
            hosted.accepted = zone.clone();
            hosted.changes += 1;
            let number = hosted.changes;
            hosted.pending.push_back(Pending { number, change: change.clone(), zone });
            state.changes.insert(change, ChangeState::Pending);
            number
        };
        let (route53, id) = (Arc::clone(self), id.clone());
        tokio::spawn(async move {
            tokio::time::sleep(route53.delays.propagation).await;
            route53.make_effective(&id, number);
        });
    }

    /// Answers the zone's changes up to this one, in order: of two timers that are due together either may come first.
    fn make_effective(&self, id: &ZoneId, number: u64) {
        let mut effective = Vec::new();
        let mut state = self.write();
        if let Some(hosted) = state.zones.get_mut(id) {
            while let Some(due) = hosted.pending.pop_front_if(|pending| pending.number <= number) {
                hosted.answered = Arc::new(due.zone.compile(Data::new));
                effective.push(due.change);
            }
        }
        for change in &effective {
            state.changes.insert(change.clone(), ChangeState::InSync);
        }
        self.publish(&state);
        drop(state);
        for change in effective {
            self.emit(Happening::ChangeEffective { zone: id.clone(), change });
        }
    }

    /// Where a change is; `None` for one that this lab never accepted.
    #[must_use]
    pub fn change_state(&self, change: &ChangeId) -> Option<ChangeState> {
        self.read().changes.get(change).copied()
    }

    /// Answers from the zone with the longest apex; `None` for a name outside every zone.
    #[must_use]
    pub fn answer(&self, name: &Name, kind: RecordType, draw: Draw) -> Option<ZoneAnswer> {
        let answers = self.answers.load();
        let zone = answers.zone(name)?;
        let owned = |set: Chosen<'_, Data>| Rrset {
            name: set.name.clone(),
            kind: set.kind,
            ttl: set.ttl,
            values: set.data.values.clone(),
        };
        let answer = answers.ask(zone, name, kind, draw).map(owned);
        Some(ZoneAnswer { answer, soa: answers.soa(zone, draw).map(owned) })
    }

    /// What is answered now, for as long as it is held.
    pub(crate) fn answers(&self) -> impl Deref<Target = Arc<Answers>> + use<> {
        self.answers.load()
    }

    /// Makes a name fail, or (`None`) answer again.
    pub fn set_fault(&self, name: Name, fault: Option<NameFault>) {
        let mut state = self.write();
        match fault {
            Some(fault) => state.faults.insert(name, fault),
            None => state.faults.remove(&name),
        };
        self.publish(&state);
    }

    /// How the name fails now.
    #[must_use]
    pub fn fault(&self, name: &Name) -> Option<NameFault> {
        self.answers.load().fault(name).cloned()
    }

    /// Creates a check, in the answers at once (R28), or gives it another configuration.
    pub fn put_check(self: &Arc<Self>, id: &CheckId, config: CheckConfig) {
        let mut state = self.write();
        state.checks.put(id, config);
        self.publish(&state);
        drop(state);
        self.settle();
        self.probing.send_replace(());
    }

    /// Forgets a check; sets that still name it count as healthy.
    pub fn remove_check(self: &Arc<Self>, id: &CheckId) {
        let mut state = self.write();
        state.checks.remove(id);
        self.publish(&state);
        drop(state);
        self.settle();
        self.probing.send_replace(());
    }

    /// A check's status as the answers see it; `None` for an unknown check.
    #[must_use]
    pub fn is_healthy(&self, id: &CheckId) -> Option<bool> {
        self.read().checks.answered(id)
    }

    /// Whether the check is calculated from others; `None` for an unknown check.
    #[must_use]
    pub fn is_calculated(&self, id: &CheckId) -> Option<bool> {
        self.read().checks.is_calculated(id)
    }

    /// What each checker last saw that agrees with its view; empty for a check without an endpoint.
    #[must_use]
    pub fn observations(&self, id: &CheckId) -> Vec<Observation> {
        self.read().checks.observations(id)
    }

    /// What each checker saw when it failed last.
    #[must_use]
    pub fn last_failures(&self, id: &CheckId) -> Vec<Observation> {
        self.read().checks.last_failures(id)
    }

    /// Whether some calculated check counts this one.
    #[must_use]
    pub fn is_child(&self, id: &CheckId) -> bool {
        self.read().checks.is_child(id)
    }

    /// How long a second of life is.
    #[must_use]
    pub fn second(&self) -> Duration {
        self.delays.second
    }

    /// The endpoints that checkers probe now.
    #[must_use]
    pub fn probed(&self) -> Vec<(Generation, Endpoint)> {
        self.read().checks.probed()
    }

    /// Marks each time that [`Route53::probed`] may have changed.
    #[must_use]
    pub fn probing_changes(&self) -> watch::Receiver<()> {
        self.probing.subscribe()
    }

    /// Counts one checker's result; one for a configuration that has gone is dropped.
    pub fn observe(self: &Arc<Self>, check: &Generation, checker: usize, outcome: ProbeOutcome) {
        self.write().checks.observe(check, checker, outcome);
        self.settle();
    }

    /// Takes what the data of a metric check's alarm mean (R26).
    pub fn observe_alarm(self: &Arc<Self>, id: &CheckId, data: AlarmData) {
        self.write().checks.observe_alarm(id, data);
        self.settle();
    }

    /// Sends every status that turned on its way to the answers (R29).
    fn settle(self: &Arc<Self>) {
        for turn in self.write().checks.settle() {
            let route53 = Arc::clone(self);
            self.emit(Happening::StatusTurned { check: turn.check.clone(), healthy: turn.healthy });
            tokio::spawn(async move {
                tokio::time::sleep(route53.delays.status).await;
                if route53.let_in(&turn) {
                    route53.emit(Happening::CheckTurned { check: turn.check, healthy: turn.healthy });
                }
            });
        }
    }

    /// Lets a turn into the answers; whether it turned them.
    fn let_in(&self, turn: &Turn) -> bool {
        let mut state = self.write();
        let turned = state.checks.answer(turn);
        if turned {
            self.publish(&state);
        }
        turned
    }

    /// Lets the name servers see the state.
    fn publish(&self, state: &State) {
        let zones = state.zones.values().map(|hosted| &hosted.answered);
        self.answers.store(Arc::new(Answers::new(zones, state.checks.all_answered(), &state.faults)));
    }

    fn emit(&self, what: Happening) {
        let event = Event { at: Moment::now(), what };
        // Nobody listening is fine: events are for reports.
        let _ = self.events.send(event);
    }

    fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().expect("no holder of this lock panics")
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().expect("no holder of this lock panics")
    }
}
