//! The scenarios that are checked in, and files that are refused.

use domain::ConfigError;

use super::*;
use crate::fault::Paths;

fn scenarios_in(folder: &str) -> Vec<Scenario> {
    let folder = format!("{}/../../{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let source = std::fs::read_to_string(&path).unwrap();
        let scenario = Scenario::parse(&path.display().to_string(), &source).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(path.file_stem().unwrap().to_str().unwrap(), scenario.name);
        found.push(scenario);
    }
    found
}

#[test]
fn every_scenario_reads_and_is_short() {
    let mut scenarios = scenarios_in("scenarios");
    scenarios.extend(scenarios_in("scenarios/incidents"));
    let built_in = crate::catalog::all().unwrap().into_iter().chain(crate::catalog::incidents().unwrap());
    let built_in: Vec<_> = built_in.collect();
    let names = |all: &[Scenario]| all.iter().map(|it| it.name.clone()).collect::<BTreeSet<_>>();
    assert_eq!(names(&built_in), names(&scenarios), "every file is built in");
    for scenario in scenarios {
        let wall = scenario.ends().scaled(scenario.speed);
        assert!(wall <= Period::seconds(65), "{} takes {wall}", scenario.name);
        assert_eq!(scenario.truth.len(), scenario.regions.len());
    }
}

const SMALL: &str = r#"
name = "small"
title = "as little as can be"
regions = ["a", "b"]

[steady]
for = "5s"

[[fault]]
kind = "latency"
region = "a"
at = "2s"
for = "20s"
delay = "300ms"

[[truth]]
region = "b"
must_stay = true

[[truth]]
region = "a"
must_leave_within = "30s"
"#;

#[test]
fn what_is_left_out_has_a_default() {
    let scenario = Scenario::parse("small.toml", SMALL).unwrap();
    assert_eq!((scenario.seed, scenario.speed), (1, 1.0));
    assert_eq!(scenario.ttl, Period::seconds(20));
    assert_eq!(scenario.probes.len(), 3);
    assert_eq!(scenario.load, Load::default());
    assert_eq!(scenario.ends(), Period::seconds(57));
    let first: Vec<_> = scenario.truth.iter().map(|truth| truth.region.as_str()).collect();
    assert_eq!(first, ["a", "b"], "in the order of preference");
    let What::Region { fault: Fault::Latency { jitter, .. }, .. } = scenario.faults[0].what else {
        panic!("not a latency")
    };
    assert_eq!(scenario.faults[0].shape, Shape::Constant);
    assert_eq!(scenario.observers.len(), 3);
    assert_eq!(jitter, Period::default());
}

#[test]
fn overlapping_faults_combine_and_end_one_by_one() {
    let more = r#"
[[fault]]
kind = "errors"
region = "a"
at = "10s"
for = "20s"
share = 0.5
paths = "user"
"#;
    let mut scenario = Scenario::parse("small.toml", &format!("{SMALL}{more}")).unwrap();
    scenario.speed = 2.0;
    let turns = scenario.turns();
    let late = Fault::Latency { delay: Period::millis(150), jitter: Period::default() };
    let errors = Fault::Errors { share: Share::try_from(0.5).unwrap(), paths: Paths::User };
    let of = |turn: &Turn| turn.in_force.regions.get("a").cloned().unwrap_or_default();
    let seen: Vec<_> = turns.iter().map(|turn| (turn.at, of(turn), turn.begun.clone(), turn.ended.clone())).collect();
    assert_eq!(
        seen,
        [
            (Period::seconds(7), vec![late.clone()], vec![0], vec![]),
            (Period::seconds(15), vec![late, errors.clone()], vec![1], vec![]),
            (Period::seconds(27), vec![errors], vec![], vec![0]),
            (Period::seconds(35), vec![], vec![], vec![1]),
        ]
    );
}

