//! The scenarios that are checked in, and files that are refused.

use domain::ConfigError;

use super::*;
use crate::fault::Paths;

fn scenarios() -> Vec<Scenario> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let source = std::fs::read_to_string(&path).unwrap();
        let scenario = Scenario::parse(&path.display().to_string(), &source).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(path.file_stem().unwrap().to_str().unwrap(), scenario.name);
        found.push(scenario);
    }
    found
}

#[test]
fn every_scenario_reads_and_is_short() {
    let scenarios = scenarios();
    for name in ["region-outage", "flapping", "both-down", "brownout"] {
        assert!(scenarios.iter().any(|scenario| scenario.name == name), "{name}");
    }
    for scenario in scenarios {
        let wall = scenario.ends().scaled(scenario.speed);
        assert!(wall <= Period::seconds(70), "{} takes {wall}", scenario.name);
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
