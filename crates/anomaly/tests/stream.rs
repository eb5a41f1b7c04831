//! The detector from outside.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use anomaly::{AnomalyError, Aspect, Detector, DetectorParams, IsolationForest, Observed, Scored};
use support::cloud;

/// Ten seconds a row.
fn detector(columns: usize) -> Detector {
    DetectorParams::default().seed(1).learn(300).refit(200).check().unwrap().detector(columns)
}

/// Feeds usual rows, the last column constant; the alerts among them.
fn feed(detector: &mut Detector, from: usize, rows: usize) -> usize {
    let values = cloud(5000, 1);
    (from..from + rows)
        .filter(|row| {
            let second = i64::try_from(*row).unwrap() * 10;
            let observed = detector.observe(second, &[values[[*row, 0]], 300.0]).unwrap();
            matches!(observed, Observed::Scored(Scored { alert: true, .. }))
        })
        .count()
}

fn scored(observed: Observed) -> Scored {
    match observed {
        Observed::Scored(scored) => scored,
        Observed::Learning => panic!("it is learning"),
    }
}

#[test]
fn it_learns_before_it_scores() {
    let mut detector = detector(2);
    for row in 0..300 {
        assert_eq!(detector.observe(row * 10, &[(row % 7) as f64, 300.0]).unwrap(), Observed::Learning);
        assert!(detector.reasons().unwrap().is_empty());
    }
    scored(detector.observe(3000, &[3.0, 300.0]).unwrap());
}

#[test]
fn an_outlier_alerts_once_an_episode_and_is_explained() {
    let mut detector = detector(2);
    assert!(feed(&mut detector, 0, 1000) <= 2);
    let first = scored(detector.observe(10_000, &[40.0, 300.0]).unwrap());
    assert!(first.alert && first.false_alarms_per_day < 0.1, "{first:?}");
    let reason = detector.reasons().unwrap()[0];
    assert_eq!(reason.column, 0);
    let more: Vec<_> =
        (1001..1100).map(|row| scored(detector.observe(row * 10, &[row as f64, 300.0]).unwrap())).collect();
    assert!(more.iter().all(|scored| !scored.alert), "{more:?}");
}

#[test]
fn a_change_in_what_never_changed_alerts_at_once() {
    let mut detector = detector(2);
    feed(&mut detector, 0, 1000);
    let changed = scored(detector.observe(10_000, &[0.5, 60.0]).unwrap());
    assert!(changed.alert, "{changed:?}");
    let reason = detector.reasons().unwrap()[0];
    assert_eq!(reason.column, 1);
    assert_ne!(reason.aspect, Aspect::FromHour);
}

#[test]
fn what_never_changed_alerts_at_any_rate() {
    for rate in [10.0, 0.1, 0.001] {
        let params = DetectorParams::default().seed(1).learn(300).refit(200).false_alarms_per_day(rate);
        let mut detector = params.check().unwrap().detector(2);
        feed(&mut detector, 0, 310);
        assert!(scored(detector.observe(3_100, &[0.5, 60.0]).unwrap()).alert, "{rate} a day");
    }
}

#[test]
fn missing_values_are_no_alert_and_no_panic() {
    let mut detector = detector(2);
    feed(&mut detector, 0, 600);
    for row in 600..640 {
        let missing = scored(detector.observe(row * 10, &[f64::NAN, f64::NAN]).unwrap());
        assert!(!missing.alert, "{row}: {missing:?}");
    }
    feed(&mut detector, 640, 400);
}

#[test]
fn an_hour_that_is_not_as_usual_is_seen_once_days_are_there() {
    let day = |row: i64| if (row / 60) % 24 < 12 { 10.0 } else { 50.0 };
    let params = DetectorParams::default().seed(1).learn(1440).refit(1440).check().unwrap();
    let mut detector = params.detector(1);
    let noise = cloud(5000, 1);
    for row in 0..4 * 1440 {
        let noise = noise[[usize::try_from(row).unwrap() % 5000, 0]];
        detector.observe(row * 60, &[day(row) + noise]).unwrap();
    }
    // Three in the night, and the value is the afternoon's.
    for row in 0..180 {
        detector.observe((4 * 1440 + row) * 60, &[10.5]).unwrap();
    }
    detector.observe((4 * 1440 + 180) * 60, &[50.5]).unwrap();
    let reasons = detector.reasons().unwrap();
    assert!(reasons.iter().take(3).any(|reason| reason.aspect == Aspect::FromHour), "{reasons:?}");
}

/// A value that goes up and down with the day, ten minutes a row: six days of it, and then a night in which it rises to the
/// afternoon's. How many rows were rarer than once in ten days: of the last two days, and of that night.
fn afternoon_at_night(params: DetectorParams) -> (usize, usize) {
    const DAY: i64 = 144;
    let usual = |row: i64| 100.0 - 40.0 * (std::f64::consts::TAU * row as f64 / DAY as f64).cos();
    let mut detector = params.seed(1).learn(288).refit(144).check().unwrap().detector(1);
    let noise = cloud(5000, 1);
    let mut rare = |row: i64, value: f64| {
        let noise = 4.0 * noise[[usize::try_from(row).unwrap(), 0]];
        let observed = detector.observe(row * 600, &[value + noise]).unwrap();
        matches!(observed, Observed::Scored(Scored { false_alarms_per_day, .. }) if false_alarms_per_day < 0.1)
    };
    let days = (0..6 * DAY).filter(|row| rare(*row, usual(*row)) && *row >= 4 * DAY).count();
    let night = (0..DAY / 4).filter(|row| {
        let risen = *row as f64 / (DAY / 4) as f64;
        rare(6 * DAY + row, usual(*row) * (1.0 - risen) + usual(DAY / 2) * risen)
    });
    (days, night.count())
}

#[test]
fn a_day_is_no_alarm_and_its_afternoon_at_night_is() {
    let (days, night) = afternoon_at_night(DetectorParams::default());
    assert!(days <= 2 && night >= 30, "{days} rows in two days, {night} of 36 in that night");
    let (_, without_hours) = afternoon_at_night(DetectorParams::default().days_for_hours(1_000));
    assert!(without_hours < night, "the hours show nothing: {without_hours} of 36 without them");
}

#[test]
fn the_same_rows_give_the_same_scores() {
    let run = || {
        let mut detector = detector(2);
        feed(&mut detector, 0, 700);
        scored(detector.observe(7000, &[2.0, 300.0]).unwrap()).score.to_bits()
    };
    assert_eq!(run(), run());
}

#[test]
fn what_cannot_be_watched_is_named() {
    let mut detector = detector(2);
    assert!(matches!(detector.observe(0, &[1.0]), Err(AnomalyError::Width { found: 1, fitted: 2 })));
    assert!(matches!(detector.observe(0, &[1.0, f64::INFINITY]), Err(AnomalyError::Infinite { column: 1, .. })));
    let wrong = [
        DetectorParams::default().learn(3),
        DetectorParams::default().window(1),
        DetectorParams::default().refit(0),
        DetectorParams::default().history(10),
    ];
    for params in wrong {
        assert!(matches!(params.check(), Err(AnomalyError::TooFewRows { .. })));
    }
    assert!(matches!(DetectorParams::default().false_alarms_per_day(0.0).check(), Err(AnomalyError::Rate(_))));
    let forest = IsolationForest::params().trees(0);
    assert!(matches!(DetectorParams::default().forest(forest).check(), Err(AnomalyError::Trees(0))));
}
