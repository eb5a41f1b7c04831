//! `check` on real servers: its table, its JSON, its exit code.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    thread,
};

use hickory_proto::{
    op::{Message, Metadata},
    rr::{RData, Record, RecordType},
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use support::{
    program::{self, Finished, Program, pointsman},
    seconds,
};
use tempfile::TempDir;

const FIRST: Ipv4Addr = Ipv4Addr::LOCALHOST;
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

/// A region's server: it answers every request with the status that it is told.
struct Region {
    port: u16,
    status: Arc<AtomicU16>,
}

impl Region {
    fn start(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let (port, status) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU16::new(200)));
        let told = Arc::clone(&status);
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A probe that only connects asks nothing.
                let _ = answer(stream.unwrap(), told.load(Ordering::SeqCst));
            }
        });
        Self { port, status }
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }
}

fn answer(mut stream: TcpStream, status: u16) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    write!(stream, "HTTP/1.1 {status} Told\r\ncontent-length: 2\r\n\r\nok")
}

/// The zone's one name server: it answers with the first region's address.
fn name_server() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 1500];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            let question = Message::from_vec(&buffer[..length]).unwrap();
            let query = &question.queries[0];
            let mut answer = question.clone().into_response();
            answer.metadata = Metadata::response_from_request(&question.metadata);
            answer.metadata.authoritative = true;
            answer.edns = None;
            if query.query_type() == RecordType::A {
                answer.answers = vec![Record::from_rdata(query.name().clone(), 20, RData::A(FIRST.into()))];
            }
            socket.send_to(&answer.to_vec().unwrap(), from).unwrap();
        }
    });
    address
}

/// A folder with a lab's configuration of two regions, the first of which serves.
struct Place {
    folder: TempDir,
    first: Region,
}

impl Place {
    fn new() -> Self {
        Self::with_services(&["api.example.com"])
    }

    fn with_services(names: &[&str]) -> Self {
        let first = Region::start(SocketAddr::from((FIRST, 0)));
        let folder = TempDir::new().unwrap();
        let head = format!(
            r#"
            control_region = "ca-central-1"
            observers = ["us-west-2", "eu-central-1", "ap-southeast-2"]
            lab = {{ speed = 10, name_servers = ["{}"] }}
            "#,
            name_server()
        );
        let port = first.port;
        let service = |name: &&str| {
            format!(
                r#"
                [[service]]
                name = "{name}"
                hosted_zone = "Z1"
                policy.timeout = "9s"
                region = [{{ name = "eu-west-1", a = ["{FIRST}"] }}, {{ name = "us-east-1", a = ["{OTHER}"] }}]
                probe = [
                    {{ name = "health", kind = "http", port = {port}, path = "/health" }},
                    {{ name = "tcp", kind = "tcp", port = {port} }},
                ]
                "#
            )
        };
        let services: String = names.iter().map(service).collect();
        fs::write(folder.path().join("pointsman.toml"), head + &services).unwrap();
        Self { folder, first }
    }

    /// The second region's server, on the same port.
    fn other(&self) -> Region {
        Region::start(SocketAddr::from((OTHER, self.first.port)))
    }

    fn check(&self, arguments: &[&str]) -> Finished {
        program::run(pointsman(self.folder.path(), ["check"].iter().chain(arguments)), program::COMMAND)
    }

    fn watch(&self, arguments: &[&str]) -> Program {
        Program::start(pointsman(self.folder.path(), ["check", "--watch", "--no-progress"].iter().chain(arguments)))
    }
}

