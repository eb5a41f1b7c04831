//! Route 53: record sets and the fenced change batch.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use aws_sdk_route53::{
    Client,
    types::{
        AliasTarget, Change, ChangeAction, ChangeBatch, ChangeStatus, ResourceRecord, ResourceRecordSet,
        ResourceRecordSetFailover, RrType,
    },
};
use decision::{NativeHealth, RecordsError, change_batch, fence_in};
use domain::{DnsName, HostedZoneId, NativeChecks, Plan, RegionName, Service};
use route53::{Action, RecordSet, Role, Routing, Target};
use tokio::sync::Mutex as AsyncMutex;

use crate::{
    Session,
    alarms::Alarms,
    error::{AwsError, failed},
    gathering::Seat,
    native::Native,
};

/// Why records could not be switched.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SwitchError {
    /// Route 53 refused the batch: nothing of it happened (R40).
    #[error("route 53 refused the change batch: {0}")]
    Refused(String),
    /// The plan does not fit the configuration.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The call did not get through, or its reply did not come back.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

/// Route 53's control plane.
#[derive(Debug, Clone)]
pub struct Switch {
    pub(crate) route53: Client,
    pub(crate) alarms: Alarms,
    native: Native,
    changes: Changes,
    /// As long an answer about a change is good.
    fresh: Duration,
}

/// What was last heard of each change, and when: services that share a batch share that too.
type Changes = Arc<Mutex<BTreeMap<String, Arc<AsyncMutex<Option<Heard>>>>>>;
type Heard = (Instant, Result<bool, AwsError>);

/// Changes of which anything is remembered.
const CHANGES: usize = 64;

impl Switch {
    /// Makes no call. `speed` is how much faster than life a lab is, else 1.
    #[must_use]
    pub fn new(session: &Session, speed: f64) -> Self {
        let route53 = session.route53(speed);
        let native = Native::new(route53.clone(), speed);
        let alarms = Alarms::new(session);
        Self { route53, alarms, native, changes: Changes::default(), fresh: Duration::from_secs(2).div_f64(speed) }
    }

    /// Carries out a plan's change batch, together with those who are ready in the same look; the id of the change.
    pub(crate) async fn apply(
        &self,
        service: &Service,
        plan: &Plan,
        checks: &NativeChecks,
        seat: &Seat,
    ) -> Result<String, SwitchError> {
        let batch = change_batch(service, plan, checks)?;
        seat.change(self, &service.hosted_zone, batch, format!("pointsman {} {}", plan.kind, plan.id)).await
    }

    /// Carries out a change batch; the id of the change.
    pub async fn change(
        &self,
        zone: &HostedZoneId,
        batch: &[route53::Change],
        comment: &str,
    ) -> Result<String, SwitchError> {
        let changes = batch.iter().map(|change| {
            let action = match change.action {
                Action::Create => ChangeAction::Create,
                Action::Delete => ChangeAction::Delete,
                Action::Upsert => ChangeAction::Upsert,
            };
            Change::builder().action(action).resource_record_set(to_sdk(&change.set)).build()
        });
        let changes =
            changes.collect::<Result<Vec<_>, _>>().map_err(|error| SwitchError::Refused(error.to_string()))?;
        let batch = ChangeBatch::builder()
            .comment(comment)
            .set_changes(Some(changes))
            .build()
            .map_err(|error| SwitchError::Refused(error.to_string()))?;
        let sent =
            self.route53.change_resource_record_sets().hosted_zone_id(zone.as_str()).change_batch(batch).send().await;
        match sent {
            Ok(done) => Ok(done.change_info.map(|info| info.id).unwrap_or_default()),
            Err(error) => {
                let refused = error.as_service_error().and_then(|service| match service {
                    aws_sdk_route53::operation::change_resource_record_sets::ChangeResourceRecordSetsError::InvalidChangeBatch(batch) => {
                        let messages = batch.messages().join("; ");
                        Some(if messages.is_empty() { batch.message().unwrap_or_default().to_owned() } else { messages })
                    }
                    _ => None,
                });
                match refused {
                    Some(messages) => Err(SwitchError::Refused(messages)),
                    None => Err(failed("ChangeResourceRecordSets")(error).into()),
                }
            }
        }
    }

    /// Makes a hosted zone; for labs, since a zone of users is theirs to make.
    pub async fn create_zone(&self, name: &DnsName, reference: &str) -> Result<HostedZoneId, AwsError> {
        let made = self
            .route53
            .create_hosted_zone()
            .name(name.as_str())
            .caller_reference(reference)
            .send()
            .await
            .map_err(failed("CreateHostedZone"))?;
        let id = made.hosted_zone.map(|zone| zone.id).unwrap_or_default();
        id.parse().map_err(|error: domain::NameError| bad_id("CreateHostedZone", &error))
    }

