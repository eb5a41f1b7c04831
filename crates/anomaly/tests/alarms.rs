//! How often usual endpoints are told of, and what is seen all the same after that.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

#[path = "support/endpoint.rs"]
mod endpoint;

use anomaly::Reading;
use domain::Sign;
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

#[test]
fn what_never_failed_is_unusual_in_the_first_round_that_does_however_noisy_the_rounds_before() {
    for nature in NATURES.into_iter().filter(|nature| nature.errors == 0.0) {
        for seed in 0..20 {
            // As in a drill: a minute to learn from.
            let mut watch = Watch::new(nature, "us-west-2", seed, 1.0, 40.0, 300.0);
            (0..47).for_each(|_| drop(round(&mut watch)));
            watch.endpoint.fails = true;
            let reading = round(&mut watch);
            assert!(reading.unusual, "{}, {seed}: {reading:?}", nature.name);
            assert!(reading.anomaly.reasons().iter().any(|reason| reason.sign == Sign::HttpErrors), "{reading:?}");
        }
    }
}

#[test]
fn a_day_is_no_alarm_and_its_afternoon_at_night_is() {
    // 5 ms at three in the morning, 27 ms at three in the afternoon.
    let nature = Nature { own: 0.1, daily: 0.8, ..NATURES[0] };
    let mut watch = Watch::new(nature, "us-west-2", 1, 10.0, 3_600.0, PER_DAY);
    let mut day = || (0..ROUNDS_PER_DAY).filter(|_| round(&mut watch).anomaly.is_alert()).count();
    let days: Vec<_> = (0..7).map(|_| day()).collect();
    assert_eq!(days[3..], [0; 4], "{days:?}");
    // It began at 22:13. Now it is three, and in twenty minutes the endpoint's day goes on to its afternoon.
    (0..1_720).for_each(|_| drop(round(&mut watch)));
    let seen = (0..120_u32).map(|step| {
        watch.endpoint.hours_ahead = f64::from(step) / 10.0;
        round(&mut watch)
    });
    let seen = seen.collect::<Vec<_>>().into_iter().find(|reading| reading.unusual).unwrap();
    // By day it is as usual as it can be.
    let times = seen.anomaly.reasons()[0].times.unwrap();
    assert!((0.4..2.0).contains(&times), "{seen:?}");
}
