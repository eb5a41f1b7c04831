//! The client fleet on one core: 2,000 requests a second for a minute, and how late 99 of 100 leave at most.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{
    Place,
    figure::{Figure, Quantity},
};

const RATE: &str = "2000";
const SECONDS: &str = "60";
/// Above it a report says that the schedule was not kept.
const LATE: Quantity = Quantity::Seconds(0.005);

#[derive(Debug, Deserialize)]
struct Kept {
    requests: u64,
    late_p99_ms: f64,
    late_max_ms: f64,
}

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>> {
    let program = place.target.join("release/examples/fleet");
    let command = format!("taskset -c 0 {} {RATE} {SECONDS}", place.shown(&program));
    eprintln!("$ {command}");
    let output = Command::new("taskset")
        .args(["-c", "0"])
        .arg(&program)
        .args([RATE, SECONDS])
        .stderr(Stdio::inherit())
        .output()
        .context("failed to run taskset (util-linux)")?;
    ensure!(output.status.success(), "{command} ended with {}", output.status);
    let kept: Kept = serde_json::from_slice(&output.stdout).context("failed to read what the fleet printed")?;
    let what = |which: &str| format!("fleet, {} requests on one core: {which} lateness", kept.requests);
    Ok(vec![
        Figure::new(what("p99"), &command, Quantity::Seconds(kept.late_p99_ms / 1e3), LATE),
        Figure::unbounded(what("greatest"), &command, Quantity::Seconds(kept.late_max_ms / 1e3)),
    ])
}
