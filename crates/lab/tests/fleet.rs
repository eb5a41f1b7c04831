//! The client fleet against real regions.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use domain::{Period, Share};
use futures::FutureExt;
use lab::{
    fleet::{Answer, Fleet, Load, Resolve},
    region::{Region, free_port},
    tls::{Authority, CA_FILE, Identities},
};
use report::records::{Failure, Outcome, Records};
use scenario::fault::Fault;
use tokio::time::sleep;

const LONG: Duration = Duration::from_secs(20);

/// Polls until it holds.
async fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < LONG, "{what} did not happen");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Two regions on one port, and a name that answers with one of them.
struct Lab {
    regions: [Region; 2],
    answers_with: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
    ttl: Duration,
}

impl Lab {
    async fn new(network: u8, ttl: Duration) -> Self {
        let addresses = [1, 2].map(|n| IpAddr::from(Ipv4Addr::new(127, 1, network, n)));
        let port = free_port(&addresses).unwrap();
        let start =
            async |name: &str, address| Region::start(name.parse().unwrap(), (address, port).into(), 1).await.unwrap();
        let regions = [start("a", addresses[0]).await, start("b", addresses[1]).await];
        Self { regions, answers_with: Arc::default(), asked: Arc::default(), ttl }
    }

    fn resolve(&self) -> Resolve {
        let addresses = [0, 1].map(|n: usize| self.regions[n].address().ip());
        let (answers_with, asked, ttl) = (self.answers_with.clone(), self.asked.clone(), self.ttl);
        Arc::new(move |name| {
            assert_eq!(name.as_str(), "api.example.com");
            asked.fetch_add(1, Ordering::SeqCst);
            let address = addresses.get(answers_with.load(Ordering::SeqCst)).copied();
            async move { Some(Answer { addresses: vec![address?], ttl }) }.boxed()
        })
    }

    fn load(&self, rate: f64, clients: usize) -> Load {
        Load {
            name: "api.example.com".parse().unwrap(),
            port: self.regions[0].address().port(),
            paths: vec!["/api/orders".to_owned(), "/api/users".to_owned()],
            rate,
            clients: clients.try_into().unwrap(),
            timeout: Duration::from_millis(500),
            outstanding: 5_000,
            tls: None,
            stale: Share::NONE,
            seed: 1,
        }
    }

    fn fleet(&self, load: Load) -> Fleet {
        Fleet::start(load, self.resolve(), Instant::now())
    }
}

fn done(fleet: &Fleet) -> usize {
    fleet.look(|records| records.requests.len())
}

fn count(records: &Records, outcome: Outcome) -> usize {
    records.requests.iter().filter(|request| request.outcome == outcome).count()
}

/// Request k is there for every k, each once, at its time.
fn assert_complete(records: &Records, rate: f64) {
    for (k, request) in records.requests.iter().enumerate() {
        let intended = Duration::from_secs_f64(k as f64 / rate);
        assert_eq!(request.intended().as_micros(), intended.as_micros(), "request {k}");
    }
}

#[tokio::test]
async fn every_request_is_accounted_for() {
    let lab = Lab::new(1, LONG).await;
    let fleet = lab.fleet(lab.load(400.0, 7));
    until("400 requests", || done(&fleet) >= 400).await;
    let records = fleet.stop().await;
    assert_complete(&records, 400.0);
    assert_eq!(count(&records, Outcome::Status(200)), records.requests.len());
    for request in &records.requests {
        assert_eq!(records.region(request).unwrap().as_str(), "a");
        assert_eq!(records.address(request), Some(lab.regions[0].address().ip()));
        assert!(request.latency() > request.late());
    }
    assert_eq!(lab.asked.load(Ordering::SeqCst), 7, "each client asks once while its answer lives");
}

