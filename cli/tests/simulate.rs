//! `simulate`, as a user runs it: what it prints, and how it ends.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use support::{
    program::{self, pointsman},
    workspace,
};

#[test]
fn what_is_printed_is_what_others_rely_on() {
    let arguments = ["simulate", "region-outage", "--seeds", "5", "--output", "json"];
    let summary = program::run(pointsman(&workspace(), arguments), program::COMMAND).exits(0).json();
    for field in ["scenario", "seeds", "hours", "rounds_run", "rounds_skipped", "probe_failure_rate"] {
        assert!(!summary[field].is_null(), "no `{field}`: {summary:#}");
    }
    for controller in ["pointsman", "native_fast", "native_standard", "threshold"] {
        let figures = &summary["controllers"][controller];
        for field in ["false_failovers", "missed", "availability"] {
            assert!(figures[field].is_number(), "{controller} has no `{field}`: {summary:#}");
        }
        for field in ["detection_s", "accepted_s", "answer_s", "failover_s"] {
            assert!(figures[field].get("p95").is_some(), "{controller} has no `{field}`: {summary:#}");
        }
    }
    let again = program::run(pointsman(&workspace(), arguments), program::COMMAND).exits(0).json();
    assert_eq!(summary, again, "the same seeds give the same figures, on however many cores");
}

#[test]
fn a_day_of_weather_has_the_uncorroborated_beside_it() {
    let arguments = ["simulate", "--hours", "24", "--output", "json"];
    let summary = program::run(pointsman(&workspace(), arguments), program::COMMAND).exits(0).json();
    assert_eq!((&summary["scenario"], &summary["hours"]), (&"weather".into(), &24.0.into()));
    assert!(summary["controllers"]["pointsman_uncorroborated"].is_object(), "{summary:#}");
}

#[test]
fn an_unknown_scenario_is_a_mistake_of_usage() {
    let ended = program::run(pointsman(&workspace(), ["simulate", "earthquake"]), program::COMMAND).exits(2);
    ended.says(&["there is no scenario `earthquake`"]);
}
