//! Route 53: record sets, the fenced change batch, health checks.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use aws_sdk_route53::{
    Client,
    types::{
        AliasTarget, Change, ChangeAction, ChangeBatch, ChangeStatus, HealthCheckConfig, HealthCheckType,
        ResourceRecord, ResourceRecordSet, ResourceRecordSetFailover, RrType,
    },
};
use decision::{NativeHealth, RecordsError, change_batch, is_ours};
use domain::{
    CheckId, Config, DnsName, HostedZoneId, NativeCheck, NativeChecks, Plan, Region, RegionName, Service, StackName,
    sha256_hex,
};
use route53::{Action, RecordSet, Role, Routing, Target};
use tokio::sync::Mutex as AsyncMutex;

use crate::{
    Session,
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
    route53: Client,
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
        Self { route53, native, changes: Changes::default(), fresh: Duration::from_secs(2).div_f64(speed) }
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

    /// The record sets of a service, its fence among them, as the control plane has them.
    pub async fn record_sets(&self, service: &Service) -> Result<Vec<RecordSet>, AwsError> {
        let mut sets = Vec::new();
        let mut start = Some((service.name.to_string(), None, None));
        while let Some((name, kind, id)) = start.take() {
            let page = self
                .route53
                .list_resource_record_sets()
                .hosted_zone_id(service.hosted_zone.as_str())
                .start_record_name(name)
                .set_start_record_type(kind)
                .set_start_record_identifier(id)
                .send()
                .await
                .map_err(failed("ListResourceRecordSets"))?;
            let before = sets.len();
            sets.extend(
                page.resource_record_sets().iter().filter_map(from_sdk).filter(|set| is_ours(service, &set.name)),
            );
            // The list is in the order of reversed labels: ours stand together.
            if page.is_truncated && (sets.len() > before || before == 0) {
                start = page.next_record_name.map(|name| (name, page.next_record_type, page.next_record_identifier));
            }
        }
        Ok(sets)
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
    pub async fn native(&self, checks: &NativeChecks) -> BTreeMap<RegionName, NativeHealth> {
        self.native.ask(checks).await
    }

    /// Makes the checks of every service; those that exist with the same settings stay (their caller reference tells).
    pub async fn ensure_checks(&self, config: &Config) -> Result<BTreeMap<DnsName, NativeChecks>, AwsError> {
        // Route 53 gives the same check for the same reference; LocalStack would make another one each time.
        let there = self.checks_there().await?;
        let mut all = BTreeMap::new();
        for service in &config.services {
            let mut own = BTreeMap::new();
            for region in &service.regions {
                own.insert(region.name.clone(), self.ensure_check(&there, &config.stack, service, region).await?);
            }
            let reference = format!("{}:{}:always-unhealthy", config.stack, service.name);
            // Disabled counts as healthy, inverted turns it round (R27). It probes nothing, whatever it names.
            let settings = HealthCheckConfig::builder()
                .r#type(HealthCheckType::Tcp)
                .fully_qualified_domain_name(service.name.as_str())
                .port(443)
                .disabled(true)
                .inverted(true)
                .build()
                .map_err(|error| incomplete(&error))?;
            let always_unhealthy = self.create_check(&there, &reference, settings).await?;
            all.insert(service.name.clone(), NativeChecks { own, always_unhealthy });
        }
        Ok(all)
    }

    /// Every check of the account, by its caller reference.
    async fn checks_there(&self) -> Result<BTreeMap<String, String>, AwsError> {
        let mut there = BTreeMap::new();
        let mut pages = self.route53.list_health_checks().into_paginator().send();
        loop {
            let Some(page) = pages.next().await else { break };
            let page = page.map_err(failed("ListHealthChecks"))?;
            there.extend(page.health_checks.into_iter().map(|check| (check.caller_reference, check.id)));
        }
        Ok(there)
    }

    async fn ensure_check(
        &self,
        there: &BTreeMap<String, String>,
        stack: &StackName,
        service: &Service,
        region: &Region,
    ) -> Result<CheckId, AwsError> {
        let NativeCheck { https, port, path, interval_s, threshold } = &service.check;
        let kind = match (path, https) {
            (None, _) => HealthCheckType::Tcp,
            (Some(_), false) => HealthCheckType::Http,
            (Some(_), true) => HealthCheckType::Https,
        };
        let mut settings = HealthCheckConfig::builder()
            .r#type(kind.clone())
            .port(i32::from(*port))
            .request_interval(i32::from(*interval_s))
            .failure_threshold(i32::from(*threshold))
            .set_resource_path(path.clone());
        let address =
            region.targets.a.first().map(ToString::to_string).or(region.targets.aaaa.first().map(ToString::to_string));
        let target = match (&address, &region.targets.cname) {
            (Some(address), _) => {
                settings = settings.ip_address(address);
                address.clone()
            }
            (None, Some(cname)) => cname.to_string(),
            (None, None) => String::new(),
        };
        let host = if address.is_some() { service.name.to_string() } else { target.clone() };
        if path.is_some() || address.is_none() {
            settings = settings.fully_qualified_domain_name(host);
        }
        if *https {
            settings = settings.enable_sni(true);
        }
        // All that can't be changed later is in the reference, so that a changed setting makes a new check.
        let reference = format!(
            "{stack}:{}:{}:{kind}:{target}:{port}:{}:{interval_s}x{threshold}",
            service.name,
            region.name,
            path.as_deref().unwrap_or("")
        );
        self.create_check(there, &reference, settings.build().map_err(|error| incomplete(&error))?).await
    }

    async fn create_check(
        &self,
        there: &BTreeMap<String, String>,
        reference: &str,
        settings: HealthCheckConfig,
    ) -> Result<CheckId, AwsError> {
        // A caller reference has at most 64 characters.
        let reference = if reference.len() <= 64 { reference.to_owned() } else { sha256_hex(reference.as_bytes()) };
        let id = if let Some(id) = there.get(&reference) {
            id.clone()
        } else {
            let create = self.route53.create_health_check().caller_reference(reference).health_check_config(settings);
            let made = create.send().await.map_err(failed("CreateHealthCheck"))?;
            made.health_check.map(|check| check.id).unwrap_or_default()
        };
        id.parse().map_err(|error: domain::NameError| bad_id("CreateHealthCheck", &error))
    }
}

fn bad_id(operation: &'static str, error: &domain::NameError) -> AwsError {
    AwsError::Refused { operation, code: "BadId".to_owned(), message: error.to_string() }
}

fn incomplete(error: &aws_sdk_route53::error::BuildError) -> AwsError {
    AwsError::Refused { operation: "CreateHealthCheck", code: "Incomplete".to_owned(), message: error.to_string() }
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
fn from_sdk(sdk: &ResourceRecordSet) -> Option<RecordSet> {
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
