//! The embedded LocalStack, and the executor that runs its functions as processes.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod again;
#[path = "../../../cli/tests/support/http.rs"]
mod http;
mod needs;

use std::{
    collections::BTreeSet,
    env,
    ffi::OsStr,
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use again::again;
use lab::{
    emulator::{Embedded, Emulator, EmulatorError, Kind},
    package::{self, Source},
    processes::Marker,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use tempfile::TempDir;

const REGION: &str = "eu-west-1";
/// Said to the functions in place of LocalStack's own address.
const PROXY: &str = "http://127.0.0.1:9";

/// One installation for all tests of this file.
fn shared() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("localstack")
}

fn settings<'a>(folder: &'a Path, run: &'a TempDir) -> Embedded<'a> {
    let functions = vec![("AWS_ENDPOINT_URL".to_owned(), PROXY.to_owned())];
    Embedded { kind: Kind::Localstack, folder, run: run.path(), marker: Marker::fresh(), functions, port: None }
}

/// `None`, and noted, where there is no Python for it.
async fn start(settings: &Embedded<'_>) -> Option<Emulator> {
    match Emulator::start(settings, &|_| {}).await {
        Err(EmulatorError::MissingPython { .. }) => {
            needs::not_run("Python 3.12 or later with venv");
            None
        }
        started => Some(started.unwrap()),
    }
}

fn until<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}: not within 20 s");
        thread::sleep(Duration::from_millis(20));
    }
}

/// LocalStack as anyone may ask it; it checks no signature, but reads service and region from it.
#[derive(Clone)]
struct Aws(String);

