//! A region in a process of its own, as the lab starts it.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    time::{Duration, Instant},
};

use lab::{
    processes::Marker,
    region::{Region, RegionError, Spawn},
    tls::Authority,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use scenario::fault::Fault;

const PROGRAM: &str = env!("CARGO_BIN_EXE_pointsman");
const LONG: Duration = Duration::from_secs(20);

async fn spawn(marker: &Marker, address: SocketAddr, tls: Option<&Path>) -> Result<Region, RegionError> {
    let tls = tls.map(Path::to_owned);
    let settings = Spawn { name: "eu-west-1".parse().unwrap(), address, seed: 1, tls, marker };
    Region::spawn(Path::new(PROGRAM), settings).await
}

/// The whole answer; an error when there is none.
fn get(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LONG))?;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: lab\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LONG, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn niceness(process: impl std::fmt::Display) -> i32 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(16).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_region_of_its_own_does_what_it_is_told_and_ends() {
    let marker = Marker::fresh();
    let region = spawn(&marker, (Ipv4Addr::new(127, 2, 1, 1), 0).into(), None).await.unwrap();
    let address = region.address();
    assert!(get(address).unwrap().contains("x-region: eu-west-1"));
    let [process] = marker.processes()[..] else { panic!("{:?}", marker.processes()) };
    assert_eq!(niceness(process), (niceness("self") + 5).min(19), "it gives way to those who measure it");

    let control = region.control();
    control.set(vec![Fault::Down]).await.unwrap();
    assert_eq!(get(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
    control.set(vec![Fault::Errors { share: domain::Share::ALL, paths: scenario::fault::Paths::All }]).await.unwrap();
    assert!(get(address).unwrap().starts_with("HTTP/1.1 503"));
    control.add(Fault::CpuSaturation).await.unwrap();
    assert_eq!(control.faults().await.unwrap().len(), 2);
    control.clear().await.unwrap();
    control.cut_off(BTreeSet::from([IpAddr::from([127, 2, 9, 1])])).await.unwrap();
    assert!(get(address).unwrap().starts_with("HTTP/1.1 200"), "others are not cut off");
    let refused = control.add(Fault::TlsExpired).await.unwrap_err();
    assert!(refused.to_string().contains("speaks no TLS"), "{refused}");

    region.stop().await;
    assert_eq!(marker.processes(), []);
    assert_eq!(get(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_region_that_is_dropped_is_gone() {
    let marker = Marker::fresh();
    drop(spawn(&marker, (Ipv4Addr::new(127, 2, 1, 2), 0).into(), None).await.unwrap());
    until("its end", || marker.processes().is_empty());
}

#[tokio::test]
async fn a_region_that_can_not_listen_says_why() {
    let marker = Marker::fresh();
    let taken = std::net::TcpListener::bind((Ipv4Addr::new(127, 2, 1, 3), 0)).unwrap();
    let error = spawn(&marker, taken.local_addr().unwrap(), None).await.unwrap_err();
    assert!(error.to_string().contains("in use"), "{error}");
    until("its end", || marker.processes().is_empty());
}

#[tokio::test]
async fn a_region_with_certificates_takes_tls_faults() {
    let (marker, folder) = (Marker::fresh(), tempfile::tempdir().unwrap());
    let address = (Ipv4Addr::new(127, 2, 1, 6), 0).into();
    let error = spawn(&marker, address, Some(folder.path())).await.unwrap_err();
    assert!(error.to_string().contains("good.pem"), "{error}");
    Authority::new().unwrap().write(&["api.example.com".parse().unwrap()], folder.path()).unwrap();
    let region = spawn(&marker, address, Some(folder.path())).await.unwrap();
    region.control().set(vec![Fault::TlsExpired]).await.unwrap();
    assert!(get(region.address()).unwrap().starts_with("HTTP/1.1 200"), "plain HTTP is not touched");
}

/// The process as such, with its standard input, and where it serves.
fn start(address: &str) -> (Child, ChildStdin, SocketAddr) {
    let mut command = Command::new(PROGRAM);
    command.args(["lab", "region", "eu-west-1", address]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let listening: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert!(listening["admin"].is_string(), "{line}");
    let stdin = child.stdin.take().unwrap();
    (child, stdin, listening["address"].as_str().unwrap().parse().unwrap())
}

#[test]
fn it_ends_with_whoever_started_it() {
    let (mut child, stdin, address) = start("127.2.1.4:0");
    assert!(get(address).is_ok());
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert!(get(address).is_err());
}

#[test]
fn it_ends_on_sigterm_and_not_on_sigint() {
    let (mut child, _stdin, address) = start("127.2.1.5:0");
    let pid = Pid::from_raw(child.id().cast_signed());
    kill(pid, Signal::SIGINT).unwrap();
    // A signal is taken before the next answer, if it is taken at all.
    for _ in 0..20 {
        assert!(get(address).is_ok());
    }
    kill(pid, Signal::SIGTERM).unwrap();
    assert!(child.wait().unwrap().success(), "it was not killed by either");
}
