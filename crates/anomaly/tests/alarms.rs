//! How often usual endpoints are told of, and what is seen all the same after that.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

#[path = "support/endpoint.rs"]
mod endpoint;

use anomaly::Reading;
use endpoint::{NATURES, Nature, Watch};

const PER_DAY: f64 = 0.1;
const DAYS: u32 = 7;
const ROUNDS_PER_DAY: u32 = 8_640;
/// Nothing is known to be an incident.
const NO_LIMIT: f64 = f64::INFINITY;

fn round(watch: &mut Watch) -> Reading {
    watch.round(NO_LIMIT).unwrap().0.unwrap()
}

/// An endpoint after its first week, and how many alerts a day that week had.
fn week(nature: Nature) -> (Watch, f64) {
    let mut watch = Watch::new(nature, "us-west-2", 1, 10.0, 3_600.0, PER_DAY);
    let alerts = (0..DAYS * ROUNDS_PER_DAY).filter(|_| round(&mut watch).anomaly.is_alert()).count();
    (watch, alerts as f64 / f64::from(DAYS))
}

#[test]
fn false_alarms_keep_to_their_rate_and_faults_are_seen_all_the_same() {
    let mut mean = 0.0;
    for nature in NATURES {
        let (mut watch, alerts) = week(nature);
        assert!(alerts <= 10.0 * PER_DAY, "{}: {alerts} a day", nature.name);
        mean += alerts / NATURES.len() as f64;
        // What false alarms there were must not have made it blind.
        watch.endpoint.later_ms = 300.0;
        let slow: Vec<_> = (0..12).map(|_| round(&mut watch)).collect();
        assert!(slow.iter().any(|reading| reading.unusual), "{}: {slow:?}", nature.name);
    }
    assert!(mean <= 2.0 * PER_DAY, "{mean} a day on average");
}
