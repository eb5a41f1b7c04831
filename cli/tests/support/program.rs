//! `pointsman` as a process.

use std::{
    env,
    ffi::OsStr,
    fmt,
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

use super::{seconds, traces, until};

/// Marks every process that a program of this test starts, beside the lab's own marker, which MiniStack alone gets.
pub(crate) const MARKER: &str = "POINTSMAN_TESTED";

/// How long a command may take that starts no lab.
pub(crate) const COMMAND: Duration = seconds(60);

/// The program in the folder `place`, with nothing of the developer's own AWS set-up.
pub(crate) fn pointsman<A: AsRef<OsStr>>(place: &Path, arguments: impl IntoIterator<Item = A>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pointsman"));
    command.args(arguments).current_dir(place).stdin(Stdio::null());
    for (name, _) in env::vars_os() {
        let ours = |name: &str| ["AWS_", "POINTSMAN_", "CLICOLOR"].iter().any(|prefix| name.starts_with(prefix));
        if name.to_str().is_some_and(ours) {
            command.env_remove(name);
        }
    }
    command
}

/// A program that runs. Dropped, it is killed.
pub(crate) struct Program {
    child: Child,
    marker: String,
    stdout: Captured,
    stderr: Captured,
}

impl Program {
    pub(crate) fn start(mut command: Command) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let marker = format!("{}-{}", std::process::id(), STARTED.fetch_add(1, Ordering::Relaxed));
        command.env(MARKER, &marker).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (stdout, stderr) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, marker, stdout: Captured::read(stdout), stderr: Captured::read(stderr) }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Every living process that it started, directly or not, in words; itself too while it runs.
    pub(crate) fn processes(&self) -> Vec<String> {
        let mut all = traces::carrying(&format!("{MARKER}={}", self.marker));
        all.extend(traces::of_lab(self.pid()));
        all
    }

    /// Waits until standard error says it.
    pub(crate) fn wait_for(&mut self, text: &str, within: Duration) {
        self.wait_until(text, within, |program| &program.stderr);
    }

    /// Waits until it is in what standard output has.
    pub(crate) fn wait_for_result(&mut self, text: &str, within: Duration) {
        self.wait_until(text, within, |program| &program.stdout);
    }

    fn wait_until(&mut self, text: &str, within: Duration, stream: impl Fn(&Self) -> &Captured) {
        let deadline = Instant::now() + within;
        while !stream(self).text().contains(text) {
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "`{text}` was not said ({ended:?}):\n{self}");
            thread::sleep(super::POLL);
        }
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self, within: Duration) -> Finished {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(started.elapsed() < within, "it has not ended within {within:?}:\n{self}");
            thread::sleep(super::POLL);
        };
        // A process that holds them open outlives the program.
        until("the end of what it prints", seconds(5), || {
            (self.stdout.is_whole() && self.stderr.is_whole()).then_some(())
        });
        Finished { status, stdout: self.stdout.text(), stderr: self.stderr.text() }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}", self.stdout.text(), self.stderr.text())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already, mostly; MiniStack follows it by itself.
        let _: std::io::Result<()> = self.child.kill();
        let _: std::io::Result<ExitStatus> = self.child.wait();
    }
}

/// Runs it to its end.
pub(crate) fn run(command: Command, within: Duration) -> Finished {
    Program::start(command).end(within)
}

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Finished {
    status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Finished {
    pub(crate) fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The exit code is this.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code(), Some(code), "{self}");
        self
    }

    /// Standard error has all of these.
    #[track_caller]
    pub(crate) fn says(self, texts: &[&str]) -> Self {
        for text in texts {
            assert!(self.stderr.contains(text), "`{text}` is not said:\n{self}");
        }
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}):\n{self}"))
    }
}

impl fmt::Display for Finished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\nstdout:\n{}\nstderr:\n{}", self.status, self.stdout, self.stderr)
    }
}

/// What a process prints, as it prints it.
struct Captured {
    text: Arc<Mutex<String>>,
    reader: JoinHandle<()>,
}

impl Captured {
    fn read(stream: impl Read + Send + 'static) -> Self {
        let text = Arc::new(Mutex::new(String::new()));
        let into = Arc::clone(&text);
        let reader = thread::spawn(move || {
            let mut lines = BufReader::new(stream);
            let mut line = Vec::new();
            while lines.read_until(b'\n', &mut line).unwrap() > 0 {
                into.lock().unwrap().push_str(&String::from_utf8_lossy(&line));
                line.clear();
            }
        });
        Self { text, reader }
    }

    fn text(&self) -> String {
        self.text.lock().unwrap().clone()
    }

    fn is_whole(&self) -> bool {
        self.reader.is_finished()
    }
}
