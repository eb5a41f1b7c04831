//! What a standby lacks besides answering is found, each with its fix.

use std::{net::Ipv4Addr, time::Duration};

use aws::{FindingStatus, Function, Names, Session, SessionOptions, data_preflight, quick_preflight};
use bytes::Bytes;
use domain::{Config, Deployment, Period};
use http_body_util::Full;
use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::net::TcpListener;

use crate::{
    python_is_there,
    world::{ACCOUNT, Besides, CONTROL, FIRST, OTHER, STACK, World, Written, config},
};

async fn capacity(world: &World, region: &str, number: u32, ago: Period) {
    let written = Written { namespace: "Fleet", name: "Running", dimension: ("Group", "api"), number, unit: "Count" };
    world.put_metric(region, &written, ago).await;
}

async fn behind(world: &World, number: u32, ago: Period) {
    let dimension = ("Store", "orders");
    let written = Written { namespace: "Orders", name: "Behind", dimension, number, unit: "Milliseconds" };
    world.put_metric(OTHER, &written, ago).await;
}

async fn found(world: &World, config: &Config) -> Vec<(&'static str, FindingStatus)> {
    let found = data_preflight(&world.session, &world.names, config).await;
    let failed = |it: &&aws::Finding| it.status >= FindingStatus::Warn;
    assert!(found.iter().filter(failed).all(|it| !it.fix.is_empty()), "{found:#?}");
    found.iter().map(|it| (it.check, it.status)).collect()
}

#[tokio::test]
async fn data_capacity_and_buckets_that_are_not_as_they_must_be_are_found() {
    use FindingStatus::{Fail, Pass, Skipped, Warn};
    if !python_is_there() {
        return;
    }
    let world = World::up(5).await;
    let config = world.config("bare", &["api"]).await;
    let checks = |lag, capacity, buckets| {
        vec![
            ("replication_lag", lag),
            ("capacity", capacity),
            ("bucket_replication", buckets),
            ("secrets", Skipped),
            ("backups", Skipped),
        ]
    };
    assert_eq!(found(&world, &config).await, checks(Skipped, Skipped, Skipped), "nothing is named");
    let besides = Besides { policy: "rpo = \"10s\"", ..Besides::default() };
    let config = world.config_with("unmeasured", &besides).await;
    assert_eq!(found(&world, &config).await, checks(Warn, Skipped, Skipped));

    let counted = "capacity = { namespace = \"Fleet\", metric = \"Running\", dimensions = { Group = \"api\" } }";
    let first = format!("buckets = [\"assets-first\"]\n{counted}");
    let other = format!(
        "buckets = [\"assets-other\"]\n{counted}\nreplication_lag = [{{ namespace = \"Orders\", \
         metric = \"Behind\", unit = \"ms\", dimensions = {{ Store = \"orders\" }} }}]"
    );
    let besides = Besides { policy: "rpo = \"10s\"", first: &first, other: &other, ..Besides::default() };
    let config = world.config_with("named", &besides).await;
    let place = format!(
        "<CreateBucketConfiguration><LocationConstraint>{FIRST}</LocationConstraint></CreateBucketConfiguration>"
    );
    world.s3(FIRST, "/assets-first", &place).await;
    assert_eq!(found(&world, &config).await, checks(Fail, Warn, Fail), "no values, no rule");

    capacity(&world, FIRST, 4, Period::default()).await;
    capacity(&world, OTHER, 2, Period::seconds(120)).await;
    behind(&world, 20_000, Period::seconds(240)).await;
    assert_eq!(found(&world, &config).await, checks(Fail, Fail, Fail), "too far behind, and too small");

    capacity(&world, OTHER, 4, Period::default()).await;
    behind(&world, 250, Period::default()).await;
    world.s3(FIRST, "/assets-first?versioning", VERSIONED).await;
    world.s3(FIRST, "/assets-first?replication", REPLICATED).await;
    assert_eq!(found(&world, &config).await, checks(Pass, Pass, Pass));
}

/// What a person who orders a failover is told of secrets.
async fn before_an_order(world: &World, config: &Config) -> Vec<FindingStatus> {
    let checks = config.services.iter().map(|service| (service.name.clone(), world.checks.clone()));
    let deployed = Function {
        session: world.session.clone(),
        region: config.control_region.clone(),
        names: world.names.clone(),
        deployment: Deployment { checks: checks.collect(), config: config.clone() },
        key: None,
        hash: config.hash(),
        topic: None,
    };
    let told = quick_preflight(&deployed, &OTHER.parse().unwrap(), Duration::from_mins(1)).await;
    told.into_iter().filter(|it| it.check == "secrets").map(|it| it.status).collect()
}

