//! How long one decision takes.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{
    Place,
    figure::{Figure, Quantity},
};

/// For two regions and three observers, and for three and five.
const BOUNDS: [(usize, Quantity); 2] = [(2, Quantity::Seconds(0.5e-6)), (3, Quantity::Seconds(2e-6))];

/// A line of what the example prints.
#[derive(Debug, Deserialize)]
struct Line {
    regions: usize,
    observers: usize,
    case: String,
    nanoseconds: f64,
}

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>> {
    let program = place.program("release", "examples/speed");
    let command = place.shown(&program).to_string();
    eprintln!("$ {command}");
    let output =
        Command::new(&program).stderr(Stdio::inherit()).output().with_context(|| format!("failed to run {command}"))?;
    ensure!(output.status.success(), "{command}: {}", output.status);
    let figure = |line: serde_json::Result<Line>| {
        let Line { regions, observers, case, nanoseconds } =
            line.with_context(|| format!("failed to read what {command} prints"))?;
        let (_, bound) = BOUNDS.into_iter().find(|(of, _)| *of == regions).context("a case without a bound")?;
        let what = format!("decide, {regions} regions × {observers} observers, {case}");
        Ok(Figure::new(what, &command, Quantity::Seconds(nanoseconds / 1e9), bound))
    };
    serde_json::Deserializer::from_slice(&output.stdout).into_iter().map(figure).collect()
}
