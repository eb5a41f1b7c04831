//! Beside scikit-learn and the published crates: ratios, both sides timed in turns on one thread.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::bench::{
    Place,
    figure::{Figure, Quantity},
};

/// A workspace of its own, so that what it compares with is not the product's.
pub(super) const MANIFEST: &str = "crates/anomaly/bench/Cargo.toml";
const REQUIREMENTS: &str = "crates/anomaly/bench/requirements.txt";

/// A line of what the program prints.
#[derive(Debug, Deserialize)]
struct Pair {
    what: String,
    theirs_s: f64,
    ours_s: f64,
    bound: Option<f64>,
}

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>> {
    place.build(&["build", "--release", "--manifest-path", MANIFEST, "--target-dir", &target(place)])?;
    let (python, missing) = match python(place) {
        Ok(python) => (Some(python), None),
        Err(error) => (None, Some(Figure::failed("anomaly: beside scikit-learn", format!("not run: {error:#}")))),
    };
    let mut command = Command::new(PathBuf::from(target(place)).join("release/anomaly-bench"));
    command.args(&python).stderr(Stdio::inherit());
    let output = command.output().context("failed to run anomaly-bench")?;
    ensure!(output.status.success(), "anomaly-bench ended with {}", output.status);
    let load = fs::read_to_string("/proc/loadavg").context("failed to read /proc/loadavg")?;
    let shown = format!("cargo run --release --manifest-path {MANIFEST}");
    let pairs: Vec<Pair> = serde_json::Deserializer::from_slice(&output.stdout)
        .into_iter()
        .collect::<Result<_, _>>()
        .context("failed to read what anomaly-bench prints")?;
    let figure = |Pair { what, theirs_s, ours_s, bound }| {
        let ratio = Quantity::Times(theirs_s / ours_s);
        let name = format!("anomaly beside {what}");
        let figure = match bound {
            Some(least) => Figure::new(name, &shown, ratio, Quantity::Times(least)),
            None => Figure::unbounded(name, &shown, ratio),
        };
        let [theirs, ours] = [theirs_s, ours_s].map(Quantity::Seconds);
        figure
            .note(format!("theirs {theirs}, ours {ours}: the best of many runs in turns; load average {}", load.trim()))
    };
    Ok(pairs.into_iter().map(figure).chain(missing).collect())
}

/// Where that workspace is built.
pub(super) fn target(place: &Place) -> String {
    place.target.join("anomaly-bench").display().to_string()
}

/// A Python with the pinned scikit-learn, made where there is none yet.
fn python(place: &Place) -> Result<PathBuf> {
    let folder = place.root.join(".pointsman/bench/python");
    let (python, requirements) = (folder.join("bin/python"), place.root.join(REQUIREMENTS));
    let (wanted, made_of) = (fs::read_to_string(&requirements)?, folder.join("requirements.txt"));
    if fs::read_to_string(&made_of).is_ok_and(|made| made == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "-r"])
        .arg(&requirements))?;
    fs::write(&made_of, wanted).with_context(|| format!("failed to write {}", made_of.display()))?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<()> {
    let shown = format!("{command:?}");
    eprintln!("$ {shown}");
    let status = command.stdout(Stdio::from(std::io::stderr())).status();
    let status = status.with_context(|| format!("failed to run {shown}"))?;
    ensure!(status.success(), "{shown} ended with {status}");
    Ok(())
}
