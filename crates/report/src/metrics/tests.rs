//! Hand-made drills with worked-out numbers.

use std::time::Duration;

use domain::Period;
use proptest::prelude::*;

use super::*;
use crate::records::{Failure, Outcome, Request};
use scenario::{Must, fault::Fault};

const EU: &str = "eu-west-1";
const US: &str = "us-east-1";
/// Unscaled requests a second.
const RATE: u32 = 10;

fn region(name: &str) -> RegionName {
    name.parse().unwrap()
}

/// The scenario `region-outage`, at a speed of 2.
fn outage() -> Scenario {
    let source = include_str!("../../../../scenarios/region-outage.toml");
    Scenario { speed: 2.0, ..Scenario::parse("region-outage.toml", source).unwrap() }
}

/// A drill of so many seconds: `answer` says which region answers a request of that time, if any.
fn records(seconds: u32, answer: impl Fn(f64) -> Option<&'static str>) -> Records {
    let mut records = Records::default();
    for k in 0..seconds * RATE {
        let t = f64::from(k) / f64::from(RATE);
        let (outcome, takes) = match answer(t) {
            Some(_) => (Outcome::Status(200), Duration::from_millis(2)),
            None => (Outcome::Failed(Failure::Timeout), Duration::from_millis(500)),
        };
        let intended = Duration::from_secs_f64(t / 2.0);
        records.push(Request::new(intended, intended, intended + takes, outcome), answer(t), None);
    }
    records
}

fn lived(name: &str, injected: f64, cleared: f64) -> Lived {
    Lived { what: What::Region { fault: Fault::Down, region: region(name) }, injected, cleared: Some(cleared) }
}

fn event(t: f64, kind: EventKind, name: &str) -> Event {
    Event::new(t, kind, &region(name))
}

fn answers(changes: &[(f64, &str)]) -> Vec<Event> {
    changes.iter().map(|(t, name)| event(*t, EventKind::DnsAnswerChanged, name)).collect()
}

/// Down from 10 to 50; answered by the standby from 40 to 100.
fn moved_and_returned(t: f64) -> Option<&'static str> {
    match t {
        10.0..40.0 => None,
        40.0..100.0 => Some(US),
        _ => Some(EU),
    }
}

fn near(seen: Option<f64>, wanted: f64) {
    let seen = seen.expect("measured");
    assert!((seen - wanted).abs() <= 0.002 * wanted, "{seen} is not {wanted}");
}

#[test]
fn an_outage_is_measured_as_the_contract_says() {
    let scenario = outage();
    let records = records(130, moved_and_returned);
    let mut timeline = answers(&[(24.0, US), (82.0, EU)]);
    timeline.extend([
        event(14.5, EventKind::Decision, US),
        event(13.25, EventKind::Quorum, EU),
        event(71.0, EventKind::FailbackDecision, EU),
    ]);
    let faults = [lived(EU, 10.0, 50.0)];
    let evidence =
        Evidence { scenario: &scenario, records: &records, faults: &faults, timeline: &timeline, ended: 130.0 };
    let [measured] = measure(&evidence).try_into().unwrap();
    let Measured { metrics, unmeasured, target, .. } = measured;
    assert_eq!(target, Some(region(US)));
    assert_eq!(unmeasured, BTreeMap::new());
    assert_eq!(metrics.detection_s, Some(3.25));
    assert_eq!(metrics.decision_s, Some(4.5));
    assert_eq!(metrics.answer_s, Some(14.0));
    // 95 of the 100 requests from 39.5 to 49.5 reach the standby.
    assert_eq!(metrics.failover_s, Some(29.5));
    assert_eq!(metrics.mttr_s, Some(30.0));
    assert_eq!(metrics.failback_s, Some(49.5));
    assert_eq!(metrics.requests, 1_300);
    near(metrics.throughput_rps, 1_000.0 / 130.0);
    near(metrics.success_rate, 1_000.0 / 1_300.0);
    near(metrics.availability, 100.0 / 130.0);
    // Twice what the process saw, at twice the speed of life.
    near(metrics.latency_ms.before.p99, 4.0);
    near(metrics.latency_ms.during.p95, 1_000.0);
    near(metrics.latency_ms.after.p50, 4.0);
    assert_eq!((metrics.false_failovers, metrics.missed, metrics.switches), (0, 0, 2));
    assert_eq!(judge(&evidence), [Judgement::Left { after_s: 14.0, in_time: true }, Judgement::Stayed]);
}

