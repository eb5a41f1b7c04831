//! What a decision rests on, and which of the observers' words may be heard.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use domain::{
    Answering, ConfigHash, OBSERVATION_FORMAT, Observation, ObserverName, Period, Policy, RegionName, Round, Service,
    Verdict, VerdictAs,
};
use jiff::Timestamp;

use crate::reason::later;

/// The status of Route 53's own check of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum NativeHealth {
    /// Enough of its checkers say healthy (R22).
    Healthy,
    /// Too few do.
    Unhealthy,
    /// It could not be asked, or there are no data yet.
    #[default]
    Unknown,
}

impl fmt::Display for NativeHealth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Healthy => "healthy",
            Self::Unhealthy => "unhealthy",
            Self::Unknown => "unknown",
        })
    }
}

/// What a region's alarm says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AlarmState {
    /// Its metric is within the threshold. No dissent: an alarm is slower than probes.
    Ok,
    /// Its metric is not.
    Alarm,
    /// It could not be asked, has too few data, or is not there.
    #[default]
    Unknown,
}

impl fmt::Display for AlarmState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "OK",
            Self::Alarm => "in ALARM",
            Self::Unknown => "unknown",
        })
    }
}

/// An observation as the store gave it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sighting {
    /// The observation.
    pub observation: Observation,
    /// How long ago it was written, by the store's clock.
    pub age: Period,
}

/// All that is known about one service at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Evidence {
    /// The configuration that the decision is made under.
    pub config: ConfigHash,
    /// The configured observers.
    pub observers: BTreeSet<ObserverName>,
    /// What observers wrote; in any order.
    pub sightings: Vec<Sighting>,
    /// Where the zone's authoritative servers point, asked by us, now.
    pub answering: Answering,
    /// Route 53's own checks; a region that is missing is unknown.
    pub native: BTreeMap<RegionName, NativeHealth>,
    /// The alarms that speak of a region; one that is missing is unknown.
    pub alarms: BTreeMap<RegionName, AlarmState>,
    /// How far each region's data are behind; a region that is missing is unknown.
    pub lag: BTreeMap<RegionName, Period>,
}

/// Why an observer's word does not count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Silence {
    /// Nothing from it about this service.
    Missing,
    /// Older than `stale_after`.
    Stale(Period),
    /// Its clock is ahead by more than `stale_after`.
    Future(Timestamp),
    /// Made under another configuration.
    OtherConfig,
    /// Written by a newer Pointsman, in this format.
    NewerFormat(u32),
    /// Not one of the configured observers.
    Stranger,
    /// It can't tell how any region is.
    Blind,
    /// It sees every region down: its own network is the simpler story.
    AllDown,
}

impl fmt::Display for Silence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("has written nothing that can be read"),
            Self::Stale(age) => write!(f, "wrote last {age} ago"),
            Self::Future(at) => write!(f, "dates its round {at}, in the future"),
            Self::OtherConfig => f.write_str("runs under another configuration"),
            Self::NewerFormat(found) => {
                write!(f, "writes format {found}, and this build reads up to {OBSERVATION_FORMAT}")
            }
            Self::Stranger => f.write_str("is not a configured observer"),
            Self::Blind => f.write_str("can't tell how any region is"),
            Self::AllDown => f.write_str("sees every region down, as it would if its own network were"),
        }
    }
}

/// The observers that know something, and the others with the reason.
#[derive(Debug, Clone)]
pub struct Hearing<'a> {
    /// The newest word of each observer that knows, in the order of their names.
    pub knowing: Vec<&'a Sighting>,
    /// Who does not count, and why.
    pub silent: Vec<(&'a ObserverName, Silence)>,
    /// How many observers are configured.
    pub observers: usize,
}

impl Evidence {
    /// Sorts the observers into those that know and those that don't.
    #[must_use]
    pub fn hear(&self, service: &Service, now: Timestamp) -> Hearing<'_> {
        let observers = self.observers.len();
        let mut hearing = Hearing { knowing: Vec::with_capacity(observers), silent: Vec::new(), observers };
        let future = later(now, service.policy.stale_after);
        for observer in &self.observers {
            match self.word_of(observer, service, future) {
                Ok(sighting) => hearing.knowing.push(sighting),
                Err(silence) => hearing.silent.push((observer, silence)),
            }
        }
        if self.sightings.len() + hearing.silent.len() != self.observers.len() {
            let others = self.sightings.iter().map(|sighting| &sighting.observation.observer);
            let strangers: BTreeSet<_> = others.filter(|observer| !self.observers.contains(*observer)).collect();
            hearing.silent.extend(strangers.into_iter().map(|stranger| (stranger, Silence::Stranger)));
        }
        hearing
    }

    /// What an observer wrote last, when it counts; what is dated after `future` does not.
    fn word_of(&self, observer: &ObserverName, service: &Service, future: Timestamp) -> Result<&Sighting, Silence> {
        let policy = &service.policy;
        let mut newest: Option<&Sighting> = None;
        let mut worst = None;
        for sighting in &self.sightings {
            let it = &sighting.observation;
            if it.observer != *observer || it.service != service.name {
                continue;
            }
            // Rounds are numbered by the interval, so they compare only under one configuration.
            match self.readable(it) {
                Err(silence) => worst = worst.max(Some(silence)),
                Ok(()) if newest.is_none_or(|newest| order_of(sighting) >= order_of(newest)) => newest = Some(sighting),
                Ok(()) => {}
            }
        }
        let sighting = newest.ok_or_else(|| worst.unwrap_or(Silence::Missing))?;
        let Sighting { observation, age } = sighting;
        if *age > policy.stale_after {
            return Err(Silence::Stale(*age));
        }
        if observation.at > future {
            return Err(Silence::Future(observation.at));
        }
        let (mut blind, mut all_down) = (true, true);
        for region in &service.regions {
            match observation.regions.get(&region.name).and_then(|view| word(view.verdict, policy)) {
                Some(VerdictAs::Up) => return Ok(sighting),
                Some(VerdictAs::Down) => blind = false,
                None => all_down = false,
            }
        }
        match (blind, all_down) {
            (true, _) => Err(Silence::Blind),
            (_, true) => Err(Silence::AllDown),
            _ => Ok(sighting),
        }
    }

    fn readable(&self, observation: &Observation) -> Result<(), Silence> {
        if observation.format > OBSERVATION_FORMAT {
            return Err(Silence::NewerFormat(observation.format));
        }
        if observation.config != self.config {
            return Err(Silence::OtherConfig);
        }
        Ok(())
    }
}

