//! The observers' words on one region, counted.

use std::collections::BTreeMap;

use domain::{
    AnomalyUse, ObserverName, Policy, Probe, ProbeKind, ProbeName, ProbeReport, ProbeStatus, RegionName, RegionPhase,
    RegionView, Service, Verdict, VerdictAs,
};

use crate::{
    evidence::{Hearing, NativeHealth, word},
    observe::is_own,
};

/// One observer's word on a region.
#[derive(Debug, Clone, Copy)]
pub struct Vote<'a> {
    /// Who.
    pub observer: &'a ObserverName,
    /// What it saw.
    pub view: &'a RegionView,
    /// What its verdict counts as.
    pub counts_as: VerdictAs,
}

/// What agrees, independently, that a region is down (design.md, rule 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal<'a> {
    /// The policy asks for none.
    NotAsked,
    /// Route 53's own check is unhealthy.
    NativeCheck,
    /// These probes, of more than one kind, each fail for a quorum, for `down_after` rounds.
    Probes(Vec<&'a ProbeName>),
    /// None can be had; everyone who knows says down, for twice `down_after`.
    Unanimity,
}

/// The observers' words on one region.
#[derive(Debug, Clone)]
pub struct Tally<'a> {
    /// The region.
    pub region: &'a RegionName,
    /// Its place in the order of preference, from 0.
    pub rank: usize,
    /// The words of those that know, in the order of their names.
    pub votes: Vec<Vote<'a>>,
    /// How many observers are configured.
    pub observers: usize,
    /// What Route 53's own check says.
    pub native: NativeHealth,
    /// The share of what observers probed of it that was well; none: nothing was probed.
    pub well: Option<f64>,
    policy: &'a Policy,
    probes: &'a [Probe],
    /// How many say up, and how many down.
    up: usize,
    down: usize,
    /// Those that fail for a quorum now, and have for `down_after` rounds.
    failing: Probes,
    lasting: Probes,
}

/// Places in a service's list of probes, a bit each; more than 128 probes are not told apart from none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Probes(u128);

impl Probes {
    fn add(&mut self, place: usize) {
        self.0 |= u32::try_from(place).ok().and_then(|place| 1_u128.checked_shl(place)).unwrap_or(0);
    }

    fn of(self, probes: &[Probe]) -> impl Iterator<Item = &Probe> + Clone {
        probes.iter().take(128).enumerate().filter(move |(place, _)| self.0 >> place & 1 == 1).map(|(_, probe)| probe)
    }

    /// Whether two of them would not fail for the same reason alone: of different kinds, ports, paths or names.
    fn has_two_kinds(self, probes: &[Probe]) -> bool {
        let mut all = self.of(probes);
        all.next().is_some_and(|first| all.any(|other| !same_kind(&first.kind, &other.kind)))
    }
}

fn fails(policy: &Policy, report: &ProbeReport) -> bool {
    match report.status {
        ProbeStatus::Ok => false,
        ProbeStatus::Degraded => policy.degraded_counts_as == VerdictAs::Down,
        ProbeStatus::Failed => !is_own(report),
    }
}

/// Rounds in a row in which a probe has failed; an observer that does not count them means its verdict's.
fn failing_for(view: &RegionView, report: &ProbeReport) -> u32 {
    if view.failing.is_empty() { view.streak } else { view.failing.get(&report.probe).copied().unwrap_or(0) }
}

fn same_kind(one: &ProbeKind, other: &ProbeKind) -> bool {
    match (one, other) {
        (ProbeKind::Http(one), ProbeKind::Http(other)) => {
            (one.scheme, one.port, &one.path) == (other.scheme, other.port, &other.path)
        }
        (one, other) => one == other,
    }
}

/// Rounds in a row after which a quorum's `down` counts, when so many of those that say down find it unusual too. Where the
/// policy says so, a quorum of them needs one less, never less than two (design.md, rule 4).
#[must_use]
pub fn down_after(policy: &Policy, unusual: usize) -> u32 {
    let needed = policy.down_after;
    let shortened = policy.anomaly == AnomalyUse::Shorten && unusual >= policy.quorum;
    if shortened { needed.min(needed.saturating_sub(1).max(2)) } else { needed }
}

