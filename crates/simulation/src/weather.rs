//! Days of bad weather: flapping, packets lost, observers that fail alone or together, and now and then a true outage.

use domain::Fault;

use crate::{
    chance::{Chance, Lane},
    course::{Conditions, Course, Duty, MOST, Turn, ms},
    world::World,
};

/// Each day is a world of its own.
pub const DAY_HOURS: u64 = 24;
const HOUR: u64 = 3_600_000;
const MINUTE: u64 = 60_000;
/// Weather changes every half an hour.
const SLOTS: u64 = DAY_HOURS * 2;
/// True outages begin in the second hour of each of these many parts of a day: the budget is one failover an hour.
const OUTAGES: u64 = 4;

/// Something wrong for a while.
struct Spell {
    from: u64,
    until: u64,
    wrong: Wrong,
}

#[derive(Clone, Copy)]
enum Wrong {
    /// A region's packets are lost.
    Loss(usize, f64),
    /// A region is away for less than it takes to be left.
    Blip(usize),
    /// An observer lies about a region.
    Lies(usize, usize),
    /// An observer does not run.
    Lost(usize),
    /// An observer does not reach a region.
    CutOff(usize, usize),
    /// An observer's own network loses packets.
    OwnLoss(usize, f64),
    /// Observers, a bit each, reach no region: their networks.
    Partition(u8),
    /// A region fails whole, in one of several ways.
    Outage(usize, usize),
}

/// A day of this weather for a world's service, whatever befalls that world otherwise.
#[must_use]
pub fn day(world: &World, seed: u64) -> World {
    let mut chance = Chance::new(seed, 2, Lane::World);
    let regions = world.service().regions.len().min(2);
    let observers = world.config.observers.len();
    let policy = &world.service().policy;
    let interval = ms(policy.interval);
    let mut spells = Vec::new();
    let mut duties = Vec::new();
    let part = DAY_HOURS * HOUR / OUTAGES;
    for number in 0..OUTAGES {
        let from = number * part + HOUR + chance.between(0, HOUR);
        let until = from + chance.between(5 * MINUTE, 20 * MINUTE);
        let region = usize::from(chance.happens(0.2));
        spells.push(Spell { from, until, wrong: Wrong::Outage(region, chance.one_of(5)) });
        // Rounds, the last probe's patience, EventBridge at its worst, Route 53, and its name servers.
        let deadline = from + interval * u64::from(policy.down_after) + ms(policy.timeout) + 15_000 + world.propagation;
        duties.push(Duty { region, from, until, deadline });
    }
    let clear_of_outages = |from: u64, until: u64, duties: &[Duty]| {
        // A region that has just come back, or is about to fail, is not judged for its blips too.
        duties.iter().all(|duty| until + 2 * MINUTE < duty.from || from > duty.until + 10 * MINUTE)
    };
    for slot in 0..SLOTS {
        let mut alone = true;
        for wrong in together(&mut chance, regions, observers).into_iter().flatten() {
            let from = slot * HOUR / 2 + chance.between(0, 10 * MINUTE);
            let until = from + chance.between(2 * MINUTE, 20 * MINUTE);
            // An observer alone may fail at any time; a partition would keep everybody from leaving what must be left,
            // and so may two things at once.
            let at_any_time = alone && matches!(wrong, Wrong::Loss(..) | Wrong::Lost(_) | Wrong::CutOff(..));
            if !at_any_time && !clear_of_outages(from, until, &duties) {
                continue;
            }
            alone = false;
            match wrong {
                Wrong::Blip(region) => blips(&mut spells, &mut chance, (from, until), region, interval),
                wrong => spells.push(Spell { from, until, wrong }),
            }
        }
    }
    World { course: course(&spells, duties), orders: Vec::new(), name: "weather".to_owned(), ..world.clone() }
}