/// A region's faults over time, in seconds of life: of `small.toml` with these lines instead of its fault's.
fn course(fault: &str) -> Vec<(f64, Option<Fault>)> {
    let (before, rest) = SMALL.split_once("kind = \"latency\"").unwrap();
    let rest = &rest[rest.find("\n\n[[truth]]").unwrap()..];
    let scenario = Scenario::parse("small.toml", &format!("{before}region = \"a\"\n{fault}\n{rest}")).unwrap();
    let faults = |turn: &Turn| turn.in_force.regions.get("a").map(|faults| faults[0].clone());
    scenario.turns().iter().map(|turn| (turn.at.as_secs_f64(), faults(turn))).collect()
}

#[test]
fn a_ramp_grows_to_all_of_it() {
    let course = course("kind = \"latency\"\ndelay = \"1s\"\nat = \"2s\"\nfor = \"20s\"\nramp = \"10s\"");
    let delays: Vec<_> = course
        .iter()
        .map(|(_, fault)| match fault {
            Some(Fault::Latency { delay, .. }) => delay.as_secs_f64(),
            _ => 0.0,
        })
        .collect();
    assert_eq!(delays.len(), 21);
    assert!(
        delays[..20].is_sorted() && (delays[0] - 0.05).abs() < 1e-9 && (delays[19] - 1.0).abs() < 1e-9,
        "{delays:?}"
    );
    assert!((course[19].0 - 16.5).abs() < 1e-9, "the last step is half a second before the ramp's end: {course:?}");
    assert_eq!(course[20], (27.0, None));
}

#[test]
fn a_pulse_comes_and_goes_and_is_gone_at_the_end() {
    let course = course("kind = \"down\"\nat = \"2s\"\nfor = \"8s\"\npulse = { on = \"2s\", off = \"3s\" }");
    let down = Some(Fault::Down);
    assert_eq!(course, [(7.0, down.clone()), (9.0, None), (12.0, down), (14.0, None), (15.0, None)]);
}

#[test]
fn what_is_random_is_the_same_for_the_same_seed_only() {
    let fault = "kind = \"down\"\nat = \"2s\"\nfor = \"300s\"\nrandom = { on = \"2s\", off = \"8s\" }";
    let one = course(fault);
    assert_eq!(one, course(fault));
    let on: f64 = one.windows(2).filter(|pair| pair[0].1.is_some()).map(|pair| pair[1].0 - pair[0].0).sum();
    assert!((20.0..120.0).contains(&on), "a fifth of the time, more or less: {on} of 300 s");
    let scenario = |seed: u64| {
        let source = SMALL.replace("delay = \"300ms\"", "delay = \"300ms\"\nrandom = { on = \"2s\", off = \"2s\" }");
        Scenario { seed, ..Scenario::parse("small.toml", &source).unwrap() }.turns()
    };
    assert_ne!(scenario(1), scenario(2));
}

#[test]
fn observers_and_names_have_faults_too() {
    let more = r#"
[[fault]]
kind = "observer-lost"
observer = "us-west-2"
at = "1s"
for = "5s"

[[fault]]
kind = "observer-cut-off"
observer = "eu-central-1"
at = "1s"
for = "5s"

[[fault]]
kind = "observer-lies"
observer = "eu-central-1"
region = "b"
at = "1s"
for = "5s"

[[fault]]
kind = "dns-ttl"
region = "b"
ttl = "3600s"
at = "1s"
for = "5s"
"#;
    let scenario = Scenario::parse("small.toml", &format!("{SMALL}{more}")).unwrap();
    let InForce { lost, lies, cut_off, names, regions, .. } = &scenario.turns()[0].in_force;
    let text = |value: &dyn std::fmt::Debug| format!("{value:?}");
    assert!(regions.is_empty());
    assert_eq!(lost.iter().map(ToString::to_string).collect::<Vec<_>>(), ["us-west-2"]);
    assert!(
        text(lies).contains("eu-central-1") && text(lies).contains("\"b\"") && !text(lies).contains("\"a\""),
        "{lies:?}"
    );
    assert_eq!(cut_off.len(), 2, "from every region: {cut_off:?}");
    assert_eq!(names["b"], NameFault::Ttl { ttl: Period::seconds(3600) });
}