    /// The value of the TXT record that holds a service's epoch, as the control plane has it; none: there is no such record.
    pub async fn fence(&self, service: &Service) -> Result<Option<String>, AwsError> {
        let name = service.fence_name().to_string();
        let page = self
            .route53
            .list_resource_record_sets()
            .hosted_zone_id(service.hosted_zone.as_str())
            .start_record_name(name)
            .start_record_type(RrType::Txt)
            .max_items(1)
            .send()
            .await
            .map_err(failed("ListResourceRecordSets"))?;
        // The list begins there whether there is such a set or not.
        let first: Vec<_> = page.resource_record_sets().iter().filter_map(from_sdk).collect();
        Ok(fence_in(service, &first))
    }

    /// Whether a change has reached all of Route 53's servers, or had a moment ago: those who ask at once cost one call.
    pub async fn is_in_sync(&self, change: &str) -> Result<bool, AwsError> {
        let of_change = {
            let mut changes = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
            if changes.len() >= CHANGES {
                changes.clear();
            }
            Arc::clone(changes.entry(change.to_owned()).or_default())
        };
        let mut heard = of_change.lock().await;
        // A failure too: the others would wait as long, one after the other.
        if let Some((at, answer)) = &*heard
            && at.elapsed() < self.fresh
        {
            return answer.clone();
        }
        let id = change.strip_prefix("/change/").unwrap_or(change);
        let asked = self.route53.get_change().id(id).send().await.map_err(failed("GetChange"));
        let answer = asked.map(|answer| answer.change_info.is_some_and(|info| info.status == ChangeStatus::Insync));
        *heard = Some((Instant::now(), answer.clone()));
        answer
    }

    /// What Route 53's checkers say of each region, by the 18 % rule (R22), or said a moment ago; `Unknown` when it can't be had.
    pub async fn native(&self, service: &Service, checks: &NativeChecks) -> BTreeMap<RegionName, NativeHealth> {
        self.native.ask(service, checks).await
    }
}

pub(crate) fn bad_id(operation: &'static str, error: &domain::NameError) -> AwsError {
    AwsError::Refused { operation, code: "BadId".to_owned(), message: error.to_string() }
}

fn to_sdk(set: &RecordSet) -> ResourceRecordSet {
    let mut sdk = ResourceRecordSet::builder()
        .name(set.name.to_api())
        .r#type(RrType::from(set.kind.to_string().as_str()))
        .set_health_check_id(set.health_check.as_ref().map(ToString::to_string));
    sdk = match &set.routing {
        Routing::Simple => sdk,
        Routing::Failover { id, role } => sdk.set_identifier(id.as_str()).failover(match role {
            Role::Primary => ResourceRecordSetFailover::Primary,
            Role::Secondary => ResourceRecordSetFailover::Secondary,
        }),
        Routing::Weighted { id, weight } => sdk.set_identifier(id.as_str()).weight(i64::from(*weight)),
    };
    sdk = match &set.target {
        Target::Values { ttl, values } => {
            let records = values
                .iter()
                .map(|value| ResourceRecord::builder().value(value).build().expect("a value is all it needs"));
            sdk.ttl(i64::from(*ttl)).set_resource_records(Some(records.collect()))
        }
        Target::Alias { zone, name, evaluate_target_health } => sdk.alias_target(
            AliasTarget::builder()
                .hosted_zone_id(zone)
                .dns_name(name.to_api())
                .evaluate_target_health(*evaluate_target_health)
                .build()
                .expect("zone, name and evaluation are all it needs"),
        ),
    };
    sdk.build().expect("name and type are all it needs")
}

/// A record set as ours may be; other policies and types are not ours.
pub(crate) fn from_sdk(sdk: &ResourceRecordSet) -> Option<RecordSet> {
    let routing = match (sdk.set_identifier(), sdk.failover(), sdk.weight()) {
        (None, _, _) => Routing::Simple,
        (Some(id), Some(ResourceRecordSetFailover::Primary), _) => {
            Routing::Failover { id: id.into(), role: Role::Primary }
        }
        (Some(id), Some(ResourceRecordSetFailover::Secondary), _) => {
            Routing::Failover { id: id.into(), role: Role::Secondary }
        }
        (Some(id), _, Some(weight)) => Routing::Weighted { id: id.into(), weight: u8::try_from(weight).ok()? },
        _ => return None,
    };
    let target = match sdk.alias_target() {
        Some(alias) => Target::Alias {
            zone: alias.hosted_zone_id().to_owned(),
            name: alias.dns_name().parse().ok()?,
            evaluate_target_health: alias.evaluate_target_health(),
        },
        None => Target::Values {
            ttl: u32::try_from(sdk.ttl()?).ok()?,
            values: sdk.resource_records().iter().map(|record| record.value().to_owned()).collect(),
        },
    };
    Some(RecordSet {
        name: sdk.name().parse().ok()?,
        kind: sdk.r#type().as_str().parse().ok()?,
        routing,
        target,
        health_check: sdk.health_check_id().map(Into::into),
    })
}
