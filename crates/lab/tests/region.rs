//! Regions over real sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use domain::{Period, Share};
use http_body_util::{BodyExt, Full};
use hyper::{Request, StatusCode, client::conn::http1};
use hyper_util::rt::TokioIo;
use lab::{
    fault::{Fault, Paths},
    region::{REGION_HEADER, Region, free_port},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

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
        region.control().set(vec![Fault::Down]).await;
        let refused = TcpStream::connect(region.address()).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        region.control().clear().await;
        assert_eq!(get(region.address(), "/").await.unwrap().status, StatusCode::OK);
    }

    let mut unread = Vec::new();
    let reset = timeout(LONG, open.read_to_end(&mut unread)).await.unwrap().unwrap_err();
    assert_eq!(reset.kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn hang_accepts_and_never_answers() {
    let region = region(Ipv4Addr::new(127, 0, 1, 3), 1).await;
    region.control().set(vec![Fault::Hang]).await;
    let mut hung = TcpStream::connect(region.address()).await.unwrap();
    hung.write_all(b"GET /health HTTP/1.1\r\nhost: lab\r\n\r\n").await.unwrap();
    let mut byte = [0];
    assert!(timeout(SILENCE, hung.read(&mut byte)).await.is_err(), "something was answered");
    region.control().clear().await;
    assert_eq!(get(region.address(), "/health").await.unwrap().status, StatusCode::OK);
    assert!(timeout(SILENCE, hung.read(&mut byte)).await.is_err(), "a hung request was answered later");
    region.stop().await;
}

#[tokio::test]
async fn latency_is_no_shorter_than_its_delays() {
    let region = region(Ipv4Addr::new(127, 0, 1, 4), 1).await;
    let late = |delay, jitter| Fault::Latency { delay: Period::millis(delay), jitter: Period::millis(jitter) };
    region.control().set(vec![late(60, 10), late(40, 0)]).await;
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
        region.control().set(vec![errors(0.4, Paths::User)]).await;
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
    region.control().set(vec![errors(1.0, Paths::All)]).await;
    region.control().add(Fault::Latency { delay: Period::millis(50), jitter: Period::default() }).await;
    let asked = std::time::Instant::now();
    assert_eq!(get(region.address(), "/health").await.unwrap().status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(asked.elapsed() >= Duration::from_millis(50));
    region.control().add(Fault::Down).await;
    assert!(TcpStream::connect(region.address()).await.is_err());
    assert_eq!(region.control().faults().len(), 3);
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
    assert_eq!(region.control().faults().len(), 2, "a refused fault changes nothing");

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
    timeout(LONG, control.set(vec![Fault::Down])).await.expect("a control outlives its region");
}
