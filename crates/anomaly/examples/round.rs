//! What the forest adds to a checker's round of ten endpoints: time and memory, as lines of JSON.
//!
//! Each baseline is as full as it gets. In a round all ten score and learn, and at most one is fitted anew.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "it measures time, and prints it")]

use std::{
    alloc::System,
    time::{Duration, Instant},
};

use anomaly::Baseline;
use domain::{Config, ObserverName, Phases, ProbeReport, ProbeStatus, RegionName, Seen};
use jiff::Timestamp;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ENDPOINTS: usize = 10;
/// More than a history keeps.
const LEARNED: i64 = 2_500;
const ROUNDS: i64 = 400;

const CONFIG: &str = r#"
control_region = "eu-north-1"
observers = ["us-west-2", "eu-central-1", "ap-southeast-2"]
[[service]]
name = "api.example.com"
hosted_zone = "Z0123456789ABC"
[[service.region]]
name = "eu-west-1"
a = ["192.0.2.1"]
[[service.region]]
name = "us-east-1"
a = ["192.0.2.2"]
[[service.probe]]
name = "health"
kind = "https"
"#;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let config = Config::parse("pointsman.toml", CONFIG)?;
    let observer: ObserverName = "us-west-2".parse()?;
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let before = Region::new(ALLOCATOR);
    let regions = (0..ENDPOINTS).map(|place| format!("region-{place}").parse::<RegionName>());
    let mut all = regions
        .map(|region| Ok(Baseline::new(&config.services[0], &region?, &observer)))
        .collect::<Result<Vec<_>, Box<dyn std::error::Error>>>()?;
    for round in 0..LEARNED {
        one(&mut all, round, &mut random)?;
    }
    for baseline in &mut all {
        baseline.fit()?;
    }
    let kept = before.change();
    let kept = kept.bytes_allocated.saturating_sub(kept.bytes_deallocated);
    let (mut rounds, mut refits) = (Vec::new(), Vec::new());
    for round in LEARNED..LEARNED + ROUNDS {
        let took = one(&mut all, round, &mut random)?;
        let start = Instant::now();
        match all.iter_mut().find(|baseline| baseline.is_due()) {
            Some(due) => {
                due.fit()?;
                refits.push(took + start.elapsed());
            }
            None => rounds.push(took),
        }
    }
    let seconds = |what: &str, time: Option<&Duration>| {
        let seconds = time.map(Duration::as_secs_f64);
        println!("{}", serde_json::json!({ "what": what, "value": { "seconds": seconds } }));
    };
    rounds.sort_unstable();
    seconds("a round, the median", rounds.get(rounds.len() / 2));
    // They are few, all of the same work, and long enough for a busy machine to do something else in between.
    seconds("a round in which one is fitted anew, the quickest", refits.iter().min());
    let bytes =
        |what: &str, count: usize| println!("{}", serde_json::json!({ "what": what, "value": { "bytes": count } }));
    bytes("ten baselines with their forests", kept);
    bytes("a written baseline", all[0].to_bytes().len());
    Ok(())
}

/// A round of every endpoint; how long the baselines took.
fn one(all: &mut [Baseline], round: i64, random: &mut ChaCha8Rng) -> Result<Duration, Box<dyn std::error::Error>> {
    let at = Timestamp::from_second(1_700_000_000 + round * 10)?;
    let mut took = Duration::ZERO;
    for baseline in all {
        let mut time = || Some(20.0 + f64::from(random.next_u32()) / 4e8);
        let reports = [ProbeReport {
            probe: "health".parse()?,
            status: ProbeStatus::Ok,
            fault: None,
            phases_ms: Phases { dns: time(), connect: time(), tls: time(), first_byte: time(), total: time() },
            evidence: String::new(),
            seen: Seen { ttl: Some(60), body: Some(1_200), ..Seen::default() },
        }];
        let start = Instant::now();
        baseline.observe(at, &reports, None, true)?;
        took += start.elapsed();
    }
    Ok(took)
}
