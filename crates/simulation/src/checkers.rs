//! Route 53's health checkers of every region (R20–R22, R29), at one pace.

use route53::{CheckerView, FailureThreshold, aggregate, limits};

use crate::{
    chance::{Chance, Lane},
    course::Course,
    network::{Ask, Path, attempt},
};

/// The checks of all regions at one interval and threshold.
#[derive(Debug)]
pub(crate) struct Checks {
    /// Milliseconds between two attempts of a checker.
    interval: u64,
    ask: Ask,
    lane: usize,
    fresh: CheckerView,
    regions: Vec<Check>,
}

#[derive(Debug)]
struct Check {
    views: [CheckerView; limits::CHECKERS],
    /// When in the interval each asks.
    places: [u64; limits::CHECKERS],
    healthy: bool,
    /// Whether every view is healthy without a failure since.
    at_rest: bool,
}

/// A check's status has changed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Changed {
    pub(crate) at: u64,
    pub(crate) region: usize,
    pub(crate) healthy: bool,
}

impl Checks {
    pub(crate) fn new(regions: usize, interval: u64, threshold: u8, ask: Ask, seed: u64) -> Self {
        let fresh = CheckerView::new(FailureThreshold::try_from(u32::from(threshold)).unwrap_or_default());
        let check = |region| {
            let mut chance = Chance::new(seed, interval, Lane::Checkers(region));
            Check {
                views: [fresh; limits::CHECKERS],
                places: std::array::from_fn(|_| chance.between(0, interval)),
                healthy: true,
                at_rest: true,
            }
        };
        let lane = usize::try_from(interval / 1_000).unwrap_or(0) * crate::course::MOST;
        Self { interval, ask, lane, fresh, regions: (0..regions).map(check).collect() }
    }

    /// Every attempt that begins in a span of time. A sound region's change nothing, and are not made.
    pub(crate) fn pass(
        &mut self,
        course: &Course,
        turn: usize,
        (from, until): (u64, u64),
        seed: u64,
        mut on: impl FnMut(Changed),
    ) {
        let several = course.at(turn, until) > turn;
        for (region, check) in self.regions.iter_mut().enumerate() {
            if check.at_rest
                && !several
                && course.turns[turn].conditions.places[region] == crate::course::Place::default()
            {
                continue;
            }
            let mut chance = Chance::new(seed, from, Lane::Checkers(self.lane + region));
            let mut changed = None;
            for (view, place) in check.views.iter_mut().zip(check.places) {
                let mut at = from + (place + self.interval - from % self.interval) % self.interval;
                while at < until {
                    let turn = if several { course.at(turn, at) } else { turn };
                    let place = &course.turns[turn].conditions.places[region];
                    let met = attempt(self.ask, place, Path::new(80, place.loss, 0.0, false), &mut chance);
                    let (success, took) = met.map_or_else(|(_, after)| (false, after), |took| (true, took));
                    let before = view.is_healthy();
                    view.record(success);
                    if view.is_healthy() != before {
                        changed = changed.max(Some(at + took));
                    }
                    at += self.interval;
                }
            }
            check.at_rest = check.views.iter().all(|view| *view == self.fresh);
            let healthy = aggregate(check.views.iter().map(CheckerView::is_healthy));
            if let Some(at) = changed.filter(|_| healthy != check.healthy) {
                check.healthy = healthy;
                on(Changed { at, region, healthy });
            }
        }
    }

    /// Whether sound regions would leave everything as it is.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.regions.iter().all(|check| check.at_rest)
    }
}
