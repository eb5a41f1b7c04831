//! A lab without regions and checkers: the emulator, Route 53 and its name servers, and what observers would write.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use aws::{Names, Session, SessionOptions, Store, Switch, Version};
use bytes::Bytes;
use decision::{fence_set, record_sets};
use domain::{Config, Deployment, NativeChecks, Period, ServiceState};
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use jiff::Timestamp;
use lab::{
    dns::NameServers,
    emulator::{Embedded, Emulator, Kind},
    hosted::{Delays, Route53},
    processes::Marker,
    proxy::{Accepted, Proxy},
};
use route53::{Action, Change};
use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinSet};

pub(crate) const CONTROL: &str = "ca-central-1";
pub(crate) const ACCOUNT: &str = "000000000000";
pub(crate) const STACK: &str = "pointsman";
pub(crate) const FIRST: &str = "eu-west-1";
pub(crate) const OTHER: &str = "us-east-1";
pub(crate) const OBSERVERS: [&str; 3] = ["us-east-2", "us-west-2", "ap-southeast-2"];
/// Head starts and the pace of calls last a twentieth of life's.
pub(crate) const SPEED: u32 = 20;

/// What AWS was asked to keep and to tell, by the object's key; notices by their subject.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) objects: BTreeMap<String, Bytes>,
    pub(crate) notices: BTreeSet<String>,
}

/// What somebody writes of a metric with one dimension.
pub(crate) struct Written<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    pub(crate) dimension: (&'a str, &'a str),
    pub(crate) number: u32,
    pub(crate) unit: &'a str,
}

/// Lines of a service's configuration that others have not.
pub(crate) struct Besides<'a> {
    pub(crate) policy: &'a str,
    pub(crate) first: &'a str,
    pub(crate) other: &'a str,
    /// After the HTTP probe.
    pub(crate) probes: &'a str,
}

impl Default for Besides<'_> {
    fn default() -> Self {
        let probes = "[[service.probe]]\nname = \"tcp\"\nkind = \"tcp\"\nport = 80";
        Self { policy: "", first: "", other: "", probes }
    }
}

pub(crate) struct World {
    pub(crate) session: Session,
    pub(crate) proxy: Proxy,
    pub(crate) route53: Arc<Route53>,
    pub(crate) switch: Switch,
    pub(crate) store: Store,
    pub(crate) names: Names,
    pub(crate) checks: NativeChecks,
    pub(crate) topic: String,
    pub(crate) kept: Arc<Mutex<Kept>>,
    name_servers: NameServers,
    _collects: JoinSet<()>,
    _emulator: Emulator,
    _run: TempDir,
}

