//! Every scenario that comes with Pointsman, run as a user runs it, with its expected outcome.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use std::fs;

use serde_json::Value;
use support::{
    program::{Program, pointsman},
    seconds, traces, workspace,
};
use tempfile::TempDir;

/// What every report has, whatever happened (contracts.md).
const FIELDS: [&str; 14] = [
    "scenario",
    "seed",
    "emulator",
    "speed",
    "propagation_s",
    "ttl_s",
    "timeline",
    "faults",
    "metrics",
    "comparison",
    "unmeasured",
    "exemptions",
    "holds",
    "expectations",
];
const METRICS: [&str; 14] = [
    "detection_s",
    "decision_s",
    "answer_s",
    "failover_s",
    "mttr_s",
    "failback_s",
    "requests",
    "throughput_rps",
    "success_rate",
    "availability",
    "latency_ms",
    "false_failovers",
    "missed",
    "switches",
];

/// Drills, checks all that holds for every scenario, and returns the report.
fn drill(scenario: &str) -> Value {
    let place = workspace();
    let before = traces::run_folders(&place);
    let folder = TempDir::new().unwrap();
    let report = folder.path().join("report");
    let arguments = ["drill", scenario, "--no-progress", "--report", report.to_str().unwrap()];
    let mut program = Program::start(pointsman(&place, arguments));
    let ended = program.end(seconds(240));
    let left = program.processes();
    let report = fs::read_to_string(report.join("report.json")).unwrap_or_default();
    assert_eq!(ended.code(), Some(0), "{ended}\n{report}");
    assert!(left.is_empty(), "left behind: {left:#?}");
    let folders: Vec<_> = traces::run_folders(&place).difference(&before).cloned().collect();
    assert!(folders.is_empty(), "left behind in .pointsman/run: {folders:?}");

    let report: Value = serde_json::from_str(&report).unwrap();
    for field in FIELDS {
        assert!(report.get(field).is_some(), "no `{field}`: {report:#}");
    }
    assert_eq!(report["scenario"], scenario);
    let metrics = &report["metrics"];
    for name in METRICS {
        let value = metrics.get(name).unwrap_or_else(|| panic!("no `{name}`: {metrics:#}"));
        assert!(!value.is_null() || report["unmeasured"][name].is_string(), "`{name}` is null, and nobody says why");
    }
    assert_eq!(report["comparison"]["pointsman"]["metrics"], *metrics);
    assert_eq!(report["faults"][0]["metrics"], *metrics);
    assert!(metrics["requests"].as_u64().unwrap() > 0);
    assert!(!report["exemptions"].as_array().unwrap().is_empty(), "a lab says what it exempts itself from");
    for expectation in report["expectations"].as_array().unwrap() {
        assert_eq!(expectation["met"], true, "{expectation:#}");
    }
    let times: Vec<_> =
        report["timeline"].as_array().unwrap().iter().map(|event| event["t"].as_f64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    report
}

/// When the first event of a kind happened, and where.
fn first<'a>(report: &'a Value, event: &str) -> Option<(f64, &'a str)> {
    let events = report["timeline"].as_array().unwrap();
    let found = events.iter().find(|it| it["event"] == event)?;
    Some((found["t"].as_f64().unwrap(), found["region"].as_str().unwrap()))
}

fn metric(report: &Value, name: &str) -> f64 {
    report["metrics"][name].as_f64().unwrap_or_else(|| panic!("{name} was not measured: {:#}", report["unmeasured"]))
}

fn count(report: &Value, name: &str) -> u64 {
    report["metrics"][name].as_u64().unwrap_or_else(|| panic!("{name} was not counted: {:#}", report["metrics"]))
}

#[test]
fn an_outage_moves_the_traffic_and_its_end_brings_it_back() {
    let report = drill("region-outage");
    // With rounds of 1 s.
    assert!(metric(&report, "decision_s") <= 5.0, "{:#}", report["metrics"]);
    let events = [
        ("fault_injected", "eu-west-1"),
        ("first_bad_probe", "eu-west-1"),
        ("quorum", "eu-west-1"),
        ("decision", "us-east-1"),
        ("switch_applied", "us-east-1"),
        ("dns_answer_changed", "us-east-1"),
        ("clients_moved", "us-east-1"),
        ("fault_cleared", "eu-west-1"),
        ("failback_decision", "eu-west-1"),
        ("failback_applied", "eu-west-1"),
        ("failback_done", "eu-west-1"),
    ];
    let found = events.map(|(event, region)| {
        let (t, at) = first(&report, event).unwrap_or_else(|| panic!("no {event}: {:#}", report["timeline"]));
        assert_eq!(at, region, "{event}");
        t
    });
    assert!(found.is_sorted(), "{found:?}");
    assert_eq!(count(&report, "false_failovers"), 0);
    assert_eq!(count(&report, "missed"), 0);
}

#[test]
fn short_blips_move_nothing() {
    let report = drill("flapping");
    assert_eq!(report["faults"].as_array().unwrap().len(), 5);
    assert_eq!(count(&report, "false_failovers"), 0);
    assert_eq!(count(&report, "switches"), 0);
    assert_eq!(first(&report, "decision"), None);
    assert!(first(&report, "first_bad_probe").is_some(), "the blips were not even seen: {:#}", report["timeline"]);
}

#[test]
fn with_nowhere_to_go_it_stays_and_says_why() {
    let report = drill("both-down");
    assert!(report["holds"].as_array().unwrap().contains(&"all_regions_down".into()), "{}", report["holds"]);
    assert_eq!(count(&report, "switches"), 0);
    assert_eq!(first(&report, "decision"), None);
    assert_eq!(first(&report, "dns_answer_changed"), None);
}

#[test]
fn a_brownout_that_health_checks_do_not_see_is_left() {
    let report = drill("brownout");
    let (decided, to) = first(&report, "decision").unwrap();
    assert_eq!(to, "us-east-1");
    assert!(first(&report, "dns_answer_changed").is_some_and(|(t, at)| t > decided && at == "us-east-1"));
    assert_eq!(count(&report, "missed"), 0);
    assert_eq!(count(&report, "switches"), 1);
    let decision = report["timeline"].as_array().unwrap().iter().find(|event| event["event"] == "decision").unwrap();
    let why = decision["detail"].as_str().unwrap();
    assert!(why.contains("orders") && why.contains("users"), "one deep path corroborates the other: {why}");
    assert!(!why.contains("health"), "/health is fine: {why}");
}