/// The newest word is the one of the newest round; of two of one round the later, then the later invocation's.
fn order_of(Sighting { observation: it, age }: &Sighting) -> (Round, Timestamp, &str, Period) {
    (it.round, it.at, &it.invocation, *age)
}

/// What a verdict counts as; `None` when the observer can't tell.
pub(crate) fn word(verdict: Verdict, policy: &Policy) -> Option<VerdictAs> {
    match verdict {
        Verdict::Up => Some(VerdictAs::Up),
        Verdict::Degraded => Some(policy.degraded_counts_as),
        Verdict::Down => Some(VerdictAs::Down),
        Verdict::Unknown => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::World;

    fn silence(world: &World, observer: &str) -> Option<Silence> {
        let hearing = world.evidence.hear(world.service(), world.now);
        hearing.silent.into_iter().find(|(name, _)| name.as_str() == observer).map(|(_, silence)| silence)
    }

    #[test]
    fn observers_that_know_are_heard() {
        let world = World::new();
        let hearing = world.evidence.hear(world.service(), world.now);
        assert_eq!((hearing.knowing.len(), hearing.observers, hearing.silent), (3, 3, vec![]));
    }

    #[test]
    fn what_is_old_foreign_newer_or_missing_is_unknown() {
        let mut world = World::new();
        let stale = Period::millis(45_001);
        world.sighting("us-east-2").age = stale;
        assert_eq!(silence(&world, "us-east-2"), Some(Silence::Stale(stale)));
        world.sighting("us-east-2").age = Period::seconds(45);
        assert_eq!(silence(&world, "us-east-2"), None);

        world.sighting("us-east-2").observation.config = World::with("up_after = 30").config.hash();
        assert_eq!(silence(&world, "us-east-2"), Some(Silence::OtherConfig));
        world.sighting("us-west-2").observation.format = OBSERVATION_FORMAT + 1;
        assert_eq!(silence(&world, "us-west-2"), Some(Silence::NewerFormat(2)));
        world.sighting("ca-central-1").observation.service = "other.example.com".parse().unwrap();
        assert_eq!(silence(&world, "ca-central-1"), Some(Silence::Missing));
    }

    #[test]
    fn a_clock_may_be_ahead_by_as_much_as_an_observation_may_be_old() {
        let mut world = World::new();
        let ahead = later(world.now, Period::seconds(45));
        world.sighting("us-east-2").observation.at = ahead;
        assert_eq!(silence(&world, "us-east-2"), None);
        let ahead = later(ahead, Period::millis(1));
        world.sighting("us-east-2").observation.at = ahead;
        assert_eq!(silence(&world, "us-east-2"), Some(Silence::Future(ahead)));
    }

    #[test]
    fn a_stranger_is_named_and_not_heard() {
        let mut world = World::new();
        world.sighting("us-east-2").observation.observer = "mallory".parse().unwrap();
        assert_eq!(silence(&world, "mallory"), Some(Silence::Stranger));
        assert_eq!(silence(&world, "us-east-2"), Some(Silence::Missing));
    }

    #[test]
    fn a_clock_far_ahead_is_not_believed() {
        let mut world = World::new();
        let at = later(world.now, Period::seconds(46));
        world.sighting("us-east-2").observation.at = at;
        assert_eq!(silence(&world, "us-east-2"), Some(Silence::Future(at)));
    }

    #[test]
    fn an_observer_that_sees_nothing_or_all_down_has_a_simpler_story() {
        let mut world = World::new();
        for region in ["us-east-1", "eu-west-1"] {
            world.one("us-east-2", region, Verdict::Down, 9);
            world.one("us-west-2", region, Verdict::Unknown, 9);
            world.one("ca-central-1", region, Verdict::Degraded, 9);
        }
        assert_eq!(silence(&world, "us-east-2"), Some(Silence::AllDown));
        assert_eq!(silence(&world, "us-west-2"), Some(Silence::Blind));
        assert_eq!(silence(&world, "ca-central-1"), None);
        world.config.services[0].policy.degraded_counts_as = VerdictAs::Down;
        assert_eq!(silence(&world, "ca-central-1"), Some(Silence::AllDown));
    }

    #[test]
    fn of_two_words_the_newest_round_counts() {
        let mut world = World::new();
        let mut older = world.sighting("us-east-2").clone();
        older.observation.round = Round(older.observation.round.0 - 1);
        older.observation.at = later(world.now, Period::seconds(1));
        world.evidence.sightings.push(older);
        let newest =
            world.evidence.hear(world.service(), world.now).knowing.iter().map(|it| it.observation.round).min();
        assert_eq!(newest, Some(world.sighting("us-east-2").observation.round));
        // A delayed writer: the newest round is old, whatever came after it.
        world.sighting("us-east-2").age = Period::seconds(60);
        assert_eq!(silence(&world, "us-east-2"), Some(Silence::Stale(Period::seconds(60))));
    }
}
