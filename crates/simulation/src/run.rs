//! A world lived through: rounds, events between them in the order of their times, and stretches in which nothing is news.

use std::collections::{BTreeMap, BTreeSet};

use decision::{Evidence, NativeHealth, Sighting};
use domain::{Answering, ObserverName, Period, Round, Verdict};
use jiff::Timestamp;

use crate::{
    chance::{Chance, Lane},
    checkers::{Changed, Checks},
    clients::Clients,
    course::{Changes, Course, MOST, ms},
    happening::{Pace, What},
    judge::Watched,
    network::success,
    observers::{KEEP_ALIVE, Observer, Watch, skip},
    pilot::{Pilot, Sent},
    rivals::{Native, Threshold},
    summary::{Controller, Tally},
    world::World,
};

/// The number of the first round, and the time at which a world begins.
const FIRST: u64 = 1_000_000;
const BEGINS: Timestamp = Timestamp::UNIX_EPOCH;
/// EventBridge's schedule.
const MINUTE: u64 = 60_000;

/// What a run leaves out, or adds.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Stretches in which nothing is news are counted, not lived through.
    pub skip: bool,
    /// Pointsman without an independent signal is run beside itself.
    pub uncorroborated: bool,
}

struct Run<'a> {
    world: &'a World,
    watch: Watch<'a>,
    seed: u64,
    interval: u64,
    minute: u64,
    observers: Vec<Observer>,
    evidence: Evidence,
    written: Vec<u64>,
    /// A handful, so that the first is found soonest by looking.
    queue: Vec<(u64, What)>,
    pilots: Vec<Pilot>,
    /// What the answers of the pilots' zones go by.
    healthy: [bool; MOST],
    checks: Vec<(Pace, Checks)>,
    natives: [Native; 2],
    threshold: Threshold,
    turn: usize,
    tally: Tally,
}

/// Lives through a world. The same seed gives the same life.
#[must_use]
pub fn run(world: &World, seed: u64, options: Options) -> Tally {
    let mut run = Run::new(world, seed, options);
    let mut round = Round(FIRST);
    // Faults and rounds do not wait for each other.
    let mut at = Chance::new(seed, 0, Lane::World).between(0, run.interval);
    let mut orders = world.orders.iter().copied().peekable();
    while at < world.course.ends {
        run.drain(at);
        while let Some((_, to)) = orders.next_if(|(due, _)| *due <= at) {
            run.order(at, to);
        }
        run.turn = world.course.at(run.turn, at);
        if options.skip && run.is_at_rest() {
            let skipped = run.skip(at, orders.peek().map(|(due, _)| *due));
            if skipped > 0 {
                (at, round.0) = (at + skipped * run.interval, round.0 + skipped);
                continue;
            }
        }
        run.round(round, at);
        run.seconds(at);
        (at, round.0) = (at + run.interval, round.0 + 1);
    }
    run.end()
}

fn time(at: u64) -> Timestamp {
    BEGINS + Period::millis(at).signed() + Period::seconds(1_000_000).signed()
}

