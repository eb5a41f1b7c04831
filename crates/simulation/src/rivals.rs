//! What one would have instead: Route 53's failover records alone, and a single prober with a record of its own.

use crate::{
    chance::{Chance, Lane},
    clients::Clients,
    course::{Conditions, Place},
    judge::Watched,
    network::{Ask, Path, attempt},
};

/// How often the single prober asks; milliseconds (what home-made scripts do).
pub(crate) const PROBE_EVERY: u64 = 30_000;
/// Its failures, or successes, in a row.
const IN_A_ROW: u32 = 3;

/// Failover records over the regions in their order, with a check each (R5), one after the other.
#[derive(Debug)]
pub(crate) struct Native {
    /// What the answers go by.
    pub(crate) healthy: [bool; crate::course::MOST],
    regions: usize,
    pub(crate) watched: Watched,
}

impl Native {
    pub(crate) fn new(regions: usize, clients: Clients) -> Self {
        Self { healthy: [true; crate::course::MOST], regions, watched: Watched::new(clients) }
    }

    /// The first that is healthy, else the first.
    pub(crate) fn answer(&self) -> usize {
        self.healthy[..self.regions].iter().position(|healthy| *healthy).unwrap_or(0)
    }
}

/// A single prober that flips its record after three failures in a row, 30 s apart.
#[derive(Debug)]
pub(crate) struct Threshold {
    ask: Ask,
    place: u64,
    away: bool,
    in_a_row: u32,
    pub(crate) watched: Watched,
}

impl Threshold {
    pub(crate) fn new(ask: Ask, seed: u64, clients: Clients) -> Self {
        let place = Chance::new(seed, PROBE_EVERY, Lane::Prober).between(0, PROBE_EVERY);
        Self { ask, place, away: false, in_a_row: 0, watched: Watched::new(clients) }
    }

    /// When it probes in a span of time.
    pub(crate) fn due(&self, from: u64, until: u64) -> Option<u64> {
        let at = from + (self.place + PROBE_EVERY - from % PROBE_EVERY) % PROBE_EVERY;
        (at < until).then_some(at)
    }

    /// Probes the preferred region; when a change will be accepted, and to which region, if it has turned.
    pub(crate) fn probe(&mut self, at: u64, conditions: &Conditions, seed: u64) -> Option<(u64, usize)> {
        let mut chance = Chance::new(seed, at, Lane::Prober);
        let place = &conditions.places[0];
        if *place == Place::default() && !self.away && self.in_a_row == 0 {
            return None;
        }
        let met = attempt(self.ask, place, Path::new(80, place.loss, 0.0, false), &mut chance);
        let (healthy, took) = met.map_or_else(|(_, after)| (false, after), |took| (true, took));
        self.in_a_row = if healthy == self.away { self.in_a_row + 1 } else { 0 };
        if self.in_a_row < IN_A_ROW {
            return None;
        }
        self.in_a_row = 0;
        self.away = !self.away;
        Some((at + took + 150 + chance.about(250), usize::from(self.away)))
    }

    pub(crate) fn is_at_rest(&self) -> bool {
        !self.away && self.in_a_row == 0 && self.watched.answer == 0 && self.watched.is_at_rest()
    }
}
