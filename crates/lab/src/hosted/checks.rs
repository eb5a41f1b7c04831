//! From checkers' results to statuses on their way to the answers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use route53::{AlarmData, CheckConfig, CheckId, CheckKind, CheckerView, Endpoint, InsufficientData, aggregate, limits};

/// A check under one configuration of its endpoint: results for an older one do not count.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Generation {
    /// The check.
    pub check: CheckId,
    number: u64,
}

/// What one probe of an endpoint found, in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProbeOutcome {
    /// As R23 demands.
    Success(String),
    /// Anything else.
    Failure(String),
}

/// What one checker holds of an endpoint: the newest outcome that agrees with its view, so that
/// success here means that this checker counts as healthy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observation {
    /// Which of the sixteen.
    pub checker: usize,
    /// When it was found.
    pub at: Timestamp,
    /// What was found.
    pub outcome: ProbeOutcome,
}

/// A status on its way to the answers.
#[derive(Debug, Clone)]
pub(super) struct Turn {
    pub(super) check: CheckId,
    pub(super) healthy: bool,
    number: u64,
}

#[derive(Debug, Default)]
pub(super) struct Checks {
    by_id: BTreeMap<CheckId, Check>,
    generations: u64,
    turns: u64,
}

#[derive(Debug)]
struct Check {
    config: CheckConfig,
    generation: u64,
    checkers: Vec<Checker>,
    alarm: AlarmView,
    decided: bool,
    answered: bool,
    answered_turn: u64,
}

#[derive(Debug)]
struct Checker {
    view: CheckerView,
    agreeing: Option<(Timestamp, ProbeOutcome)>,
    failure: Option<(Timestamp, ProbeOutcome)>,
}

/// What the data of a metric check's alarm say, and said last.
#[derive(Debug, Clone, Copy)]
struct AlarmView {
    now: Option<bool>,
    last_known: bool,
}

impl AlarmView {
    const NEW: Self = AlarmView { now: None, last_known: true };
}

impl Check {
    /// The status apart from children, which only calculated checks have and none is itself one (R25).
    fn own_status(&self) -> bool {
        self.status(|_| true)
    }

    fn status(&self, child: impl Fn(&CheckId) -> bool) -> bool {
        let views = self.checkers.iter().map(|checker| checker.view.is_healthy());
        let observed = match &self.config.kind {
            CheckKind::Alarm { insufficient: InsufficientData::LastKnownStatus, .. } => Some(self.alarm.last_known),
            CheckKind::Alarm { .. } => self.alarm.now,
            CheckKind::Endpoint(_) | CheckKind::Calculated { .. } => {
                (!self.checkers.is_empty()).then(|| aggregate(views))
            }
        };
        self.config.is_healthy(observed, child)
    }
}

fn checkers(config: &CheckConfig) -> Vec<Checker> {
    let CheckKind::Endpoint(endpoint) = &config.kind else { return Vec::new() };
    let new = || Checker { view: CheckerView::new(endpoint.failure_threshold), agreeing: None, failure: None };
    std::iter::repeat_with(new).take(limits::CHECKERS).collect()
}

impl Checks {
    pub(super) fn put(&mut self, id: &CheckId, config: CheckConfig) {
        self.generations += 1;
        let generation = self.generations;
        if let Some(check) = self.by_id.get_mut(id) {
            if check.config.kind != config.kind || check.config.disabled != config.disabled {
                check.generation = generation;
                check.checkers = checkers(&config);
                check.alarm = AlarmView::NEW;
            }
            check.config = config;
            return;
        }
        let checkers = checkers(&config);
        let (alarm, answered_turn) = (AlarmView::NEW, 0);
        let check = Check { config, generation, checkers, alarm, decided: true, answered: true, answered_turn };
        self.by_id.insert(id.clone(), check);
        let healthy = self.status(id);
        if let Some(check) = self.by_id.get_mut(id) {
            check.decided = healthy;
            check.answered = healthy;
        }
    }

    pub(super) fn remove(&mut self, id: &CheckId) {
        self.by_id.remove(id);
    }

    pub(super) fn answered(&self, id: &CheckId) -> Option<bool> {
        self.by_id.get(id).map(|check| check.answered)
    }