#[test]
fn what_did_not_happen_is_null_with_a_reason() {
    let scenario = outage();
    let records = records(60, |t| (!(10.0..50.0).contains(&t)).then_some(EU));
    let faults = [lived(EU, 10.0, 50.0)];
    let evidence = Evidence { scenario: &scenario, records: &records, faults: &faults, timeline: &[], ended: 60.0 };
    let measured = &measure(&evidence)[0];
    let metrics = &measured.metrics;
    for (metric, seconds) in [
        ("detection_s", metrics.detection_s),
        ("decision_s", metrics.decision_s),
        ("answer_s", metrics.answer_s),
        ("failover_s", metrics.failover_s),
        ("failback_s", metrics.failback_s),
    ] {
        assert_eq!(seconds, None, "{metric}");
        assert!(measured.unmeasured.contains_key(metric), "{metric}");
    }
    assert_eq!(measured.unmeasured["answer_s"], "the answer never left the region");
    // The last ten seconds are good, and just long enough.
    assert_eq!(metrics.mttr_s, Some(40.0));
    assert_eq!(metrics.missed, 1);
    assert_eq!(judge(&evidence), [Judgement::NotLeft, Judgement::Stayed]);
}

#[test]
fn a_fault_where_no_one_is_served_moves_nobody() {
    let scenario = outage();
    let records = records(60, |_| Some(EU));
    let faults = [lived(US, 10.0, 20.0)];
    let timeline = [event(12.0, EventKind::Quorum, US)];
    let evidence =
        Evidence { scenario: &scenario, records: &records, faults: &faults, timeline: &timeline, ended: 60.0 };
    let measured = &measure(&evidence)[0];
    assert_eq!(measured.metrics.detection_s, Some(2.0));
    assert_eq!(measured.metrics.failover_s, None);
    assert_eq!(measured.unmeasured["failover_s"], "the region was not the one that served");
    assert_eq!(measured.metrics.mttr_s, Some(0.0));
}

#[test]
fn what_follows_the_next_fault_of_a_region_belongs_to_that() {
    let scenario = outage();
    let records = records(60, |_| Some(EU));
    let faults = [lived(EU, 10.0, 12.0), lived(EU, 20.0, 30.0)];
    let timeline = [event(23.0, EventKind::Quorum, EU)];
    let evidence =
        Evidence { scenario: &scenario, records: &records, faults: &faults, timeline: &timeline, ended: 60.0 };
    let measured = measure(&evidence);
    assert_eq!(measured[0].metrics.detection_s, None);
    assert_eq!(measured[1].metrics.detection_s, Some(3.0));
}

#[test]
fn only_departures_that_the_truth_forbids_are_false() {
    let mut scenario = outage();
    let records = records(130, |_| Some(EU));
    let faults = [lived(EU, 10.0, 50.0)];
    let mut count = |timeline: &[Event], must_of_eu| {
        scenario.truth[0].must = must_of_eu;
        let evidence = Evidence { scenario: &scenario, records: &records, faults: &faults, timeline, ended: 130.0 };
        let metrics = &measure(&evidence)[0].metrics;
        (metrics.false_failovers, metrics.missed)
    };
    let leave = Must::LeaveWithin(Period::seconds(30));
    assert_eq!(count(&answers(&[(24.0, US), (82.0, EU)]), leave), (0, 0), "a failback is no failover");
    assert_eq!(count(&answers(&[(24.0, US), (45.0, EU)]), leave), (1, 0), "back into the fault");
    assert_eq!(count(&answers(&[(41.0, US)]), leave), (0, 1), "left too late");
    assert_eq!(count(&answers(&[(5.0, US), (60.0, EU)]), Must::Stay), (1, 0), "left before any fault");
    let nowhere = Event { region: None, ..event(24.0, EventKind::DnsAnswerChanged, US) };
    assert_eq!(count(&[nowhere], Must::Stay), (1, 0), "an empty answer leaves the region too");
}

#[test]
fn latency_counts_stalls_but_not_refusals() {
    let scenario = outage();
    let mut records = Records::default();
    let at = |seconds| Duration::from_secs(seconds);
    for k in 0..30 {
        let outcome = if k < 10 { Outcome::Status(503) } else { Outcome::Failed(Failure::Refused) };
        records.push(Request::new(at(k), at(k), at(k) + Duration::from_millis(3), outcome), None, None);
    }
    let faults = [lived(EU, 20.0, 40.0)];
    let evidence = Evidence { scenario: &scenario, records: &records, faults: &faults, timeline: &[], ended: 60.0 };
    let measured = &measure(&evidence)[0];
    near(measured.metrics.latency_ms.before.p50, 6.0);
    assert_eq!(measured.metrics.latency_ms.during, Percentiles::default());
    assert!(measured.unmeasured.contains_key("latency_ms.during"));
}

