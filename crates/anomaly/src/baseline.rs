//! What is usual of a region, as one observer sees it: rounds remembered, a forest fitted on them, one alert an episode.

mod features;
mod history;
mod levels;
mod model;
mod written;

use domain::{Anomaly, Episode, ObserverName, Policy, ProbeReport, RegionName, Service};
use jiff::{SignedDuration, Timestamp};

use crate::AnomalyError;

pub use written::{BASELINE_VERSION, BaselineError};

use features::{Addresses, Moment, Recent, Row};
use history::History;
use model::Model;

/// Fewer rounds make no forest.
const LEAST: u32 = 40;
/// A baseline is fitted again when it has learned a quarter more, and after so many rounds at the latest, at the earliest.
const REFIT: (u32, u32) = (10, 360);
/// The newest of the rounds are left out of a new forest: a quarter, and so many at the most. What creeps up would be learned
/// while it is still too little to be seen.
const UNPROVEN: u32 = 60;
/// An alert of what passed by itself makes the next one rarer by so many e-folds, ten times. Rounds without one give back as much
/// as alerts at the stated rate take: in the long run it is that rate, whatever the tail (adaptive conformal inference).
const CAUTION: f64 = 2.3;
/// In all, a thousand times.
const MOST_CAUTION: f64 = 6.9;
/// Of what is asked beyond what was seen, in e-folds, so much is caution: a tail that is fitted on an hour says little of ten days.
const UNSEEN: f64 = 0.25;
/// So many usual rounds in a row end an episode.
const CALM: i32 = 30;
/// Unusual rounds are not learned until an episode has lasted so many; then they are how it is now.
const HOLD: i32 = 360;

/// What one observer has seen of one region of one service, and what it makes of the next round.
///
/// The same rounds in the same order give the same scores to the bit; the names seed every draw.
#[derive(Debug, Clone)]
pub struct Baseline {
    seed: u64,
    settings: Settings,
    /// Of what is probed and how: other probes have other times.
    probes: u64,
    recent: Recent,
    addresses: Addresses,
    history: History,
    model: Option<Fitted>,
    passing: Passing,
    /// By how many e-folds alerts are made rarer than the tail says.
    caution: f64,
}

/// What becomes of an episode's unusual rounds.
#[derive(Debug, Clone)]
enum Passing {
    /// They are learned when it is over.
    Unknown { alerted: bool, rounds: Vec<(Row, Moment)> },
    /// Some of it is known to be an incident, which the rounds after it still have in what rolls.
    Incident,
}

impl Default for Passing {
    fn default() -> Self {
        Self::Unknown { alerted: false, rounds: Vec::new() }
    }
}

/// What a baseline says of a round.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// For the observation.
    pub anomaly: Anomaly,
    /// Usual rounds score as high less often than the policy's rate: what may shorten a count.
    pub unusual: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Settings {
    needed: u32,
    interval: SignedDuration,
    rounds_per_day: f64,
    false_alarms_per_day: f64,
}

#[derive(Debug, Clone)]
struct Fitted {
    model: Model,
    /// After how many learned rounds.
    at: u32,
}

impl Settings {
    fn of(policy: &Policy) -> Self {
        let interval = policy.interval.as_secs_f64().max(1e-3);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast that saturates")]
        let needed = (policy.learn.as_secs_f64() / interval).ceil() as u32;
        Self {
            needed: needed.max(LEAST),
            interval: policy.interval.signed(),
            rounds_per_day: 86_400.0 / interval,
            false_alarms_per_day: policy.false_alarms_per_day.per_day(),
        }
    }

    /// By how many e-folds alerts are made rarer while fewer rounds were seen than the asked one comes once in.
    fn unseen(&self, seen: u32) -> f64 {
        let asked = self.rounds_per_day / self.false_alarms_per_day;
        UNSEEN * libm::log(asked / f64::from(seen)).max(0.0)
    }

    /// The episode that a round begins, or makes longer, or belongs to.
    fn episode(&self, at: Timestamp, before: Option<Episode>, unusual: bool) -> Option<Episode> {
        let until = at.saturating_add(self.interval * CALM).unwrap_or(at);
        if unusual { Some(Episode { since: before.map_or(at, |episode| episode.since), until }) } else { before }
    }

    /// Whether unusual rounds of an episode are not learned yet.
    fn holds(&self, episode: Episode, at: Timestamp) -> bool {
        at.duration_since(episode.since) < self.interval * HOLD
    }
}

impl Baseline {
    /// Nothing learned yet.
    #[must_use]
    pub fn new(service: &Service, region: &RegionName, observer: &ObserverName) -> Self {
        let names = [service.name.as_str(), region.as_str(), observer.as_str()];
        let endpoint = service.regions.iter().find(|it| it.name == *region).map(|it| it.endpoint.to_string());
        let probes = serde_json::to_string(&service.probes).expect("probes are plain data");
        Self {
            seed: hash(names),
            settings: Settings::of(&service.policy),
            probes: hash([probes.as_str(), endpoint.as_deref().unwrap_or_default()]),
            recent: Recent::default(),
            addresses: Addresses::default(),
            history: History::default(),
            model: None,
            passing: Passing::default(),
            caution: 0.0,
        }
    }