    pub(super) fn all_answered(&self) -> impl Iterator<Item = (&CheckId, bool)> {
        self.by_id.iter().map(|(id, check)| (id, check.answered))
    }

    pub(super) fn is_calculated(&self, id: &CheckId) -> Option<bool> {
        self.by_id.get(id).map(|check| matches!(check.config.kind, CheckKind::Calculated { .. }))
    }

    pub(super) fn observations(&self, id: &CheckId) -> Vec<Observation> {
        self.seen(id, |checker| checker.agreeing.clone())
    }

    pub(super) fn last_failures(&self, id: &CheckId) -> Vec<Observation> {
        self.seen(id, |checker| checker.failure.clone())
    }

    fn seen(&self, id: &CheckId, what: fn(&Checker) -> Option<(Timestamp, ProbeOutcome)>) -> Vec<Observation> {
        let checkers = self.by_id.get(id).into_iter().flat_map(|check| check.checkers.iter().enumerate());
        let seen = checkers.filter_map(|(checker, found)| {
            let (at, outcome) = what(found)?;
            Some(Observation { checker, at, outcome })
        });
        seen.collect()
    }

    pub(super) fn is_child(&self, id: &CheckId) -> bool {
        let counts = |check: &Check| matches!(&check.config.kind, CheckKind::Calculated { children, .. } if children.contains(id));
        self.by_id.values().any(counts)
    }

    pub(super) fn probed(&self) -> Vec<(Generation, Endpoint)> {
        let enabled = self.by_id.iter().filter(|(_, check)| !check.config.disabled);
        let endpoint = |(id, check): (&CheckId, &Check)| match &check.config.kind {
            CheckKind::Endpoint(endpoint) => {
                Some((Generation { check: id.clone(), number: check.generation }, endpoint.clone()))
            }
            CheckKind::Calculated { .. } | CheckKind::Alarm { .. } => None,
        };
        enabled.filter_map(endpoint).collect()
    }

    pub(super) fn observe(&mut self, of: &Generation, checker: usize, outcome: ProbeOutcome) {
        let check = self.by_id.get_mut(&of.check).filter(|check| check.generation == of.number);
        let Some(checker) = check.and_then(|check| check.checkers.get_mut(checker)) else { return };
        let success = matches!(outcome, ProbeOutcome::Success(_));
        checker.view.record(success);
        let seen = (Timestamp::now(), outcome);
        if !success {
            checker.failure = Some(seen.clone());
        }
        if checker.view.is_healthy() == success {
            checker.agreeing = Some(seen);
        }
    }

    pub(super) fn observe_alarm(&mut self, id: &CheckId, data: AlarmData) {
        let Some(check) = self.by_id.get_mut(id) else { return };
        check.alarm.now = match data {
            AlarmData::Ok => Some(true),
            AlarmData::Alarm => Some(false),
            AlarmData::Insufficient => None,
        };
        check.alarm.last_known = check.alarm.now.unwrap_or(check.alarm.last_known);
    }

    /// Every status that turned since the last time.
    pub(super) fn settle(&mut self) -> Vec<Turn> {
        let statuses: Vec<_> = self.by_id.keys().map(|id| (id.clone(), self.status(id))).collect();
        let mut turns = Vec::new();
        for (id, healthy) in statuses {
            let Some(check) = self.by_id.get_mut(&id).filter(|check| check.decided != healthy) else { continue };
            check.decided = healthy;
            self.turns += 1;
            turns.push(Turn { check: id, healthy, number: self.turns });
        }
        turns
    }

    /// Lets a turn into the answers unless a later one was first; whether the answers' status turned by it.
    pub(super) fn answer(&mut self, turn: &Turn) -> bool {
        let check = self.by_id.get_mut(&turn.check).filter(|check| check.answered_turn < turn.number);
        let Some(check) = check else { return false };
        check.answered_turn = turn.number;
        std::mem::replace(&mut check.answered, turn.healthy) != turn.healthy
    }

    fn status(&self, id: &CheckId) -> bool {
        let child = |id: &CheckId| self.by_id.get(id).is_some_and(Check::own_status);
        self.by_id.get(id).is_some_and(|check| check.status(child))
    }
}