impl World {
    /// Tests beside each other have name servers of their own, told apart by a number.
    pub(crate) async fn up(number: u8) -> Self {
        let at_once = Delays { propagation: Duration::ZERO, status: Duration::ZERO, second: Duration::from_millis(1) };
        let route53 = Route53::new(at_once);
        let hosts: Vec<IpAddr> = (1..=2).map(|last| IpAddr::from([127, 0, 54 + number, last])).collect();
        let name_servers = NameServers::start(Arc::clone(&route53), &hosts, 0, 1).await.unwrap();
        let run = TempDir::new().unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.pointsman");
        std::fs::create_dir_all(&folder).unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap().port();
        let settings = Embedded {
            kind: Kind::Ministack,
            folder: &folder,
            run: run.path(),
            marker: Marker::fresh(),
            functions: Vec::new(),
            port: Some(free),
        };
        let emulator = Emulator::start(&settings, &|_| ()).await.unwrap();
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, free));
        let proxy = Proxy::start(upstream, Arc::clone(&route53)).await.unwrap();
        let options = SessionOptions {
            region: Some(CONTROL.to_owned()),
            endpoint_url: Some(proxy.endpoint()),
            ..SessionOptions::default()
        };
        let session = Session::load(options).await.with_test_credentials();
        let names = Names::new(STACK.parse().unwrap(), ACCOUNT.to_owned());
        let control = CONTROL.parse().unwrap();
        for bucket in [names.state(&control), names.observations(&control), names.artifacts(&control)] {
            let place = format!(
                "<CreateBucketConfiguration><LocationConstraint>{CONTROL}</LocationConstraint></CreateBucketConfiguration>"
            );
            send(&proxy, ("s3", CONTROL), Method::PUT, &format!("/{bucket}"), &place).await;
        }
        send(&proxy, ("sns", CONTROL), Method::POST, "/", &format!("Action=CreateTopic&Name={STACK}")).await;
        let switch = Switch::new(&session, 1000.0);
        // Checks are by service: all lives share those of one, since nothing is measured.
        let config = config("every", "Z0", &["api"], &Besides::default(), name_servers.addresses());
        let checks = switch.ensure_checks(&config).await.unwrap().into_values().next().unwrap();
        let kept = Arc::<Mutex<Kept>>::default();
        let mut collects = JoinSet::new();
        collects.spawn(collect(proxy.writes(), Arc::clone(&kept)));
        Self {
            store: Store::new(&session, &names, &control),
            topic: format!("arn:aws:sns:{CONTROL}:{ACCOUNT}:{STACK}"),
            session,
            proxy,
            route53,
            switch,
            names,
            checks,
            kept,
            name_servers,
            _collects: collects,
            _emulator: emulator,
            _run: run,
        }
    }

    /// Services in a zone of their own, which takes one change at a time.
    pub(crate) async fn config(&self, zone: &str, services: &[&str]) -> Config {
        let id = self.switch.create_zone(&format!("{zone}.test").parse().unwrap(), zone).await.unwrap();
        config(zone, id.as_str(), services, &Besides::default(), self.name_servers.addresses())
    }

    /// One service with more in its configuration than others have.
    pub(crate) async fn config_with(&self, zone: &str, besides: &Besides<'_>) -> Config {
        let id = self.switch.create_zone(&format!("{zone}.test").parse().unwrap(), zone).await.unwrap();
        config(zone, id.as_str(), &["api"], besides, self.name_servers.addresses())
    }

    /// Asks `CloudWatch` in a region, by the query protocol.
    pub(crate) async fn cloudwatch(&self, region: &str, query: &str) {
        send(&self.proxy, ("monitoring", region), Method::POST, "/", query).await;
    }

    /// A value of a metric as its owner would write it so long ago.
    pub(crate) async fn put_metric(&self, region: &str, metric: &Written<'_>, ago: Period) {
        let Written { namespace, name, dimension: (key, value), number, unit } = metric;
        let at = (Timestamp::now() - ago.signed()).strftime("%FT%TZ").to_string();
        let query = format!(
            "Action=PutMetricData&Version=2010-08-01&Namespace={namespace}&MetricData.member.1.MetricName={name}\
             &MetricData.member.1.Dimensions.member.1.Name={key}&MetricData.member.1.Dimensions.member.1.Value={value}\
             &MetricData.member.1.Value={number}&MetricData.member.1.Unit={unit}&MetricData.member.1.Timestamp={at}"
        );
        self.cloudwatch(region, &query).await;
    }

    /// Asks S3 in a region.
    pub(crate) async fn s3(&self, region: &str, path: &str, body: &str) {
        send(&self.proxy, ("s3", region), Method::PUT, path, body).await;
    }

    /// Asks Secrets Manager in a region.
    pub(crate) async fn secrets(&self, region: &str, operation: &str, body: &str) {
        send(&self.proxy, ("secretsmanager", region), Method::POST, operation, body).await;
    }

    /// Puts records, state and configuration where the function finds them.
    pub(crate) async fn deploy(&self, config: &Config, key: &str) {
        for service in &config.services {
            let state = ServiceState::new(service);
            let sets = record_sets(service, &state.slots, &self.checks).unwrap();
            let sets = sets.into_iter().chain([fence_set(service, &state.fence)]);
            let batch: Vec<_> = sets.map(|set| Change { action: Action::Create, set }).collect();
            self.switch.change(&service.hosted_zone, &batch, "test").await.unwrap();
            self.store.save(&state, &Version::Absent).await.unwrap();
        }
        let checks = config.services.iter().map(|service| (service.name.clone(), self.checks.clone())).collect();
        let deployment = serde_json::to_string(&Deployment { config: config.clone(), checks }).unwrap();
        let bucket = self.names.artifacts(&config.control_region);
        send(&self.proxy, ("s3", CONTROL), Method::PUT, &format!("/{bucket}/{key}"), &deployment).await;
    }

    /// What the function's process finds in its environment.
    pub(crate) fn environment(&self, caller: &str, key: &str) -> Vec<(String, String)> {
        let endpoint = self.proxy.endpoint();
        let variables = [
            ("AWS_LAMBDA_FUNCTION_NAME", caller),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_REGION", CONTROL),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL", &endpoint),
            ("POINTSMAN_STACK", STACK),
            ("POINTSMAN_ACCOUNT", ACCOUNT),
            ("POINTSMAN_CONFIG", key),
            ("POINTSMAN_TOPIC", &self.topic),
        ];
        variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }
}