/// Takes the times out, which are of the kinds that they should be, and the round's number.
fn without_times(mut check: Value) -> Value {
    assert!(check["round"].take().as_u64().is_some_and(|round| round > 0), "{check:#}");
    for endpoint in check["endpoints"].as_array_mut().unwrap() {
        let phases = endpoint["phases_ms"].take();
        let names: Vec<_> = phases.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["connect", "dns", "first_byte", "tls", "total"]);
        let reached = |phase: &str| phases[phase].as_f64().is_some_and(|ms| ms > 0.0);
        assert!(reached("connect") && reached("total"), "{phases}");
        assert!(phases["dns"].is_null() && phases["tls"].is_null(), "{phases}");
        let answered = endpoint["probe"] == "health" && endpoint["fault"] != "connect_refused";
        assert_eq!(reached("first_byte"), answered, "{phases}");
    }
    check
}

#[test]
fn all_is_well() {
    let place = Place::new();
    let other = place.other();
    let check = without_times(place.check(&["--output", "json"]).exits(0).json());
    let connected = |region: &str, evidence: String| {
        json!({
            "region": region, "probe": "tcp", "status": "ok", "fault": null, "phases_ms": null, "evidence": evidence,
        })
    };
    let answered = |region: &str, evidence: String| {
        json!({
            "region": region, "probe": "health", "status": "ok", "fault": null, "phases_ms": null, "evidence": evidence,
            "seen": { "body": 2, "failed": 0.0 },
        })
    };
    let port = other.port;
    let expected = json!({
        "service": "api.example.com",
        "observer": "local",
        "round": null,
        "endpoints": [
            answered("eu-west-1", format!("{FIRST}:{port} HTTP 200")),
            connected("eu-west-1", format!("{FIRST}:{port} connected")),
            answered("us-east-1", format!("{OTHER}:{port} HTTP 200")),
            connected("us-east-1", format!("{OTHER}:{port} connected")),
        ],
        "verdicts": { "eu-west-1": "up", "us-east-1": "up" },
        "answering": { "region": "eu-west-1" },
    });
    assert_eq!(check, expected);
    let table = place.check(&["--once"]).exits(0).stdout;
    assert!(
        table.starts_with("api.example.com: eu-west-1 is up, us-east-1 is up; DNS answers with eu-west-1\n"),
        "{table}"
    );
    assert!(table.lines().any(|line| line.contains("us-east-1") && line.contains("HTTP 200")), "{table}");
}

#[test]
fn a_region_refuses() {
    let place = Place::new();
    let check = without_times(place.check(&["--output", "json"]).exits(3).json());
    assert_eq!(check["verdicts"], json!({ "eu-west-1": "up", "us-east-1": "down" }));
    for (place_in, probe) in [(2, "health"), (3, "tcp")] {
        let refused = json!({
            "region": "us-east-1", "probe": probe, "status": "failed", "fault": "connect_refused", "phases_ms": null,
            "evidence": format!("connection refused ({OTHER}:{})", place.first.port), "seen": { "failed": 1.0 },
        });
        assert_eq!(check["endpoints"][place_in], refused);
    }
    let table = place.check(&[]).exits(3).stdout;
    for told in ["us-east-1 is down", "connect_refused", "connection refused (127.0.0.2:"] {
        assert!(table.contains(told), "{told}: {table}");
    }
}

#[test]
fn an_address_of_the_template_is_not_probed_and_said_to_be_reserved() {
    let place = TempDir::new().unwrap();
    program::run(pointsman(place.path(), ["init"]), program::COMMAND).exits(0);
    // No server is asked for the example's name.
    let template = fs::read_to_string(place.path().join("pointsman.toml")).unwrap();
    let lab = format!("\n[lab]\nspeed = 1\nname_servers = [\"{}\"]\n", name_server());
    fs::write(place.path().join("pointsman.toml"), template + &lab).unwrap();
    let check = program::run(pointsman(place.path(), ["check", "--output", "json"]), program::COMMAND).exits(3).json();
    assert_eq!(check["verdicts"], json!({ "eu-west-1": "unknown", "us-east-1": "unknown" }));
    assert_eq!(check["endpoints"][0]["fault"], "blocked");
    assert_eq!(check["endpoints"][0]["evidence"], "private or reserved, not probed: 192.0.2.1");
}

