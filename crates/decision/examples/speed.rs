//! How long a decision takes, in nanoseconds: the median of many batches, as JSON a line.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement needs a clock; its panic says what is wrong with its own configuration"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    hint::black_box,
    time::Instant,
};

use decision::{Evidence, NativeHealth, Sighting, decide};
use domain::{
    Answering, Config, Fault, OBSERVATION_FORMAT, Observation, Period, Phases, ProbeReport, ProbeStatus, RegionView,
    Round, ServiceState, Verdict,
};
use jiff::Timestamp;

const NAMES: [&str; 8] = [
    "us-east-1",
    "eu-west-1",
    "ap-south-1",
    "us-west-2",
    "eu-central-1",
    "ap-southeast-2",
    "sa-east-1",
    "ca-central-1",
];
// Short, so that on a busy machine most batches are not interrupted.
const BATCHES: usize = 2_001;
const BATCH: u32 = 100;

struct World {
    config: Config,
    state: ServiceState,
    evidence: Evidence,
    now: Timestamp,
}

/// So many regions seen by so many observers with two probes each; the first is down for so many rounds.
fn world(regions: usize, observers: usize, down: u32) -> World {
    let (serving, watching) = (&NAMES[..regions], &NAMES[3..3 + observers]);
    let table = |name: &&str| format!("[[service.region]]\nname = \"{name}\"\ncname = \"{name}.example.net\"\n");
    let tables = serving.iter().map(table).collect::<Vec<_>>().concat();
    let source = format!(
        "control_region = \"eu-north-1\"\nobservers = {watching:?}\n[[service]]\nname = \"api.example.com\"\n\
         hosted_zone = \"Z1\"\n{tables}[[service.probe]]\nname = \"health\"\nkind = \"http\"\npath = \"/health\"\n\
         [[service.probe]]\nname = \"tcp\"\nkind = \"tcp\"\nport = 80\n"
    );
    let config = Config::parse("speed", &source).unwrap();
    let now: Timestamp = "2026-11-21T10:15:00Z".parse().unwrap();
    let report = |probe: &str, fails: bool| ProbeReport {
        probe: probe.parse().unwrap(),
        status: if fails { ProbeStatus::Failed } else { ProbeStatus::Ok },
        fault: fails.then_some(Fault::ConnectTimeout),
        phases_ms: Phases::default(),
        evidence: String::new(),
        seen: domain::Seen::default(),
    };
    let view = |name: &str| {
        let fails = down > 0 && name == serving[0];
        RegionView {
            verdict: if fails { Verdict::Down } else { Verdict::Up },
            streak: if fails { down } else { 100 },
            since: now,
            anomalous: false,
            anomaly: None,
            failing: BTreeMap::new(),
            silent: BTreeMap::new(),
            probes: vec![report("health", fails), report("tcp", fails)],
        }
    };
    let answering = Answering::Region(serving[0].parse().unwrap());
    let sightings = watching.iter().map(|observer| Sighting {
        observation: Observation {
            format: OBSERVATION_FORMAT,
            service: "api.example.com".parse().unwrap(),
            observer: observer.parse().unwrap(),
            config: config.hash(),
            invocation: "one".to_owned(),
            round: Round(100),
            at: now,
            regions: serving.iter().map(|name| (name.parse().unwrap(), view(name))).collect(),
            answering: answering.clone(),
        },
        age: Period::seconds(2),
    });
    let evidence = Evidence {
        config: config.hash(),
        observers: watching.iter().map(|name| name.parse().unwrap()).collect::<BTreeSet<_>>(),
        sightings: sightings.collect(),
        answering,
        alarms: BTreeMap::new(),
        native: serving.iter().map(|name| (name.parse().unwrap(), NativeHealth::Unknown)).collect(),
        lag: BTreeMap::new(),
    };
    let state = ServiceState::new(&config.services[0]);
    World { config, state, evidence, now }
}

fn nanoseconds(world: &World) -> f64 {
    let World { config, state, evidence, now } = world;
    let service = &config.services[0];
    let mut batches: Vec<_> = (0..BATCHES)
        .map(|_| {
            let begun = Instant::now();
            for _ in 0..BATCH {
                black_box(decide(black_box(service), black_box(state), black_box(evidence), *now));
            }
            begun.elapsed().as_secs_f64() * 1e9 / f64::from(BATCH)
        })
        .collect();
    batches.sort_by(f64::total_cmp);
    batches[BATCHES / 2]
}

fn main() {
    for (regions, observers) in [(2, 3), (3, 5)] {
        for (case, down) in [("steady", 0), ("counting", 2), ("failover", 3)] {
            let nanoseconds = nanoseconds(&world(regions, observers, down)).round();
            println!(r#"{{"regions":{regions},"observers":{observers},"case":"{case}","nanoseconds":{nanoseconds}}}"#);
        }
    }
}