impl<'a> Run<'a> {
    fn new(world: &'a World, seed: u64, options: Options) -> Self {
        let (service, watch) = (world.service(), Watch::new(world, seed));
        let regions = service.regions.len();
        let config = world.config.hash();
        let begun = time(0);
        let places = 0..world.config.observers.len();
        let observers: Vec<_> = places.map(|place| watch.observer(place, &config, Round(FIRST - 1), begun)).collect();
        let sightings =
            observers.iter().map(|it| Sighting { observation: it.previous.clone(), age: Period::default() });
        let evidence = Evidence {
            config,
            observers: world.config.observers.iter().map(ObserverName::from).collect::<BTreeSet<_>>(),
            sightings: sightings.collect(),
            answering: Answering::Region(service.preferred().name.clone()),
            alarms: BTreeMap::new(),
            native: service.regions.iter().map(|region| (region.name.clone(), NativeHealth::Healthy)).collect(),
            // Data are in step: a simulated world has none.
            lag: service.regions.iter().map(|region| (region.name.clone(), Period::default())).collect(),
        };
        let clients = || Clients::new(world.clients, u64::from(service.ttl_s) * 1_000, seed);
        let corroborated = [service.policy.corroborate].into_iter().chain(options.uncorroborated.then_some(false));
        let ask = world.checking();
        let own = (u64::from(service.check.interval_s) * 1_000, service.check.threshold);
        let checks = [(Pace::Own, own), (Pace::Fast, (10_000, 3)), (Pace::Standard, (30_000, 3))];
        let wanted = checks.into_iter().filter(|(pace, settings)| *pace == Pace::Own || *settings != own);
        Self {
            interval: ms(service.policy.interval).max(1),
            minute: Chance::new(seed, 1, Lane::World).between(0, MINUTE),
            written: vec![0; observers.len()],
            observers,
            evidence,
            queue: Vec::new(),
            pilots: corroborated.map(|corroborate| Pilot::new(world, corroborate, clients())).collect(),
            healthy: [true; MOST],
            checks: wanted
                .map(|(pace, (interval, threshold))| (pace, Checks::new(regions, interval, threshold, ask, seed)))
                .collect(),
            natives: [Native::new(regions, clients()), Native::new(regions, clients())],
            threshold: Threshold::new(ask, seed, clients()),
            turn: 0,
            tally: Tally::default(),
            world,
            watch,
            seed,
        }
    }

