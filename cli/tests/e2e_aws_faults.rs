//! AWS itself fails while a region does: each such scenario run as a user runs it, with its expected outcome.
//!
//! What the scenario file expects is checked by the drill; here stands what a file can't say.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use serde_json::Value;
use support::{emulator::Emulator, policy, rehearsal::Rehearsed};

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

/// AWS fails for a whole lab: each has one of its own.
fn rehearse(emulator: Emulator, scenario: &str) -> Rehearsed {
    let rehearsed = Rehearsed::drill(emulator, &[scenario], &[]);
    let report = &rehearsed[scenario];
    assert_eq!(report["faults"].as_array().unwrap().len(), 1, "AWS's faults are no region's");
    assert!(!report["aws_faults"].as_array().unwrap().is_empty());
    rehearsed
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
    let rehearsed = rehearse(emulator, "route53-throttled");
    let report = &rehearsed["route53-throttled"];
    assert!(injected(report) > 0, "{:#}", report["aws_calls"]);
    let (moved, applied) = (first(report, "dns_answer_changed"), first(report, "switch_applied"));
    assert!(moved < aws_is_back(report) && applied > aws_is_back(report), "moved {moved}, applied {applied}");
}

fn a_lost_reply_does_nothing_twice(emulator: Emulator) {
    let rehearsed = rehearse(emulator, "reply-lost");
    let report = &rehearsed["reply-lost"];
    assert_eq!(all(report, "decision").len(), 1, "{:#}", report["timeline"]);
    assert_eq!(all(report, "switch_applied").len(), 1, "{:#}", report["timeline"]);
    let changes = calls(report).find(|call| call["operation"] == "ChangeResourceRecordSets").unwrap();
    assert!(changes["injected"].as_u64().unwrap() >= 1, "{changes:#}");
    // One failover has to read its fence again, the other asks about its change: the functions do nothing else.
    let plain = Rehearsed::drill(emulator, &["region-outage"], &[]);
    policy::nothing_is_unused(&[report, &plain["region-outage"]]);
}

fn without_the_control_plane_route_53_moves_first_and_is_latched_once_it_answers(emulator: Emulator) {
    let rehearsed = rehearse(emulator, "control-plane-down");
    let report = &rehearsed["control-plane-down"];
    let alarms = all(report, "alarm");
    assert!(alarms.iter().any(|(_, words)| words.contains("moved 0 % of clients")), "{alarms:?}");
    let (moved, applied) = (first(report, "dns_answer_changed"), first(report, "switch_applied"));
    assert!(moved < aws_is_back(report) && applied > aws_is_back(report), "moved {moved}, applied {applied}");
}

fn without_the_first_fence_nothing_is_flipped_and_people_are_told(emulator: Emulator) {
    let rehearsed = rehearse(emulator, "state-bucket-refuses");
    let report = &rehearsed["state-bucket-refuses"];
    assert!(injected(report) > 0, "{:#}", report["aws_calls"]);
    let (moved, back) = (first(report, "dns_answer_changed"), aws_is_back(report));
    assert!(moved < back && first(report, "alarm") < moved, "{:#}", report["timeline"]);
    assert!(all(report, "decision").iter().all(|(t, _)| *t > back), "{:#}", report["timeline"]);
    assert!(all(report, "switch_applied").iter().all(|(t, _)| *t > back), "{:#}", report["timeline"]);
}

fn lost_late_and_doubled_events_lead_to_one_flip(emulator: Emulator) {
    let rehearsed = rehearse(emulator, "events-unreliable");
    let report = &rehearsed["events-unreliable"];
    assert!(injected(report) > 0, "{:#}", report["aws_calls"]);
    let flips = all(report, "decision");
    assert_eq!(flips.len(), 1, "{flips:?}");
}

fn a_throttled_function_is_tried_again(emulator: Emulator) {
    let rehearsed = rehearse(emulator, "lambda-throttled");
    let report = &rehearsed["lambda-throttled"];
    assert!(first(report, "decision") > aws_is_back(report) - 1.0, "{:#}", report["timeline"]);
}

fn the_quorum_of_the_others_decides_without_an_observer_s_region(emulator: Emulator) {
    let rehearsed = rehearse(emulator, "observer-region-gone");
    let report = &rehearsed["observer-region-gone"];
    let quorum = all(report, "quorum");
    assert!(!quorum[0].1.contains("us-west-2"), "{quorum:?}");
}

fn without_the_control_region_route_53_moves_and_is_latched_afterwards(emulator: Emulator) {
    let rehearsed = rehearse(emulator, "control-region-gone");
    let report = &rehearsed["control-region-gone"];
    let decisions = all(report, "decision");
    assert!(decisions.iter().all(|(t, words)| *t > aws_is_back(report) && words.contains("latch")), "{decisions:?}");
}
