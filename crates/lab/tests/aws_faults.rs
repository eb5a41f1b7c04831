//! AWS that fails, over real sockets: what the SDK's clients make of it, and what came of the calls.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use aws::{AwsError, Bus, Names, Session, SessionOptions, Store, StoreError, Switch};
use bytes::Bytes;
use domain::{ChangeEvent, RegionName, Round};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, Response, body::Incoming, service::service_fn};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use lab::{
    health::Pace,
    hosted::{Delays, Route53},
    proxy::Proxy,
};
use scenario::{Scenario, aws::AwsFault};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};

const PATIENCE: Duration = Duration::from_secs(20);
/// A lab so fast that what waits in life does not in a test.
const PACE: Pace = Pace { speed: 50.0, seed: 1 };

/// An emulator that says yes to everything, and counts.
async fn emulator() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let service = service_fn(move |_: Request<Incoming>| {
                    count.fetch_add(1, Ordering::SeqCst);
                    async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"{}")))) }
                });
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (address, asked)
}

struct Lab {
    proxy: Proxy,
    asked: Arc<AtomicUsize>,
}

impl Lab {
    async fn failing(rules: &str) -> Self {
        let (address, asked) = emulator().await;
        let at_once = Delays { propagation: Duration::ZERO, status: Duration::ZERO, second: Duration::from_millis(1) };
        let lab = Self { proxy: Proxy::start(address, Route53::new(at_once)).await.unwrap(), asked };
        lab.proxy.fail(&faults(rules), PACE);
        lab
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    async fn session(&self) -> Session {
        let endpoint_url = Some(self.proxy.endpoint());
        let (region, caller) = (Some("ca-central-1".to_owned()), Some("pointsman-failover".to_owned()));
        let options = SessionOptions { region, endpoint_url, caller, ..Default::default() };
        Session::load(options).await.with_test_credentials()
    }

    async fn put(&self) -> Result<u16, hyper_util::client::legacy::Error> {
        let signature = "AWS4-HMAC-SHA256 Credential=AKID/20261121/us-east-1/s3/aws4_request, Signature=0";
        let request = Request::builder()
            .method(Method::PUT)
            .uri(format!("{}/bucket/key", self.proxy.endpoint()))
            .header("authorization", signature)
            .body(Full::<Bytes>::from("body"))
            .unwrap();
        let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await?;
        let status = answer.status().as_u16();
        answer.into_body().collect().await.unwrap();
        Ok(status)
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let began = Instant::now();
        while !holds(self) {
            assert!(began.elapsed() < PATIENCE, "{what}: {:?}", self.proxy.aws_calls());
            sleep(Duration::from_millis(5)).await;
        }
    }
}

fn faults(rules: &str) -> BTreeMap<usize, AwsFault> {
    let text = format!(
        "name = \"x\"\ntitle = \"x\"\nregions = [\"a\", \"b\"]\nsteady.for = \"1s\"\n\
         [[truth]]\nregion = \"a\"\nmust_stay = true\n[[truth]]\nregion = \"b\"\nmust_stay = true\n\
         [[aws]]\nat = \"0s\"\nfor = \"9s\"\n{rules}\n"
    );
    let scenario = Scenario::parse("x.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    scenario.faults.iter().map(|fault| fault.what.aws().unwrap().clone()).enumerate().collect()
}

fn control() -> RegionName {
    "ca-central-1".parse().unwrap()
}

fn names() -> Names {
    Names::new("pointsman".parse().unwrap(), "000000000000".to_owned())
}

fn event() -> ChangeEvent {
    ChangeEvent {
        service: "api.example.com".parse().unwrap(),
        observer: "us-west-2".parse().unwrap(),
        round: Round(1),
        regions: BTreeMap::new(),
    }
}

async fn send(lab: &Lab) -> Result<(), AwsError> {
    Bus::new(&lab.session().await, &names(), &control()).send(&event()).await
}

#[tokio::test]
async fn every_service_s_throttling_is_throttling_to_the_sdk() {
    let lab = Lab::failing("kind = \"throttle\"").await;
    let session = lab.session().await;
    let (switch, store) = (Switch::new(&session, 1000.0), Store::new(&session, &names(), &control()));
    let (service, control) = ("api.example.com".parse().unwrap(), control());
    let (route53, s3, events, lambda) = tokio::join!(
        switch.is_in_sync("C1"),
        store.state(&service),
        send(&lab),
        aws::start(&session, &control, "pointsman-failover", b"{}"),
    );
    let Err(StoreError::Aws(s3)) = s3 else { panic!("{s3:?}") };
    let errors = [route53.unwrap_err(), s3, events.unwrap_err(), lambda.unwrap_err()];
    let codes = errors.each_ref().map(|error| (matches!(error, AwsError::Throttled { .. }), error.code()));
    let wanted = ["Throttling", "SlowDown", "ThrottlingException", "TooManyRequestsException"];
    assert_eq!(codes, wanted.map(|code| (true, Some(code))));
    assert_eq!(lab.asked(), 0, "the emulator is not even asked");
    assert!(lab.proxy.aws_calls().iter().all(|call| call.injected && call.status.is_some()));
}

#[tokio::test]
async fn r42_a_retry_waits_for_its_turn_too() {
    const CALLS: usize = 12;
    let lab = Lab::failing("kind = \"throttle\"").await;
    // A second of life takes 210 ms: five requests each, and five attempts at each call.
    let switch = Switch::new(&lab.session().await, 5.0);
    let asked =
        futures::future::join_all((0..CALLS).map(async |call| switch.is_in_sync(&format!("C{call}")).await)).await;
    assert!(asked.iter().all(|asked| matches!(asked, Err(AwsError::Throttled { .. }))), "{asked:?}");
    let calls = lab.proxy.aws_calls();
    assert_eq!(calls.len(), 5 * CALLS, "the SDK tries again");
    let mut at: Vec<_> = calls.iter().map(|call| call.at.instant).collect();
    at.sort_unstable();
    // Backing off alone, the last would have come after 2 s at most.
    let took = at[at.len() - 1] - at[0];
    assert!(took >= Duration::from_millis(2_200), "{took:?}");
}

#[tokio::test]
async fn an_error_of_a_rule_s_choice_is_that_error_to_the_sdk() {
    let lab = Lab::failing("service = \"s3\"\nerror = { statusCode = 403, code = \"AccessDenied\" }").await;
    let store = Store::new(&lab.session().await, &names(), &control());
    let refused = store.state(&"api.example.com".parse().unwrap()).await;
    assert!(matches!(refused, Err(StoreError::Aws(AwsError::Denied { .. }))), "{refused:?}");
}

#[tokio::test]
async fn a_control_plane_that_is_away_is_said_to_be_unreachable() {
    let lab = Lab::failing("kind = \"route53-control-plane\"").await;
    let error = Switch::new(&lab.session().await, 1000.0).is_in_sync("C1").await.unwrap_err();
    assert_eq!(error.of_the_control_plane(), "control plane unreachable", "{error}");
    assert_eq!(lab.put().await.unwrap(), 200, "S3 goes on");
}

#[tokio::test]
async fn a_reset_comes_before_the_effect_and_a_lost_reply_after_it() {
    for (rule, arrived) in [("reset", 0), ("lost-reply", 1), ("region-down\"\nregion = \"us-east-1", 0)] {
        let lab = Lab::failing(&format!("kind = \"{rule}\"")).await;
        let error = lab.put().await.unwrap_err();
        assert_eq!(lab.asked(), arrived, "{rule}");
        let reset = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source())
            .filter_map(|error| error.downcast_ref::<std::io::Error>())
            .any(|error| error.kind() == std::io::ErrorKind::ConnectionReset);
        assert!(reset, "{rule}: {error:?}");
        let [call] = &lab.proxy.aws_calls()[..] else { panic!("one call was made") };
        assert_eq!((call.status, call.injected), (None, true));
    }
}

#[tokio::test]
async fn a_hang_ends_when_its_client_leaves_or_its_rule_ends() {
    let lab = Lab::failing("kind = \"hang\"").await;
    let unanswered = Duration::from_secs(1);
    assert!(timeout(unanswered, lab.put()).await.is_err(), "it does not hang");
    lab.until("the client has left", |lab| lab.proxy.aws_calls().len() == 1).await;
    let mut hanging = pin!(lab.put());
    assert!(timeout(unanswered, &mut hanging).await.is_err(), "it does not hang");
    lab.proxy.fail(&BTreeMap::new(), PACE);
    assert!(hanging.await.is_err() && lab.asked() == 0, "a call that hung is lost");
    assert_eq!(lab.put().await.unwrap(), 200);
}

#[tokio::test]
async fn events_are_lost_doubled_and_late_after_a_yes() {
    for (rule, at_once, at_last) in [
        ("kind = \"drop-events\"", 0, 0),
        ("kind = \"double-events\"", 2, 2),
        ("kind = \"delay-events\"\ndelay = \"200ms\"", 0, 1),
    ] {
        let lab = Lab::failing(rule).await;
        send(&lab).await.unwrap();
        assert_eq!(lab.asked(), at_once, "{rule}");
        lab.until(rule, |lab| lab.asked() == at_last).await;
    }
}

#[tokio::test]
async fn an_event_waits_for_a_function_that_is_throttled() {
    let lab = Lab::failing("kind = \"throttle\"\nservice = \"lambda\"\nregion = \"ca-central-1\"").await;
    send(&lab).await.unwrap();
    assert_eq!(lab.asked(), 0);
    lab.proxy.fail(&BTreeMap::new(), PACE);
    lab.until("it is delivered", |lab| lab.asked() == 1).await;
}
