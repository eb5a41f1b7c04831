//! What the lab's proxy costs a call: the same call through it and without it, by turns.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{
    Place,
    figure::{Figure, Quantity},
};

const CALLS: &str = "1000";
const ADDED: Quantity = Quantity::Seconds(0.001);

/// What the example prints.
#[derive(Debug, Deserialize)]
struct Measured {
    calls: usize,
    direct: Percentiles,
    proxied: Percentiles,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Percentiles {
    p50_ms: f64,
    p99_ms: f64,
}

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>> {
    let program = place.program("release", "examples/proxy");
    let folder = place.root.join(".pointsman");
    let command = format!("{} {} {CALLS}", place.shown(&program), place.shown(&folder));
    eprintln!("$ {command}");
    let output = Command::new(&program)
        .arg(&folder)
        .arg(CALLS)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("failed to run {command}"))?;
    ensure!(output.status.success(), "{command}: {}", output.status);
    let Measured { calls, direct, proxied } =
        serde_json::from_slice(&output.stdout).with_context(|| format!("failed to read what {command} prints"))?;
    let seconds = |ms: f64| Quantity::Seconds(ms / 1e3);
    let of = |it: Percentiles| format!("p99 {:.2} ms, of {calls} calls by turns", it.p99_ms);
    Ok(vec![
        Figure::new("proxy: added to a call, p50", &command, seconds(proxied.p50_ms - direct.p50_ms), ADDED)
            .note(format!("{:.2} ms through it, {:.2} ms without", proxied.p50_ms, direct.p50_ms)),
        Figure::unbounded("proxy: a call through it, p50", &command, seconds(proxied.p50_ms)).note(of(proxied)),
        Figure::unbounded("proxy: the call without it, p50", &command, seconds(direct.p50_ms)).note(of(direct)),
    ])
}