async fn collect(mut writes: tokio::sync::broadcast::Receiver<lab::proxy::Written>, kept: Arc<Mutex<Kept>>) {
    loop {
        let written = writes.recv().await.unwrap();
        let mut kept = kept.lock().unwrap();
        match written.what {
            Accepted::Object { key, body } => {
                kept.objects.insert(key, body);
            }
            Accepted::Notice { subject, .. } => {
                kept.notices.insert(subject);
            }
        }
    }
}

pub(crate) fn config(zone: &str, id: &str, services: &[&str], besides: &Besides<'_>, servers: &[SocketAddr]) -> Config {
    let observers = OBSERVERS.map(|it| format!("\"{it}\"")).join(", ");
    let servers = servers.iter().map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(", ");
    // Nothing expires or is late on a busy machine, and nothing is waited for that a crash does not make one wait for.
    let Besides { policy, first, other, probes } = besides;
    let service = |name: &&str| {
        format!(
            r#"
            [[service]]
            name = "{name}.{zone}.test"
            hosted_zone = "{id}"

            [service.policy]
            interval = "1s"
            down_after = 3
            stale_after = "20m"
            hold_down = "1ms"
            verify_within = "20m"
            failback = "auto"
            {policy}

            [[service.region]]
            name = "{FIRST}"
            a = ["127.1.1.1"]
            {first}

            [[service.region]]
            name = "{OTHER}"
            a = ["127.1.2.1"]
            {other}

            [[service.probe]]
            name = "http"
            kind = "http"
            {probes}
            "#
        )
    };
    let text = format!(
        r#"
        stack = "{STACK}"
        control_region = "{CONTROL}"
        observers = [{observers}]
        {}
        [lab]
        speed = {SPEED}
        name_servers = [{servers}]
        "#,
        services.iter().map(service).collect::<String>()
    );
    Config::parse("pointsman.toml", &text).unwrap_or_else(|error| panic!("{error:?}"))
}

/// Where a service has one path for all it can do, the operation stands in a header and is given instead.
async fn send(proxy: &Proxy, (service, region): (&str, &str), method: Method, path: &str, body: &str) {
    let (path, operation) = if service == "secretsmanager" { ("/", Some(path)) } else { (path, None) };
    let signature = format!("AWS4-HMAC-SHA256 Credential=test/20261121/{region}/{service}/aws4_request, Signature=0");
    let kind =
        if matches!(service, "sns" | "monitoring") { "application/x-www-form-urlencoded" } else { "application/json" };
    let request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", proxy.endpoint()))
        .header("authorization", signature)
        .header("content-type", kind);
    let target = operation.map(|operation| ("x-amz-target", format!("{service}.{operation}")));
    let request = target.into_iter().fold(request, |request, (name, value)| request.header(name, value));
    let request = request.body(Full::<Bytes>::from(body.to_owned())).unwrap();
    let answer = Client::builder(TokioExecutor::new()).build_http().request(request).await.unwrap();
    let status = answer.status();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(status.is_success(), "{path}: {status}: {}", String::from_utf8_lossy(&body));
}
