use std::collections::{BTreeSet, HashSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU16, Ordering};

use lab::health::{HealthCheckers, Pace};
use lab::hosted::ProbeOutcome;
use lab::region::Region;
use lab::tls::{Authority, Identities};
use route53::{
    Answer, CheckConfig, CheckId, CheckKind, Draw, Endpoint, FailureThreshold, Interval, Protocol, Request, Role,
};
use scenario::fault::Fault;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

const PACE: Pace = Pace { speed: 20.0, seed: 1 };

/// An endpoint that answers every request with one status and the body `all is well`.
struct Backend {
    address: SocketAddr,
    status: Arc<AtomicU16>,
}

impl Backend {
    async fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let status = Arc::new(AtomicU16::new(200));
        let answers = Arc::clone(&status);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let status = answers.load(Ordering::Relaxed);
                tokio::spawn(async move {
                    let _ = stream.read(&mut [0; 1024]).await;
                    let response = format!("HTTP/1.1 {status} x\r\ncontent-length: 11\r\n\r\nall is well");
                    let _ = stream.write_all(response.as_bytes()).await;
                });
            }
        });
        Backend { address, status }
    }

    fn answer(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    fn check(&self, protocol: Protocol) -> CheckConfig {
        let endpoint = Endpoint {
            address: Some(self.address.ip()),
            domain: None,
            port: self.address.port(),
            protocol,
            interval: Interval::Fast,
            failure_threshold: FailureThreshold::default(),
        };
        CheckConfig { kind: CheckKind::Endpoint(endpoint), inverted: false, disabled: false }
    }

    fn http(&self) -> CheckConfig {
        self.check(Protocol::Http(Request { path: "/health".into(), search: None }))
    }
}

fn turned(check: &str, healthy: bool) -> impl Fn(&Happening) -> bool {
    let turn = Happening::CheckTurned { check: check.into(), healthy };
    move |what| *what == turn
}

