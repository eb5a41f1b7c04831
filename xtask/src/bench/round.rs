//! One round of many endpoints in one process.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{
    Place,
    figure::{Figure, Quantity},
};

const ENDPOINTS: usize = 500;
const TIME: Quantity = Quantity::Seconds(2.0);
const MEMORY: Quantity = Quantity::megabytes(64);

/// What the example prints.
#[derive(Debug, Deserialize)]
struct Round {
    endpoints: usize,
    seconds: f64,
    peak_bytes: u64,
}

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>> {
    let program = place.program("release", "examples/many");
    let command = format!("{} {ENDPOINTS}", place.shown(&program));
    eprintln!("$ {command}");
    let output = Command::new(&program)
        .arg(ENDPOINTS.to_string())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("failed to run {command}"))?;
    ensure!(output.status.success(), "{command}: {}", output.status);
    let round: Round =
        serde_json::from_slice(&output.stdout).with_context(|| format!("failed to read what {command} prints"))?;
    ensure!(round.endpoints == ENDPOINTS, "{command} probed {} endpoints", round.endpoints);
    Ok(vec![
        Figure::new(format!("round of {ENDPOINTS} endpoints"), &command, Quantity::Seconds(round.seconds), TIME),
        Figure::new("round: peak memory", &command, Quantity::Bytes(round.peak_bytes), MEMORY),
    ])
}