#[tokio::test]
async fn a_hung_server_does_not_slow_the_senders() {
    let lab = Lab::new(2, LONG).await;
    lab.regions[0].control().set(vec![Fault::Hang]).await.unwrap();
    let fleet = lab.fleet(lab.load(200.0, 4));
    until("the first time-outs", || done(&fleet) >= 100).await;
    let records = fleet.stop().await;
    assert_complete(&records, 200.0);
    let timeouts = count(&records, Outcome::Failed(Failure::Timeout));
    assert_eq!(timeouts, records.requests.len());
    // While the first hundred waited for their time-outs, others left.
    assert!(timeouts > 150, "{timeouts}");
    assert!(records.requests.iter().all(|request| request.latency() >= Duration::from_millis(500)));
    assert!(records.requests.iter().all(|request| records.region(request).is_none()));
}

#[tokio::test]
async fn what_is_too_much_is_recorded_as_failed() {
    let lab = Lab::new(3, LONG).await;
    lab.regions[0].control().set(vec![Fault::Hang]).await.unwrap();
    let fleet = lab.fleet(Load { outstanding: 10, ..lab.load(500.0, 4) });
    until("an overflow", || done(&fleet) >= 50).await;
    let records = fleet.stop().await;
    assert_complete(&records, 500.0);
    let (overflow, timeouts) =
        (count(&records, Outcome::Failed(Failure::Overflow)), count(&records, Outcome::Failed(Failure::Timeout)));
    assert_eq!(overflow + timeouts, records.requests.len());
    assert!(overflow >= 40, "{overflow}");
    assert!(timeouts >= 10, "{timeouts}");
}

#[tokio::test]
async fn a_client_moves_when_its_answer_has_expired_not_before() {
    let ttl = Duration::from_millis(600);
    let lab = Lab::new(4, ttl).await;
    let fleet = lab.fleet(lab.load(300.0, 6));
    // The first answers are part-way into their life; the second of each client lives a whole TTL.
    until("a second answer each", || lab.asked.load(Ordering::SeqCst) >= 12).await;
    let before = fleet.look(|records| records.requests.len());
    lab.answers_with.store(1, Ordering::SeqCst);
    until("all clients in b", || {
        fleet.look(|records| {
            let last: Vec<_> = records.requests.iter().rev().take(60).collect();
            records.requests.len() > before + 60
                && last.iter().all(|request| records.region(request).is_some_and(|region| region.as_str() == "b"))
        })
    })
    .await;
    let asked = lab.asked.load(Ordering::SeqCst);
    let records = fleet.stop().await;
    assert_complete(&records, 300.0);
    // Request k is sent by client k mod 6: each goes from a to b once, and the two regions overlap.
    for client in 0..6 {
        let path: Vec<_> = records
            .requests
            .iter()
            .skip(client)
            .step_by(6)
            .map(|request| records.region(request).unwrap().as_str())
            .collect();
        assert!(path.is_sorted(), "client {client} went back");
    }
    let lasted = records.requests.last().unwrap().intended();
    let most = 6 * (lasted.as_millis() / ttl.as_millis() + 2);
    assert!(asked as u128 <= most, "{asked} questions in {lasted:?}");
}

#[tokio::test]
async fn failures_are_told_apart() {
    let lab = Lab::new(5, Duration::ZERO).await;
    let fleet = lab.fleet(lab.load(200.0, 3));
    let failed = |failure| fleet.look(|records| count(records, Outcome::Failed(failure)));
    lab.regions[0].control().set(vec![Fault::Down]).await.unwrap();
    until("a refusal", || failed(Failure::Refused) > 0).await;
    lab.answers_with.store(9, Ordering::SeqCst);
    until("a name without an address", || failed(Failure::Dns) > 0).await;
    let seen = done(&fleet);
    lab.answers_with.store(1, Ordering::SeqCst);
    until("an answer", || {
        fleet.look(|records| count(records, Outcome::Status(200)) > 0 && records.requests.len() > seen)
    })
    .await;
    assert_complete(&fleet.stop().await, 200.0);
}

