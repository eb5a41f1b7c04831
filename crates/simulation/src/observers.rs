//! Observers: rounds of modelled probes, judged and counted by the real functions, written to a store that is modelled.

use std::collections::{BTreeMap, BTreeSet};

use decision::{Measured, follow, needs_event, needs_write};
use domain::{
    Answering, ConfigHash, Fault, Observation, ObserverName, Period, Phases, ProbeReport, ProbeStatus, Round, Verdict,
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    chance::{Chance, Lane},
    course::{Conditions, Place, Watcher, ms},
    network::{Path, attempt},
    world::{Probing, World},
};

/// Observations are written at least this often.
pub(crate) const KEEP_ALIVE: Period = Period::seconds(30);
/// Rounds in a row that an observation begins with: nothing is news about it.
const LONG: u32 = 1_000;

/// What one observer holds between rounds.
#[derive(Debug)]
pub(crate) struct Observer {
    place: usize,
    name: ObserverName,
    pub(crate) previous: Observation,
    written: Observation,
}

/// What came of a round.
#[derive(Debug)]
pub(crate) struct Rounded {
    /// To be written, when it was due; milliseconds after the round began.
    pub(crate) write: Option<u64>,
    /// The failover function is to be started then.
    pub(crate) event: Option<u64>,
    /// Probes made, and failed for the region's sake.
    pub(crate) probes: (u64, u64),
}

/// What all observers have in common.
pub(crate) struct Watch<'a> {
    pub(crate) world: &'a World,
    pub(crate) probing: Vec<Probing>,
    pub(crate) seed: u64,
    quiet: u64,
}

impl<'a> Watch<'a> {
    pub(crate) fn new(world: &'a World, seed: u64) -> Self {
        let interval = world.service().policy.interval.0.as_millis().max(1);
        let quiet = u64::try_from(KEEP_ALIVE.0.as_millis() / interval).unwrap_or(u64::MAX);
        Self { world, probing: world.probing(), seed, quiet }
    }

    /// An observer that has seen all regions up for long.
    pub(crate) fn observer(&self, place: usize, config: &ConfigHash, round: Round, at: Timestamp) -> Observer {
        let service = self.world.service();
        let name = ObserverName::from(&self.world.config.observers[place]);
        let report = |probe: &domain::Probe| report(&probe.name, Ok(false));
        let regions = service.regions.iter().map(|region| {
            let probes = service.probes.iter().map(report).collect();
            let view = domain::RegionView {
                verdict: Verdict::Up,
                streak: LONG,
                since: at,
                anomalous: false,
                anomaly: None,
                failing: BTreeMap::new(),
                silent: BTreeMap::new(),
                probes,
            };
            (region.name.clone(), view)
        });
        let previous = Observation {
            format: domain::OBSERVATION_FORMAT,
            service: service.name.clone(),
            observer: name.clone(),
            config: config.clone(),
            invocation: "simulated".to_owned(),
            round,
            at,
            regions: regions.collect(),
            answering: Answering::Region(service.preferred().name.clone()),
        };
        Observer { place, name, written: previous.clone(), previous }
    }

    /// A round of an observer.
    pub(crate) fn round(
        &self,
        observer: &mut Observer,
        round: Round,
        begins: Timestamp,
        conditions: &Conditions,
        answering: &Answering,
    ) -> Rounded {
        let service = self.world.service();
        let watcher = &conditions.watchers[observer.place];
        let (round, begins) = dated(watcher, round, begins, ms(service.policy.interval));
        let mut chance = Chance::new(self.seed, round.0, Lane::Observer(observer.place));
        let (mut took, mut probes) = (0, (0, 0));
        let regions = service.regions.iter().enumerate().map(|(rank, region)| {
            let (place, path) =
                (&conditions.places[rank], path(observer.place, rank, watcher, &conditions.places[rank]));
            let reports = service.probes.iter().zip(&self.probing).map(|(probe, probing)| {
                let (met, lasted) = sampled(*probing, place, path, &mut chance);
                took = took.max(lasted);
                probes.0 += 1;
                probes.1 += u64::from(met.is_err());
                // It says so whatever it saw.
                let met = if watcher.lies >> rank & 1 == 1 { Err(Fault::ConnectTimeout) } else { met };
                report(&probe.name, met)
            });
            (region.name.clone(), reports.collect())
        });
        let regions: BTreeMap<_, Vec<_>> = regions.collect();
        let at = begins + Period::millis(took).signed();
        let measured = Measured {
            service: service.name.clone(),
            observer: observer.name.clone(),
            config: observer.previous.config.clone(),
            invocation: observer.previous.invocation.clone(),
            round,
            at,
            regions,
            anomalous: BTreeSet::new(),
            anomalies: BTreeMap::new(),
            answering: answering.clone(),
        };
        let observation = follow(Some(&observer.previous), measured, self.quiet);
        let event = needs_event(Some(&observer.previous), &observation, &service.policy);
        let write = event || needs_write(Some(&observer.written), &observation, KEEP_ALIVE, at);
        observer.previous = observation;
        let mut delay = None;
        if write {
            observer.written.clone_from(&observer.previous);
            delay = Some(took + 20 + chance.about(30));
        }
        // EventBridge: mostly within half a second, one in a hundred after seconds; the function mostly starts warm.
        let rarely = |chance: &mut Chance, share, late| if chance.happens(share) { late } else { 0 };
        let bus =
            |chance: &mut Chance| 100 + chance.about(250) + rarely(chance, 0.01, 4_000) + rarely(chance, 0.02, 400);
        let event = delay.filter(|_| event).map(|written| written + bus(&mut chance));
        Rounded { write: delay, event, probes }
    }
}

