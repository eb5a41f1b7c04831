//! Instructions a scored row, counted by Valgrind's callgrind through gungraun: the same however busy the machine is.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::beside;
use crate::{
    bench::{
        Place,
        figure::{Figure, Quantity},
    },
    tools,
};

/// As crates/anomaly/bench has it: library and runner must be of the same version.
const VERSION: &str = "0.20.0";
const RUNNER: &str = "gungraun-runner";
/// How many rows each benchmark scores.
const ROWS: [(&str, u64); 2] = [("one", 1), ("batch", 1000)];

/// A line of gungraun's JSON, as far as it matters.
#[derive(Debug, Deserialize)]
struct Summary {
    function_name: String,
    profiles: Vec<Profile>,
}

#[derive(Debug, Deserialize)]
struct Profile {
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    total: Total,
}

#[derive(Debug, Deserialize)]
struct Total {
    metrics: Metrics,
}

#[derive(Debug, Deserialize)]
struct Metrics {
    #[serde(rename = "Ir")]
    instructions: Metric,
}

#[derive(Debug, Deserialize)]
struct Metric {
    values: Values,
}

/// There may be older ones beside.
#[derive(Debug, Deserialize)]
struct Values {
    new: u64,
}

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>> {
    tools::install(&[tools::VALGRIND])?;
    ensure!(tools::is_there(tools::VALGRIND.program), "it needs valgrind");
    let runner = place.install(RUNNER, VERSION)?;
    let arguments = ["bench", "--bench", "instructions", "--manifest-path", beside::MANIFEST];
    let shown = format!("cargo {}", arguments.join(" "));
    eprintln!("$ {shown}");
    let output = Command::new(crate::cargo())
        .args(arguments)
        .args(["--target-dir", &beside::target(place), "--", "--output-format=json"])
        .current_dir(&place.root)
        .env("GUNGRAUN_RUNNER", runner)
        // Else it writes what valgrind counted among the sources.
        .env("GUNGRAUN_HOME", place.target.join("gungraun"))
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("failed to run {shown}"))?;
    ensure!(output.status.success(), "{shown} ended with {}", output.status);
    let summaries: Vec<Summary> = serde_json::Deserializer::from_slice(&output.stdout)
        .into_iter()
        .collect::<Result<_, _>>()
        .context("failed to read what gungraun prints")?;
    let figure = |Summary { function_name, profiles }: Summary| {
        let Profile { data } =
            profiles.into_iter().next().with_context(|| format!("{function_name} has no profile"))?;
        let (what, rows) = ROWS.into_iter().find(|(of, _)| *of == function_name).context("a benchmark without rows")?;
        let count = data.total.metrics.instructions.values.new / rows;
        Ok(Figure::unbounded(format!("anomaly: instructions a row, {what} of {rows}"), &shown, Quantity::Count(count)))
    };
    summaries.into_iter().map(figure).collect()
}