#[tokio::test]
async fn stale_clients_keep_their_first_answer_and_the_others_move() {
    let lab = Lab::new(6, Duration::from_millis(50)).await;
    let fleet = lab.fleet(Load { stale: Share::try_from(0.3).unwrap(), ..lab.load(300.0, 10) });
    until("an answer for each client", || done(&fleet) >= 10).await;
    lab.answers_with.store(1, Ordering::SeqCst);
    let before = done(&fleet);
    // Whoever asks again has moved when its TTL has passed, which it does several times here.
    until("several TTLs", || done(&fleet) >= before + 300).await;
    let records = fleet.stop().await;
    let last: Vec<_> = records.requests[records.requests.len() - 100..].iter().collect();
    assert!(last.iter().all(|request| request.outcome.is_success()));
    let in_a = last.iter().filter(|request| records.region(request).unwrap().as_str() == "a").count();
    assert_eq!(in_a, 30, "three clients of ten stay");

    let first_stale = |seed| async move {
        let lab = Lab::new(7, Duration::ZERO).await;
        let stale = Share::try_from(0.5).unwrap();
        let fleet = lab.fleet(Load { stale, seed, ..lab.load(400.0, 8) });
        until("an answer for each client", || done(&fleet) >= 8).await;
        lab.answers_with.store(1, Ordering::SeqCst);
        let before = done(&fleet);
        until("another for each", || done(&fleet) >= before + 40).await;
        let records = fleet.stop().await;
        let last = &records.requests[records.requests.len() / 8 * 8 - 8..][..8];
        last.iter().map(|request| records.region(request).unwrap().as_str() == "a").collect::<Vec<_>>()
    };
    let (one, again, other) = (first_stale(1).await, first_stale(1).await, first_stale(2).await);
    assert_eq!(one, again, "the seed says who");
    assert_ne!(one, other);
}

#[tokio::test]
async fn clients_that_speak_tls_see_a_bad_certificate() {
    let folder = tempfile::tempdir().unwrap();
    Authority::new().unwrap().write(&["api.example.com".parse().unwrap()], folder.path()).unwrap();
    let address = (Ipv4Addr::new(127, 1, 8, 1), 0).into();
    let identities = Identities::read(folder.path()).unwrap();
    let region = Region::start_tls("a".parse().unwrap(), address, 1, identities).await.unwrap();
    let ip = region.address().ip();
    let resolve: Resolve = Arc::new(move |_| async move { Some(Answer { addresses: vec![ip], ttl: LONG }) }.boxed());
    let load = Load {
        name: "api.example.com".parse().unwrap(),
        port: region.address().port(),
        paths: vec!["/".to_owned()],
        rate: 200.0,
        clients: 3.try_into().unwrap(),
        timeout: Duration::from_secs(5),
        outstanding: 1_000,
        tls: Some(lab::tls::client(&folder.path().join(CA_FILE)).unwrap()),
        stale: Share::NONE,
        seed: 1,
    };
    let fleet = Fleet::start(load, resolve, Instant::now());
    let seen = |outcome| fleet.look(|records| count(records, outcome));
    until("a good certificate", || seen(Outcome::Status(200)) > 0).await;
    assert_eq!(fleet.look(|records| records.requests.iter().filter(|r| !r.outcome.is_success()).count()), 0);
    for fault in [Fault::TlsExpired, Fault::TlsWrongName] {
        let before = seen(Outcome::Failed(Failure::Tls));
        region.control().set(vec![fault]).await.unwrap();
        until("a bad certificate", || seen(Outcome::Failed(Failure::Tls)) > before).await;
        region.control().clear().await.unwrap();
        let before = seen(Outcome::Status(200));
        until("a good one again", || seen(Outcome::Status(200)) > before).await;
    }
    region.control().set(vec![Fault::SlowBody { over: Period::seconds(60) }]).await.unwrap();
    until("a time-out", || seen(Outcome::Failed(Failure::Timeout)) > 0).await;
    region.control().set(vec![Fault::Reset { share: Share::ALL }]).await.unwrap();
    until("a reset", || seen(Outcome::Failed(Failure::Broken)) > 0).await;
}