/// All samples of a probe: whether it is slow, or what went wrong; and how long it took.
fn sampled(probing: Probing, place: &Place, path: Path, chance: &mut Chance) -> (Result<bool, Fault>, u64) {
    if probing.samples <= 1 {
        return match attempt(probing.ask, place, path, chance) {
            Ok(took) => (Ok(took > probing.degraded_above), took),
            Err((fault, after)) => (Err(fault), after),
        };
    }
    let (mut failed, mut slow, mut took, mut last) = (0_u16, 0_u16, 0, None);
    for _ in 0..probing.samples {
        match attempt(probing.ask, place, path, chance) {
            Ok(lasted) => {
                slow += u16::from(lasted > probing.degraded_above);
                took = took.max(lasted);
            }
            Err((fault, after)) => {
                failed += 1;
                last = Some(fault);
                took = took.max(after);
            }
        }
    }
    let share = f64::from(failed) / f64::from(probing.samples);
    let met = match last {
        Some(fault) if share > probing.max_failed => Err(fault),
        _ => Ok(slow * 2 > probing.samples),
    };
    (met, took)
}

/// What an observer whose clock is wrong takes the round for, and the time.
fn dated(watcher: &Watcher, round: Round, begins: Timestamp, interval: u64) -> (Round, Timestamp) {
    let rounds = watcher.ahead / i64::try_from(interval.max(1)).unwrap_or(i64::MAX);
    (Round(round.0.saturating_add_signed(rounds)), begins + SignedDuration::from_millis(watcher.ahead))
}

/// Some tens of milliseconds, by where both are.
fn path(observer: usize, rank: usize, watcher: &Watcher, place: &Place) -> Path {
    let round_trip = 20 + 17 * ((observer * 3 + rank * 5) % 7) as u64;
    Path::new(round_trip, place.loss, watcher.loss, watcher.cut_off >> rank & 1 == 1)
}

fn report(probe: &domain::ProbeName, met: Result<bool, Fault>) -> ProbeReport {
    let (status, fault) = match met {
        Ok(false) => (ProbeStatus::Ok, None),
        Ok(true) => (ProbeStatus::Degraded, None),
        Err(fault) => (ProbeStatus::Failed, Some(fault)),
    };
    ProbeReport {
        probe: probe.clone(),
        status,
        fault,
        phases_ms: Phases::default(),
        evidence: String::new(),
        seen: domain::Seen::default(),
    }
}

impl Observer {
    /// Whether nothing about it would be news for as long as all regions stay up.
    pub(crate) fn is_at_rest(&self, up_after: u32) -> bool {
        let long = up_after.saturating_mul(3);
        let rests = |of: &Observation| of.regions.values().all(|it| it.verdict == Verdict::Up && it.streak > long);
        rests(&self.previous) && rests(&self.written) && self.previous.answering == self.written.answering
    }

    /// As if so many rounds had gone by with every region up: a multiple of those between two writes.
    pub(crate) fn skip(&mut self, rounds: u64, by: Period) {
        for observation in [&mut self.previous, &mut self.written] {
            skip(observation, rounds, by);
        }
    }
}

/// As [`Observer::skip`], of an observation that lies in the store.
pub(crate) fn skip(observation: &mut Observation, rounds: u64, by: Period) {
    observation.round.0 += rounds;
    observation.at += by.signed();
    for view in observation.regions.values_mut() {
        view.streak = view.streak.saturating_add(u32::try_from(rounds).unwrap_or(u32::MAX));
    }
}
