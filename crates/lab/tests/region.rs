//! Regions over real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use bytes::Bytes;
use domain::{Period, Share};
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, client::conn::http1};
use hyper_util::rt::TokioIo;
use lab::{
    region::{REGION_HEADER, Region, RegionError, free_port},
    tls::{Authority, CA_FILE, Identities},
};
use scenario::fault::{Fault, Paths};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};
use tokio_rustls::TlsConnector;

const LONG: Duration = Duration::from_secs(10);
/// Long enough for an answer that is going to come.
const SILENCE: Duration = Duration::from_millis(300);

struct Answer {
    status: StatusCode,
    region: Option<String>,
    body: serde_json::Value,
}

async fn ask(to: SocketAddr, method: &str, path: &str, body: &str) -> io::Result<Answer> {
    let stream = TcpStream::connect(to).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "lab")
        .body(Full::new(Bytes::from(body.to_owned())))
        .map_err(io::Error::other)?;
    let response = sender.send_request(request).await.map_err(io::Error::other)?;
    let region = response.headers().get(REGION_HEADER).map(|v| v.to_str().unwrap().to_owned());
    let status = response.status();
    let body = response.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
    Ok(Answer { status, region, body: serde_json::from_slice(&body).map_err(io::Error::other)? })
}

async fn get(to: SocketAddr, path: &str) -> io::Result<Answer> {
    timeout(LONG, ask(to, "GET", path, "")).await.expect("the region answers or refuses")
}

async fn region(address: Ipv4Addr, seed: u64) -> Region {
    Region::start("eu-west-1".parse().unwrap(), (address, 0).into(), seed).await.unwrap()
}

fn errors(share: f64, paths: Paths) -> Fault {
    Fault::Errors { share: Share::try_from(share).unwrap(), paths }
}

#[tokio::test]
async fn each_path_names_the_region() {
    let region = region(Ipv4Addr::new(127, 0, 1, 1), 1).await;
    for path in ["/", "/health", "/api/orders", "/api/users"] {
        let answer = get(region.address(), path).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(answer.region.as_deref(), Some("eu-west-1"), "{path}");
        assert_eq!(answer.body["region"], "eu-west-1", "{path}");
    }
    assert_eq!(get(region.address(), "/nothing").await.unwrap().status, StatusCode::NOT_FOUND);
    region.stop().await;
}

#[tokio::test]
async fn all_regions_share_one_port() {
    let addresses: Vec<IpAddr> = (1..=3).map(|n| Ipv4Addr::new(127, 0, n, 1).into()).collect();
    let port = free_port(&addresses).unwrap();
    let mut regions = Vec::new();
    for (address, name) in addresses.iter().zip(["a", "b", "c"]) {
        regions.push(Region::start(name.parse().unwrap(), (*address, port).into(), 1).await.unwrap());
    }
    for (region, name) in regions.iter().zip(["a", "b", "c"]) {
        assert_eq!(region.address().port(), port);
        assert_eq!(get(region.address(), "/").await.unwrap().region.as_deref(), Some(name));
    }
    assert!(free_port(&[]).is_err());
}

