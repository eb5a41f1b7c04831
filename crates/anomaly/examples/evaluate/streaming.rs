//! The detector on NAB's AWS CloudWatch series: one causal pass, one setting, one threshold for all.

use std::path::Path;

use anomaly::{AnomalyError, DetectorParams, IsolationForest, Observed};
use anyhow::Result;

use crate::{
    data::{self, Series},
    nab::{self, Scored},
};

const SEEDS: u64 = 3;

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
        print(&detector, &[outcome(&all, scores.collect::<Result<_>>()?)]);
    }
    let none = all.iter().map(|series| vec![0.0; series.values.len()]).collect();
    print("no detection", &[outcome(&all, none)]);
    for (name, params) in variants() {
        let mut outcomes = Vec::new();
        for seed in 0..SEEDS {
            let params = |series: &Series| {
                let learn = nab::probation(series.values.len());
                params.clone().learn(learn)
            };
            let scores = all.iter().map(|series| scores(series, params(series), seed));
            outcomes.push(outcome(&all, scores.collect::<Result<_, _>>()?));
        }
        print(name, &outcomes);
    }
    println!("ours: means of {SEEDS} seeds");
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

fn scores(series: &Series, params: DetectorParams, seed: u64) -> Result<Vec<f64>, AnomalyError> {
    let mut detector = params.seed(seed).check()?.detector(1);
    let rows = series.times.iter().zip(&series.values);
    rows.map(|(second, value)| {
        Ok(match detector.observe(*second, &[*value])? {
            Observed::Scored(scored) if scored.leads => -scored.false_alarms_per_day.ln(),
            _ => f64::NEG_INFINITY,
        })
    })
    .collect()
}

fn outcome(all: &[Series], scores: Vec<Vec<f64>>) -> nab::Outcome {
    let series = all.iter().zip(scores).map(|(series, scores)| Scored { scores, windows: series.windows.clone() });
    nab::best(&series.collect::<Vec<_>>())
}

/// Ours have a rate of alarms for a threshold.
fn print(name: &str, outcomes: &[nab::Outcome]) {
    let mean = |value: fn(&nab::Outcome) -> f64| outcomes.iter().map(value).sum::<f64>() / outcomes.len() as f64;
    let score = mean(|outcome| outcome.score);
    let found = format!("{:.1} of {}", mean(|outcome| outcome.found as f64), outcomes[0].windows);
    let false_positives = mean(|outcome| outcome.false_positives as f64);
    let rate =
        if outcomes.len() > 1 { format!("{:.2}", mean(|outcome| (-outcome.threshold).exp())) } else { String::new() };
    println!("{name:34} {score:>6.1} {found:>16} {false_positives:>16.1} {rate:>14}");
}
