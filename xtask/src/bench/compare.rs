//! `drill --compare` for region-outage: the medians of three seeds, with rounds of 1 s and of 10 s; then with a longer TTL
//! and three propagation times, where we may be second.

use std::{
    fs,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{
    Place,
    figure::{Figure, Quantity},
};

/// A drill's exit code where its expectations are not met, which contracts.md fixes; there is a report all the same.
const NOT_AS_EXPECTED: i32 = 3;
const SEEDS: usize = 3;

#[derive(Debug, Deserialize)]
struct Report {
    comparison: Comparison,
}

#[derive(Debug, Deserialize)]
struct Comparison {
    pointsman: Controller,
    native: Controller,
}

#[derive(Debug, Deserialize)]
struct Controller {
    metrics: Metrics,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Metrics {
    answer_s: Option<f64>,
    failover_s: Option<f64>,
}

/// A drill that differs from `region-outage` in these.
struct Variant {
    name: &'static str,
    interval: &'static str,
    timeout: &'static str,
    ttl: u32,
    propagation: u32,
    /// Long enough for every controller to have moved its clients.
    outage: u32,
    /// Our answer's bound as a share of native's, and that of the clients' moving.
    bounds: (Option<f64>, Option<f64>),
}

const fn variant(name: &'static str, rounds: (&'static str, &'static str), ttl: u32, propagation: u32) -> Variant {
    let (interval, timeout) = rounds;
    Variant { name, interval, timeout, ttl, propagation, outage: 80 + ttl + propagation, bounds: (None, None) }
}

const SECOND: (&str, &str) = ("1s", "800ms");
const TEN: (&str, &str) = ("10s", "4s");

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>> {
    let variants = [
        Variant { bounds: (Some(0.5), Some(0.75)), ..variant("1 s rounds", SECOND, 20, 10) },
        Variant { bounds: (None, Some(1.0)), ..variant("10 s rounds", TEN, 20, 10) },
        variant("1 s rounds, TTL 60 s, propagation 0 s", SECOND, 60, 0),
        variant("1 s rounds, TTL 60 s, propagation 30 s", SECOND, 60, 30),
        variant("1 s rounds, TTL 60 s, propagation 60 s", SECOND, 60, 60),
    ];
    let mut figures = Vec::new();
    for variant in &variants {
        figures.extend(variant.measure(place)?);
    }
    Ok(figures)
}

impl Variant {
    fn measure(&self, place: &Place) -> Result<Vec<Figure>> {
        let file = place.root.join(".pointsman/bench").join(format!("{}.toml", self.name.replace([' ', ','], "-")));
        fs::create_dir_all(file.parent().expect("it was joined")).context("failed to make .pointsman/bench")?;
        fs::write(&file, self.scenario()).with_context(|| format!("failed to write {}", file.display()))?;
        let program = place.program("release", "pointsman");
        let mut command = Command::new(&program);
        command.arg("drill").arg(&file).args(["--compare", "native,threshold", "--seeds", &SEEDS.to_string()]);
        command.args(["--no-progress", "--output", "json", "--report"]).arg(file.with_extension("report"));
        let shown = format!("pointsman drill {} --compare native,threshold --seeds {SEEDS}", place.shown(&file));
        eprintln!("$ {shown}");
        let output = command.current_dir(&place.root).stderr(Stdio::inherit()).output().context("failed to drill")?;
        let ended = output.status.code();
        ensure!(matches!(ended, Some(0 | NOT_AS_EXPECTED)), "{shown} ended with {}", output.status);
        let reports: Vec<Report> = serde_json::from_slice(&output.stdout).context("failed to read the reports")?;
        let of = |controller: fn(&Comparison) -> Metrics, metric: fn(&Metrics) -> Option<f64>| {
            median(reports.iter().map(|report| metric(&controller(&report.comparison))).collect())
        };
        let ours = |it: &Comparison| it.pointsman.metrics;
        let native = |it: &Comparison| it.native.metrics;
        let pair = |what: &str, metric: fn(&Metrics) -> Option<f64>, share: Option<f64>| {
            let name = format!("{}: {what}", self.name);
            let native_name = format!("{name}, native alone");
            match (of(ours, metric), of(native, metric)) {
                (Some(ours), Some(native)) => {
                    let seconds = Quantity::Seconds;
                    let mine = match share {
                        Some(share) => Figure::new(name, &shown, seconds(ours), seconds(native * share)),
                        None => Figure::unbounded(name, &shown, seconds(ours)),
                    };
                    vec![mine, Figure::unbounded(native_name, &shown, seconds(native))]
                }
                _ => vec![Figure::failed(name, "one of the two never moved".to_owned())],
            }
        };
        let (answer, moved) = self.bounds;
        Ok([
            pair("answer changed", |metrics| metrics.answer_s, answer),
            pair("clients moved", |metrics| metrics.failover_s, moved),
        ]
        .into_iter()
        .flatten()
        .collect())
    }

    fn scenario(&self) -> String {
        let Self { name, interval, timeout, ttl, propagation, outage, .. } = self;
        format!(
            r#"name = "region-outage"
title = "{name}"
speed = 4
ttl = "{ttl}s"
propagation = "{propagation}s"
r29 = "5s"
regions = ["eu-west-1", "us-east-1"]
ends_after = "5s"

[steady]
for = "8s"

[policy]
interval = "{interval}"
timeout = "{timeout}"
down_after = 3

[[fault]]
kind = "down"
region = "eu-west-1"
at = "2s"
for = "{outage}s"

[[truth]]
region = "eu-west-1"
must_leave_within = "{outage}s"

[[truth]]
region = "us-east-1"
must_stay = true
"#
        )
    }
}

/// What could not be measured is worse than any figure.
fn median(mut figures: Vec<Option<f64>>) -> Option<f64> {
    figures.sort_by(|one, other| one.unwrap_or(f64::INFINITY).total_cmp(&other.unwrap_or(f64::INFINITY)));
    figures.get(figures.len().saturating_sub(1) / 2).copied().flatten()
}
