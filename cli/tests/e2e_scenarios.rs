//! Every scenario that comes with Pointsman, run as a user runs it, with its expected outcome.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use serde_json::Value;
use support::{
    emulator::Emulator,
    program::{self, pointsman},
    rehearsal::Rehearsed,
    workspace,
};

on_both!(
    outage_flapping_and_latency_side_by_side,
    nowhere_to_go_and_a_liar_side_by_side,
    an_empty_answer_three_regions_and_stale_clients_side_by_side,
    errors_a_failback_by_hand_and_a_lost_observer_side_by_side,
    a_burning_cpu_alone_and_after_other_faults,
    beside_route_53_alone_we_are_sooner_and_see_a_brownout,
    a_slow_bleed_is_left_and_its_score_is_recorded,
);

/// What every report has, whatever happened (contracts.md).
const FIELDS: [&str; 17] = [
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
    "verdicts",
    "anomaly",
    "partial",
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

/// Drills these side by side, and checks all that holds for every scenario.
fn rehearse(emulator: Emulator, scenarios: &[&str], options: &[&str]) -> Rehearsed {
    let rehearsed = Rehearsed::drill(emulator, scenarios, options);
    for (name, report) in rehearsed.reports() {
        check(name, report);
    }
    rehearsed
}

/// What holds for every report.
fn check(name: &str, report: &Value) {
    for field in FIELDS {
        assert!(report.get(field).is_some(), "no `{field}`: {report:#}");
    }
    assert_eq!(report["scenario"], name);
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
        assert_eq!(expectation["met"], true, "{name}: {expectation:#}");
    }
    let times: Vec<_> =
        report["timeline"].as_array().unwrap().iter().map(|event| event["t"].as_f64().unwrap()).collect();
    assert!(times.is_sorted(), "{times:?}");
    let said = report["verdicts"].as_array().unwrap();
    let at_first = said.iter().filter(|said| said["t"] == 0.0 && said["verdict"] == "up").count();
    let known = ["regions", "observers"].map(|key| report[key].as_array().unwrap().len());
    assert_eq!(at_first, known[0] * known[1], "{name}: every observer saw every region up when it began: {said:?}");
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

fn detail<'a>(report: &'a Value, event: &str) -> &'a str {
    let events = report["timeline"].as_array().unwrap();
    let found = events.iter().find(|it| it["event"] == event).unwrap_or_else(|| panic!("no {event}: {events:#?}"));
    found["detail"].as_str().unwrap()
}

/// Route 53 alone had no more good seconds than we had; the second in which a fault begins or ends may fall to either.
fn no_less_available_than_native(report: &Value) {
    let availability = |controller: &str| report["comparison"][controller]["metrics"]["availability"].as_f64().unwrap();
    let a_second = 1.0 / report["lasted_s"].as_f64().unwrap();
    assert!(availability("pointsman") >= availability("native") - 0.001 - a_second, "{:#}", report["comparison"]);
}

/// Latency at the median, in milliseconds of life.
fn p50(report: &Value, when: &str) -> f64 {
    report["metrics"]["latency_ms"][when]["p50"].as_f64().unwrap()
}

fn outage_flapping_and_latency_side_by_side(emulator: Emulator) {
    let reports = rehearse(emulator, &["region-outage", "flapping", "latency-spike"], &[]);
    an_outage_moves_the_traffic_and_its_end_brings_it_back(&reports["region-outage"]);
    the_simulation_agrees(&reports["region-outage"]);

    let flapping = &reports["flapping"];
    assert_eq!(first(flapping, "decision"), None, "short blips move nothing");
    assert!(first(flapping, "first_bad_probe").is_some(), "the blips were not even seen: {:#}", flapping["timeline"]);

    let spike = &reports["latency-spike"];
    assert!(p50(spike, "during") > p50(spike, "before") + 150.0, "{:#}", spike["metrics"]);
    let said = spike["verdicts"].as_array().unwrap();
    assert!(said.iter().any(|said| said["verdict"] == "degraded"), "nobody saw that it was slow: {said:?}");
}

/// A drill's answer and its clients move within four seconds of the median of two hundred simulated lives.
fn the_simulation_agrees(report: &Value) {
    let arguments = ["simulate", "region-outage", "--seeds", "200", "--output", "json"];
    let simulated = program::run(pointsman(&workspace(), arguments), program::COMMAND).exits(0).json();
    for name in ["answer_s", "failover_s"] {
        let median = simulated["controllers"]["pointsman"][name]["p50"].as_f64().unwrap();
        let drilled = metric(report, name);
        assert!((median - drilled).abs() <= 4.0, "{name}: {drilled} drilled, {median} simulated");
    }
}

fn an_outage_moves_the_traffic_and_its_end_brings_it_back(report: &Value) {
    // With rounds of 1 s.
    assert!(metric(report, "decision_s") <= 5.0, "{:#}", report["metrics"]);
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
        let (t, at) = first(report, event).unwrap_or_else(|| panic!("no {event}: {:#}", report["timeline"]));
        assert_eq!(at, region, "{event}");
        t
    });
    assert!(found.is_sorted(), "{found:?}");
}

