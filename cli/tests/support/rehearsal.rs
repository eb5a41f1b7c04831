//! Drills as a user runs them, in a folder of their own.

use std::{collections::BTreeMap, fs, ops::Index};

use serde_json::Value;

use super::{
    emulator::{Emulator, Trial},
    lab::Place,
    policy,
    program::{Program, pointsman},
    seconds, traces,
};

/// The reports of scenarios, which have passed once the test that looks at them has.
pub(crate) struct Rehearsed {
    reports: BTreeMap<String, Value>,
    _trials: Vec<Trial>,
}

impl Index<&str> for Rehearsed {
    type Output = Value;

    fn index(&self, scenario: &str) -> &Value {
        &self.reports[scenario]
    }
}

impl Rehearsed {
    /// Drills these side by side: all that they expect is met, the functions' roles allow all that they asked for, and
    /// nothing is left behind.
    pub(crate) fn drill(emulator: Emulator, scenarios: &[&str], options: &[&str]) -> Self {
        let trials = scenarios.iter().map(|name| emulator.tries(format_args!("scenario `{name}`"))).collect();
        let place = Place::new();
        let (to, artifacts) = (place.path().join("report"), place.artifacts());
        let folders = ["--report", to.to_str().unwrap(), "--artifacts", artifacts.to_str().unwrap()];
        let here = ["--no-progress", "--emulator", emulator.name()];
        let arguments = [&["drill"], scenarios, options, &folders, &here].concat();
        let mut program = Program::start(pointsman(place.path(), arguments));
        let ended = program.end(seconds(240));
        let left = program.processes();
        let read = |name: &str| {
            let own = if scenarios.len() > 1 { to.join(name) } else { to.clone() };
            let report = fs::read_to_string(own.join("report.json")).unwrap_or_default();
            (name.to_owned(), serde_json::from_str(&report).unwrap_or_else(|_| panic!("no report of {name}: {ended}")))
        };
        let reports: BTreeMap<String, Value> = scenarios.iter().map(|name| read(name)).collect();
        // What happened tells why.
        let unmet = reports.iter().filter_map(|(name, report)| {
            let all = report["expectations"].as_array().unwrap().iter();
            let unmet: Vec<_> = all.filter(|expectation| expectation["met"] != true).collect();
            (!unmet.is_empty()).then(|| format!("{name}: {unmet:#?}\n{:#}", report["timeline"]))
        });
        assert_eq!(ended.code(), Some(0), "{}\n{ended}", unmet.collect::<Vec<_>>().join("\n"));
        assert!(left.is_empty(), "left behind: {left:#?}");
        let folders = traces::run_folders(place.path());
        assert!(folders.is_empty(), "left behind in .pointsman/run: {folders:?}");
        reports.values().for_each(policy::nothing_is_missing);
        Self { reports, _trials: trials }
    }

    pub(crate) fn reports(&self) -> &BTreeMap<String, Value> {
        &self.reports
    }
}