#[test]
fn each_service_is_an_object_and_one_can_be_named() {
    let place = Place::with_services(&["api.example.com", "www.example.com"]);
    let _other = place.other();
    let names = |ended: &Finished| -> Vec<Value> {
        let objects = serde_json::Deserializer::from_str(&ended.stdout).into_iter::<Value>();
        objects.map(|object| object.unwrap()["service"].take()).collect()
    };
    assert_eq!(names(&place.check(&["--output=json"]).exits(0)), ["api.example.com", "www.example.com"]);
    let one = place.check(&["--output=json", "--service", "www.example.com"]).exits(0);
    assert_eq!(names(&one), ["www.example.com"]);
    let none = place.check(&["--service", "shop.example.com"]).exits(2);
    none.says(&["there is no service `shop.example.com`; there are: api.example.com, www.example.com"]);
}

#[test]
fn a_configuration_that_is_wrong_or_missing_is_told_with_its_place() {
    let place = Place::new();
    let file = place.folder.path().join("pointsman.toml");
    let source = fs::read_to_string(&file).unwrap();
    fs::write(&file, source.replace("policy.timeout", "policy.time_out")).unwrap();
    let line = source.lines().position(|line| line.contains("policy.timeout")).unwrap() + 1;
    place.check(&[]).exits(2).says(&[&format!("pointsman.toml:{line}:"), "unknown field `time_out`"]);
    fs::remove_file(&file).unwrap();
    place.check(&[]).exits(2).says(&["failed to read pointsman.toml", "`pointsman init` writes one"]);
}

#[test]
fn an_rpo_that_nothing_measures_is_warned_of_with_its_place() {
    let place = Place::new();
    let _other = place.other();
    let file = place.folder.path().join("pointsman.toml");
    let source = fs::read_to_string(&file).unwrap();
    fs::write(&file, source.replacen("policy.timeout", "policy.rpo = \"10s\"\npolicy.timeout", 1)).unwrap();
    let line = source.lines().position(|line| line.contains("policy.timeout")).unwrap() + 1;
    let told = format!("warning: pointsman.toml:{line}:");
    let ended = place.check(&[]).exits(0).says(&[&told, "service[0].policy.rpo: nothing measures how far the data of"]);
    assert!(!ended.stdout.contains("warning"), "{ended}");
}

#[test]
fn a_watch_gives_machines_a_line_a_round_and_ends_as_the_last_was() {
    let place = Place::new();
    let _other = place.other();
    let mut watch = place.watch(&["--output=json"]);
    watch.wait_for_result("\"us-east-1\":\"up\"", seconds(20));
    place.first.answers(503);
    watch.wait_for_result("\"eu-west-1\":\"down\"", seconds(20));
    watch.signal(Signal::SIGINT);
    let ended = watch.end(seconds(10)).exits(3);
    let rounds: Vec<Value> = ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(rounds.len() >= 2 && rounds.is_sorted_by_key(|round| round["round"].as_u64()), "{ended}");
    assert_eq!(rounds[0]["verdicts"]["eu-west-1"], "up");
}

#[test]
fn a_watch_shows_people_the_first_round_and_then_what_changes() {
    let place = Place::new();
    let _other = place.other();
    let mut watch = place.watch(&[]);
    watch.wait_for_result("us-east-1 is up", seconds(20));
    place.first.answers(503);
    watch.wait_for_result("eu-west-1 is down: health http_status: ", seconds(20));
    place.first.answers(200);
    watch.wait_for_result("eu-west-1 is up: every probe is good", seconds(20));
    watch.signal(Signal::SIGINT);
    let ended = watch.end(seconds(10)).exits(0);
    assert_eq!(ended.stdout.matches("api.example.com").count(), 1, "one table: {ended}");
    let changes = ended.stdout.lines().filter(|line| line.contains(" UTC  ")).count();
    assert_eq!(changes, 2, "{ended}");
}
