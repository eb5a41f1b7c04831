//! A report of a hand-made drill.

use std::time::Duration;

use super::*;
use crate::{
    metrics::Lived,
    records::{Outcome, Records, Request},
};
use scenario::{Scenario, What, fault::Fault};

/// The standby serves from 20 to 90, one fault from 10 to 50.
struct Drill {
    scenario: Scenario,
    records: Records,
    faults: Vec<Lived>,
    timeline: Vec<Event>,
}

fn drill() -> Drill {
    let source = include_str!("../../../scenarios/region-outage.toml");
    let scenario = Scenario { speed: 2.0, ..Scenario::parse("region-outage.toml", source).unwrap() };
    let (eu, us) = (scenario.regions[0].clone(), scenario.regions[1].clone());
    let mut records = Records::default();
    for k in 0..1_300_u64 {
        let intended = Duration::from_millis(50 * k);
        let region = if (200..900).contains(&k) { &us } else { &eu };
        let status = if (100..200).contains(&k) { 503 } else { 200 };
        let ended = intended + Duration::from_millis(1);
        records.push(Request::new(intended, intended, ended, Outcome::Status(status)), Some(region.as_str()), None);
    }
    let faults = vec![Lived {
        what: What::Region { fault: Fault::Down, region: eu.clone() },
        injected: 10.0,
        cleared: Some(50.0),
    }];
    let timeline = vec![
        Event::new(10.0, EventKind::FaultInjected, &eu),
        Event::new(13.0, EventKind::Quorum, &eu),
        Event::new(14.0, EventKind::Decision, &us),
        Event::new(18.0, EventKind::DnsAnswerChanged, &us),
        Event::new(50.0, EventKind::FaultCleared, &eu),
        Event::new(85.0, EventKind::DnsAnswerChanged, &eu),
    ];
    Drill { scenario, records, faults, timeline }
}

impl Drill {
    fn report(&self) -> Report {
        let circumstances = Circumstances {
            emulator: "ministack".to_owned(),
            exemptions: vec![LOOPBACK_EXEMPTION.to_owned()],
            holds: [HoldCode::Counting].into(),
            ..Circumstances::default()
        };
        let Self { scenario, records, faults, timeline } = self;
        let evidence = Evidence { scenario, records, faults, timeline, ended: 130.0 };
        Report::new(&evidence, circumstances, Rivals::default()).unwrap()
    }
}

#[test]
fn a_good_drill_meets_every_expectation() {
    let report = drill().report();
    let unmet: Vec<_> = report.expectations.iter().filter(|expectation| !expectation.met).collect();
    assert!(report.met(), "{unmet:?}");
    assert_eq!(report.expectations[1].text, "eu-west-1 is left within 30s");
    assert_eq!(report.expectations[1].seen, "left after 8s");
}

#[test]
fn the_json_has_the_contract_s_names() {
    let json = serde_json::to_value(drill().report()).unwrap();
    for pointer in [
        "/scenario",
        "/seed",
        "/emulator",
        "/speed",
        "/propagation_s",
        "/ttl_s",
        "/timeline/0/t",
        "/timeline/0/event",
        "/timeline/0/region",
        "/faults/0/metrics/detection_s",
        "/faults/0/region",
        "/metrics/detection_s",
        "/metrics/decision_s",
        "/metrics/answer_s",
        "/metrics/failover_s",
        "/metrics/mttr_s",
        "/metrics/failback_s",
        "/metrics/requests",
        "/metrics/throughput_rps",
        "/metrics/success_rate",
        "/metrics/availability",
        "/metrics/latency_ms/before/p50",
        "/metrics/latency_ms/during/p95",
        "/metrics/latency_ms/after/p99",
        "/metrics/false_failovers",
        "/metrics/missed",
        "/comparison/pointsman/metrics/failover_s",
        "/unmeasured",
    ] {
        assert!(json.pointer(pointer).is_some_and(|value| !value.is_null()), "{pointer}");
    }
    assert_eq!(json["comparison"]["native"], serde_json::Value::Null);
    assert_eq!(json["metrics"], json["faults"][0]["metrics"]);
    assert_eq!(serde_json::from_value::<Report>(json).unwrap(), drill().report());
}