/// Polls until all sixteen checkers have reported as `wanted`.
async fn all_report(route53: &Route53, check: &str, wanted: impl Fn(&ProbeOutcome) -> bool) {
    let wait = async {
        loop {
            let seen = route53.observations(&check.into());
            if seen.len() == 16 && seen.iter().all(|seen| wanted(&seen.outcome)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(DEADLINE, wait).await.unwrap();
}

fn is_success(outcome: &ProbeOutcome) -> bool {
    matches!(outcome, ProbeOutcome::Success(_))
}

fn is_failure(outcome: &ProbeOutcome) -> bool {
    !is_success(outcome)
}

#[tokio::test]
async fn r20_sixteen_checkers_probe_out_of_step() {
    let target = Backend::start().await;
    let route53 = Route53::new(AT_ONCE);
    let _checkers = HealthCheckers::start(Arc::clone(&route53), PACE);
    route53.put_check(&"c".into(), target.http());
    all_report(&route53, "c", is_success).await;
    let seen = route53.observations(&"c".into());
    assert_eq!(seen.iter().map(|seen| seen.checker).collect::<BTreeSet<_>>().len(), 16);
    assert!(seen.iter().map(|seen| seen.at.as_millisecond()).collect::<HashSet<_>>().len() > 8, "{seen:?}");
}

#[tokio::test]
async fn r21_r29_an_endpoint_that_fails_and_recovers_moves_the_answers_there_and_back() {
    let target = Backend::start().await;
    let failover = |role: Role, value| RecordSet {
        routing: Routing::Failover { id: role.to_string().into(), role },
        ..set("www.example.com", RecordType::A, &[value])
    };
    let primary = RecordSet { health_check: Some("c".into()), ..failover(Role::Primary, "127.0.1.1") };
    let route53 = hosting(AT_ONCE, example_com([primary, failover(Role::Secondary, "127.0.2.1")]));
    let answer = || match route53.answer(&name("www.example.com"), RecordType::A, Draw(0)).unwrap().answer {
        Answer::Records(sets) => sets[0].values.concat(),
        other => panic!("{other:?}"),
    };
    let mut events = route53.subscribe();
    route53.put_check(&"c".into(), target.http());
    let _checkers = HealthCheckers::start(Arc::clone(&route53), PACE);
    for (status, healthy, expected) in [(503, false, "127.0.2.1"), (301, true, "127.0.1.1")] {
        target.answer(status);
        until(&mut events, turned("c", healthy)).await;
        assert_eq!(answer(), expected);
    }
}

#[tokio::test]
async fn r29_a_status_waits_before_it_reaches_the_answers() {
    let target = Backend::start().await;
    target.answer(500);
    let route53 = Route53::new(Delays { status: NEVER, ..AT_ONCE });
    let _checkers = HealthCheckers::start(Arc::clone(&route53), PACE);
    route53.put_check(&"c".into(), target.http());
    all_report(&route53, "c", is_failure).await;
    assert_eq!(route53.is_healthy(&"c".into()), Some(true));
}

#[tokio::test]
async fn r23_the_search_string_decides_and_tcp_needs_only_a_connection() {
    let target = Backend::start().await;
    let route53 = Route53::new(AT_ONCE);
    let _checkers = HealthCheckers::start(Arc::clone(&route53), PACE);
    let searching = |text: &str| target.check(Protocol::Http(Request { path: "/".into(), search: Some(text.into()) }));
    route53.put_check(&"found".into(), searching("is well"));
    route53.put_check(&"missing".into(), searching("is ill"));
    route53.put_check(&"tcp".into(), target.check(Protocol::Tcp));
    all_report(&route53, "found", is_success).await;
    all_report(&route53, "missing", is_failure).await;
    all_report(&route53, "tcp", is_success).await;
}

#[tokio::test]
async fn r24_https_checks_take_any_certificate_and_need_tls() {
    let folder = tempfile::tempdir().unwrap();
    Authority::new().unwrap().write(&["www.example.com".parse().unwrap()], folder.path()).unwrap();
    let identities = Identities::read(folder.path()).unwrap();
    let start = Region::start_tls("a".parse().unwrap(), (Ipv4Addr::LOCALHOST, 0).into(), 1, identities);
    let (region, plain) = (start.await.unwrap(), Backend::start().await);
    let https = |address: SocketAddr, domain: Option<&str>| {
        let endpoint = Endpoint {
            address: Some(address.ip()),
            domain: domain.map(str::to_owned),
            port: address.port(),
            protocol: Protocol::Https(Request { path: "/health".into(), search: Some("ok".into()) }),
            interval: Interval::Fast,
            failure_threshold: FailureThreshold::default(),
        };
        CheckConfig { kind: CheckKind::Endpoint(endpoint), inverted: false, disabled: false }
    };
    let route53 = Route53::new(AT_ONCE);
    let _checkers = HealthCheckers::start(Arc::clone(&route53), PACE);
    region.control().set(vec![Fault::TlsExpired]).await.unwrap();
    route53.put_check(&"expired".into(), https(region.address(), Some("www.example.com")));
    route53.put_check(&"without a name".into(), https(region.address(), None));
    route53.put_check(&"plain".into(), https(plain.address, Some("www.example.com")));
    all_report(&route53, "expired", is_success).await;
    all_report(&route53, "without a name", is_success).await;
    all_report(&route53, "plain", is_failure).await;
    region.control().set(vec![Fault::TlsWrongName]).await.unwrap();
    route53.put_check(&"wrong name".into(), https(region.address(), Some("www.example.com")));
    all_report(&route53, "wrong name", is_success).await;
    region.control().set(vec![Fault::HalfOpen]).await.unwrap();
    all_report(&route53, "wrong name", is_failure).await;
}

#[tokio::test]
async fn r25_r27_calculated_and_inverted_checks_follow() {
    let target = Backend::start().await;
    let route53 = Route53::new(AT_ONCE);
    let mut events = route53.subscribe();
    let _checkers = HealthCheckers::start(Arc::clone(&route53), PACE);
    let both = ["plain", "inverted"].map(CheckId::from);
    let kind = CheckKind::Calculated { children: both.into(), threshold: 1 };
    route53.put_check(&"plain".into(), target.http());
    route53.put_check(&"inverted".into(), CheckConfig { inverted: true, ..target.http() });
    route53.put_check(&"one".into(), CheckConfig { kind: kind.clone(), inverted: false, disabled: false });
    route53.put_check(&"none".into(), CheckConfig { kind, inverted: true, disabled: false });
    assert_eq!(route53.is_healthy(&"inverted".into()), Some(false), "R28: new and inverted");
    target.answer(500);
    until(&mut events, turned("inverted", true)).await;
    assert_eq!(route53.is_healthy(&"one".into()), Some(true));
    assert_eq!(route53.is_healthy(&"none".into()), Some(false));
    route53.put_check(&"inverted".into(), CheckConfig { inverted: true, disabled: true, ..target.http() });
    until(&mut events, turned("one", false)).await;
    assert_eq!(route53.is_healthy(&"inverted".into()), Some(false), "disabled and inverted: always unhealthy");
}

#[tokio::test]
async fn a_new_configuration_starts_from_healthy_and_probes_the_new_endpoint() {
    let (dead, alive) = (Backend::start().await, Backend::start().await);
    dead.answer(500);
    let route53 = Route53::new(AT_ONCE);
    let mut events = route53.subscribe();
    let _checkers = HealthCheckers::start(Arc::clone(&route53), PACE);
    route53.put_check(&"c".into(), dead.http());
    until(&mut events, turned("c", false)).await;
    route53.put_check(&"c".into(), alive.http());
    until(&mut events, turned("c", true)).await;
    all_report(&route53, "c", is_success).await;
}
