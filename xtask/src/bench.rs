//! `cargo xtask bench`: measures what has a bound, on this machine.

mod anomaly;
mod cold_start;
mod compare;
mod decide;
mod deploy;
mod dns;
mod drill;
mod figure;
mod fleet;
mod machine;
mod mutants;
mod processes;
mod proxy;
mod round;
mod size;

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde::{Serialize, de::DeserializeOwned};

use figure::Figure;
use machine::Machine;

const FUNCTIONS: [&str; 2] = ["checker", "failover"];

/// Set by `cargo run` for the program it runs; build scripts that watch them would make cargo build anew.
const LEFT_BY_CARGO_RUN: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];

/// What can be measured by itself, in the order of measuring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Drill,
    Round,
    Zip,
    Ship,
    ColdStart,
    Compare,
    Fleet,
    Dns,
    Proxy,
    Decide,
    Anomaly,
    Deploy,
    Mutants,
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Drill => "drill",
            Self::Round => "round",
            Self::Zip => "zip",
            Self::Ship => "--ship",
            Self::ColdStart => "cold-start",
            Self::Compare => "compare",
            Self::Fleet => "fleet",
            Self::Dns => "dns",
            Self::Proxy => "proxy",
            Self::Decide => "decide",
            Self::Anomaly => "anomaly",
            Self::Deploy => "deploy",
            Self::Mutants => "mutants",
        }
    }

    /// What cargo has to build for it.
    fn build(self) -> &'static [&'static str] {
        match self {
            Self::Drill | Self::Zip | Self::ColdStart | Self::Compare | Self::Deploy | Self::Mutants => {
                &["build", "--release"]
            }
            // The whole workspace, not `-p probe`: with fewer features the drill's dependencies would be built again.
            Self::Round => &["build", "--release", "--workspace", "--example", "many"],
            Self::Fleet => &["build", "--release", "--workspace", "--example", "fleet"],
            Self::Dns => &["build", "--release", "--workspace", "--example", "dns"],
            Self::Proxy => &["build", "--release", "--workspace", "--example", "proxy"],
            Self::Decide => &["build", "--release", "--workspace", "--example", "speed"],
            Self::Anomaly => &["build", "--release", "--workspace", "--example", "round"],
            Self::Ship => &["build", "--profile", "ship", "--bin", "checker", "--bin", "failover"],
        }
    }

    fn measure(self, place: &Place) -> Result<Vec<Figure>> {
        match self {
            Self::Drill => drill::measure(place),
            Self::Round => round::measure(place),
            Self::Zip => size::measure(place, "release", size::DRILLED),
            Self::Ship => size::measure(place, "ship", size::SHIPPED),
            Self::ColdStart => cold_start::measure(place),
            Self::Compare => compare::measure(place),
            Self::Fleet => fleet::measure(place),
            Self::Dns => dns::measure(place),
            Self::Proxy => proxy::measure(place),
            Self::Decide => decide::measure(place),
            Self::Anomaly => Ok(anomaly::measure(place)),
            Self::Deploy => Ok(deploy::measure(place)),
            Self::Mutants => mutants::measure(place),
        }
    }
}

/// The parts that the arguments name; without any, all but `--ship` and `mutants`, which take long. None where one is
/// unknown.
pub(crate) fn parts(arguments: impl Iterator<Item = OsString>) -> Option<BTreeSet<Part>> {
    use Part::{Anomaly, ColdStart, Compare, Decide, Deploy, Dns, Drill, Fleet, Mutants, Proxy, Round, Ship, Zip};
    const ALL: [Part; 13] =
        [Drill, Round, Zip, ColdStart, Compare, Fleet, Dns, Proxy, Decide, Anomaly, Deploy, Mutants, Ship];
    let mut parts = arguments
        .map(|argument| ALL.into_iter().find(|part| argument == part.name()))
        .collect::<Option<BTreeSet<_>>>()?;
    if parts.iter().all(|part| *part == Part::Ship) {
        parts.extend(ALL.into_iter().filter(|part| ![Part::Mutants, Part::Ship].contains(part)));
    }
    Some(parts)
}

/// Where the sources and the programs are.
#[derive(Debug)]
struct Place {
    root: PathBuf,
    target: PathBuf,
}

impl Place {
    fn find() -> Self {
        let root =
            Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace").to_owned();
        let target = root.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
        Self { root, target }
    }

