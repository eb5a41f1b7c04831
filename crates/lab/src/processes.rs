//! Processes of a lab: the mark they carry, so that none is left behind, and commands run line by line.

use std::{
    collections::BTreeSet,
    fmt, fs, io,
    process::{ExitStatus, Stdio},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

/// The environment variable that marks every process of a lab.
pub const MARKER_VARIABLE: &str = "POINTSMAN_LAB";

const POLL: Duration = Duration::from_millis(10);

/// What one lab's processes carry in their environment, and hand on to the processes that they start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker(String);

impl Marker {
    /// A marker that no other lab on this machine has.
    #[must_use]
    pub fn fresh() -> Self {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(format!("{}-{}", std::process::id(), since_epoch.as_nanos()))
    }

    /// The marker of a lab that another process started.
    #[must_use]
    pub fn of(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The variable and its value, to set on a process.
    #[must_use]
    pub fn variable(&self) -> (&'static str, &str) {
        (MARKER_VARIABLE, &self.0)
    }

    /// Every other living process that carries the marker; none where there is no `/proc`.
    #[must_use]
    pub fn processes(&self) -> Vec<Pid> {
        let wanted = format!("{MARKER_VARIABLE}={}", self.0);
        let Ok(entries) = fs::read_dir("/proc") else {
            return Vec::new();
        };
        entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok().map(Pid::from_raw))
            .filter(|pid| *pid != Pid::this() && carries(*pid, wanted.as_bytes()))
            .collect()
    }

    /// Kills the processes that carry the marker and all these variables.
    pub fn kill(&self, variables: &[(&str, &str)]) {
        let wanted: Vec<_> = variables.iter().map(|(name, value)| format!("{name}={value}")).collect();
        for pid in self.processes() {
            if wanted.iter().all(|variable| carries(pid, variable.as_bytes())) {
                // Gone in the meantime is as good.
                let _: Result<(), Errno> = kill(pid, Signal::SIGKILL);
            }
        }
    }

    /// Kills every process that carries the marker and waits for each to be gone, blocking for `within` at most.
    ///
    /// Returns those that are still there, which none is unless the kernel holds it or it belongs to someone else.
    #[must_use]
    pub fn end(&self, within: Duration) -> Vec<Pid> {
        let deadline = Instant::now() + within;
        let mut killed = BTreeSet::new();
        loop {
            for pid in self.processes() {
                // Gone in the meantime is as good; refused shows as still there at the deadline.
                let _: Result<(), Errno> = kill(pid, Signal::SIGKILL);
                killed.insert(pid);
            }
            killed.retain(|pid| !has_exited(*pid));
            if killed.is_empty() || Instant::now() >= deadline {
                return killed.into_iter().collect();
            }
            thread::sleep(POLL);
        }
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A zombie's environment reads as empty, so what is only waiting to be reaped does not count as living.
fn carries(pid: Pid, wanted: &[u8]) -> bool {
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(|variable| variable == wanted))
}

/// A process lets go of its environment before its ports; a zombie has let go of both.
fn has_exited(pid: Pid) -> bool {
    // The state follows the name, which is in parentheses and may hold any character.
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .map_or(true, |stat| stat.rsplit_once(") ").is_none_or(|(_, rest)| rest.starts_with(['Z', 'X'])))
}

/// One line that a command printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    Out(&'a str),
    Err(&'a str),
}

/// Runs a command to its end and hands on each line as it is printed; dropping the future kills the command.
pub(crate) async fn run(command: &mut Command, mut on_line: impl FnMut(Line<'_>)) -> io::Result<ExitStatus> {
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true).spawn()?;
    let (stdout, stderr) = child.stdout.take().zip(child.stderr.take()).expect("both were asked for as pipes");
    let (mut stdout, mut stderr) = (BufReader::new(stdout).split(b'\n'), BufReader::new(stderr).split(b'\n'));
    let (mut out_open, mut err_open) = (true, true);
    while out_open || err_open {
        tokio::select! {
            line = stdout.next_segment(), if out_open => match line? {
                Some(line) => on_line(Line::Out(String::from_utf8_lossy(&line).trim_end())),
                None => out_open = false,
            },
            line = stderr.next_segment(), if err_open => match line? {
                Some(line) => on_line(Line::Err(String::from_utf8_lossy(&line).trim_end())),
                None => err_open = false,
            },
        }
    }
    child.wait().await
}

/// The last lines of a text, enough to see why something failed.
pub(crate) fn tail(text: &str) -> String {
    const LINES: usize = 20;
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use std::process;

    use super::*;

    #[test]
    fn ends_marked_processes_and_no_others() {
        let (ours, theirs) = (Marker::fresh(), Marker::fresh());
        let start = |marker: &Marker| {
            let (name, value) = marker.variable();
            // The shell waits for a child of its own, which carries the marker too.
            process::Command::new("sh").args(["-c", "sleep 60; true"]).env(name, value).spawn().unwrap()
        };
        let (mut one, mut other) = (start(&ours), start(&theirs));
        // Between fork and exec it is still a copy of this process.
        let deadline = Instant::now() + Duration::from_secs(5);
        while !ours.processes().contains(&Pid::from_raw(one.id().cast_signed())) {
            assert!(Instant::now() < deadline, "it carries the marker");
            thread::yield_now();
        }

        assert_eq!(ours.end(Duration::from_secs(5)), []);
        assert!(!one.wait().unwrap().success());
        assert_eq!(other.try_wait().unwrap(), None, "another lab's process lives on");

        assert_eq!(theirs.end(Duration::from_secs(5)), []);
        assert!(!other.wait().unwrap().success());
    }

    #[tokio::test]
    async fn hands_on_lines_of_both_streams() {
        let mut lines = Vec::new();
        let status = run(Command::new("sh").args(["-c", "echo a; printf '\\377b' >&2; exit 3"]), |line| {
            lines.push(match line {
                Line::Out(text) => format!("out {text}"),
                Line::Err(text) => format!("err {text}"),
            });
        })
        .await
        .unwrap();
        lines.sort();
        assert_eq!(lines, ["err \u{fffd}b", "out a"]);
        assert_eq!(status.code(), Some(3));
    }

    #[test]
    fn tail_keeps_the_end() {
        let text = (0..100).fold(String::new(), |text, line| format!("{text}{line}\n\n"));
        assert_eq!(tail(&text).lines().next(), Some("80"));
        assert_eq!(tail(&text).lines().last(), Some("99"));
    }
}