#[tokio::test]
async fn a_secret_that_a_standby_lacks_or_is_to_lose_is_found_and_no_value_read() {
    use FindingStatus::{Fail, Pass};
    if !python_is_there() {
        return;
    }
    let world = World::up(6).await;
    let world = &world;
    let named = |other| async move {
        let first = "secrets = [\"orders\"]";
        world
            .config_with(other, &Besides { first, other: &format!("secrets = [\"{other}\"]"), ..Besides::default() })
            .await
    };
    let of = |config| async move {
        let found = found(world, config).await;
        found.iter().find(|(check, _)| *check == "secrets").unwrap().1
    };
    let (replica, own) = (named("orders").await, named("own").await);
    world.secrets(FIRST, "CreateSecret", "{\"Name\": \"orders\", \"SecretString\": \"one\"}").await;
    assert_eq!((of(&replica).await, of(&own).await), (Fail, Fail), "nobody made it there");

    let to = format!("{{\"SecretId\": \"orders\", \"AddReplicaRegions\": [{{\"Region\": \"{OTHER}\"}}]}}");
    world.secrets(FIRST, "ReplicateSecretToRegions", &to).await;
    world.secrets(FIRST, "PutSecretValue", "{\"SecretId\": \"orders\", \"SecretString\": \"two\"}").await;
    world.secrets(OTHER, "CreateSecret", "{\"Name\": \"own\", \"SecretString\": \"two\"}").await;
    assert_eq!((of(&replica).await, of(&own).await), (Pass, Pass));

    world.secrets(OTHER, "DeleteSecret", "{\"SecretId\": \"own\", \"RecoveryWindowInDays\": 7}").await;
    assert_eq!((of(&replica).await, of(&own).await), (Pass, Fail), "it will be gone");
    assert_eq!((before_an_order(world, &replica).await, before_an_order(world, &own).await), (vec![], vec![Fail]));

    let asked = |operation| world.proxy.aws_calls().iter().any(|call| call.operation == operation);
    assert!(asked("DescribeSecret") && !asked("GetSecretValue"));
}

/// Answers as AWS Backup does; neither emulator has recovery points.
async fn vault(status: &'static str, age: Period) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let answer = move |request: Request<Incoming>| async move {
                let uri = request.uri();
                let query = uri.query().unwrap_or_default();
                let asked = uri.path().trim_end_matches('/') == "/backup-vaults/orders/recovery-points"
                    && query.contains("resourceArn=arn%3Aaws%3Ards")
                    && query.contains("createdAfter=");
                let at = (Timestamp::now() - age.signed()).as_second();
                let points = format!("{{\"RecoveryPoints\": [{{\"Status\": \"{status}\", \"CreationDate\": {at}}}]}}");
                let (code, body) = if asked { (200, points) } else { (404, String::new()) };
                Response::builder().status(code).body(Full::<Bytes>::from(body))
            };
            tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service_fn(answer)));
        }
    });
    endpoint
}

#[tokio::test]
async fn a_backup_that_cannot_be_restored_is_none() {
    use FindingStatus::{Fail, Pass};
    let backups =
        "backups = [{ vault = \"orders\", resource = \"arn:aws:rds:eu-west-1:1:cluster:orders\", max_age = \"26h\" }]";
    let config = config("backed", "Z0", &["api"], &Besides { other: backups, ..Besides::default() }, &[]);
    let names = Names::new(STACK.parse().unwrap(), ACCOUNT.to_owned());
    for (status, wanted) in [("COMPLETED", Pass), ("PARTIAL", Fail)] {
        let endpoint_url = Some(vault(status, Period::seconds(3_600)).await);
        let options = SessionOptions { region: Some(CONTROL.to_owned()), endpoint_url, ..SessionOptions::default() };
        let session = Session::load(options).await.with_test_credentials();
        let found = data_preflight(&session, &names, &config).await;
        let backups: Vec<_> = found.iter().filter(|it| it.check == "backups").collect();
        assert_eq!(backups.iter().map(|it| it.status).collect::<Vec<_>>(), [wanted], "{found:#?}");
        assert!(wanted == Fail || backups[0].detail.contains("1h old"), "{backups:#?}");
    }
}

const VERSIONED: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
const REPLICATED: &str = "<ReplicationConfiguration><Role>arn:aws:iam::000000000000:role/copy</Role><Rule><ID>all</ID>\
    <Priority>1</Priority><Filter/><Status>Enabled</Status><DeleteMarkerReplication><Status>Disabled</Status>\
    </DeleteMarkerReplication><Destination><Bucket>arn:aws:s3:::assets-other</Bucket></Destination></Rule>\
    </ReplicationConfiguration>";
