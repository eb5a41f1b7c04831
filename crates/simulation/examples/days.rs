//! Days of weather: `days DAYS THREADS [SCENARIO|KEYS [TABLES]]`, over a scenario's service, or over the weather's own
//! with these keys and tables. Prints the summary and how many rounds a second were lived, and tells of each false
//! failover and each outage missed in which life and at which second it was so.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a measurement needs a clock; its panic says what is wrong"
)]

use std::time::Instant;

use scenario::{Scenario, catalog};
use simulation::{Controller, Options, SERVICE, Tally, World, day, lives, run};

const OPTIONS: Options = Options { skip: true, uncorroborated: true };

type Count = fn(&Tally) -> u64;

const MISTAKES: [(&str, Count); 2] = [("a false failover", false_failovers), ("an outage missed", missed)];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let days: u64 = arguments.next().unwrap().parse().unwrap();
    let threads: usize = arguments.next().unwrap().parse().unwrap();
    let service = arguments.next().unwrap_or_default();
    let tables = arguments.next().unwrap_or_default();
    let scenario = catalog::find(&service).unwrap_or_else(|_| {
        let source =
            format!("{}\n{tables}", SERVICE.replace("policy.failback", &format!("{service}\npolicy.failback")));
        Scenario::parse("weather", &source).unwrap()
    });
    let world = World::of(&scenario).unwrap();
    let begun = Instant::now();
    let all = lives(days, threads, |number| {
        let seed = scenario.seed.wrapping_add(number);
        let life = run(&day(&world, seed), seed, OPTIONS);
        for (what, count) in MISTAKES {
            for number in 1..=count(&life) {
                eprintln!("seed {seed}: {what} by {} s", when(&world, seed, count, number) / 1_000);
            }
        }
        life
    });
    let seconds = begun.elapsed().as_secs_f64();
    println!("{}", serde_json::to_string_pretty(&all.summary(&scenario.name)).unwrap());
    println!(
        "{:016x} are the deeds; {:.0} rounds a second lived, {seconds:.1} s",
        all.deeds,
        all.rounds_run as f64 / seconds
    );
}

fn false_failovers(life: &Tally) -> u64 {
    life.records[&Controller::Pointsman].false_failovers
}

fn missed(life: &Tally) -> u64 {
    life.records[&Controller::Pointsman].missed
}

/// The millisecond by which a life has so many mistakes of a kind: what ends earlier begins alike.
fn when(world: &World, seed: u64, count: Count, number: u64) -> u64 {
    let mut life = day(world, seed);
    let (mut before, mut by) = (0, life.course.ends);
    while by - before > 1 {
        life.course.ends = before.midpoint(by);
        if count(&run(&life, seed, OPTIONS)) < number {
            before = life.course.ends;
        } else {
            by = life.course.ends;
        }
    }
    by
}
