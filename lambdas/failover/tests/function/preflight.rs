//! What a standby lacks besides answering is found, each with its fix.

use aws::{FindingStatus, data_preflight};
use domain::{Config, Period};

use crate::{
    python_is_there,
    world::{Besides, FIRST, OTHER, World, Written},
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
        vec![("replication_lag", lag), ("capacity", capacity), ("bucket_replication", buckets)]
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

const VERSIONED: &str = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
const REPLICATED: &str = "<ReplicationConfiguration><Role>arn:aws:iam::000000000000:role/copy</Role><Rule><ID>all</ID>\
    <Priority>1</Priority><Filter/><Status>Enabled</Status><DeleteMarkerReplication><Status>Disabled</Status>\
    </DeleteMarkerReplication><Destination><Bucket>arn:aws:s3:::assets-other</Bucket></Destination></Rule>\
    </ReplicationConfiguration>";
