//! How good the scores are, on data that lies beside the project.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "it talks to a person")]
#![allow(missing_docs)]

mod data;
mod nab;

use std::{env, path::PathBuf};

use anyhow::{Context, Result};

use nab::Scored;

fn main() -> Result<()> {
    let data: PathBuf = env::args_os().nth(1).or_else(|| env::var_os("ANOMALY_DATA")).context("name the data")?.into();
    let all = data::series(&data)?;
    for detector in data::recorded(&data)? {
        let mut scored = Vec::new();
        for series in &all {
            let scores = data::recorded_scores(&data, &detector, series)?;
            scored.push(Scored { scores, windows: series.windows.clone() });
        }
        println!("{detector} {:?}", nab::best(&scored));
    }
    Ok(())
}
