//! A drill that is told to stop, or is killed, leaves nothing.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use std::{collections::BTreeSet, ffi::OsString, fs};

use nix::sys::signal::Signal;
use serde_json::Value;
use support::{
    program::{Finished, Program, pointsman},
    seconds, traces, until, workspace,
};
use tempfile::TempDir;

/// A drill in the workspace, as a user runs it.
struct Drill {
    program: Program,
    before: BTreeSet<OsString>,
    report: TempDir,
}

impl Drill {
    fn start() -> Self {
        let (report, before) = (TempDir::new().unwrap(), traces::run_folders(&workspace()));
        let arguments = ["drill", "region-outage", "--no-progress", "--report", report.path().to_str().unwrap()];
        Self { program: Program::start(pointsman(&workspace(), arguments)), before, report }
    }

    /// While the stack is being deployed.
    fn setting_up() -> Self {
        let mut drill = Self::start();
        drill.program.wait_for("pointsman-artifacts: created", seconds(180));
        drill
    }

    fn in_its_middle() -> Self {
        let mut drill = Self::start();
        drill.program.wait_for("fault injected", seconds(180));
        drill
    }

    fn folders(&self) -> Vec<OsString> {
        traces::run_folders(&workspace()).difference(&self.before).cloned().collect()
    }

    fn signal(&mut self, signal: Signal) {
        let lab = traces::of_lab(self.program.pid());
        assert!(!lab.is_empty(), "there is a lab to be ended: {}", self.program);
        self.program.signal(signal);
    }

    fn leaves_nothing(&mut self, ended: &Finished) {
        let left = self.program.processes();
        assert!(left.is_empty(), "left behind: {left:#?}\n{ended}");
        assert_eq!(self.folders(), Vec::<OsString>::new(), "left behind in .pointsman/run");
    }

    fn report(&self) -> Option<Value> {
        let report = fs::read(self.report.path().join("report.json")).ok()?;
        Some(serde_json::from_slice(&report).unwrap())
    }

    /// Before the load began there is nothing to report.
    fn stops_on(mut self, signal: Signal) {
        self.signal(signal);
        let ended = self.program.end(seconds(15)).exits(1).says(&["stopped by a signal"]);
        self.leaves_nothing(&ended);
        assert_eq!(self.report(), None);
    }

    /// What was seen until then is reported.
    fn ends_early_on(mut self, signal: Signal) {
        self.signal(signal);
        let ended = self.program.end(seconds(15)).exits(3);
        self.leaves_nothing(&ended);
        let report = self.report().unwrap();
        assert_eq!(report["partial"], true);
        assert_eq!(report["timeline"][0]["event"], "fault_injected", "{report:#}");
        assert!(report["metrics"]["requests"].as_u64().unwrap() > 0);
    }
}

#[test]
fn sigint_while_it_is_set_up() {
    Drill::setting_up().stops_on(Signal::SIGINT);
}

#[test]
fn sigterm_while_the_emulator_starts() {
    let drill = Drill::start();
    until("the emulator", seconds(180), || (!traces::of_lab(drill.program.pid()).is_empty()).then_some(()));
    drill.stops_on(Signal::SIGTERM);
}

#[test]
fn sigint_in_the_middle() {
    Drill::in_its_middle().ends_early_on(Signal::SIGINT);
}

#[test]
fn a_second_sigint_ends_it_at_once() {
    let mut drill = Drill::in_its_middle();
    drill.signal(Signal::SIGINT);
    drill.program.signal(Signal::SIGINT);
    let ended = drill.program.end(seconds(15));
    // The second one may come when all is done.
    assert!(matches!(ended.code(), Some(1 | 3)), "{ended}");
    drill.leaves_nothing(&ended);
}

#[test]
fn sigterm_in_the_middle() {
    Drill::in_its_middle().ends_early_on(Signal::SIGTERM);
}

#[test]
fn killed_outright_it_takes_emulator_and_functions_along() {
    let mut drill = Drill::in_its_middle();
    let lab = traces::of_lab(drill.program.pid());
    assert!(lab.iter().any(|process| process.contains("bootstrap")), "functions run: {lab:#?}");
    drill.program.signal(Signal::SIGKILL);
    assert_eq!(drill.program.end(seconds(5)).code(), None);
    until("the end of every process", seconds(20), || drill.program.processes().is_empty().then_some(()));
    // Nobody was left to remove it.
    for folder in drill.folders() {
        fs::remove_dir_all(workspace().join(".pointsman/run").join(folder)).unwrap();
    }
}