fn nowhere_to_go_and_a_liar_side_by_side(emulator: Emulator) {
    let reports = rehearse(emulator, &["both-down", "observer-lies"], &["--compare", "native"]);
    let both = &reports["both-down"];
    no_less_available_than_native(both);
    assert!(both["holds"].as_array().unwrap().contains(&"all_regions_down".into()), "{}", both["holds"]);
    assert_eq!(first(both, "decision"), None);
    assert_eq!(first(both, "dns_answer_changed"), None);

    let lies = &reports["observer-lies"];
    assert_eq!(first(lies, "decision"), None);
    let is_down = |said: &&Value| said["verdict"] == "down";
    let said = lies["verdicts"].as_array().unwrap();
    assert!(said.iter().any(|said| is_down(&said)), "the lie was never told: {said:?}");
    assert!(said.iter().filter(is_down).all(|said| said["observer"] == "us-west-2"), "{said:?}");
}

fn an_empty_answer_three_regions_and_stale_clients_side_by_side(emulator: Emulator) {
    let reports = rehearse(emulator, &["dns-empty", "three-regions", "stale-clients"], &[]);
    let empty = &reports["dns-empty"];
    assert!(detail(empty, "first_bad_probe").contains("dns_empty"), "{}", detail(empty, "first_bad_probe"));

    let three = &reports["three-regions"];
    let last = three["timeline"].as_array().unwrap().iter().rfind(|event| event["event"] == "decision").unwrap();
    assert_eq!(last["region"], "another-cloud");

    let stale = &reports["stale-clients"];
    assert!(metric(stale, "answer_s") <= 20.0);
    assert!(stale["unmeasured"]["failover_s"].is_string(), "a quarter of the clients never moves");
}

fn errors_a_failback_by_hand_and_a_lost_observer_side_by_side(emulator: Emulator) {
    let reports = rehearse(emulator, &["error-burst", "failback-by-hand", "observer-loss"], &[]);
    assert!(detail(&reports["error-burst"], "first_bad_probe").contains("http_status"));

    let by_hand = &reports["failback-by-hand"];
    let why = detail(by_hand, "failback_decision");
    assert!(why.contains("by the drill") && why.contains("the database has caught up"), "{why}");

    let loss = &reports["observer-loss"];
    assert_eq!(first(loss, "decision"), None);
    let cut_off = |said: &&Value| said["observer"] == "eu-central-1" && said["region"] == "eu-west-1";
    let said: Vec<_> = loss["verdicts"].as_array().unwrap().iter().filter(cut_off).map(|it| &it["verdict"]).collect();
    assert!(said.contains(&&Value::from("down")), "it was never cut off: {said:?}");
}

fn a_burning_cpu_alone_and_after_other_faults(emulator: Emulator) {
    let reports = rehearse(emulator, &["cpu-saturation", "sequential"], &["--compare", "native"]);
    let burning = &reports["cpu-saturation"];
    assert_eq!(first(burning, "decision"), None);
    let sequential = &reports["sequential"];
    no_less_available_than_native(sequential);
    let left: Vec<_> = sequential["faults"].as_array().unwrap().iter().map(|it| &it["metrics"]["answer_s"]).collect();
    assert!(left[0].is_number() && left[1].is_number() && left[2].is_null(), "{left:?}");
}

fn beside_route_53_alone_we_are_sooner_and_see_a_brownout(emulator: Emulator) {
    let reports = rehearse(emulator, &["region-outage", "brownout"], &["--compare", "native"]);
    let outage = &reports["region-outage"]["comparison"];
    let of = |controller: &str, metric: &str| {
        let metrics = &outage[controller]["metrics"];
        metrics[metric].as_f64().unwrap_or_else(|| panic!("{controller}: no {metric}: {metrics:#}"))
    };
    assert!(of("pointsman", "answer_s") <= of("native", "answer_s") / 2.0, "{outage:#}");
    assert!(of("pointsman", "failover_s") <= of("native", "failover_s") * 0.75, "{outage:#}");
    assert!(of("pointsman", "availability") >= of("native", "availability") - 0.001, "{outage:#}");

    let brownout = &reports["brownout"];
    let why = detail(brownout, "decision");
    assert!(why.contains("orders") && why.contains("users"), "one deep path corroborates the other: {why}");
    assert!(!why.contains("health"), "/health is fine: {why}");
    let native = &brownout["comparison"]["native"]["metrics"];
    assert_eq!((&native["answer_s"], &native["missed"]), (&Value::Null, &Value::from(1)), "native never leaves it");
}

fn a_slow_bleed_is_left_and_its_score_is_recorded(emulator: Emulator) {
    let reports = rehearse(emulator, &["slow-bleed"], &[]);
    let anomaly = &reports["slow-bleed"]["anomaly"];
    let detection = &anomaly["detection"][0];
    assert_eq!(detection["region"], "eu-west-1", "{detection:#}");
    // How soon the score tells varies with what forty rounds have taught it: docs/anomaly.md has what was seen.
    assert!(detection["quorum_without_s"].is_number() && detection.get("quorum_with_s").is_some(), "{detection:#}");
    let scores = anomaly["scores"].as_array().unwrap();
    assert!(scores.iter().any(|score| score["score"].is_number()), "nothing was scored");
}