#[tokio::test]
async fn down_refuses_resets_and_comes_back() {
    let region = region(Ipv4Addr::new(127, 0, 1, 2), 1).await;
    let mut open = TcpStream::connect(region.address()).await.unwrap();
    open.write_all(b"GET / HTTP/1.1\r\nhost: lab\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    open.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");

    for _ in 0..3 {
        region.control().set(vec![Fault::Down]).await.unwrap();
        let refused = TcpStream::connect(region.address()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        region.control().clear().await.unwrap();
        assert_eq!(get(region.address(), "/").await.unwrap().status, StatusCode::OK);
    }

    let mut unread = Vec::new();
    let reset = timeout(LONG, open.read_to_end(&mut unread)).await.unwrap().unwrap_err();
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn hang_accepts_and_never_answers() {
    let region = region(Ipv4Addr::new(127, 0, 1, 3), 1).await;
    region.control().set(vec![Fault::Hang]).await.unwrap();
    let mut hung = TcpStream::connect(region.address()).await.unwrap();
    hung.write_all(b"GET /health HTTP/1.1\r\nhost: lab\r\n\r\n").await.unwrap();
    let mut byte = [0];
    assert!(timeout(SILENCE, hung.read(&mut byte)).await.is_err(), "something was answered");
    region.control().clear().await.unwrap();
    assert_eq!(get(region.address(), "/health").await.unwrap().status, StatusCode::OK);
    assert!(timeout(SILENCE, hung.read(&mut byte)).await.is_err(), "a hung request was answered later");
    region.stop().await;
}

#[tokio::test]
async fn latency_is_no_shorter_than_its_delays() {
    let region = region(Ipv4Addr::new(127, 0, 1, 4), 1).await;
    let late = |delay, jitter| Fault::Latency { delay: Period::millis(delay), jitter: Period::millis(jitter) };
    region.control().set(vec![late(60, 10), late(40, 0)]).await.unwrap();
    let asked = std::time::Instant::now();
    assert_eq!(get(region.address(), "/").await.unwrap().status, StatusCode::OK);
    assert!(asked.elapsed() >= Duration::from_millis(100), "{:?}", asked.elapsed());
}

async fn failures(region: &Region, path: &str, requests: usize) -> Vec<bool> {
    let mut failed = Vec::new();
    for _ in 0..requests {
        failed.push(get(region.address(), path).await.unwrap().status == StatusCode::SERVICE_UNAVAILABLE);
    }
    failed
}

#[tokio::test]
async fn an_error_share_is_kept_by_the_seed() {
    let mut seen = Vec::new();
    for seed in [7, 7, 8] {
        let region = region(Ipv4Addr::new(127, 0, 1, 5), seed).await;
        region.control().set(vec![errors(0.4, Paths::User)]).await.unwrap();
        assert!(!failures(&region, "/health", 50).await.contains(&true), "/health is no user's path");
        let failed = failures(&region, "/api/orders", 400).await;
        let share = failed.iter().filter(|failed| **failed).count() as f64 / 400.0;
        assert!((0.3..0.5).contains(&share), "seed {seed}: {share}");
        seen.push(failed);
    }
    assert_eq!(seen[0], seen[1]);
    assert_ne!(seen[0], seen[2]);
}

#[tokio::test]
async fn several_faults_combine() {
    let region = region(Ipv4Addr::new(127, 0, 1, 6), 1).await;
    region.control().set(vec![errors(1.0, Paths::All)]).await.unwrap();
    region.control().add(Fault::Latency { delay: Period::millis(50), jitter: Period::default() }).await.unwrap();
    let asked = std::time::Instant::now();
    assert_eq!(get(region.address(), "/health").await.unwrap().status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(asked.elapsed() >= Duration::from_millis(50));
    region.control().add(Fault::Down).await.unwrap();
    assert!(TcpStream::connect(region.address()).await.is_err());
    assert_eq!(region.control().faults().await.unwrap().len(), 3);
}

#[tokio::test]
async fn people_set_faults_over_http() {
    let region = region(Ipv4Addr::new(127, 0, 1, 7), 1).await;
    let admin = region.admin();
    assert!(admin.ip().is_loopback());

    let put = ask(admin, "PUT", "/faults", r#"{"kind":"down"}"#).await.unwrap();
    assert_eq!((put.status, put.body), (StatusCode::OK, serde_json::json!([{"kind": "down"}])));
    assert!(TcpStream::connect(region.address()).await.is_err());

    let post = ask(admin, "POST", "/faults", r#"{"kind":"latency","delay":"5ms"}"#).await.unwrap();
    assert_eq!(post.body[1], serde_json::json!({"kind": "latency", "delay": "5ms", "jitter": "0s"}));
    assert_eq!(ask(admin, "GET", "/faults", "").await.unwrap().body, post.body);

    let wrong = ask(admin, "PUT", "/faults", r#"{"kind":"errors","shar":0.4}"#).await.unwrap();
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.body["error"].as_str().unwrap().contains("`shar`"), "{}", wrong.body);
    assert_eq!(region.control().faults().await.unwrap().len(), 2, "a refused fault changes nothing");

    let list = r#" [{"kind":"hang"}, {"kind":"reset","share":0.5}]"#;
    let put = ask(admin, "PUT", "/faults", list).await.unwrap();
    assert_eq!(put.body, serde_json::json!([{"kind": "hang"}, {"kind": "reset", "share": 0.5}]));

    let cleared = ask(admin, "DELETE", "/faults", "").await.unwrap();
    assert_eq!(cleared.body, serde_json::json!([]));
    assert_eq!(get(region.address(), "/").await.unwrap().status, StatusCode::OK);
    assert_eq!(ask(admin, "GET", "/other", "").await.unwrap().status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_stopped_region_leaves_nothing_listening() {
    let region = region(Ipv4Addr::new(127, 0, 1, 8), 1).await;
    let (address, admin, control) = (region.address(), region.admin(), region.control().clone());
    let _open = TcpStream::connect(address).await.unwrap();
    timeout(LONG, region.stop()).await.expect("an open connection keeps no region alive");
    for gone in [address, admin] {
        assert_eq!(TcpStream::connect(gone).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
    }
    let refused = timeout(LONG, control.set(vec![Fault::Down])).await.expect("a control outlives its region");
    assert!(matches!(refused, Err(RegionError::Unreachable { .. })), "{refused:?}");
}

/// A connection that has been answered once, and can be again.
async fn open(to: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(to).await.unwrap();
    let first = say_hello(&mut stream).await;
    assert!(first.starts_with("HTTP/1.1 200 OK"), "{first}");
    stream
}

/// The first piece of the answer.
async fn say_hello(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: lab\r\n\r\n").await.unwrap();
    let mut answer = vec![0; 1024];
    let length = timeout(LONG, stream.read(&mut answer)).await.expect("an answer").unwrap();
    String::from_utf8(answer[..length].to_vec()).unwrap()
}

/// Asks, and hears nothing: no answer, no end, no reset.
async fn assert_silent(stream: &mut TcpStream) {
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: lab\r\n\r\n").await.unwrap();
    let heard = timeout(SILENCE, stream.read(&mut [0; 1024])).await;
    assert!(heard.is_err(), "{heard:?}");
}

#[tokio::test]
async fn half_open_takes_connections_and_falls_silent_on_those_there_are() {
    let region = region(Ipv4Addr::new(127, 0, 1, 9), 1).await;
    let mut before = open(region.address()).await;
    region.control().set(vec![Fault::HalfOpen]).await.unwrap();
    let mut during = TcpStream::connect(region.address()).await.unwrap();
    assert_silent(&mut before).await;
    assert_silent(&mut during).await;

    region.control().clear().await.unwrap();
    open(region.address()).await;
    assert_silent(&mut before).await;

    region.control().set(vec![Fault::Down]).await.unwrap();
    let reset = timeout(LONG, before.read(&mut [0])).await.expect("an end").unwrap_err();
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_reset_comes_when_the_request_was_read() {
    let region = region(Ipv4Addr::new(127, 0, 1, 10), 1).await;
    region.control().set(vec![Fault::Reset { share: Share::ALL }]).await.unwrap();
    let mut stream = TcpStream::connect(region.address()).await.unwrap();
    stream.write_all(b"GET /health HTTP/1.1\r\n").await.unwrap();
    let heard = timeout(SILENCE, stream.read(&mut [0])).await;
    assert!(heard.is_err(), "half a request is no request: {heard:?}");
    stream.write_all(b"host: lab\r\n\r\n").await.unwrap();
    let reset = timeout(LONG, stream.read(&mut [0])).await.expect("an end").unwrap_err();
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);

    region.control().set(vec![Fault::Reset { share: Share::try_from(0.4).unwrap() }]).await.unwrap();
    let mut reset = 0;
    for _ in 0..400 {
        reset += usize::from(get(region.address(), "/").await.is_err());
    }
    assert!((120..200).contains(&reset), "{reset} of 400");
}

#[tokio::test]
async fn a_wrong_body_has_a_good_status_and_nothing_that_is_expected() {
    let region = region(Ipv4Addr::new(127, 0, 1, 11), 1).await;
    region.control().set(vec![Fault::WrongBody { paths: Paths::User }]).await.unwrap();
    assert_eq!(get(region.address(), "/health").await.unwrap().body["status"], "ok");
    region.control().set(vec![Fault::WrongBody { paths: Paths::All }]).await.unwrap();
    let answer = say_hello(&mut TcpStream::connect(region.address()).await.unwrap()).await;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(!body.contains("ok") && !body.contains("eu-west-1"), "{body}");
}

#[tokio::test]
async fn a_slow_body_follows_its_head_by_and_by() {
    let region = region(Ipv4Addr::new(127, 0, 1, 12), 1).await;
    region.control().set(vec![Fault::SlowBody { over: Period::seconds(3_600) }]).await.unwrap();
    let asked = timeout(SILENCE, get(region.address(), "/health")).await;
    assert!(asked.is_err(), "a body came at once");
    let head = say_hello(&mut TcpStream::connect(region.address()).await.unwrap()).await;
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.ends_with("\r\n\r\n"), "{head}");

    let over = Duration::from_millis(200);
    region.control().set(vec![Fault::SlowBody { over: Period(over) }]).await.unwrap();
    let asked = std::time::Instant::now();
    assert_eq!(get(region.address(), "/health").await.unwrap().body["status"], "ok");
    assert!(asked.elapsed() >= over, "{:?}", asked.elapsed());
}

/// Clock ticks that each burning thread of this process has had.
fn burnt() -> Vec<u64> {
    let threads = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let ticks = |thread: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).ok()?;
        let (_, rest) = stat.split_once("(burner) ")?;
        rest.split(' ').nth(11)?.parse().ok()
    };
    threads.filter_map(ticks).collect()
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let polling = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, polling).await.unwrap_or_else(|_| panic!("{what} did not happen"));
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_thread_a_core_burns_until_the_fault_is_over() {
    let region = region(Ipv4Addr::new(127, 0, 1, 13), 1).await;
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!(burnt(), [0; 0]);
    region.control().add(Fault::CpuSaturation).await.unwrap();
    until("burning on every core", || burnt().len() == cores && burnt().iter().all(|ticks| *ticks >= 5)).await;
    assert_eq!(get(region.address(), "/").await.unwrap().status, StatusCode::OK);
    region.control().clear().await.unwrap();
    until("its end", || burnt().is_empty()).await;
    region.control().add(Fault::CpuSaturation).await.unwrap();
    until("burning again", || burnt().len() == cores).await;
    region.stop().await;
    until("the end with the region", || burnt().is_empty()).await;
}

async fn connect_from(source: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((source, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

#[tokio::test]
async fn a_source_that_is_cut_off_hears_nothing_while_others_do() {
    let region = region(Ipv4Addr::new(127, 0, 1, 14), 1).await;
    let (lost, other) = (Ipv4Addr::new(127, 0, 9, 1), Ipv4Addr::new(127, 0, 9, 2));
    let mut before = connect_from(lost, region.address()).await;
    say_hello(&mut before).await;

    let put = ask(region.admin(), "PUT", "/cut-off", r#"["127.0.9.1"]"#).await.unwrap();
    assert_eq!((put.status, put.body), (StatusCode::OK, serde_json::json!(["127.0.9.1"])));
    assert_silent(&mut before).await;
    assert_silent(&mut connect_from(lost, region.address()).await).await;
    say_hello(&mut connect_from(other, region.address()).await).await;
    assert_eq!(get(region.address(), "/health").await.unwrap().status, StatusCode::OK);

    region.control().clear().await.unwrap();
    let still = ask(region.admin(), "GET", "/cut-off", "").await.unwrap();
    assert_eq!(still.body, serde_json::json!(["127.0.9.1"]), "faults are one thing, being cut off another");
    let wrong = ask(region.admin(), "PUT", "/cut-off", r#"["nowhere"]"#).await.unwrap();
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert_eq!(ask(region.admin(), "DELETE", "/cut-off", "").await.unwrap().status, StatusCode::METHOD_NOT_ALLOWED);

    region.control().cut_off(BTreeSet::from([other.into()])).await.unwrap();
    say_hello(&mut connect_from(lost, region.address()).await).await;
    assert_silent(&mut connect_from(other, region.address()).await).await;
}

/// The status line over TLS, or why there is no TLS.
async fn get_over_tls(to: SocketAddr, ca: &Path) -> io::Result<String> {
    let connector = TlsConnector::from(lab::tls::client(ca).unwrap());
    let stream = TcpStream::connect(to).await?;
    let mut stream = connector.connect("api.example.com".try_into().unwrap(), stream).await?;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: api.example.com\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.lines().next().unwrap().to_owned())
}

#[tokio::test]
async fn tls_and_plain_http_share_a_port_and_tls_faults_touch_tls_only() {
    let folder = tempfile::tempdir().unwrap();
    Authority::new().unwrap().write(&["api.example.com".parse().unwrap()], folder.path()).unwrap();
    let ca = folder.path().join(CA_FILE);
    let identities = Identities::read(folder.path()).unwrap();
    let address = (Ipv4Addr::new(127, 0, 1, 15), 0).into();
    let region = Region::start_tls("eu-west-1".parse().unwrap(), address, 1, identities).await.unwrap();
    let address = region.address();
    assert_eq!(get_over_tls(address, &ca).await.unwrap(), "HTTP/1.1 200 OK");
    for (fault, problem) in [(Fault::TlsExpired, "expired"), (Fault::TlsWrongName, "not valid for name")] {
        region.control().set(vec![fault]).await.unwrap();
        let refused = get_over_tls(address, &ca).await.unwrap_err();
        assert!(refused.to_string().contains(problem), "{refused}");
        assert_eq!(get(address, "/health").await.unwrap().status, StatusCode::OK);
    }
    region.control().set(vec![errors(1.0, Paths::All)]).await.unwrap();
    assert_eq!(get_over_tls(address, &ca).await.unwrap(), "HTTP/1.1 503 Service Unavailable");
    region.control().set(vec![Fault::HalfOpen]).await.unwrap();
    assert!(timeout(SILENCE, get_over_tls(address, &ca)).await.is_err(), "a handshake was answered");
    region.control().clear().await.unwrap();
    assert_eq!(get_over_tls(address, &ca).await.unwrap(), "HTTP/1.1 200 OK");
}

#[tokio::test]
async fn a_region_without_certificates_refuses_tls_faults() {
    let region = region(Ipv4Addr::new(127, 0, 1, 16), 1).await;
    for fault in [Fault::TlsExpired, Fault::TlsWrongName] {
        let refused = region.control().set(vec![fault]).await.unwrap_err();
        assert!(refused.to_string().contains("speaks no TLS"), "{refused}");
    }
    assert_eq!(region.control().faults().await.unwrap(), []);
}
