//! HTTP over plain TCP, and TCP alone.

use domain::{Fault, ProbeStatus};
use probe::Prober;
use tokio::{io::AsyncReadExt, net::TcpListener};

use crate::{
    config, round,
    servers::{Act, accept, answer, http},
    service,
};

/// The fault and the evidence of an `http` probe of a server that does `act`.
async fn fault(act: Act, time_out: &str, keys: &str) -> (Option<Fault>, String) {
    let (address, _heads) = http(vec![act]).await;
    let report =
        round(&config("127.0.0.1", time_out, &format!(r#"kind = "http", port = {}, {keys}"#, address.port()))).await;
    (report.fault, report.evidence.replace(&address.to_string(), "ADDRESS"))
}

fn says(text: &str) -> Act {
    Act::Say(text.to_owned())
}

#[tokio::test]
async fn a_good_answer_is_up_and_each_phase_is_timed() {
    let (address, mut heads) = http(vec![answer(200, "fine")]).await;
    let config = config(
        "127.0.0.1",
        "4s",
        &format!(r#"kind = "http", path = "/health?deep=1", port = {}, expect_body = "fine""#, address.port()),
    );
    let report = round(&config).await;
    assert_eq!((report.status, report.fault), (ProbeStatus::Ok, None), "{}", report.evidence);
    assert_eq!(report.evidence, format!("{address} HTTP 200"));
    let phases = report.phases_ms;
    assert_eq!((phases.dns, phases.tls), (None, None), "an address needs no resolver, and HTTP no TLS");
    assert!(phases.connect.unwrap() + phases.first_byte.unwrap() <= phases.total.unwrap(), "{phases:?}");

    let head = heads.recv().await.unwrap();
    let version = env!("CARGO_PKG_VERSION");
    for line in [
        "GET /health?deep=1 HTTP/1.1",
        &format!("host: api.example.com:{}", address.port()),
        &format!("user-agent: pointsman/{version}"),
        "connection: close",
    ] {
        assert!(head.lines().any(|sent| sent == line), "`{line}` in\n{head}");
    }
}

#[tokio::test]
async fn only_expected_statuses_are_good_and_redirects_are_not_followed() {
    let seen = |status: u16| (Some(Fault::HttpStatus), format!("ADDRESS HTTP {status}"));
    assert_eq!(fault(answer(503, ""), "4s", "").await, seen(503));
    assert_eq!(
        fault(says("HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"), "4s", "").await,
        seen(302)
    );
    assert_eq!(fault(answer(204, ""), "4s", "expect_status = [200, 204]").await.0, None);
}

#[tokio::test]
async fn the_text_must_be_in_the_first_64_kib() {
    let wanted = r#"expect_body = "ready""#;
    assert_eq!(
        fault(answer(200, "not yet"), "4s", wanted).await,
        (Some(Fault::HttpBody), "ADDRESS HTTP 200 without `ready`".to_owned())
    );
    let within = format!("{}ready{}", "-".repeat(65_531), "-".repeat(1_000_000));
    assert_eq!(fault(answer(200, &within), "4s", wanted).await.0, None);
    let beyond = format!("{}ready", "-".repeat(65_532));
    assert_eq!(fault(answer(200, &beyond), "4s", wanted).await.0, Some(Fault::HttpBody));
}

#[tokio::test]
async fn no_whole_answer_in_time_is_a_time_out() {
    let (silent, evidence) = fault(Act::SayAndHang(String::new()), "200ms", "").await;
    assert_eq!((silent, evidence.as_str()), (Some(Fault::HttpTimeout), "no answer within 200ms (ADDRESS)"));
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_owned();
    let (slow, evidence) = fault(Act::SayAndHang(half), "200ms", "").await;
    assert_eq!((slow, evidence.as_str()), (Some(Fault::HttpTimeout), "no whole body within 200ms (ADDRESS)"));
}

#[tokio::test]
async fn a_connection_that_never_reads_is_a_time_out() {
    let address = accept(async |stream| {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let report = round(&config("127.0.0.1", "200ms", &format!(r#"kind = "http", port = {}"#, address.port()))).await;
    assert_eq!(report.fault, Some(Fault::HttpTimeout), "{}", report.evidence);
    assert!(report.phases_ms.first_byte.is_some(), "the phase that took the time is shown");
}

#[tokio::test]
async fn what_is_no_http_or_breaks_off_is_broken() {
    let half = "HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_owned();
    for act in [says("SSH-2.0-OpenSSH_9.9\r\n"), says(""), Act::Say(half.clone()), Act::SayAndReset(half)] {
        let (fault, evidence) = fault(act, "4s", "").await;
        assert_eq!(fault, Some(Fault::HttpBroken), "{evidence}");
    }
}

#[tokio::test]
async fn a_closed_port_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    for kind in ["http", "tcp"] {
        let report = round(&config("127.0.0.1", "4s", &format!(r#"kind = "{kind}", port = {}"#, address.port()))).await;
        assert_eq!(report.fault, Some(Fault::ConnectRefused));
        assert_eq!(report.evidence, format!("connection refused ({address})"));
    }
}

#[tokio::test]
async fn a_tcp_probe_only_connects() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let report = round(&config("127.0.0.1", "4s", &format!(r#"kind = "tcp", port = {}"#, address.port()))).await;
    assert_eq!((report.status, report.evidence), (ProbeStatus::Ok, format!("{address} connected")));
    assert!(report.phases_ms.connect.is_some() && report.phases_ms.first_byte.is_none());
    let (mut stream, _) = listener.accept().await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "nothing was sent");
}

#[tokio::test]
async fn outside_the_lab_loopback_is_blocked_before_connecting() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut config = config("127.0.0.1", "300ms", &format!(r#"kind = "tcp", port = {}"#, address.port()));
    config.lab = None;
    let report = round(&config).await;
    assert_eq!((report.status, report.fault), (ProbeStatus::Failed, Some(Fault::Blocked)));
    listener.into_std().unwrap().accept().expect_err("no one connected");
}

#[tokio::test]
async fn a_share_of_the_samples_may_fail() {
    for (good, max_failed, fault) in [(6, 0.4, None), (5, 0.4, Some(Fault::HttpStatus))] {
        let acts: Vec<_> = (0..10).map(|turn| answer(if turn < good { 200 } else { 503 }, "")).collect();
        let (address, mut heads) = http(acts).await;
        let config = config(
            "127.0.0.1",
            "4s",
            &format!(r#"kind = "http", port = {}, samples = 10, max_failed = {max_failed}"#, address.port()),
        );
        let report = round(&config).await;
        assert_eq!(report.fault, fault);
        assert_eq!(report.evidence, format!("{} of 10 failed: {address} HTTP 503", 10 - good));
        heads.close();
        let mut requests = 0;
        while heads.recv().await.is_some() {
            requests += 1;
        }
        assert_eq!(requests, 10, "each sample has a connection of its own");
    }
}

#[tokio::test]
async fn slower_than_a_limit_is_degraded() {
    let (address, _heads) = http(vec![answer(200, "")]).await;
    let config = config(
        "127.0.0.1",
        "4s",
        &format!(r#"kind = "http", port = {}, degraded_above = {{ total = "1us" }}"#, address.port()),
    );
    let report = round(&config).await;
    assert_eq!((report.status, report.fault), (ProbeStatus::Degraded, None));
    assert!(report.evidence.starts_with(&format!("{address} HTTP 200; total ")), "{}", report.evidence);
}

#[tokio::test]
async fn every_region_is_reported_and_a_round_can_be_spawned() {
    let (address, _heads) = http(vec![answer(200, "")]).await;
    let config = config("127.0.0.1", "1s", &format!(r#"kind = "http", port = {}"#, address.port()));
    let prober = Prober::new(&config).unwrap();
    let reports = tokio::spawn(async move { prober.round(service(&config)).await }).await.unwrap();
    let statuses: Vec<_> =
        reports.regions.iter().map(|(region, reports)| (region.as_str(), reports[0].status)).collect();
    assert_eq!(statuses, [("one", ProbeStatus::Ok), ("two", ProbeStatus::Failed)]);
    assert_eq!(reports.answering, domain::Answering::Unknown, "the lab has no name servers here");
}
