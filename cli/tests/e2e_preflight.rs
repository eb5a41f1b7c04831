//! `preflight` at life's own speed, so that the schedules are EventBridge's: all is well, then one thing after another is not.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use std::fs;

use serde_json::Value;
use support::{
    aws::{CONTROL_REGION, OBSERVERS},
    emulator::Emulator,
    lab::Lab,
    seconds, until,
};

const FIRST: &str = "eu-west-1";
const OTHER: &str = "us-east-1";
const RULE: &str = "pointsman-checker-every-minute";

on_both!(what_would_keep_a_failover_from_working_is_found);

fn what_would_keep_a_failover_from_working_is_found(emulator: Emulator) {
    let _trial = emulator.tries("preflight, and probing stopped and started");
    let scenario = include_str!("../../scenarios/region-outage.toml");
    let lab = Lab::up(emulator, scenario, 1);
    all_is_well(&lab);
    probing_can_be_stopped(&lab);
    an_edited_check_and_a_broken_standby_are_found(&lab);
    a_state_that_cannot_be_read_is_found(&lab);
    lab.run(&["destroy", "--yes"]).exits(0);
    let findings = lab.run(&["preflight", "--output", "json"]).exits(3).json();
    assert_eq!(of(&findings, "deployed")[0]["fix"], "pointsman deploy", "{findings:#}");
}

/// The findings of a check.
fn of<'a>(findings: &'a Value, check: &str) -> Vec<&'a Value> {
    findings.as_array().unwrap().iter().filter(|finding| finding["check"] == check).collect()
}

fn statuses<'a>(findings: &'a Value, check: &str) -> Vec<&'a str> {
    of(findings, check).iter().map(|finding| finding["status"].as_str().unwrap()).collect()
}

fn failed(findings: &Value) -> Vec<&str> {
    let failed = findings.as_array().unwrap().iter().filter(|finding| finding["status"] == "fail");
    let mut checks: Vec<_> = failed.map(|finding| finding["check"].as_str().unwrap()).collect();
    checks.dedup();
    checks
}

fn preflight(lab: &Lab) -> Value {
    let ended = lab.run(&["preflight", "--output", "json"]);
    let findings = ended.json();
    assert_eq!(ended.code(), Some(if failed(&findings).is_empty() { 0 } else { 3 }), "{ended}");
    findings
}

fn all_is_well(lab: &Lab) {
    // Route 53's checkers ask every 10 s, and observers write as often.
    let findings = until("all to be well", seconds(90), || {
        let findings = preflight(lab);
        (failed(&findings).is_empty() && !statuses(&findings, "native_health").contains(&"warn")).then_some(findings)
    });
    for (check, count) in [
        ("credentials", 1),
        ("deployed", 1),
        ("functions", 4),
        ("observers_run", 3),
        ("schedules", 6),
        ("state_bucket", 1),
        ("conditional_writes", 1),
        ("observers", 1),
        ("state", 1),
        ("answer", 1),
        ("standby", 2),
        ("records", 1),
        ("health_checks", 1),
        ("native_health", 2),
        ("alarms", 1),
    ] {
        assert_eq!(statuses(&findings, check), vec!["pass"; count], "{check}: {findings:#}");
    }
    assert_eq!(statuses(&findings, "no_aaaa"), ["warn"]);
    assert_eq!(statuses(&findings, "accelerated_recovery"), ["skipped"]);
    for finding in findings.as_array().unwrap() {
        let keys: Vec<_> = finding.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["check", "detail", "fix", "status"]);
    }
    let junit = lab.place().join("preflight.xml");
    let text = lab.run(&["preflight", "--junit", junit.to_str().unwrap()]).exits(0);
    assert!(text.stdout.contains("conditional_writes"), "{text}");
    let xml = fs::read_to_string(junit).unwrap();
    assert!(xml.contains("failures=\"0\"") && xml.contains("classname=\"standby\""), "{xml}");
}

fn probing_can_be_stopped(lab: &Lab) {
    let state = |region| lab.aws().rule(region, RULE)["State"].as_str().unwrap().to_owned();
    lab.run(&["pause", "--reason", "test", "--stop-probing"]).exits(0).says(&["is off: nobody probes from there"]);
    assert_eq!(OBSERVERS.map(state), ["DISABLED"; 3]);
    assert_eq!(lab.aws().rule(CONTROL_REGION, "pointsman-failover-every-minute")["State"], "ENABLED");
    let findings = preflight(lab);
    assert_eq!(failed(&findings), ["schedules"], "{findings:#}");
    assert_eq!(statuses(&findings, "state"), ["warn"], "it is paused: {findings:#}");
    let order = ["failover", "--to", OTHER, "--reason", "test", "--dry-run"];
    lab.run(&order).exits(0).says(&["warning: schedules: "]);
    lab.run(&["resume"]).exits(0);
    assert_eq!(OBSERVERS.map(state), ["ENABLED"; 3]);
    assert!(!failed(&preflight(lab)).contains(&"schedules"));
}

fn an_edited_check_and_a_broken_standby_are_found(lab: &Lab) {
    let plan = lab.run(&["dns", "plan", "--output", "json"]).exits(0).json();
    let of_first = |change: &&Value| change["what"] == "check" && change["region"] == FIRST;
    let id = plan["changes"].as_array().unwrap().iter().find(of_first).unwrap()["id"].as_str().unwrap();
    let edit = "<UpdateHealthCheckRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
                <ResourcePath>/elsewhere</ResourcePath></UpdateHealthCheckRequest>";
    lab.aws().route53("POST", &format!("healthcheck/{id}"), edit);
    lab.fault(OTHER, r#"{"kind":"down"}"#);
    let findings = preflight(lab);
    let standby = of(&findings, "standby");
    let broken = standby.iter().find(|finding| finding["status"] == "fail").unwrap();
    assert!(broken["detail"].as_str().unwrap().contains(OTHER), "{findings:#}");
    let checks = of(&findings, "health_checks");
    assert!(checks[0]["detail"].as_str().unwrap().contains("resource_path"), "{findings:#}");
    lab.run(&["dns", "apply", "--yes"]).exits(0);
    assert_eq!(statuses(&preflight(lab), "health_checks"), ["pass"]);
}

fn a_state_that_cannot_be_read_is_found(lab: &Lab) {
    let good = lab.aws().state(lab.service());
    lab.aws().put_state(lab.service(), b"garbage");
    let findings = preflight(lab);
    let state = of(&findings, "state");
    assert_eq!(state[0]["status"], "fail");
    assert!(state[0]["fix"].as_str().unwrap().contains("versioned"), "{findings:#}");
    lab.aws().put_state(lab.service(), &good);
}
