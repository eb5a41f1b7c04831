//! Days of weather on one core, so many or for so long: `days 42|600s [KEYS] [TABLES]`, which the scenario begins and ends with; prints the summary, and how many rounds a second were lived.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement needs a clock; its panic says what is wrong"
)]

use std::time::Instant;

use scenario::Scenario;
use simulation::{Options, SERVICE, Tally, World, day, run};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let limit = arguments.next().unwrap();
    let patience: Option<f64> = limit.strip_suffix('s').map(|seconds| seconds.parse().unwrap());
    let days: u64 = if patience.is_some() { u64::MAX } else { limit.parse().unwrap() };
    let policy = arguments.next().unwrap_or_default();
    let tables = arguments.next().unwrap_or_default();
    let source = format!("{}\n{tables}", SERVICE.replace("policy.failback", &format!("{policy}\npolicy.failback")));
    let world = World::of(&Scenario::parse("weather", &source).unwrap()).unwrap();
    let begun = Instant::now();
    let mut all = Tally::default();
    for seed in 0..days {
        if patience.is_some_and(|patience| begun.elapsed().as_secs_f64() > patience) {
            break;
        }
        all.merge(&run(&day(&world, seed), seed, Options { skip: true, uncorroborated: true }));
    }
    let seconds = begun.elapsed().as_secs_f64();
    println!("{}", serde_json::to_string_pretty(&all.summary("weather")).unwrap());
    println!("{:.0} rounds a second lived, {seconds:.1} s", all.rounds_run as f64 / seconds);
}
