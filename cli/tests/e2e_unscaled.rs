//! At life's own speed EventBridge's rule starts the checkers: nobody else does.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use support::{
    aws::{CONTROL_REGION, OBSERVERS},
    emulator::Emulator,
    lab::Lab,
    seconds,
};

/// Every round is written only while some region is not up, so the second one is taken down; nothing is to be moved.
const SCENARIO: &str = r#"
name = "unscaled"
title = "The standby is away, at life's own speed"
regions = ["eu-west-1", "us-east-1"]
ends_after = "10s"

[steady]
for = "8s"

[policy]
mode = "observe"
interval = "2s"
timeout = "1s"
down_after = 3
up_after = 20

[[fault]]
kind = "down"
region = "us-east-1"
at = "0s"
for = "130s"

[[truth]]
region = "eu-west-1"
must_stay = true

[[truth]]
region = "us-east-1"
must_stay = true
"#;
/// Two minutes of rounds, each 2 s.
const ROUNDS: u64 = 60;

/// The rounds of an observer that were seen, and the invocation that made each.
type Rounds = BTreeMap<u64, String>;

fn reach(rounds: &Rounds) -> u64 {
    rounds.keys().next_back().zip(rounds.keys().next()).map_or(0, |(last, first)| last - first)
}

on_both!(eventbridges_minute_starts_the_checkers_and_no_round_is_missing);

fn eventbridges_minute_starts_the_checkers_and_no_round_is_missing(emulator: Emulator) {
    let _trial = emulator.tries("EventBridge's own minute, at life's speed");
    let lab = Lab::up(emulator, SCENARIO, 1);
    let aws = lab.aws();
    for region in OBSERVERS {
        let rule = aws.rule(region, "pointsman-checker-every-minute");
        assert_eq!((&rule["State"], &rule["ScheduleExpression"]), (&"ENABLED".into(), &"rate(1 minute)".into()));
    }
    lab.fault("us-east-1", r#"{"kind":"down"}"#);

    let mut seen: BTreeMap<&str, Rounds> = OBSERVERS.map(|observer| (observer, Rounds::new())).into();
    // A minute until the rule fires first, two minutes of rounds, and one of grace.
    let deadline = Instant::now() + seconds(240);
    while seen.values().any(|rounds| reach(rounds) < ROUNDS) {
        assert!(Instant::now() < deadline, "two minutes of rounds were not seen: {seen:#?}");
        for (observer, rounds) in &mut seen {
            let Some(observation) = aws.observation(observer, lab.service()) else { continue };
            // What the deployment's own invocation wrote came before the fault, and before the regions' names were known.
            let verdict = |region: &str| observation["regions"][region]["verdict"].as_str();
            if (verdict("eu-west-1"), verdict("us-east-1")) == (Some("up"), Some("down")) {
                let invocation = observation["invocation"].as_str().unwrap().to_owned();
                rounds.entry(observation["round"].as_u64().unwrap()).or_insert(invocation);
            }
        }
        // Rounds are 2 s apart: this sees each of them.
        thread::sleep(Duration::from_millis(100));
    }

    for (observer, rounds) in &seen {
        let all: Vec<_> = rounds.keys().copied().collect();
        let missing: Vec<_> = all.windows(2).filter(|two| two[1] != two[0] + 1).collect();
        assert!(missing.is_empty(), "{observer} has gaps between rounds {missing:?}: {rounds:#?}");
        let invocations: BTreeSet<_> = rounds.values().collect();
        assert!(invocations.len() >= 2, "{observer}: two minutes take two invocations or more: {invocations:?}");
    }
    assert_eq!(lab.answering(), Some("eu-west-1"));
    let failover = aws.rule(CONTROL_REGION, "pointsman-failover-every-minute");
    assert_eq!(failover["State"], Value::from("ENABLED"));
    lab.down().exits(0);
}