    fn course(&self) -> &'a Course {
        &self.world.course
    }

    fn watched(&mut self) -> impl Iterator<Item = &mut Watched> {
        let pilots = self.pilots.iter_mut().map(|pilot| &mut pilot.watched);
        pilots.chain(self.natives.iter_mut().map(|native| &mut native.watched)).chain([&mut self.threshold.watched])
    }

    /// A round of all observers, and what the checkers and the single prober do until the next.
    fn round(&mut self, round: Round, at: u64) {
        let (course, until) = (self.course(), at + self.interval);
        let conditions = &course.turns[self.turn].conditions;
        let answering = Answering::Region(self.world.service().regions[self.pilots[0].watched.answer].name.clone());
        self.tally.rounds_run += 1;
        for (place, observer) in self.observers.iter_mut().enumerate() {
            if conditions.watchers[place].lost {
                continue;
            }
            let rounded = self.watch.round(observer, round, time(at), conditions, &answering);
            self.tally.probes.0 += rounded.probes.0;
            self.tally.probes.1 += rounded.probes.1;
            let written =
                rounded.write.map(|after| (at + after, What::Written(place, Box::new(observer.previous.clone()))));
            self.queue.extend(written);
            self.queue.extend(rounded.event.map(|after| (at + after, What::Tick)));
        }
        let minute = at + (self.minute + MINUTE - at % MINUTE) % MINUTE;
        if minute < until {
            self.queue.push((minute, What::Tick));
        }
        let (seed, turn, queue, r29) = (self.seed, self.turn, &mut self.queue, self.world.r29);
        let own_only = !self.checks.iter().any(|(pace, _)| *pace == Pace::Fast);
        for (pace, checks) in &mut self.checks {
            checks.pass(course, turn, (at, until), seed, |changed| {
                queue.push((changed.at + r29, What::Follows(*pace, changed)));
                // A check like the fast one serves both.
                if own_only && *pace == Pace::Own {
                    queue.push((changed.at + r29, What::Follows(Pace::Fast, changed)));
                }
            });
        }
        if let Some(due) = self.threshold.due(at, until) {
            let conditions = &course.turns[course.at(turn, due)].conditions;
            if let Some((accepted, to)) = self.threshold.probe(due, conditions, seed) {
                self.threshold.watched.detected(1 - to, due);
                self.threshold.watched.accepted(1 - to, accepted);
                self.queue.push((accepted + self.world.propagation, What::Flipped(to)));
            }
        }
    }

    /// What happens until the next round, and what clients live through.
    fn seconds(&mut self, at: u64) {
        let (course, until) = (self.course(), at + self.interval);
        let first = at.next_multiple_of(1_000);
        let calm = course.turns[self.turn].conditions.clear && course.at(self.turn, until) == self.turn;
        if calm
            && self.watched().all(|watched| watched.is_at_rest())
            && !self.queue.iter().any(|(_, what)| what.may_move())
        {
            self.drain(until.saturating_sub(1));
            let seconds = until.saturating_sub(first).div_ceil(1_000);
            self.watched().for_each(|watched| {
                watched.record.seconds = (watched.record.seconds.0 + seconds, watched.record.seconds.1 + seconds);
                watched.pass(until - 1, course);
            });
            return;
        }
        let (service, limit) = (self.world.service(), self.world.client_timeout);
        let mut now = first;
        while now < until {
            self.drain(now);
            let places = &course.turns[course.at(self.turn, now)].conditions.places;
            let mut served = [0.0; MOST];
            for (share, place) in served.iter_mut().zip(places).take(service.regions.len()) {
                *share = success(place, limit, self.world.by_name, self.world.tls);
            }
            self.watched().for_each(|watched| {
                watched.pass(now, course);
                watched.second(now, &served);
            });
            now += 1_000;
        }
        self.drain(until.saturating_sub(1));
    }

    /// Everything that is due, in the order of its time.
    fn drain(&mut self, until: u64) {
        loop {
            let first =
                self.queue.iter().enumerate().filter(|(_, (at, _))| *at <= until).min_by_key(|(_, (at, _))| *at);
            let Some((place, _)) = first else { return };
            // Of two at one time the one that was planned first comes first.
            let (at, what) = self.queue.remove(place);
            self.happen(at, what);
        }
    }

    fn happen(&mut self, at: u64, what: What) {
        let course = self.course();
        match what {
            What::Written(place, observation) => {
                self.written[place] = at;
                let down: u8 = self
                    .world
                    .service()
                    .regions
                    .iter()
                    .enumerate()
                    .map(|(rank, region)| {
                        let view = observation.regions.get(&region.name);
                        u8::from(view.is_some_and(|view| view.verdict == Verdict::Down)) << rank
                    })
                    .sum();
                self.evidence.sightings[place].observation = *observation;
                for rank in (0..self.world.service().regions.len()).filter(|rank| down >> rank & 1 == 1) {
                    for pilot in &mut self.pilots {
                        if pilot.sees_down(&self.evidence, rank) {
                            pilot.watched.detected(rank, at);
                        }
                    }
                }
            }
            What::Tick => self.tick(at),
            What::Accepted(number) => {
                let pilot = &mut self.pilots[number];
                let left = pilot.accepted((at, time(at)), self.world.propagation);
                if let Some(left) = left {
                    pilot.watched.accepted(left, at);
                }
                self.queue.push((at + self.world.propagation, What::Propagated(number)));
            }
            What::Unheard(number) => self.pilots[number].unheard(time(at)),
            What::Arrives(number, batch) => {
                if self.pilots[number].arrives(&batch, at, self.world.propagation) {
                    self.queue.push((at + self.world.propagation, What::Propagated(number)));
                }
            }
            What::Propagated(number) => {
                self.pilots[number].propagated();
                self.answer(number, at);
            }
            What::Follows(Pace::Own, Changed { region, healthy, .. }) => {
                self.healthy[region] = healthy;
                let native = if healthy { NativeHealth::Healthy } else { NativeHealth::Unhealthy };
                self.evidence.native.insert(self.world.service().regions[region].name.clone(), native);
                (0..self.pilots.len()).for_each(|number| self.answer(number, at));
            }
            What::Follows(pace, Changed { region, healthy, at: seen }) => {
                let native = &mut self.natives[usize::from(pace == Pace::Standard)];
                native.healthy[region] = healthy;
                if !healthy {
                    native.watched.detected(region, seen);
                }
                let answer = native.answer();
                native.watched.answers(answer, at, course);
            }
            What::Flipped(to) => self.threshold.watched.answers(to, at, course),
        }
    }

    fn answer(&mut self, number: usize, at: u64) {
        let (pilot, course) = (&mut self.pilots[number], &self.world.course);
        let answer = pilot.answer(&self.healthy);
        pilot.watched.answers(answer, at, course);
    }

    fn tick(&mut self, at: u64) {
        for (sighting, written) in self.evidence.sightings.iter_mut().zip(&self.written) {
            sighting.age = Period::millis(at.saturating_sub(*written));
        }
        let changes = self.changes(at);
        for number in 0..self.pilots.len() {
            let mut chance = Chance::new(self.seed, at, Lane::Tick);
            let sent = self.pilots[number].tick(&mut self.evidence, (at, time(at)), changes, &mut chance);
            self.sent(number, at, sent);
        }
    }

    fn order(&mut self, at: u64, to: usize) {
        let changes = self.changes(at);
        for number in 0..self.pilots.len() {
            let mut chance = Chance::new(self.seed, at, Lane::Tick);
            let sent = self.pilots[number].order(to, &mut self.evidence, time(at), changes, &mut chance);
            self.sent(number, at, sent);
        }
    }

    fn sent(&mut self, number: usize, at: u64, sent: Sent) {
        match sent {
            Sent::Nothing => {}
            Sent::Batch(after) => self.queue.push((at + after, What::Accepted(number))),
            Sent::Unheard(after, arrives) => {
                let batch = self.pilots[number].batch();
                let arrives = arrives.zip(batch).map(|(late, batch)| (at + late, What::Arrives(number, batch)));
                self.queue.extend(arrives);
                self.queue.push((at + after, What::Unheard(number)));
            }
        }
    }

    fn changes(&self, at: u64) -> Changes {
        self.course().turns[self.course().at(self.turn, at)].conditions.changes
    }

    /// Whether rounds in which all regions are up would change nothing but numbers.
    fn is_at_rest(&mut self) -> bool {
        let up_after = self.world.service().policy.up_after;
        self.course().turns[self.turn].conditions.clear
            && self.queue.is_empty()
            && self.observers.iter().all(|observer| observer.is_at_rest(up_after))
            && self.pilots.iter().all(Pilot::is_at_rest)
            && self.checks.iter().all(|(_, checks)| checks.is_at_rest())
            && self.threshold.is_at_rest()
            && self.natives.iter().all(|native| native.watched.answer == 0 && native.watched.is_at_rest())
    }

    /// Skips rounds up to the next turn or order; how many. Whole spans between two writes, so that those go on as before.
    fn skip(&mut self, at: u64, order: Option<u64>) -> u64 {
        let next = self.course().turns.get(self.turn + 1).map_or(self.course().ends, |turn| turn.at);
        let next = next.min(order.unwrap_or(u64::MAX)).min(self.course().ends);
        let span = ms(KEEP_ALIVE).div_ceil(self.interval);
        let rounds = (next.saturating_sub(at) / self.interval).saturating_sub(1) / span * span;
        let by = rounds * self.interval;
        for observer in &mut self.observers {
            observer.skip(rounds, Period::millis(by));
        }
        for (sighting, written) in self.evidence.sightings.iter_mut().zip(&mut self.written) {
            skip(&mut sighting.observation, rounds, Period::millis(by));
            *written += by;
        }
        let seconds = (at + by).div_ceil(1_000) - at.div_ceil(1_000);
        self.watched().for_each(|watched| {
            watched.record.seconds = (watched.record.seconds.0 + seconds, watched.record.seconds.1 + seconds);
        });
        let probes =
            rounds * (self.observers.len() * self.world.service().regions.len() * self.watch.probing.len()) as u64;
        self.tally.probes.0 += probes;
        self.tally.rounds_skipped += rounds;
        rounds
    }

    fn end(mut self) -> Tally {
        let ends = self.course().ends;
        self.drain(ends);
        let course = self.course();
        self.watched().for_each(|watched| watched.pass(ends, course));
        self.tally.lasted = ends;
        self.tally.runs = 1;
        let pilots = [Controller::Pointsman, Controller::PointsmanUncorroborated];
        let mut records = BTreeMap::new();
        for (name, pilot) in pilots.into_iter().zip(self.pilots) {
            self.tally.deeds = self.tally.deeds.rotate_left(1) ^ pilot.deeds ^ pilot.plans;
            records.insert(name, pilot.watched.record);
        }
        let [fast, standard] = self.natives;
        records.insert(Controller::NativeFast, fast.watched.record);
        records.insert(Controller::NativeStandard, standard.watched.record);
        records.insert(Controller::Threshold, self.threshold.watched.record);
        self.tally.records = records;
        self.tally
    }
}
