//! The default drill: how long it takes, how much memory it needs, and how soon it decided.

use std::{
    collections::BTreeMap,
    fs, io,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use super::{
    Place,
    figure::{Figure, Quantity},
    processes::{Family, Sample},
};

const WALL: Quantity = Quantity::Seconds(90.0);
const MEMORY: Quantity = Quantity::megabytes(300);
const DECISION: Quantity = Quantity::Seconds(5.0);

const SAMPLE_EVERY: Duration = Duration::from_millis(50);
/// A drill's exit code where its expectations are not met, which contracts.md fixes; there is a report all the same.
const NOT_AS_EXPECTED: i32 = 3;

#[derive(Debug, Deserialize)]
struct Report {
    metrics: Metrics,
    unmeasured: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Metrics {
    decision_s: Option<f64>,
}

/// The samples with the most memory.
#[derive(Debug, Default)]
struct Peak {
    pss: Sample,
    at: Duration,
    rss: u64,
    samples: usize,
    compiled: bool,
}

impl Peak {
    fn add(&mut self, at: Duration, sample: Sample) {
        self.samples += 1;
        self.compiled |= sample.names.contains_key("rustc");
        self.rss = self.rss.max(sample.rss);
        if sample.pss > self.pss.pss {
            self.pss = sample;
            self.at = at;
        }
    }

    fn breakdown(&self) -> String {
        let mut names: Vec<_> = self.pss.names.iter().collect();
        names.sort_by_key(|(_, (_, bytes))| std::cmp::Reverse(*bytes));
        let parts: Vec<_> = names
            .iter()
            .map(|(name, (count, bytes))| format!("{count} × {name} {}", Quantity::Bytes(*bytes)))
            .collect();
        format!("after {:.1} s: {}; {} samples", self.at.as_secs_f64(), parts.join(", "), self.samples)
    }
}

pub(super) fn measure(place: &Place) -> Result<Vec<Figure>> {
    let folder = place.root.join(".pointsman/bench");
    // So that an earlier report is not taken for this drill's.
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("failed to remove {}", folder.display()))?;
    }
    let program = place.program("release", "pointsman");
    let command = format!("{} drill --report {}", place.shown(&program), place.shown(&folder));
    eprintln!("$ {command}");
    let began = Instant::now();
    let mut drill = Command::new(&program)
        .args(["drill", "--report"])
        .arg(&folder)
        .current_dir(&place.root)
        .stdin(Stdio::null())
        .stdout(Stdio::from(io::stderr()))
        .spawn()
        .with_context(|| format!("failed to run {command}"))?;
    let mut family = Family::of(drill.id());
    let mut peak = Peak::default();
    let status = loop {
        if let Some(status) = drill.try_wait()? {
            break status;
        }
        peak.add(began.elapsed(), family.sample()?);
        thread::sleep(SAMPLE_EVERY);
    };
    let wall = began.elapsed();
    ensure!(!peak.compiled, "the sources changed after the build, and the drill compiled them: measure again");
    let as_expected = match status.code() {
        Some(0) => true,
        Some(NOT_AS_EXPECTED) => false,
        _ => bail!("{command}: {status}"),
    };

    let mut wall = Figure::new("drill: wall time", &command, Quantity::Seconds(wall.as_secs_f64()), WALL);
    if !as_expected {
        wall = wall.note("the drill's own expectations were not met".to_owned());
    }
    let pss = Figure::new("drill: peak memory, PSS", &command, Quantity::Bytes(peak.pss.pss), MEMORY);
    let file = folder.join("report.json");
    let text = fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))?;
    let report = serde_json::from_str(&text).with_context(|| format!("failed to read {}", file.display()))?;
    Ok(vec![
        wall,
        pss.note(peak.breakdown()),
        Figure::unbounded("drill: peak memory, RSS", &command, Quantity::Bytes(peak.rss)),
        decision(&command, &report),
    ])
}

fn decision(command: &str, report: &Report) -> Figure {
    const WHAT: &str = "fault → decision";
    match (report.metrics.decision_s, report.unmeasured.get("decision_s")) {
        (Some(seconds), _) => Figure::new(WHAT, command, Quantity::Seconds(seconds), DECISION),
        (None, reason) => {
            Figure::failed(WHAT, reason.cloned().unwrap_or_else(|| "the report gives no reason".to_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_that_was_not_measured_is_none() {
        let read = |text| decision("drill", &serde_json::from_str(text).unwrap());
        assert!(read(r#"{"metrics": {"decision_s": 4.2}, "unmeasured": {}}"#).is_measured());
        assert!(!read(r#"{"metrics": {"decision_s": null}, "unmeasured": {"decision_s": "no plan"}}"#).is_measured());
    }

    #[test]
    fn the_peaks_of_both_sums_are_kept() {
        let mut peak = Peak::default();
        for (second, pss, rss) in [(0, 1, 5), (1, 3, 4), (2, 2, 2)] {
            peak.add(Duration::from_secs(second), Sample { pss, rss, names: BTreeMap::new() });
        }
        assert_eq!((peak.pss.pss, peak.at, peak.rss, peak.samples), (3, Duration::from_secs(1), 5, 3));
    }
}
