//! What a standby needs besides answering: its data and its capacity.

use aws_sdk_s3::types::ReplicationRuleStatus;
use domain::{Config, Metric, Period, Region, RegionName, Service};
use futures::future::join_all;

use super::{Finding, Findings};
use crate::{
    Names, Session,
    error::{AwsError, failed},
    lags::read,
    point::newest,
    store::Store,
};

const LAG: &str = "replication_lag";
const CAPACITY: &str = "capacity";
const BUCKETS: &str = "bucket_replication";
/// An older count of what runs says nothing of now.
const CAPACITY_LIFE: Period = Period::seconds(900);

/// Where the services stand, and how that is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standbys<'a> {
    pub(super) session: &'a Session,
    pub(super) names: &'a Names,
    pub(super) config: &'a Config,
    /// Of these that region alone; none: all.
    pub(super) only: Option<&'a RegionName>,
}

/// A region of a service that another serves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standby<'a> {
    pub(super) service: &'a Service,
    pub(super) active: &'a Region,
    pub(super) region: &'a Region,
}

/// How far the standbys' data are behind, for what the policy allows.
pub(super) async fn lags(place: Standbys<'_>, standbys: &[Standby<'_>]) -> Findings {
    let asked = standbys.iter().map(|&Standby { service, region, .. }| async move {
        match (region.replication_lag.as_slice(), service.policy.rpo) {
            ([], None) => Vec::new(),
            ([], Some(rpo)) => vec![unmeasured(service, region, rpo)],
            (lags, _) => {
                join_all(
                    lags.iter()
                        .map(|lag| async move { of_lag(service, region, &lag.metric, read(place.session, lag).await) }),
                )
                .await
            }
        }
    });
    or_nothing_named(LAG, "how far a region's data are behind", "replication_lag", join_all(asked).await)
}

fn unmeasured(service: &Service, region: &Region, rpo: Period) -> Finding {
    let text = format!(
        "{}: nothing measures how far the data of {} are behind, and the RPO is {rpo}",
        service.name, region.name
    );
    Finding::warn(LAG, text, "name its metric with `replication_lag`: until then only a person moves traffic there")
}

fn of_lag(service: &Service, region: &Region, metric: &Metric, read: Result<Option<Period>, AwsError>) -> Finding {
    let what = format!("{}: {}", service.name, region.name);
    let rpo = service.policy.rpo;
    let lag = match read {
        Ok(Some(lag)) => lag,
        Ok(None) => {
            let text = format!("{what}: {metric} has no value that tells how far its data are behind");
            let fix = "look whether it replicates, and whether namespace, name, every dimension and unit are the metric's own";
            return if rpo.is_some() { Finding::fail(LAG, text, fix) } else { Finding::warn(LAG, text, fix) };
        }
        Err(error) => return unasked(LAG, &what, &error),
    };
    let text = format!("{what}: its data are {lag} behind, by {metric}");
    match rpo {
        Some(rpo) if lag > rpo => {
            let fix = "find out what holds replication up: until it catches up only a person moves traffic there, with --accept-data-loss";
            Finding::fail(LAG, format!("{text}, and the RPO is {rpo}"), fix)
        }
        _ => Finding::pass(LAG, text),
    }
}

/// Whether the standbys could carry what the serving region does.
pub(super) async fn capacity(place: Standbys<'_>, standbys: &[Standby<'_>]) -> Findings {
    let asked = standbys.iter().map(|&Standby { service, active, region }| async move {
        let (Some(of_active), Some(of_standby)) = (&active.capacity, &region.capacity) else { return Vec::new() };
        let life = CAPACITY_LIFE;
        let (serving, standby) =
            futures::future::join(newest(place.session, of_active, life), newest(place.session, of_standby, life))
                .await;
        let what = format!("{}: {}", service.name, region.name);
        vec![match (serving, standby) {
            (Err(error), _) | (_, Err(error)) => unasked(CAPACITY, &what, &error),
            (Ok(None), _) => no_value(&what, of_active),
            (_, Ok(None)) => no_value(&what, of_standby),
            (Ok(Some(serving)), Ok(Some(standby))) => of_capacity(&what, &active.name, serving.value, standby.value),
        }]
    });
    or_nothing_named(CAPACITY, "what a region can carry", "capacity", join_all(asked).await)
}