impl<'a> Tally<'a> {
    /// Counts the words on each region, in the order of preference.
    #[must_use]
    pub fn all(service: &'a Service, hearing: &Hearing<'a>, native: &BTreeMap<RegionName, NativeHealth>) -> Vec<Self> {
        let regions = service.regions.iter().map(|region| &region.name).enumerate();
        regions
            .map(|(rank, region)| {
                let native = native.get(region).copied().unwrap_or_default();
                Self::new(service, rank, region, hearing, native)
            })
            .collect()
    }

    fn new(
        service: &'a Service,
        rank: usize,
        region: &'a RegionName,
        hearing: &Hearing<'a>,
        native: NativeHealth,
    ) -> Self {
        let mut votes = Vec::with_capacity(hearing.knowing.len());
        let (mut probed, mut well) = (0_usize, 0_usize);
        for observation in &hearing.knowing {
            let Some(view) = observation.regions.get(region) else { continue };
            probed += view.probes.len();
            well += view.probes.iter().filter(|report| report.status != ProbeStatus::Failed).count();
            if let Some(counts_as) = word(view.verdict, &service.policy) {
                votes.push(Vote { observer: &observation.observer, view, counts_as });
            }
        }
        let mut tally = Self {
            region,
            rank,
            votes,
            observers: hearing.observers,
            native,
            well: (probed > 0).then(|| well as f64 / probed as f64),
            policy: &service.policy,
            probes: &service.probes,
            up: 0,
            down: 0,
            failing: Probes::default(),
            lasting: Probes::default(),
        };
        tally.up = tally.saying(VerdictAs::Up).count();
        tally.down = tally.votes.len() - tally.up;
        if tally.is_down() {
            let needed = tally.down_after();
            tally.failing = tally.probes_of_a_quorum(|policy, _, report| fails(policy, report));
            tally.lasting = tally.probes_of_a_quorum(|policy, view, report| {
                fails(policy, report) && failing_for(view, report) >= needed
            });
        }
        tally
    }

