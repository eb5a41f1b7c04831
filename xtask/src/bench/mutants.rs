//! Whether the tests of `decision` notice each way in which a line of it can be changed.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{
    Place,
    figure::{Figure, Quantity},
};

const VERSION: &str = "27.1.0";
/// Of the run: tests that failed, or ran into the time-out, are what cargo-mutants is after.
const FOUND: [i32; 3] = [0, 2, 3];

/// What cargo-mutants writes when it has ended.
#[derive(Debug, Deserialize)]
struct Outcomes {
    missed: u64,
    caught: u64,
    timeout: u64,
    unviable: u64,
}

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>> {
    let program = place.install("cargo-mutants", VERSION)?;
    let results = place.root.join(".pointsman/mutants");
    fs::create_dir_all(&results).with_context(|| format!("failed to make {}", results.display()))?;
    let arguments = ["mutants", "--package", "decision", "--colors", "never", "--output"];
    let command = format!("cargo {} {}", arguments.join(" "), place.shown(&results));
    eprintln!("$ {command}");
    let status = Command::new(&program)
        .args(arguments)
        .arg(&results)
        .current_dir(&place.root)
        // Its copy of the sources has a target folder of its own.
        .env_remove("CARGO_TARGET_DIR")
        .stdout(Stdio::from(std::io::stderr()))
        .status()
        .with_context(|| format!("failed to run {}", program.display()))?;
    ensure!(status.code().is_some_and(|code| FOUND.contains(&code)), "{command}: {status}");
    let Outcomes { missed, caught, timeout, unviable } = read(&results.join("mutants.out/outcomes.json"))?;
    let note = format!(
        "{caught} noticed, {timeout} that never ended, {unviable} that do not compile; in {}",
        place.shown(&results.join("mutants.out/missed.txt"))
    );
    Ok(vec![
        Figure::new("changes of decision that no test notices", &command, Quantity::Count(missed), Quantity::Count(0))
            .note(note),
    ])
}

fn read(path: &Path) -> Result<Outcomes> {
    let json = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    serde_json::from_slice(&json).with_context(|| format!("{} is not what cargo-mutants writes", path.display()))
}