fn no_value(what: &str, metric: &Metric) -> Finding {
    let text = format!("{what}: {metric} has had no value for {CAPACITY_LIFE}");
    Finding::warn(
        CAPACITY,
        text,
        "look whether it is published (an Auto Scaling group's are turned on by the group), with every dimension",
    )
}

fn of_capacity(what: &str, active: &RegionName, serving: f64, standby: f64) -> Finding {
    let text = format!("{what} has a capacity of {standby}, and {active}, which serves, {serving}");
    if standby >= serving {
        return Finding::pass(CAPACITY, text);
    }
    Finding::fail(CAPACITY, text, "give the standby as much, or be sure that it grows before clients give up")
}

/// Whether the serving region's buckets replicate to the standbys'.
pub(super) async fn buckets(place: Standbys<'_>, standbys: &[Standby<'_>]) -> Findings {
    let asked = standbys.iter().map(|&Standby { service, active, region }| async move {
        // By their places in both lists.
        let pairs = active.buckets.iter().zip(&region.buckets).map(|(from, to)| async move {
            let what = format!("{}: {from} in {} to {to} in {}", service.name, active.name, region.name);
            match replicates(place, &active.name, from, to).await {
                Ok(true) => Finding::pass(BUCKETS, format!("{what} replicates")),
                Ok(false) => Finding::fail(
                    BUCKETS,
                    format!("{what}: no rule that is enabled replicates it"),
                    "add a replication rule to the bucket, and copy what is there already with S3 Batch Replication",
                ),
                Err(error) => unasked(BUCKETS, &what, &error),
            }
        });
        join_all(pairs).await
    });
    or_nothing_named(BUCKETS, "a region's buckets", "buckets", join_all(asked).await)
}

async fn replicates(place: Standbys<'_>, region: &RegionName, from: &str, to: &str) -> Result<bool, AwsError> {
    let asked = place.session.s3(region).get_bucket_replication().bucket(from).send().await;
    let found = match asked.map_err(failed("GetBucketReplication")) {
        Err(error) if error.code() == Some("ReplicationConfigurationNotFoundError") => return Ok(false),
        found => found?,
    };
    let rules = found.replication_configuration().map(|it| it.rules()).unwrap_or_default();
    let leads_there = |arn: &str| arn.rsplit(':').next() == Some(to);
    Ok(rules.iter().any(|rule| {
        *rule.status() == ReplicationRuleStatus::Enabled
            && rule.destination().is_some_and(|it| leads_there(it.bucket()))
    }))
}

/// Each service's regions but the one that serves, with that one: what the states say.
pub(super) async fn each(place: Standbys<'_>) -> Vec<Standby<'_>> {
    let store = Store::new(place.session, place.names, &place.config.control_region);
    let asked = place.config.services.iter().map(|service| {
        let store = &store;
        async move {
            let state = store.state(&service.name).await.ok().flatten();
            let active = state.and_then(|(state, _)| service.region(&state.active)).unwrap_or(service.preferred());
            let wanted =
                |region: &&Region| region.name != active.name && place.only.is_none_or(|only| region.name == *only);
            let others = service.regions.iter().filter(wanted);
            others.map(|region| Standby { service, active, region }).collect::<Vec<_>>()
        }
    });
    join_all(asked).await.into_iter().flatten().collect()
}

/// Who may not look has nothing to mend at the region.
pub(super) fn unasked(check: &'static str, what: &str, error: &AwsError) -> Finding {
    match error {
        AwsError::Denied { .. } => Finding::skipped(check, format!("{what}: {error}")),
        _ => Finding::fail(check, format!("{what}: {error}"), error.hint()),
    }
}

pub(super) fn or_nothing_named(
    check: &'static str,
    what: &str,
    key: &str,
    found: impl IntoIterator<Item = Findings>,
) -> Findings {
    let found: Findings = found.into_iter().flatten().collect();
    if found.is_empty() {
        return vec![Finding::skipped(check, format!("no region says {what} (`{key}`)"))];
    }
    found
}