/// What goes wrong in one half of an hour, each by its own chance: packets lost, one observer that fails (or a partition,
/// which leaves too few to decide), and a region that flaps. Two observers that fail each in its own way are not among
/// them: two of three that agree on what is not so *are* the quorum.
fn together(chance: &mut Chance, regions: usize, observers: usize) -> [Option<Wrong>; 3] {
    let loss = chance.happens(0.25).then(|| Wrong::Loss(chance.one_of(regions), 0.2 * chance.share()));
    let (observer, region) = (chance.one_of(observers), chance.one_of(regions));
    let fails = match chance.one_of(16) {
        0 => Some(Wrong::Lies(observer, region)),
        1 => Some(Wrong::Lost(observer)),
        2 => Some(Wrong::CutOff(observer, region)),
        3 => Some(Wrong::OwnLoss(observer, 0.2 * chance.share())),
        4 => Some(Wrong::Partition(1 << observer | u8::from(chance.happens(0.5)) << chance.one_of(observers))),
        _ => None,
    };
    [loss, fails, chance.happens(0.125).then(|| Wrong::Blip(chance.one_of(regions)))]
}

/// Away for less than two rounds, again and again, so that never three in a row fall into it.
fn blips(spells: &mut Vec<Spell>, chance: &mut Chance, (from, until): (u64, u64), region: usize, interval: u64) {
    let mut at = from;
    while at < until {
        let away = chance.between(500, interval * 19 / 10);
        spells.push(Spell { from: at, until: at + away, wrong: Wrong::Blip(region) });
        at += away + chance.between(interval * 3, interval * 9);
    }
}

fn course(spells: &[Spell], duties: Vec<Duty>) -> Course {
    let mut moments: Vec<_> = spells.iter().flat_map(|spell| [spell.from, spell.until]).chain([0]).collect();
    moments.sort_unstable();
    moments.dedup();
    let turn = |at| {
        let mut conditions = Conditions::clear();
        for spell in spells.iter().filter(|spell| spell.from <= at && at < spell.until) {
            conditions.clear = false;
            befall(&mut conditions, spell.wrong);
        }
        Turn { at, conditions }
    };
    Course { turns: moments.into_iter().map(turn).collect(), duties, ends: DAY_HOURS * HOUR }
}

fn befall(conditions: &mut Conditions, wrong: Wrong) {
    let Conditions { places, watchers, .. } = conditions;
    match wrong {
        Wrong::Loss(region, share) => places[region].loss = places[region].loss.max(share),
        Wrong::Blip(region) => places[region].refuses = true,
        Wrong::Lies(observer, region) => watchers[observer].lies |= 1 << region,
        Wrong::Lost(observer) => watchers[observer].lost = true,
        Wrong::CutOff(observer, region) => watchers[observer].cut_off |= 1 << region,
        Wrong::OwnLoss(observer, share) => watchers[observer].loss = watchers[observer].loss.max(share),
        Wrong::Partition(observers) => {
            for (place, watcher) in watchers.iter_mut().enumerate().take(MOST) {
                watcher.cut_off |= if observers >> place & 1 == 1 { u8::MAX } else { 0 };
            }
        }
        Wrong::Outage(region, how) => match how {
            0 => places[region].refuses = true,
            1 => places[region].hangs = true,
            2 => places[region].errors = [1.0; 2],
            // Gone from the network.
            3 => places[region].loss = 1.0,
            _ => {
                places[region].refuses = true;
                places[region].name = Err(Fault::DnsServfail);
            }
        },
    }
}

/// A service as `pointsman init` would have it: 10 s × 3, a shallow and a deep path and a TCP connection. It returns by
/// itself, since nobody is there to order it.
pub const SERVICE: &str = r#"
name = "weather"
title = "Days of flapping, lost packets, observers that fail, and four true outages each"
regions = ["eu-west-1", "us-east-1"]
steady.for = "60s"
policy.failback = "auto"

[[fault]]
kind = "down"
region = "eu-west-1"
at = "0s"
for = "60s"

[[truth]]
region = "eu-west-1"
must_leave_within = "60s"

[[truth]]
region = "us-east-1"
must_stay = true
"#;
