//! The embedded MiniStack, really installed, started and stopped.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod again;
mod needs;

use std::{
    env,
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::Mutex,
    thread,
    time::{Duration, Instant},
};

use again::again;
use lab::{
    emulator::{Embedded, Emulator, EmulatorError, Kind, Progress},
    processes::Marker,
};
use nix::unistd::Pid;
use tempfile::TempDir;

const UNREACHABLE: &str = "http://127.0.0.1:1/";

/// One installation for all tests of this file.
fn shared() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("ministack")
}

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

fn settings<'a>(folder: &'a Path, run: &'a TempDir) -> Embedded<'a> {
    let (kind, run) = (Kind::Ministack, run.path());
    Embedded { kind, folder, run, marker: Marker::fresh(), functions: Vec::new(), port: None }
}

fn quiet(_: Progress) {}

fn port_of(emulator: &Emulator) -> u16 {
    emulator.endpoint().rsplit_once(':').unwrap().1.parse().unwrap()
}

fn is_free(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err()
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within 20 s");
        thread::sleep(Duration::from_millis(10));
    }
}

fn environment_of(process: Pid) -> Vec<String> {
    let environment = fs::read(format!("/proc/{process}/environ")).unwrap();
    environment.split(|byte| *byte == 0).map(|variable| String::from_utf8_lossy(variable).into_owned()).collect()
}

#[tokio::test]
async fn starts_and_stops_without_a_trace() {
    if !python_is_there() {
        return;
    }
    let (folder, run) = (shared(), TempDir::new().unwrap());
    let mut settings = settings(&folder, &run);
    settings.functions = vec![("AWS_ENDPOINT_URL".to_owned(), "http://127.0.0.1:9".to_owned())];
    let emulator = Emulator::start(&settings, &quiet).await.unwrap();
    let port = port_of(&emulator);

    let running = Emulator::running(emulator.endpoint(), Duration::from_secs(5)).await.unwrap();
    assert_eq!(running.endpoint(), emulator.endpoint());
    assert_eq!(running.name(), emulator.name());
    assert_eq!(emulator.name(), "ministack 1.5.33");

    let processes = settings.marker.processes();
    assert_eq!(processes.len(), 1, "{processes:?}");
    let environment = environment_of(processes[0]);
    assert!(environment.contains(&"AWS_ENDPOINT_URL=http://127.0.0.1:9".to_owned()), "{environment:?}");
    assert!(!environment.iter().any(|variable| variable.starts_with("CARGO")), "{environment:?}");

    emulator.stop().await.unwrap();
    assert_eq!(settings.marker.processes(), []);
    assert!(is_free(port));
    let left: Vec<_> = fs::read_dir(run.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["ministack.log"]);
}

#[tokio::test]
async fn dropped_it_leaves_nothing() {
    if !python_is_there() {
        return;
    }
    let (folder, run) = (shared(), TempDir::new().unwrap());
    let settings = settings(&folder, &run);
    let emulator = Emulator::start(&settings, &quiet).await.unwrap();
    let port = port_of(&emulator);
    drop(emulator);
    assert_eq!(settings.marker.processes(), []);
    assert!(is_free(port));
}

#[tokio::test]
async fn a_taken_port_is_named() {
    if !python_is_there() {
        return;
    }
    let (folder, run) = (shared(), TempDir::new().unwrap());
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut settings = settings(&folder, &run);
    settings.port = Some(port);
    let error = Emulator::start(&settings, &quiet).await.unwrap_err();
    assert!(matches!(error, EmulatorError::PortBusy { port: busy } if busy == port), "{error}");
    assert_eq!(settings.marker.processes(), []);
}

#[tokio::test]
async fn nobody_there_is_said_in_time() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let error = Emulator::running(&format!("http://127.0.0.1:{port}"), Duration::from_millis(300)).await.unwrap_err();
    assert!(matches!(&error, EmulatorError::Unhealthy { last, .. } if last.contains("refused")), "{error}");
}

