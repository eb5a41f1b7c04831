//! AWS itself fails while a region does: each such scenario run as a user runs it, with its expected outcome.
//!
//! What the scenario file expects is checked by the drill; here stands what a file can't say.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use std::{fs, ops::Deref};

use serde_json::Value;
use support::{
    emulator::{Emulator, Trial},
    lab::Place,
    program::{Program, pointsman},
    seconds,
};

on_both!(
    throttled_by_route_53_the_plan_waits_and_follows,
    a_lost_reply_does_nothing_twice,
    without_the_control_plane_route_53_moves_first_and_is_latched_once_it_answers,
    without_the_first_fence_nothing_is_flipped_and_people_are_told,
    lost_late_and_doubled_events_lead_to_one_flip,
    a_throttled_function_is_tried_again,
    the_quorum_of_the_others_decides_without_an_observer_s_region,
    without_the_control_region_route_53_moves_and_is_latched_afterwards,
);

/// A report, whose scenario has passed once the test that looks at it has.
struct Rehearsed {
    report: Value,
    _trial: Trial,
}

impl Deref for Rehearsed {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.report
    }
}

/// AWS fails for a whole lab: each has one of its own.
fn rehearse(emulator: Emulator, scenario: &str) -> Rehearsed {
    let trial = emulator.tries(format_args!("scenario `{scenario}`"));
    let place = Place::new();
    let (folder, artifacts) = (place.path().join("report"), place.artifacts());
    let folders = ["--report", folder.to_str().unwrap(), "--artifacts", artifacts.to_str().unwrap()];
    let arguments = [&["drill", scenario, "--no-progress", "--emulator", emulator.name()][..], &folders].concat();
    let mut program = Program::start(pointsman(place.path(), arguments));
    let ended = program.end(seconds(240));
    let left = program.processes();
    let report = fs::read_to_string(folder.join("report.json")).unwrap_or_default();
    let report: Value = serde_json::from_str(&report).unwrap_or_else(|_| panic!("no report of {scenario}: {ended}"));
    let unmet: Vec<_> =
        report["expectations"].as_array().unwrap().iter().filter(|expectation| expectation["met"] != true).collect();
    assert_eq!(ended.code(), Some(0), "{unmet:#?}\n{:#}\n{ended}", report["timeline"]);
    assert!(left.is_empty(), "left behind: {left:#?}");
    assert_eq!(report["faults"].as_array().unwrap().len(), 1, "AWS's faults are no region's");
    assert!(!report["aws_faults"].as_array().unwrap().is_empty());
    Rehearsed { report, _trial: trial }
}

/// How many calls met a fault of AWS.
fn injected(report: &Value) -> u64 {
    calls(report).map(|call| call["injected"].as_u64().unwrap()).sum()
}

fn calls(report: &Value) -> impl Iterator<Item = &Value> {
    report["aws_calls"].as_array().unwrap().iter()
}

/// Every event of a kind, in order: when, and in what words.
fn all<'a>(report: &'a Value, event: &str) -> Vec<(f64, &'a str)> {
    let events = report["timeline"].as_array().unwrap();
    let of = events.iter().filter(|it| it["event"] == event);
    of.map(|it| (it["t"].as_f64().unwrap(), it["detail"].as_str().unwrap_or_default())).collect()
}

/// When the first event of a kind was.
fn first(report: &Value, event: &str) -> f64 {
    all(report, event).first().unwrap_or_else(|| panic!("no {event}: {:#}", report["timeline"])).0
}

/// When AWS's own fault ended.
fn aws_is_back(report: &Value) -> f64 {
    let cleared = report["aws_faults"].as_array().unwrap().iter().map(|fault| fault["cleared"].as_f64().unwrap());
    cleared.fold(0.0, f64::max)
}

fn throttled_by_route_53_the_plan_waits_and_follows(emulator: Emulator) {
    let report = rehearse(emulator, "route53-throttled");
    assert!(injected(&report) > 0, "{:#}", report["aws_calls"]);
    let (moved, applied) = (first(&report, "dns_answer_changed"), first(&report, "switch_applied"));
    assert!(moved < aws_is_back(&report) && applied > aws_is_back(&report), "moved {moved}, applied {applied}");
}

fn a_lost_reply_does_nothing_twice(emulator: Emulator) {
    let report = rehearse(emulator, "reply-lost");
    assert_eq!(all(&report, "decision").len(), 1, "{:#}", report["timeline"]);
    assert_eq!(all(&report, "switch_applied").len(), 1, "{:#}", report["timeline"]);
    let changes = calls(&report).find(|call| call["operation"] == "ChangeResourceRecordSets").unwrap();
    assert!(changes["injected"].as_u64().unwrap() >= 1, "{changes:#}");
}

fn without_the_control_plane_route_53_moves_first_and_is_latched_once_it_answers(emulator: Emulator) {
    let report = rehearse(emulator, "control-plane-down");
    let alarms = all(&report, "alarm");
    assert!(alarms.iter().any(|(_, words)| words.contains("moved 0 % of clients")), "{alarms:?}");
    let (moved, applied) = (first(&report, "dns_answer_changed"), first(&report, "switch_applied"));
    assert!(moved < aws_is_back(&report) && applied > aws_is_back(&report), "moved {moved}, applied {applied}");
}

fn without_the_first_fence_nothing_is_flipped_and_people_are_told(emulator: Emulator) {
    let report = rehearse(emulator, "state-bucket-refuses");
    assert!(injected(&report) > 0, "{:#}", report["aws_calls"]);
    let (moved, back) = (first(&report, "dns_answer_changed"), aws_is_back(&report));
    assert!(moved < back && first(&report, "alarm") < moved, "{:#}", report["timeline"]);
    assert!(all(&report, "decision").iter().all(|(t, _)| *t > back), "{:#}", report["timeline"]);
    assert!(all(&report, "switch_applied").iter().all(|(t, _)| *t > back), "{:#}", report["timeline"]);
}

fn lost_late_and_doubled_events_lead_to_one_flip(emulator: Emulator) {
    let report = rehearse(emulator, "events-unreliable");
    assert!(injected(&report) > 0, "{:#}", report["aws_calls"]);
    let flips = all(&report, "decision");
    assert_eq!(flips.len(), 1, "{flips:?}");
}

fn a_throttled_function_is_tried_again(emulator: Emulator) {
    let report = rehearse(emulator, "lambda-throttled");
    assert!(first(&report, "decision") > aws_is_back(&report) - 1.0, "{:#}", report["timeline"]);
}

fn the_quorum_of_the_others_decides_without_an_observer_s_region(emulator: Emulator) {
    let report = rehearse(emulator, "observer-region-gone");
    let quorum = all(&report, "quorum");
    assert!(!quorum[0].1.contains("us-west-2"), "{quorum:?}");
}

fn without_the_control_region_route_53_moves_and_is_latched_afterwards(emulator: Emulator) {
    let report = rehearse(emulator, "control-region-gone");
    let decisions = all(&report, "decision");
    assert!(decisions.iter().all(|(t, words)| *t > aws_is_back(&report) && words.contains("latch")), "{decisions:?}");
}