impl Aws {
    fn call(&self, method: &str, service: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, Value) {
        let scope = format!("Credential=test/20260101/{REGION}/{service}/aws4_request");
        let authorization = format!("AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0");
        let headers = [&[("Authorization", authorization.as_str())], headers].concat();
        let answer = http::ask(method, &format!("{}{path}", self.0), &headers, body).unwrap();
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    /// A function of the example `bootstrap`, once it can be invoked.
    async fn create(&self, name: &str, environment: &Value) {
        let example = env::current_exe().unwrap().ancestors().nth(2).unwrap().join("examples/bootstrap");
        let folder = TempDir::new().unwrap();
        for function in ["checker", "failover"] {
            fs::create_dir(folder.path().join(function)).unwrap();
            fs::copy(&example, folder.path().join(function).join("bootstrap")).unwrap();
        }
        let source = Source::Artifacts(folder.path().to_owned());
        let zip = package::locate(&source, &|_| {}).await.unwrap().checker.zip().unwrap();
        let constraint = format!("<LocationConstraint>{REGION}</LocationConstraint>");
        let location = format!("<CreateBucketConfiguration>{constraint}</CreateBucketConfiguration>");
        self.call("PUT", "s3", "/code", &[], location.as_bytes());
        assert_eq!(self.call("PUT", "s3", "/code/zip", &[], &zip.bytes).0, 200);
        let function = json!({
            "FunctionName": name, "Runtime": "provided.al2023", "Handler": "bootstrap", "Timeout": 2,
            "Role": "arn:aws:iam::000000000000:role/any", "Code": { "S3Bucket": "code", "S3Key": "zip" },
            "Environment": { "Variables": environment },
        });
        let made = self.call("POST", "lambda", "/2015-03-31/functions", &[], function.to_string().as_bytes());
        assert_eq!(made.0, 201, "{made:?}");
        until("the function is active", || {
            let found = self.call("GET", "lambda", &format!("/2015-03-31/functions/{name}/configuration"), &[], b"").1;
            (found["State"] == "Active").then_some(())
        });
    }

    fn invoke(&self, name: &str, event: &Value) -> (u16, Value) {
        let path = format!("/2015-03-31/functions/{name}/invocations");
        self.call("POST", "lambda", &path, &[], event.to_string().as_bytes())
    }

    /// What a function answers; an error is an answer too.
    fn answer(&self, name: &str, event: &Value) -> Value {
        let (status, answer) = self.invoke(name, event);
        assert_eq!(status, 200, "{answer}");
        answer
    }

    fn logs(&self, operation: &str, request: &Value) -> Value {
        let target = format!("Logs_20140328.{operation}");
        let headers = [("X-Amz-Target", target.as_str()), ("Content-Type", "application/x-amz-json-1.1")];
        self.call("POST", "logs", "/", &headers, request.to_string().as_bytes()).1
    }

    /// Every line in a function's log group.
    fn log(&self, name: &str) -> Vec<String> {
        let group = format!("/aws/lambda/{name}");
        let found = self.logs("FilterLogEvents", &json!({ "logGroupName": group }));
        let events = found["events"].as_array().cloned().unwrap_or_default();
        events.iter().map(|event| event["message"].as_str().unwrap().trim_end().to_owned()).collect()
    }
}

/// The local addresses, as the kernel writes them, that any of these processes listens on.
fn listening(processes: &[Pid]) -> BTreeSet<String> {
    let sockets: BTreeSet<_> = processes
        .iter()
        .filter_map(|process| fs::read_dir(format!("/proc/{process}/fd")).ok())
        .flatten()
        .filter_map(|descriptor| fs::read_link(descriptor.ok()?.path()).ok())
        .filter_map(|link| Some(link.to_str()?.strip_prefix("socket:[")?.trim_end_matches(']').to_owned()))
        .collect();
    let mut addresses = BTreeSet::new();
    for (table, state) in [("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")] {
        for line in fs::read_to_string(format!("/proc/net/{table}")).unwrap_or_default().lines().skip(1) {
            let columns: Vec<_> = line.split_whitespace().collect();
            if columns[3] == state && sockets.contains(columns[9]) {
                addresses.insert(columns[1].split(':').next().unwrap().to_owned());
            }
        }
    }
    addresses
}

#[tokio::test]
async fn functions_are_processes() {
    let (folder, run) = (shared(), TempDir::new().unwrap());
    let settings = settings(&folder, &run);
    let Some(emulator) = start(&settings).await else {
        return;
    };
    assert_eq!(emulator.name(), "localstack 4.14.0");
    let running = Emulator::running(emulator.endpoint(), Duration::from_secs(5)).await.unwrap();
    assert_eq!(running.name(), emulator.name());
    let aws = Aws(emulator.endpoint().to_owned());
    aws.create("f", &json!({ "GREETING": "hello" })).await;

    let cold = aws.answer("f", &json!("tell"));
    assert_eq!(cold["arn"], "arn:aws:lambda:eu-west-1:000000000000:function:f");
    let environment = &cold["environment"];
    assert_eq!(environment["AWS_ENDPOINT_URL"], PROXY);
    assert_eq!(environment["AWS_REGION"], REGION);
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_NAME"], "f");
    assert_eq!(environment["GREETING"], "hello");
    assert_eq!(environment["TZ"], "UTC");
    assert_eq!(environment["POINTSMAN_LAB"], settings.marker.to_string());
    assert_eq!(aws.answer("f", &json!({ "print": "a line" }))["process"], cold["process"], "warm");

    let parallel: Vec<_> = (0..4)
        .map(|_| {
            let aws = aws.clone();
            thread::spawn(move || aws.answer("f", &json!({ "sleep": 1000 }))["process"].to_string())
        })
        .collect();
    let processes: BTreeSet<_> = parallel.into_iter().map(|one| one.join().unwrap()).collect();
    assert_eq!(processes.len(), 4, "each has a process of its own");

    // LocalStack's sockets are of IPv6 with an IPv4 address in them, each process's endpoint is of IPv4.
    let loopback = ["0000000000000000FFFF00000100007F", "0100007F"].map(str::to_owned);
    assert_eq!(listening(&settings.marker.processes()), BTreeSet::from(loopback));

    aws.create("g", &json!({})).await;
    let before = aws.answer("g", &json!("tell"))["process"].clone();
    assert_eq!(aws.answer("g", &json!({ "fail": "no luck" }))["errorMessage"], "no luck");
    assert_eq!(aws.answer("g", &json!("panic"))["errorMessage"], "Lambda panicked: as asked");
    assert_eq!(aws.answer("g", &json!("tell"))["process"], before, "an error ends no process");
    let exited = aws.answer("g", &json!({ "exit": 3 }));
    assert_eq!(exited["errorType"], "Runtime.ExitError");
    assert!(exited["errorMessage"].as_str().unwrap().ends_with("exit status 3"), "{exited}");
    let after = aws.answer("g", &json!("tell"))["process"].clone();
    assert!(after.is_number() && after != before, "a new process follows an exit");
    let late = aws.answer("g", &json!({ "sleep": 60_000 }));
    assert_eq!(late["errorType"], "Sandbox.Timedout", "{late}");
    let next = aws.answer("g", &json!("tell"))["process"].clone();
    assert!(next.is_number() && next != after, "a new process follows a time-out");
    assert!(!settings.marker.processes().iter().any(|process| after == process.as_raw()), "it was killed");

    aws.create("h", &json!({ "EXIT_AT_ONCE": "1" })).await;
    assert!(aws.answer("h", &json!("tell"))["errorMessage"].as_str().unwrap().ends_with("exit status 9"));
    for (function, part) in [("f", "a line"), ("g", "as asked"), ("g", "timed out after 2.00"), ("h", "nothing to run")]
    {
        until(part, || aws.log(function).iter().any(|line| line.contains(part)).then_some(()));
    }

    let reserved = json!({ "ReservedConcurrentExecutions": 0 }).to_string();
    aws.call("PUT", "lambda", "/2017-10-31/functions/f/concurrency", &[], reserved.as_bytes());
    assert_eq!(aws.invoke("f", &json!("tell")).0, 429);

    emulator.stop().await.unwrap();
    assert_eq!(settings.marker.processes(), []);
    let left: Vec<_> = fs::read_dir(run.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["localstack.log"]);
}

#[tokio::test]
async fn killed_it_leaves_no_function() {
    let (folder, run) = (shared(), TempDir::new().unwrap());
    let settings = settings(&folder, &run);
    let Some(emulator) = start(&settings).await else {
        return;
    };
    let server = settings.marker.processes();
    let aws = Aws(emulator.endpoint().to_owned());
    aws.create("f", &json!({})).await;
    aws.answer("f", &json!("tell"));
    assert_eq!(settings.marker.processes().len(), server.len() + 1);
    kill(server[0], Signal::SIGKILL).unwrap();
    until("everything is gone", || settings.marker.processes().is_empty().then_some(()));
    drop(emulator);
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let (folder, run) = (shared(), TempDir::new().unwrap());
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let settings = Embedded { port: Some(port), ..settings(&folder, &run) };
    match Emulator::start(&settings, &|_| {}).await.unwrap_err() {
        EmulatorError::MissingPython { .. } => needs::not_run("Python 3.12 or later with venv"),
        error => assert!(matches!(error, EmulatorError::PortBusy { port: busy } if busy == port), "{error}"),
    }
    assert_eq!(settings.marker.processes(), []);
}

#[test]
fn without_a_network_a_filled_folder_will_do() {
    let mut child = again("child_without_network", [("PIP_INDEX_URL", OsStr::new("http://127.0.0.1:1/"))]);
    let output = child.env_remove("PIP_FIND_LINKS").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
#[ignore = "the child of without_a_network_a_filled_folder_will_do"]
async fn child_without_network() {
    let (folder, run) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let settings = settings(folder.path(), &run);
    let message = match Emulator::start(&settings, &|_| {}).await.unwrap_err() {
        EmulatorError::MissingPython { .. } => return needs::not_run("Python 3.12 or later with venv"),
        error => error.to_string(),
    };
    let (_, download) = message.rsplit_once(": ").unwrap();
    assert!(download.contains("-r localstack/requirements-localstack.txt"), "{message}");
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let mut shell = Command::new("sh");
    let output = shell.args(["-c", download]).current_dir(workspace).env_remove("PIP_INDEX_URL").output().unwrap();
    assert!(output.status.success(), "{download}: {}", String::from_utf8_lossy(&output.stderr));
    start(&settings).await.unwrap().stop().await.unwrap();
}

#[test]
fn without_python_both_ways_are_named() {
    let nothing = [("PATH", OsStr::new("")), ("PYENV_ROOT", OsStr::new(""))];
    let output = again("child_without_python", nothing).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[tokio::test]
#[ignore = "the child of without_python_both_ways_are_named"]
async fn child_without_python() {
    let (folder, run) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let message = Emulator::start(&settings(folder.path(), &run), &|_| {}).await.unwrap_err().to_string();
    for part in ["LocalStack needs Python 3.12 or later", "found: none", "apt-get install python3", "or Docker with"] {
        assert!(message.contains(part), "{message}");
    }
}
