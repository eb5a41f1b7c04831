//! The observers' words on one region, counted.

use std::{collections::BTreeMap, num::NonZero};

use domain::{
    Alarm, AnomalyUse, ObserverName, Period, Policy, Probe, ProbeKind, ProbeName, ProbeReport, ProbeStatus, Region,
    RegionName, RegionPhase, RegionView, Service, Verdict, VerdictAs,
};

use crate::{
    evidence::{AlarmState, Evidence, Hearing, NativeHealth, Sighting, word},
    observe::is_own,
    reason,
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
    /// How long ago it was written.
    pub age: Period,
}

/// What agrees, independently, that a region is down (design.md, rule 2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal<'a> {
    /// The policy asks for none.
    NotAsked,
    /// Route 53's own check is unhealthy.
    NativeCheck,
    /// An alarm that lives in another region is in `ALARM`.
    Alarm(&'a Alarm),
    /// These probes, of more than one kind, each fail for a quorum, for `down_after` rounds.
    Probes(Lasting<'a>),
    /// None can be had; everyone who knows says down, for twice `down_after`.
    Unanimity,
}

/// Probes that have failed for long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lasting<'a> {
    of: &'a [Probe],
    which: Probes,
}

impl<'a> Lasting<'a> {
    /// What they are called, in the order of the configuration.
    pub fn names(&self) -> impl Iterator<Item = &'a ProbeName> + use<'a> {
        self.which.of(self.of).map(|probe| &probe.name)
    }
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
    /// The alarm that speaks of it from elsewhere, and what it says.
    pub alarm: Option<(&'a Alarm, AlarmState)>,
    /// The share of what observers probed of it that was well; none: nothing was probed.
    pub well: Option<f64>,
    policy: &'a Policy,
    probes: &'a [Probe],
    /// How many say up, and how many down.
    up: usize,
    down: usize,
    phase: RegionPhase,
    /// For how many rounds in a row a quorum has said down.
    rounds_down: u32,
    /// While it is down: whether anything independent could agree, and what does.
    has_signal: bool,
    signal: Option<Signal<'a>>,
}

/// Places in a service's list of probes, a bit each; more than 128 probes are not told apart from none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Probes(u128);

impl Probes {
    fn put(&mut self, place: usize, belongs: bool) {
        self.0 |= u32::try_from(place).ok().and_then(|place| u128::from(belongs).checked_shl(place)).unwrap_or(0);
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

/// Rounds in a row in which a probe has failed, and in how many of them nothing came back; an observer that does not
/// count them means its verdict's.
fn failing_for(view: &RegionView, report: &ProbeReport) -> (u32, u32) {
    let of = |counts: &BTreeMap<ProbeName, u32>| counts.get(&report.probe).copied().unwrap_or(0);
    if view.failing.is_empty() { (view.streak, 0) } else { (of(&view.failing), of(&view.silent)) }
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
    pub fn all(service: &'a Service, hearing: &Hearing<'a>, evidence: &Evidence) -> Vec<Self> {
        let regions = service.regions.iter().enumerate();
        let mut tallies: Vec<_> =
            regions.map(|(rank, region)| Self::counted(service, rank, region, hearing, evidence)).collect();
        for tally in &mut tallies {
            tally.phase = if tally.is_down() { tally.weigh() } else { tally.phase_unless_down() };
        }
        tallies
    }

    fn counted(
        service: &'a Service,
        rank: usize,
        region: &'a Region,
        hearing: &Hearing<'a>,
        evidence: &Evidence,
    ) -> Self {
        let Region { name: region, alarm, .. } = region;
        let says = || evidence.alarms.get(region).copied().unwrap_or_default();
        let mut votes = Vec::with_capacity(hearing.knowing.len());
        let (mut probed, mut well, mut up) = (0_usize, 0_usize, 0_usize);
        for Sighting { observation, age } in &hearing.knowing {
            let Some(view) = observation.regions.get(region) else { continue };
            probed += view.probes.len();
            well += view.probes.iter().filter(|report| report.status != ProbeStatus::Failed).count();
            if let Some(counts_as) = word(view.verdict, &service.policy) {
                up += usize::from(counts_as == VerdictAs::Up);
                votes.push(Vote { observer: &observation.observer, view, counts_as, age: *age });
            }
        }
        Self {
            region,
            rank,
            observers: hearing.observers,
            native: evidence.native.get(region).copied().unwrap_or_default(),
            alarm: alarm.as_ref().map(|alarm| (alarm, says())),
            well: NonZero::new(probed).map(|probed| well as f64 / probed.get() as f64),
            policy: &service.policy,
            probes: &service.probes,
            up,
            down: votes.len() - up,
            votes,
            phase: RegionPhase::Unknown,
            rounds_down: 0,
            has_signal: false,
            signal: None,
        }
    }

    /// What each observer that knows reports of a probe, its own faults apart.
    fn reports(&self, place: usize) -> impl Iterator<Item = (&Vote<'a>, &'a ProbeReport)> + Clone {
        let name = &self.probes[place].name;
        let reports = self.votes.iter().filter_map(move |vote| {
            let reports = &vote.view.probes;
            let at_its_place = reports.get(place).filter(|report| report.probe == *name);
            Some((vote, at_its_place.or_else(|| reports.iter().find(|report| report.probe == *name))?))
        });
        reports.filter(|(_, report)| !is_own(report))
    }

    /// The phase of a region that is down for a quorum: whether that has lasted, and whether anything agrees.
    fn weigh(&mut self) -> RegionPhase {
        let needed = self.down_after();
        let (made, lasting) = self.weigh_probes(needed);
        self.rounds_down = self.reckon_rounds(VerdictAs::Down);
        self.has_signal = self.native != NativeHealth::Unknown || made.has_two_kinds(self.probes);
        self.signal = if !self.policy.corroborate {
            Some(Signal::NotAsked)
        } else if self.native == NativeHealth::Unhealthy {
            Some(Signal::NativeCheck)
        } else if let Some((alarm, AlarmState::Alarm)) = self.alarm {
            // One that is OK is neither agreement nor dissent: it may not have seen enough yet.
            Some(Signal::Alarm(alarm))
        } else if lasting.has_two_kinds(self.probes) {
            Some(Signal::Probes(Lasting { of: self.probes, which: lasting }))
        } else {
            (!self.has_signal && self.is_unanimous()).then_some(Signal::Unanimity)
        };
        let failed = self.rounds_down >= needed && self.signal.is_some();
        if failed { RegionPhase::Failed } else { RegionPhase::Critical }
    }

    /// The probes that a quorum could make, and those that have failed for a quorum for long enough: after `needed`
    /// rounds, after twice as many where another observer, heard since, has not seen it. Rounds in which the region
    /// answered wrongly and rounds in which nothing came back are counted apart, so that a blip and lost packets do not
    /// add up.
    fn weigh_probes(&self, needed: u32) -> (Probes, Probes) {
        let (silence_needed, quorum) = (self.silence_after(), self.policy.quorum);
        let since = reason::rounds(self.policy, silence_needed);
        let (mut made, mut lasting) = (Probes::default(), Probes::default());
        for place in 0..self.probes.len() {
            let (mut reports, mut last, mut last_twice, mut dissent) = (0, 0, 0, false);
            for (vote, report) in self.reports(place) {
                let fails = fails(self.policy, report);
                let (rounds, in_silence) = failing_for(vote.view, report);
                let lasts = |times: u32| {
                    let enough = |rounds: u32, needed: u32| rounds >= needed.saturating_mul(times);
                    fails && (enough(rounds.saturating_sub(in_silence), needed) || enough(in_silence, silence_needed))
                };
                reports += 1;
                if lasts(1) {
                    last += 1;
                    last_twice += usize::from(lasts(2));
                } else {
                    dissent |= vote.age <= since;
                }
            }
            made.put(place, reports >= quorum);
            lasting.put(place, if dissent { last_twice } else { last } >= quorum);
        }
        (made, lasting)
    }

    /// Those whose word counts so.
    pub fn saying(&self, what: VerdictAs) -> impl Iterator<Item = &Vote<'a>> + Clone {
        self.votes.iter().filter(move |vote| vote.counts_as == what)
    }

    /// How many they are.
    #[must_use]
    pub fn count(&self, what: VerdictAs) -> usize {
        match what {
            VerdictAs::Up => self.up,
            VerdictAs::Down => self.down,
        }
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
        match what {
            VerdictAs::Down => self.rounds_down,
            VerdictAs::Up => self.reckon_rounds(what),
        }
    }

    fn reckon_rounds(&self, what: VerdictAs) -> u32 {
        let streaks = || self.saying(what).map(|vote| vote.view.streak);
        let by_quorum = |streak: &u32| streaks().filter(|other| other >= streak).count() >= self.policy.quorum;
        streaks().filter(by_quorum).max().unwrap_or(0)
    }

    /// Rounds in a row after which a quorum's `down` counts.
    #[must_use]
    pub fn down_after(&self) -> u32 {
        down_after(self.policy, self.saying(VerdictAs::Down).filter(|vote| vote.view.anomalous).count())
    }

    /// Rounds after which it counts that nothing came back; an anomaly score can't tell loss from an outage.
    #[must_use]
    pub fn silence_after(&self) -> u32 {
        self.policy.silence_after.max(self.policy.down_after)
    }

    /// Whether there is any independent signal that could agree or not that it is down: one that can't be had is no dissent.
    #[must_use]
    pub fn has_signal(&self) -> bool {
        self.has_signal
    }

    /// What agrees that the region is down; none of one that is not.
    #[must_use]
    pub fn signal(&self) -> Option<Signal<'a>> {
        self.signal
    }

    /// All who know say down, for twice as long.
    fn is_unanimous(&self) -> bool {
        let long = |vote: &Vote<'_>| vote.counts_as == VerdictAs::Down && vote.view.streak >= self.rounds_alone();
        self.votes.iter().all(long)
    }

    /// The probes that fail for a quorum.
    #[must_use]
    pub fn failing_probes(&self) -> Vec<&'a ProbeName> {
        let fail = |place| self.reports(place).filter(|(_, report)| fails(self.policy, report)).count();
        let failing = self.probes.iter().enumerate().filter(|(place, _)| fail(*place) >= self.policy.quorum);
        failing.map(|(_, probe)| &probe.name).collect()
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
        let corroborated = self.signal.is_some();
        if !corroborated && !self.has_signal {
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
        self.phase
    }

    fn phase_unless_down(&self) -> RegionPhase {
        let degraded = || self.votes.iter().filter(|vote| vote.view.verdict == Verdict::Degraded).count();
        if self.votes.len() < self.policy.min_observers {
            RegionPhase::Unknown
        } else if self.down > 0 || degraded() >= self.policy.quorum {
            RegionPhase::Degraded
        } else {
            RegionPhase::Healthy
        }
    }
}

#[cfg(test)]
mod tests;
