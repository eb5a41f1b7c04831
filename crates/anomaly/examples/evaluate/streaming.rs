//! The detector on NAB's AWS CloudWatch series: one causal pass, one setting, one threshold for all.

use std::path::Path;

use anomaly::{AnomalyError, DetectorParams, IsolationForest, Observed};
use anyhow::Result;

use crate::{
    data::{self, Series},
    nab::{self, Scored},
};

/// Of ours as it is by default, and of what is different by one thing.
const SEEDS: u64 = 10;
const SEEDS_OF_VARIANTS: u64 = 3;

/// The recorded detectors, then ours.
pub(crate) fn nab(data: &Path) -> Result<()> {
    let all = data::series(data)?;
    println!("\nNAB, standard profile, one threshold over {} AWS CloudWatch series", all.len());
    println!(
        "{:34} {:>6} {:>16} {:>16} {:>14}",
        "detector", "score", "windows found", "false positives", "alarms a day"
    );
    for detector in data::recorded(data)? {
        let scores = all.iter().map(|series| data::recorded_scores(data, &detector, series));
        print(&detector, &[outcome(&all, scores.collect::<Result<_>>()?)], false);
    }
    let none = all.iter().map(|series| vec![0.0; series.values.len()]).collect();
    print("no detection", &[outcome(&all, none)], false);
    for (name, params) in variants() {
        let seeds = if params == DetectorParams::default() { SEEDS } else { SEEDS_OF_VARIANTS };
        print(name, &outcomes(&all, &params, leading, seeds)?, true);
    }
    for rate in [0.1, 0.5, 1.0] {
        let params = DetectorParams::default().false_alarms_per_day(rate);
        print(&format!("ours, alerts at {rate} a day"), &outcomes(&all, &params, alerting, SEEDS)?, false);
    }
    println!("ours: means of {SEEDS} seeds, with one thing different of {SEEDS_OF_VARIANTS}");
    Ok(())
}

/// The default, and one thing different each.
fn variants() -> Vec<(&'static str, DetectorParams)> {
    let weight = |weight| DetectorParams::default().forest(IsolationForest::params().range_weight(weight));
    vec![
        ("ours", DetectorParams::default()),
        ("… without the out-of-range term", weight(0.0)),
        ("… a range weight of 0.3", weight(0.3)),
        ("… every row may alert", DetectorParams::default().episode(0)),
        ("… episodes of 100 rows", DetectorParams::default().episode(100)),
        ("… fitted on the last 2,000 rows", DetectorParams::default().history(2000)),
        ("… fitted once", DetectorParams::default().refit(1_000_000)),
        ("… without hours of the day", DetectorParams::default().days_for_hours(1_000_000)),
        ("… a window of 12 rows", DetectorParams::default().window(12)),
        ("… a window of 48 rows", DetectorParams::default().window(48)),
    ]
}

/// How strongly a row is detected.
type Strength = fn(&anomaly::Scored) -> f64;

/// By its rate, for NAB to find the best threshold.
fn leading(scored: &anomaly::Scored) -> f64 {
    if scored.leads { -scored.false_alarms_per_day.ln() } else { f64::NEG_INFINITY }
}

/// By the alerts that a user gets.
fn alerting(scored: &anomaly::Scored) -> f64 {
    if scored.alert { 0.0 } else { f64::NEG_INFINITY }
}

/// A seed after the other.
fn outcomes(
    all: &[Series],
    params: &DetectorParams,
    strength: Strength,
    seeds: u64,
) -> Result<Vec<nab::Outcome>, AnomalyError> {
    let seeded = |seed| {
        let scores = all.iter().map(|series| {
            let params = params.clone().learn(nab::probation(series.values.len())).seed(seed);
            scores(series, params, strength)
        });
        Ok(outcome(all, scores.collect::<Result<_, _>>()?))
    };
    (0..seeds).map(seeded).collect()
}

fn scores(series: &Series, params: DetectorParams, strength: Strength) -> Result<Vec<f64>, AnomalyError> {
    let mut detector = params.check()?.detector(1);
    let rows = series.times.iter().zip(&series.values);
    rows.map(|(second, value)| {
        Ok(match detector.observe(*second, &[*value])? {
            Observed::Scored(scored) => strength(&scored),
            Observed::Learning => f64::NEG_INFINITY,
        })
    })
    .collect()
}

fn outcome(all: &[Series], scores: Vec<Vec<f64>>) -> nab::Outcome {
    let series = all.iter().zip(scores).map(|(series, scores)| Scored { scores, windows: series.windows.clone() });
    nab::best(&series.collect::<Vec<_>>())
}

/// Where the threshold was a rate of alarms that NAB chose, with it.
fn print(name: &str, outcomes: &[nab::Outcome], rated: bool) {
    let mean = |value: fn(&nab::Outcome) -> f64| outcomes.iter().map(value).sum::<f64>() / outcomes.len() as f64;
    let score = mean(|outcome| outcome.score);
    let found = format!("{:.1} of {}", mean(|outcome| outcome.found as f64), outcomes[0].windows);
    let false_positives = mean(|outcome| outcome.false_positives as f64);
    let rate = if rated { format!("{:.2}", mean(|outcome| (-outcome.threshold).exp())) } else { String::new() };
    println!("{name:34} {score:>6.1} {found:>16} {false_positives:>16.1} {rate:>14}");
}