    /// The probes of which a quorum says this.
    fn probes_of_a_quorum(&self, says: impl Fn(&Policy, &RegionView, &ProbeReport) -> bool) -> Probes {
        let mut found = Probes::default();
        for (place, probe) in self.probes.iter().enumerate() {
            let of = |vote: &&Vote<'_>| {
                let reports = &vote.view.probes;
                let at_its_place = reports.get(place).filter(|report| report.probe == probe.name);
                let report = at_its_place.or_else(|| reports.iter().find(|report| report.probe == probe.name));
                report.is_some_and(|report| says(self.policy, vote.view, report))
            };
            if self.votes.iter().filter(of).count() >= self.policy.quorum {
                found.add(place);
            }
        }
        found
    }

    /// Those whose word counts so.
    pub fn saying(&self, what: VerdictAs) -> impl Iterator<Item = &Vote<'a>> + Clone {
        self.votes.iter().filter(move |vote| vote.counts_as == what)
    }

    /// Up by quorum, and not down by another.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.up >= self.policy.quorum && !self.is_down()
    }

    /// Down by quorum.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.down >= self.policy.quorum
    }

    /// Up by quorum, each for `up_after` rounds.
    #[must_use]
    pub fn is_up_for_long(&self) -> bool {
        self.is_up() && self.rounds(VerdictAs::Up) >= self.policy.up_after
    }

    /// For how many rounds in a row a quorum has said so; 0 without one.
    #[must_use]
    pub fn rounds(&self, what: VerdictAs) -> u32 {
        let streaks = || self.saying(what).map(|vote| vote.view.streak);
        let by_quorum = |streak: &u32| streaks().filter(|other| other >= streak).count() >= self.policy.quorum;
        streaks().filter(by_quorum).max().unwrap_or(0)
    }

    /// Rounds in a row after which a quorum's `down` counts.
    #[must_use]
    pub fn down_after(&self) -> u32 {
        down_after(self.policy, self.saying(VerdictAs::Down).filter(|vote| vote.view.anomalous).count())
    }

    /// Whether there is any independent signal that could agree or not: one that can't be had is no dissent.
    #[must_use]
    pub fn has_signal(&self) -> bool {
        self.native != NativeHealth::Unknown
            || self.probes_of_a_quorum(|_, _, report| !is_own(report)).has_two_kinds(self.probes)
    }

    /// What agrees that the region is down.
    #[must_use]
    pub fn signal(&self) -> Option<Signal<'a>> {
        if !self.policy.corroborate {
            Some(Signal::NotAsked)
        } else if self.native == NativeHealth::Unhealthy {
            Some(Signal::NativeCheck)
        } else if self.lasting.has_two_kinds(self.probes) {
            Some(Signal::Probes(self.lasting.of(self.probes).map(|probe| &probe.name).collect()))
        } else {
            (self.is_unanimous() && !self.has_signal()).then_some(Signal::Unanimity)
        }
    }

    /// The same without the words.
    pub(crate) fn is_corroborated(&self) -> bool {
        !self.policy.corroborate
            || self.native == NativeHealth::Unhealthy
            || self.lasting.has_two_kinds(self.probes)
            || (self.is_unanimous() && !self.has_signal())
    }

    /// All who know say down, for twice as long.
    fn is_unanimous(&self) -> bool {
        let long = |vote: &Vote<'_>| vote.counts_as == VerdictAs::Down && vote.view.streak >= self.rounds_alone();
        self.is_down() && self.votes.iter().all(long)
    }

    /// The probes that fail for a quorum.
    #[must_use]
    pub fn failing_probes(&self) -> Vec<&'a ProbeName> {
        self.failing.of(self.probes).map(|probe| &probe.name).collect()
    }

    /// Rounds in a row that suffice when no independent signal can be had.
    #[must_use]
    pub fn rounds_alone(&self) -> u32 {
        self.policy.down_after.saturating_mul(2)
    }

    /// How many more rounds of the same until the region has failed; `None` when rounds alone won't do.
    #[must_use]
    pub fn rounds_missing(&self) -> Option<u32> {
        if !self.is_down() {
            return None;
        }
        let corroborated = self.is_corroborated();
        if !corroborated && !self.has_signal() {
            let shortest = self.votes.iter().map(|vote| vote.view.streak).min()?;
            let unanimous = self.up == 0;
            return unanimous.then(|| self.rounds_alone().saturating_sub(shortest));
        }
        let missing = self.down_after().saturating_sub(self.rounds(VerdictAs::Down));
        (missing > 0 || corroborated).then_some(missing)
    }

    /// How the region is seen, all observers together.
    #[must_use]
    pub fn phase(&self) -> RegionPhase {
        let degraded = self.votes.iter().filter(|vote| vote.view.verdict == Verdict::Degraded).count();
        let some_down = self.down > 0;
        if self.is_down() {
            let long = self.rounds(VerdictAs::Down) >= self.down_after();
            if long && self.is_corroborated() { RegionPhase::Failed } else { RegionPhase::Critical }
        } else if self.votes.len() < self.policy.min_observers {
            RegionPhase::Unknown
        } else if some_down || degraded >= self.policy.quorum {
            RegionPhase::Degraded
        } else {
            RegionPhase::Healthy
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::{
        Fault,
        Verdict::{Degraded, Down, Unknown, Up},
    };

    use super::*;
    use crate::fixture::{World, failed, ok};

    fn phase(world: &World) -> RegionPhase {
        world.tally(0).phase()
    }

    #[test]
    fn down_for_long_enough_by_quorum_and_corroborated_is_failed() {
        let mut world = World::new();
        assert_eq!(phase(&world), RegionPhase::Healthy);
        world.one("us-east-2", "us-east-1", Down, 3);
        assert_eq!(phase(&world), RegionPhase::Degraded);
        world.one("us-west-2", "us-east-1", Down, 2);
        assert_eq!(phase(&world), RegionPhase::Critical);
        assert_eq!((world.tally(0).rounds(VerdictAs::Down), world.tally(0).rounds_missing()), (2, Some(1)));
        world.one("us-west-2", "us-east-1", Down, 3);
        assert_eq!(phase(&world), RegionPhase::Failed);
        assert_eq!(world.tally(0).rounds_missing(), Some(0));
    }

    #[test]
    fn too_few_that_know_is_unknown_and_degraded_by_quorum_is_degraded() {
        let mut world = World::new();
        world.all("us-east-1", Degraded, 5);
        assert_eq!((phase(&world), world.tally(0).is_up()), (RegionPhase::Degraded, true));
        world.one("us-east-2", "us-east-1", Unknown, 1);
        world.one("us-west-2", "us-east-1", Unknown, 1);
        assert_eq!(phase(&world), RegionPhase::Unknown);
        world.all("us-east-1", Degraded, 5);
        world.config.services[0].policy.degraded_counts_as = VerdictAs::Down;
        assert_eq!((world.tally(0).is_down(), world.tally(0).is_up()), (true, false));
    }

    #[test]
    fn up_for_long_enough_needs_a_quorum_of_long_streaks() {
        let mut world = World::new();
        world.all("us-east-1", Up, 19);
        world.one("us-east-2", "us-east-1", Up, 20);
        assert!(!world.tally(0).is_up_for_long());
        world.one("us-west-2", "us-east-1", Up, 20);
        assert!(world.tally(0).is_up_for_long());
    }

    #[test]
    fn a_region_both_up_and_down_by_quorum_is_not_up() {
        let mut world = World::new();
        world.config.services[0].policy.quorum = 1;
        world.one("us-east-2", "us-east-1", Down, 1);
        assert_eq!((world.tally(0).is_down(), world.tally(0).is_up()), (true, false));
    }

    /// A region that one probe of two finds down, for every observer.
    fn seen_by_one_probe(world: &mut World) {
        world.all("us-east-1", Down, 5);
        world.probes("us-east-1", &[failed("http", Fault::HttpStatus), ok("tcp")]);
    }

    #[test]
    fn either_route53_or_a_second_probe_must_agree() {
        let mut world = World::new();
        seen_by_one_probe(&mut world);
        world.native("us-east-1", NativeHealth::Healthy);
        assert_eq!(world.tally(0).signal(), None);
        assert_eq!((phase(&world), world.tally(0).rounds_missing()), (RegionPhase::Critical, None));
        world.native("us-east-1", NativeHealth::Unhealthy);
        assert_eq!(world.tally(0).signal(), Some(Signal::NativeCheck));
        world.native("us-east-1", NativeHealth::Healthy);
        world.probes("us-east-1", &[failed("http", Fault::HttpStatus), failed("tcp", Fault::ConnectTimeout)]);
        assert!(matches!(world.tally(0).signal(), Some(Signal::Probes(probes)) if probes.len() == 2));
    }

    #[test]
    fn two_probes_must_each_fail_by_quorum_and_not_for_the_observers_own_fault() {
        let mut world = World::new();
        seen_by_one_probe(&mut world);
        world.probes_of("us-east-2", "us-east-1", &[ok("http"), failed("tcp", Fault::ConnectTimeout)]);
        assert_eq!(world.tally(0).signal(), None);
        world.probes("us-east-1", &[failed("http", Fault::HttpStatus), failed("tcp", Fault::Observer)]);
        assert_eq!(world.tally(0).signal(), None);
    }

    #[test]
    fn no_signal_is_asked_for_when_the_policy_says_so() {
        let mut world = World::new();
        seen_by_one_probe(&mut world);
        world.config.services[0].policy.corroborate = false;
        assert_eq!(world.tally(0).signal(), Some(Signal::NotAsked));
    }

    #[test]
    fn when_none_can_be_had_a_unanimous_quorum_for_twice_as_long_suffices() {
        let mut world = World::new();
        world.config.services[0].probes.truncate(1);
        world.all("us-east-1", Down, 6);
        world.one("us-east-2", "us-east-1", Down, 5);
        assert_eq!((phase(&world), world.tally(0).rounds_missing()), (RegionPhase::Critical, Some(1)));
        world.one("us-east-2", "us-east-1", Down, 6);
        assert_eq!(world.tally(0).signal(), Some(Signal::Unanimity));
        assert_eq!(phase(&world), RegionPhase::Failed);
        world.one("us-east-2", "us-east-1", Unknown, 1);
        assert_eq!(phase(&world), RegionPhase::Failed);
        world.one("us-east-2", "us-east-1", Up, 1);
        assert_eq!((phase(&world), world.tally(0).rounds_missing()), (RegionPhase::Critical, None));
        world.all("us-east-1", Down, 6);
        world.native("us-east-1", NativeHealth::Healthy);
        assert_eq!(phase(&world), RegionPhase::Critical);
    }
}
