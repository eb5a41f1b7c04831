//! How good the scores are, on data that lies beside the project. `docs/anomaly.md` has what it prints.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a person")]

mod auc;
mod data;
mod draws;
mod endpoint;
mod nab;
mod streaming;
#[path = "../../tests/support/endpoint.rs"]
mod watch;

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;

const USAGE: &str = "usage: cargo run --release -p anomaly --example evaluate -- --data DIR [--python PYTHON] [PART]…

    --data    the labelled data: adbench/ and nab/ (or set ANOMALY_DATA)
    --python  one with scikit-learn, to compare with
    PART      auc, blind, shifts, nab, bleed, alarms; all of them unless said";

const PARTS: [&str; 6] = ["auc", "blind", "shifts", "nab", "bleed", "alarms"];

fn main() -> Result<ExitCode> {
    let mut data = env::var_os("ANOMALY_DATA").map(PathBuf::from);
    let mut python = None;
    let mut parts = Vec::new();
    let mut arguments = env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--data") => data = arguments.next().map(PathBuf::from),
            Some("--python") => python = arguments.next().map(PathBuf::from),
            Some(part) if PARTS.contains(&part) => parts.push(part.to_owned()),
            _ => return Ok(usage(&argument)),
        }
    }
    let Some(data) = data else { return Ok(usage(&OsString::new())) };
    for part in PARTS.iter().filter(|part| parts.is_empty() || parts.iter().any(|chosen| chosen == *part)) {
        run(part, &data, python.as_deref())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn run(part: &str, data: &Path, python: Option<&Path>) -> Result<()> {
    match part {
        "auc" => auc::sets(data, python)?,
        "blind" => auc::blind_spots()?,
        "shifts" => auc::planted_shifts()?,
        "bleed" => endpoint::bleed()?,
        "alarms" => endpoint::alarms()?,
        _ => streaming::nab(data)?,
    }
    Ok(())
}

fn usage(unknown: &OsString) -> ExitCode {
    if !unknown.is_empty() {
        eprintln!("unknown: {}", unknown.display());
    }
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