#[test]
fn a_killed_lab_leaves_nothing() {
    if !python_is_there() {
        return;
    }
    let (marker, run) = (Marker::fresh(), TempDir::new().unwrap());
    let mut lab = again(
        "child_that_waits",
        [("TEST_MARKER", OsStr::new(&marker.to_string())), ("TEST_RUN", run.path().as_os_str())],
    )
    .spawn()
    .unwrap();
    let mut printed = BufReader::new(lab.stdout.take().unwrap()).lines();
    let ready = printed.find_map(|line| line.unwrap().split_once("port ").map(|(_, port)| port.parse().unwrap()));
    let Some(port) = ready else {
        let mut errors = String::new();
        lab.stderr.unwrap().read_to_string(&mut errors).unwrap();
        panic!("it did not start: {errors}");
    };
    assert!(!marker.processes().is_empty());

    lab.kill().unwrap();
    lab.wait().unwrap();
    wait_until("all processes are gone", || marker.processes().is_empty());
    // A dying process lets go of its port a moment after its environment.
    wait_until("the port is free", || is_free(port));
    assert!(!run.path().join("ministack-scratch").exists());
}

#[tokio::test]
#[ignore = "the child of a_killed_lab_leaves_nothing"]
async fn child_that_waits() {
    let run = PathBuf::from(env::var_os("TEST_RUN").unwrap());
    let settings = Embedded {
        kind: Kind::Ministack,
        folder: &shared(),
        run: &run,
        marker: Marker::of(env::var("TEST_MARKER").unwrap()),
        functions: Vec::new(),
        port: None,
    };
    let emulator = Emulator::start(&settings, &quiet).await.unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "port {}", port_of(&emulator)).unwrap();
    out.flush().unwrap();
    std::future::pending::<()>().await;
}

#[test]
fn missing_python_is_named() {
    let output =
        again("child_without_python", [("PATH", OsStr::new("")), ("PYENV_ROOT", OsStr::new(""))]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
#[ignore = "the child of missing_python_is_named"]
async fn child_without_python() {
    let (folder, run) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let error = Emulator::start(&settings(folder.path(), &run), &quiet).await.unwrap_err();
    assert!(matches!(&error, EmulatorError::MissingPython { found, .. } if found == "none"), "{error}");
    assert!(error.to_string().contains("apt-get install python3"), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn without_a_network_a_filled_folder_will_do() {
    if !python_is_there() {
        return;
    }
    let mut child = again("child_without_network", [("PIP_INDEX_URL", OsStr::new(UNREACHABLE))]);
    let output = child.env_remove("PIP_FIND_LINKS").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
#[ignore = "the child of without_a_network_a_filled_folder_will_do"]
async fn child_without_network() {
    let (folder, run) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let settings = settings(folder.path(), &run);
    let error = Emulator::start(&settings, &quiet).await.unwrap_err();
    let message = error.to_string();
    assert!(matches!(error, EmulatorError::Offline { .. }), "{message}");

    let (_, download) = message.rsplit_once(": ").unwrap();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let output =
        Command::new("sh").args(["-c", download]).current_dir(workspace).env_remove("PIP_INDEX_URL").output().unwrap();
    assert!(output.status.success(), "{download}: {}", String::from_utf8_lossy(&output.stderr));

    let said = Mutex::new(Vec::new());
    let emulator = Emulator::start(&settings, &|progress| said.lock().unwrap().push(progress)).await.unwrap();
    emulator.stop().await.unwrap();
    let said = said.into_inner().unwrap();
    assert_eq!(said.last(), Some(&Progress::Starting));
    assert!(said.iter().any(|progress| matches!(progress, Progress::Installing(line) if line.contains("ministack"))));
}

#[tokio::test]
async fn an_interrupted_installation_is_done_again() {
    if !python_is_there() {
        return;
    }
    let (folder, run) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let settings = settings(folder.path(), &run);
    {
        let (sender, mut installing) = tokio::sync::mpsc::unbounded_channel();
        let report = move |progress| {
            if matches!(progress, Progress::Installing(_)) {
                sender.send(()).unwrap();
            }
        };
        tokio::select! {
            result = Emulator::start(&settings, &report) => panic!("it was to be interrupted: {result:?}"),
            _ = installing.recv() => {}
        }
    }
    assert_eq!(settings.marker.processes(), []);

    // Two at once: one installs, the other waits for it.
    let other_run = TempDir::new().unwrap();
    let other_settings = Embedded { run: other_run.path(), marker: Marker::fresh(), ..settings.clone() };
    let made = Mutex::new(0);
    let count = |progress| {
        if matches!(progress, Progress::CreatingEnvironment(_)) {
            *made.lock().unwrap() += 1;
        }
    };
    let (one, other) = tokio::join!(Emulator::start(&settings, &count), Emulator::start(&other_settings, &count));
    one.unwrap().stop().await.unwrap();
    other.unwrap().stop().await.unwrap();
    assert_eq!(*made.lock().unwrap(), 1);
}
