//! The memory of a program and of everything that it started, its marked orphans included.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use anyhow::{Context, Result};

use super::machine::kilobytes;

/// What each process of a lab carries in its environment, with the lab's own value.
const MARKER_VARIABLE: &[u8] = b"POINTSMAN_LAB=";

type Pid = u32;

/// The processes of one program, looked at again and again.
#[derive(Debug)]
pub(super) struct Family {
    root: Pid,
    marker: Option<Vec<u8>>,
}

/// A moment's memory, in bytes.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// With what processes share divided among them.
    pub(super) pss: u64,
    /// With what processes share counted for each.
    pub(super) rss: u64,
    /// The processes and the PSS of each name.
    pub(super) names: BTreeMap<String, (usize, u64)>,
}

impl Family {
    pub(super) fn of(root: Pid) -> Self {
        Self { root, marker: None }
    }

    /// Adds up the processes that live now; one that ends meanwhile counts nothing.
    pub(super) fn sample(&mut self) -> Result<Sample> {
        let processes = processes()?;
        let mut members = descendants(self.root, &processes);
        if self.marker.is_none() {
            self.marker = members.iter().find_map(|pid| marker(*pid));
        }
        if self.marker.is_some() {
            members.extend(processes.keys().filter(|pid| marker(**pid) == self.marker));
        }
        let mut sample = Sample::default();
        for pid in members {
            let Ok(rollup) = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else { continue };
            let (Some(pss), Some(rss)) = (kilobytes(&rollup, "Pss"), kilobytes(&rollup, "Rss")) else { continue };
            sample.pss += pss;
            sample.rss += rss;
            let (count, bytes) = sample.names.entry(processes[&pid].name.clone()).or_default();
            *count += 1;
            *bytes += pss;
        }
        Ok(sample)
    }
}

#[derive(Debug)]
struct Process {
    name: String,
    parent: Pid,
}

fn processes() -> Result<BTreeMap<Pid, Process>> {
    let entries = fs::read_dir("/proc").context("failed to list /proc")?;
    Ok(entries
        .flatten()
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            Some((pid, parse(&stat)?))
        })
        .collect())
}

/// `PID (NAME) STATE PARENT …`, where the name may hold any character.
fn parse(stat: &str) -> Option<Process> {
    let (before, after) = stat.rsplit_once(") ")?;
    let (_, name) = before.split_once('(')?;
    Some(Process { name: name.to_owned(), parent: after.split(' ').nth(1)?.parse().ok()? })
}

fn descendants(root: Pid, processes: &BTreeMap<Pid, Process>) -> BTreeSet<Pid> {
    let mut members = BTreeSet::from_iter(processes.contains_key(&root).then_some(root));
    loop {
        let before = members.len();
        let children: Vec<_> =
            processes.iter().filter(|(_, process)| members.contains(&process.parent)).map(|(pid, _)| *pid).collect();
        members.extend(children);
        if members.len() == before {
            return members;
        }
    }
}

fn marker(pid: Pid) -> Option<Vec<u8>> {
    let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
    environment.split(|byte| *byte == 0).find_map(|variable| variable.strip_prefix(MARKER_VARIABLE)).map(<[u8]>::to_vec)
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader},
        process::{Command, Stdio},
        time::{Duration, Instant},
    };

    use super::*;

    #[test]
    fn counts_children_and_marked_orphans() {
        // The inner shell ends at once, so that its `sleep` is an orphan; the other is a child.
        let script = "sh -c 'sleep 60 >/dev/null & echo $!'; sleep 61 & echo $!; wait";
        let mut shell = Command::new("sh")
            .args(["-c", script])
            .env("POINTSMAN_LAB", format!("bench-{}", std::process::id()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(shell.stdout.take().unwrap());
        let pids: Vec<Pid> = said.lines().take(2).map(|line| line.unwrap().parse().unwrap()).collect();

        let mut family = Family::of(shell.id());
        let deadline = Instant::now() + Duration::from_secs(10);
        let sample = loop {
            let sample = family.sample().unwrap();
            // A shell prints the number of a child that may not have become `sleep` yet.
            if sample.names.get("sleep").is_some_and(|(count, _)| *count == 2) || Instant::now() > deadline {
                break sample;
            }
        };
        let ended = Command::new("kill").args(pids.iter().map(ToString::to_string)).status().unwrap();
        shell.wait().unwrap();

        assert!(ended.success());
        assert_eq!(sample.names["sleep"].0, 2, "{sample:?}");
        assert!(sample.pss > 0 && sample.rss >= sample.pss, "{sample:?}");
    }

    #[test]
    fn a_name_may_hold_parentheses() {
        let process = parse("12 (a) b (c) S 7 12").unwrap();
        assert_eq!((process.name.as_str(), process.parent), ("a) b (c", 7));
    }
}