    /// What it makes of a round; none where every probe failed by the observer's own fault, which says nothing.
    ///
    /// `before` is the episode of the round before, whoever scored that: it may have been another environment.
    /// `usual` says whether the round may be learned: never where an incident is known of, since a forest that was fitted
    /// on an outage takes it for normal.
    pub fn observe(
        &mut self,
        at: Timestamp,
        reports: &[ProbeReport],
        before: Option<Episode>,
        usual: bool,
    ) -> Result<Option<Reading>, AnomalyError> {
        let Some(row) = features::row(at, reports, &mut self.addresses) else { return Ok(None) };
        let moment = self.recent.moment(at, &row);
        let before = before.filter(|episode| at <= episode.until);
        if before.is_none() {
            self.pass();
        }
        let reading = match &self.model {
            None => Reading {
                anomaly: Anomaly::Learning { rounds: self.history.rounds(), needed: self.settings.needed },
                unusual: false,
            },
            Some(Fitted { model, at: seen }) => {
                let scored = model.score(&moment)?;
                let caution = self.caution + self.settings.unseen(*seen);
                let unusual = scored.false_alarms_per_day < self.settings.false_alarms_per_day * libm::exp(-caution);
                let episode = self.settings.episode(at, before, unusual);
                let alert = unusual && before.is_none();
                Reading {
                    anomaly: Anomaly::Scored { score: scored.score, alert, episode, reasons: scored.reasons },
                    unusual,
                }
            }
        };
        self.learn(at, row, moment, &reading, usual);
        Ok(Some(reading))
    }

    /// Learns a usual round; an unusual one is kept aside until it is known what the episode was.
    fn learn(&mut self, at: Timestamp, row: Row, moment: Moment, reading: &Reading, usual: bool) {
        if !usual {
            self.passing = Passing::Incident;
            return;
        }
        self.caution =
            (self.caution - CAUTION * self.settings.false_alarms_per_day / self.settings.rounds_per_day).max(0.0);
        if reading.anomaly.episode().is_some_and(|episode| !self.settings.holds(episode, at)) {
            // It is how it is now, and was told rightly.
            self.passing = Passing::default();
        } else if reading.unusual {
            if let Passing::Unknown { alerted, rounds } = &mut self.passing {
                *alerted |= reading.anomaly.is_alert();
                rounds.push((row, moment));
            }
            return;
        }
        self.recent.learn(row);
        self.history.learn(moment);
    }

    /// An episode is over. Where it was no incident its alert was a false one, and its rounds belong to what is usual.
    fn pass(&mut self) {
        let Passing::Unknown { alerted, rounds } = std::mem::take(&mut self.passing) else { return };
        if alerted {
            self.caution = (self.caution + CAUTION).min(MOST_CAUTION);
        }
        for (row, moment) in rounds {
            self.recent.learn(row);
            self.history.keep(moment);
        }
    }

    /// Takes what another environment of the same observer has learned, where that is newer.
    pub fn adopt(&mut self, other: Self) {
        if other.history.last() > self.history.last() {
            self.recent.long = other.recent.long;
            self.history = other.history;
            self.caution = other.caution;
        }
    }

    /// Whether it has learned enough to be fitted, or so much more that it should be fitted anew.
    #[must_use]
    pub fn is_due(&self) -> bool {
        let rounds = self.history.rounds();
        if self.history.moments.len() < LEAST as usize {
            return false;
        }
        match &self.model {
            None => rounds >= self.settings.needed,
            Some(Fitted { at, .. }) => rounds >= at.saturating_add((at / 4).clamp(REFIT.0, REFIT.1)),
        }
    }

    /// Whether there is a score.
    #[must_use]
    pub fn is_fitted(&self) -> bool {
        self.model.is_some()
    }

    /// Fits a forest on what was learned: a millisecond or some. What is not due is left as it is.
    pub fn fit(&mut self) -> Result<(), AnomalyError> {
        if self.is_due() {
            let (moments, rounds) = (&self.history.moments, self.history.rounds());
            let unproven = if self.is_fitted() { (rounds / 4).min(UNPROVEN) / self.history.stride } else { 0 };
            let proven = moments.len().saturating_sub(unproven as usize).max(LEAST as usize);
            let model = Model::fit(&moments[..proven], self.seed, self.settings.rounds_per_day)?;
            self.model = Some(Fitted { model, at: rounds });
        }
        Ok(())
    }

    /// How often what would be written has changed: a round that is not kept changes nothing that matters.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.history.revision()
    }
}

/// FNV-1a of texts, each with its end.
fn hash<const N: usize>(texts: [&str; N]) -> u64 {
    let bytes = texts.iter().flat_map(|text| text.bytes().chain([0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