    fn program(&self, profile: &str, name: &str) -> PathBuf {
        self.target.join(profile).join(name)
    }

    /// As a person in the workspace would type it.
    fn shown<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }

    /// What a program prints as lines of JSON, and how a person would run it.
    fn lines<T: DeserializeOwned>(&self, name: &str) -> Result<(String, Vec<T>)> {
        let program = self.program("release", name);
        let command = self.shown(&program).to_string();
        eprintln!("$ {command}");
        let output = Command::new(&program).stderr(Stdio::inherit()).output();
        let output = output.with_context(|| format!("failed to run {command}"))?;
        ensure!(output.status.success(), "{command}: {}", output.status);
        let lines: serde_json::Result<_> = serde_json::Deserializer::from_slice(&output.stdout).into_iter().collect();
        let lines = lines.with_context(|| format!("failed to read what {command} prints"))?;
        Ok((command, lines))
    }

    /// Where a program of others is, once it is there in this version.
    fn install(&self, name: &str, version: &str) -> Result<PathBuf> {
        let folder = self.root.join(".pointsman/tools");
        let root = folder.to_str().context("a path that is no text")?;
        self.build(&["install", name, "--version", version, "--root", root, "--locked", "--quiet"])?;
        Ok(folder.join("bin").join(name))
    }

    fn build(&self, arguments: &[&str]) -> Result<()> {
        eprintln!("$ cargo {}", arguments.join(" "));
        let mut command = Command::new(crate::cargo());
        command.args(arguments).current_dir(&self.root).stdout(Stdio::from(io::stderr()));
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(|name| LEFT_BY_CARGO_RUN.iter().any(|prefix| name.starts_with(prefix))) {
                command.env_remove(name);
            }
        }
        let status = command.status().context("failed to run cargo")?;
        ensure!(status.success(), "cargo {} failed", arguments.join(" "));
        Ok(())
    }
}

#[derive(Debug, Serialize)]
struct Results {
    machine: Machine,
    figures: Vec<Figure>,
}

/// Builds, measures, prints, and writes the same to `.pointsman/bench.json`.
///
/// A bound that is not met is a result like any other; only what could not be measured makes it fail.
pub(crate) fn run(parts: &BTreeSet<Part>) -> Result<ExitCode> {
    let place = Place::find();
    let builds: BTreeSet<_> = parts.iter().map(|part| part.build()).collect();
    for arguments in builds {
        place.build(arguments)?;
    }
    let machine = Machine::this()?;
    let mut figures = Vec::new();
    for part in parts {
        match part.measure(&place) {
            Ok(measured) => figures.extend(measured),
            Err(error) => figures.push(Figure::failed(part.name(), format!("{error:#}"))),
        }
    }
    let results = Results { machine, figures };
    let file = place.root.join(".pointsman/bench.json");
    let json = serde_json::to_string_pretty(&results)?;
    fs::create_dir_all(place.root.join(".pointsman"))
        .and_then(|()| fs::write(&file, json))
        .with_context(|| format!("failed to write {}", file.display()))?;
    figure::print(&mut io::stdout().lock(), &results.machine, &results.figures)?;
    eprintln!("written to {}", place.shown(&file));
    let whole = results.figures.iter().all(Figure::is_measured);
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(arguments: &[&str]) -> Option<Vec<Part>> {
        Some(parts(arguments.iter().map(OsString::from))?.into_iter().collect())
    }

    #[test]
    fn arguments_choose_parts() {
        use Part::{Anomaly, ColdStart, Compare, Decide, Deploy, Dns, Drill, Fleet, Proxy, Round, Zip};
        let all = [Drill, Round, Zip, ColdStart, Compare, Fleet, Dns, Proxy, Decide, Anomaly, Deploy];
        assert_eq!(named(&[]).unwrap(), all);
        assert_eq!(named(&["zip", "drill"]).unwrap(), [Part::Drill, Part::Zip]);
        assert_eq!(named(&["zip", "--ship"]).unwrap(), [Part::Zip, Part::Ship]);
        assert_eq!(named(&["--ship"]).unwrap(), [&all[..3], &[Part::Ship], &all[3..]].concat());
        assert_eq!(named(&["mutants"]).unwrap(), [Part::Mutants]);
        assert_eq!(named(&["zips"]), None);
    }
}