#[test]
fn the_timeline_tells_when_clients_moved() {
    let timeline = drill().report().timeline;
    assert!(timeline.is_sorted_by(|one, other| one.t <= other.t));
    let kinds: Vec<_> = timeline.iter().map(|event| (event.event, event.t)).collect();
    // 95 of 100 requests of the window from 19.5, and again from 89.5.
    assert!(kinds.contains(&(EventKind::ClientsMoved, 19.5)), "{kinds:?}");
    assert!(kinds.contains(&(EventKind::FailbackDone, 89.5)), "{kinds:?}");
}

#[test]
fn what_is_not_so_is_not_met() {
    let mut drill = drill();
    drill.scenario.expect.hold = [HoldCode::AllRegionsDown].into();
    drill.scenario.expect.metrics.mttr_s.at_most = Some(5.0);
    drill.timeline.retain(|event| event.event != EventKind::Decision);
    drill.timeline.pop();
    let report = drill.report();
    let unmet: Vec<_> =
        report.expectations.iter().filter(|e| !e.met).map(|e| (e.text.as_str(), e.seen.as_str())).collect();
    assert_eq!(
        unmet,
        [
            ("eu-west-1 answers at the end", "us-east-1"),
            ("holds because of all_regions_down", "counting"),
            ("decision_s at most 5", "not measured: no plan was taken to leave the region"),
            ("mttr_s at most 5", "10"),
        ]
    );
    assert!(!report.met());
}

#[test]
fn without_a_fault_there_is_nothing_to_report() {
    let mut drill = drill();
    drill.faults.clear();
    let Drill { scenario, records, faults, timeline } = &drill;
    let evidence = Evidence { scenario, records, faults, timeline, ended: 5.0 };
    assert_eq!(Report::new(&evidence, Circumstances::default(), Rivals::default()), Err(NothingToReport));
}

/// A lived rule by which AWS failed from 9 to 60.
fn aws_failed() -> Lived {
    let source = include_str!("../../../scenarios/control-plane-down.toml");
    let scenario = Scenario::parse("control-plane-down.toml", source).unwrap();
    let what = scenario.aws_faults().next().unwrap().what.clone();
    Lived { what, injected: 9.0, cleared: Some(60.0) }
}

#[test]
fn a_fault_of_aws_is_no_region_s() {
    let mut drill = drill();
    let alone = drill.report();
    let (faults, aws) = metrics::part(vec![aws_failed(), drill.faults.remove(0)]);
    assert_eq!((faults.len(), aws.len()), (1, 1));
    drill.faults = faults;
    assert_eq!(drill.report().metrics, alone.metrics);
}

#[test]
fn where_only_aws_failed_that_is_measured_and_says_so() {
    let mut drill = drill();
    let (faults, aws) = metrics::part(vec![aws_failed()]);
    assert_eq!(faults, aws);
    drill.faults = faults;
    let report = drill.report();
    assert_eq!(report.unmeasured["answer_s"], "the fault was AWS's, not a region's");
    assert!(report.metrics.requests > 0 && report.metrics.mttr_s.is_some());
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["faults"][0]["aws"]["effect"]["kind"], "route53-control-plane");
}

#[test]
fn what_must_be_said_and_what_may_not_be_asked_are_expectations() {
    let mut drill = drill();
    drill.scenario.expect.event = vec!["cannot flip".to_owned(), "plan 7".to_owned()];
    drill.scenario.expect.no_calls =
        vec![scenario::aws::Calls { region: "us-east-1".parse().ok(), ..scenario::aws::Calls::default() }];
    let detail = Some("cannot flip: control plane unreachable".to_owned());
    drill.timeline.push(Event { detail, ..Event::new(15.0, EventKind::Alarm, &drill.scenario.regions[0]) });
    let last: Vec<_> = drill.report().expectations;
    let find = |text: &str| last.iter().find(|it| it.text.contains(text)).unwrap();
    assert_eq!(find("says: cannot flip").seen, "said at 15s");
    assert!(!find("says: plan 7").met);
    assert!(find("no call of our functions to AWS in us-east-1").met);
}

#[test]
fn the_summary_shows_headline_and_expectations() {
    let mut drill = drill();
    drill.scenario.expect.hold = [HoldCode::AllRegionsDown].into();
    let summary = drill.report().summary();
    let line = |label: &str| summary.lines().find(|line| line.contains(label)).unwrap_or_default().to_owned();
    assert!(line("clients moved").contains("9.5 s"), "{summary}");
    assert!(line("availability").contains("92.31 %"), "{summary}");
    assert!(line("all_regions_down").contains("NOT MET"), "{summary}");
}
