//! The real function as a process of its own, against the lab's AWS.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod alarm;
mod alerts;
mod batches;
mod by_zone;
mod crash_points;
mod lag;
mod life;
#[path = "../../../../crates/lab/tests/needs/mod.rs"]
mod needs;
mod preflight;
mod process;
mod scene;
mod world;

use std::process::Command;

fn python_is_there() -> bool {
    let there = Command::new("python3")
        .args(["-c", "import sys, ensurepip; sys.exit(sys.version_info < (3, 10))"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !there {
        needs::not_run("Python 3.10 or later with venv");
    }
    there
}