/// The one message about a file in which `from` stands as `to`.
fn refused(from: &str, to: &str) -> String {
    assert!(SMALL.contains(from), "{from}");
    let source = SMALL.replacen(from, to, 1);
    Scenario::parse("small.toml", &source).expect_err(to).to_string()
}

#[test]
fn each_error_names_file_line_and_key() {
    for (from, to, message) in [
        (
            "region = \"a\"\nat",
            "region = \"c\"\nat",
            "small.toml:11:1: fault[0].region: `c` is none of `regions`: a, b",
        ),
        ("region = \"b\"", "region = \"c\"", "truth[0].region: `c` is none of `regions`"),
        ("[[truth]]\nregion = \"b\"\nmust_stay = true", "", "truth: nothing is said of `b`"),
        ("must_stay = true", "must_stay = false", "small.toml:16:1: truth[0]: say either"),
        (
            "must_leave_within = \"30s\"",
            "must_leave_within = \"3m\"",
            "small.toml:22:1: truth[1].must_leave_within: the scenario is over before",
        ),
        ("\"20s\"\ndelay", "\"0s\"\ndelay", "small.toml:13:1: fault[0].for: a fault that lasts no time"),
        ("delay = \"300ms\"", "", "fault[0].delay: `latency` needs it"),
        ("kind = \"latency\"", "kind = \"down\"", "fault[0].delay: has no meaning for `down`"),
        (
            "kind = \"latency\"\nregion = \"a\"",
            "kind = \"observer-lost\"",
            "fault[0].observer: `observer-lost` needs it",
        ),
        ("region = \"a\"\nat", "at", "fault[0].region: `latency` needs it"),
        ("region = \"a\"\nat", "region = \"a\"\nobserver = \"x\"\nat", "fault[0].observer: `x` is no observer"),
        ("delay = \"300ms\"", "delay = \"300ms\"\nramp = \"1s\"\npulse = { on = \"1s\", off = \"1s\" }", "say one of"),
        (
            "delay = \"300ms\"",
            "delay = \"300ms\"\nshare = 0.5",
            "small.toml:15:1: fault[0].share: has no meaning for `latency`",
        ),
        ("\"300ms\"", "300", "small.toml:14:9: invalid type"),
        ("\"300ms\"", "\"300\"", "small.toml:14:9: `300` is not a duration"),
        ("delay =", "delai =", "small.toml:14:1: unknown field `delai`"),
        ("kind = \"latency\"", "kind = \"meteor\"", "small.toml:10:8: unknown variant `meteor`"),
        ("regions = [\"a\", \"b\"]", "regions = [\"a\", \"a\"]", "small.toml:4:17: regions[1]: duplicate region `a`"),
        ("title", "speed = 0\ntitle", "small.toml:3:1: speed: it must be above 0"),
        ("[steady]", "[expect]\nafter.active = \"c\"\n[steady]", "small.toml:7:7: expect.after.active: `c` is none of"),
        ("[steady]", "[expect]\nhold = [\"boredom\"]\n[steady]", "small.toml:7:9: unknown variant `boredom`"),
        ("[steady]", "[expect.metrics]\nluck.at_least = 1\n[steady]", "small.toml:7:1: unknown field `luck`"),
    ] {
        let seen = refused(from, to);
        assert!(seen.contains(message), "`{to}`: {seen}");
        assert!(seen.starts_with("small.toml:"), "{seen}");
    }
}

#[test]
fn all_that_contradicts_is_said_at_once() {
    let source = SMALL.replace("\"a\"\nat", "\"c\"\nat").replace("region = \"b\"", "region = \"d\"");
    let Err(ConfigError::Invalid { problems, .. }) = Scenario::parse("small.toml", &source) else { panic!("accepted") };
    assert!(problems.len() >= 3, "{problems:?}");
}

#[test]
fn the_schema_knows_every_key_of_the_scenarios() {
    let schema = serde_json::to_value(Scenario::schema()).unwrap();
    let known = schema["properties"].as_object().unwrap();
    for key in ["name", "regions", "steady", "fault", "truth", "expect", "policy", "probe"] {
        assert!(known.contains_key(key), "{key}");
    }
    assert_eq!(schema["additionalProperties"], false);
}