fn any_outcome() -> impl Strategy<Value = (Outcome, Option<&'static str>)> {
    prop_oneof![
        4 => prop_oneof![Just(EU), Just(US)].prop_map(|name| (Outcome::Status(200), Some(name))),
        1 => Just((Outcome::Status(503), Some(EU))),
        1 => prop_oneof![Just(Failure::Refused), Just(Failure::Timeout), Just(Failure::Overflow)]
            .prop_map(|failure| (Outcome::Failed(failure), None)),
    ]
}

proptest! {
    #[test]
    fn metrics_keep_their_bounds(
        outcomes in prop::collection::vec((any_outcome(), 0_u64..3_000), 0..400),
        changes in prop::collection::vec((0.0..60.0, prop_oneof![Just(EU), Just(US)]), 0..6),
        injected in 1.0..30.0,
        lasts in 0.5..40.0,
    ) {
        let scenario = outage();
        let mut records = Records::default();
        for (k, ((outcome, name), takes)) in outcomes.iter().enumerate() {
            let intended = Duration::from_millis(75 * k as u64);
            let ended = intended + Duration::from_millis(*takes);
            records.push(Request::new(intended, intended, ended, *outcome), *name, None);
        }
        let faults = [lived(EU, injected, injected + lasts)];
        let timeline = answers(&changes);
        let evidence = Evidence { scenario: &scenario, records: &records, faults: &faults, timeline: &timeline, ended: 60.0 };
        let measured = &measure(&evidence)[0];
        let metrics = &measured.metrics;
        prop_assert_eq!(metrics.requests, outcomes.len() as u64);
        for share in [metrics.availability, metrics.success_rate].into_iter().flatten() {
            prop_assert!((0.0..=1.0).contains(&share), "{share}");
        }
        prop_assert_eq!(metrics.success_rate.is_none(), outcomes.is_empty());
        // Ten seconds must fit before the end.
        for (seconds, since) in [
            (metrics.failover_s, injected),
            (metrics.mttr_s, injected),
            (metrics.failback_s, injected + lasts),
        ] {
            if let Some(seconds) = seconds {
                prop_assert!((0.0..=50.001 - since).contains(&seconds), "{seconds} since {since}");
            }
        }
        for percentiles in [metrics.latency_ms.before, metrics.latency_ms.during, metrics.latency_ms.after] {
            prop_assert!(percentiles.p50 <= percentiles.p95 && percentiles.p95 <= percentiles.p99);
        }
        prop_assert!(metrics.missed <= 1 && metrics.switches as usize <= changes.len());
        for (metric, missing) in [
            ("failover_s", metrics.failover_s.is_none()),
            ("mttr_s", metrics.mttr_s.is_none()),
            ("availability", metrics.availability.is_none()),
            ("latency_ms.after", metrics.latency_ms.after.p50.is_none()),
        ] {
            prop_assert_eq!(measured.unmeasured.contains_key(metric), missing, "{}", metric);
        }
    }

    #[test]
    fn a_window_is_found_where_a_slow_search_finds_it(
        good in prop::collection::vec(prop::bool::weighted(0.9), 1..300),
        from in 0_u32..160,
    ) {
        // Eighths of a second have no rounding.
        let from = f64::from(from) / 8.0;
        let mut records = Records::default();
        for (k, good) in good.iter().enumerate() {
            let intended = Duration::from_millis(125 * k as u64);
            let status = if *good { 200 } else { 503 };
            records.push(Request::new(intended, intended, intended, Outcome::Status(status)), None, None);
        }
        let ended = good.len() as f64 / 4.0;
        let found = Traffic::new(&records, 2.0).first_window(from, ended, MOVED, |sent| sent.success);
        let times = good.iter().enumerate().map(|(k, good)| (k as f64 / 4.0, *good));
        let starts = std::iter::once(from).chain(times.clone().map(|(t, _)| t).filter(|t| *t > from));
        let slow = starts.into_iter().find(|start| {
            let window: Vec<_> = times.clone().filter(|(t, _)| *start <= *t && *t < start + WINDOW_S).collect();
            let good = window.iter().filter(|(_, good)| *good).count();
            start + WINDOW_S <= ended && !window.is_empty() && good as f64 >= MOVED * window.len() as f64
        });
        prop_assert_eq!(found, slow);
    }
}
