//! `dns plan` and `dns apply`: what the services need of Route 53, beside what is there.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::{Duration, Instant},
};

use decision::{CheckDiff, ReadZone, RecordsError, Remark, Zoning, diff_checks, ids, risky, zoning};
use domain::{Config, DnsName, HostedZoneId, NativeChecks, Service, ServiceState};
use probe::{ProbeError, Prober};
use route53::{RecordType, Zone};

use crate::{
    Session,
    error::{AwsError, failed},
    names::Names,
    store::{Store, StoreError, Version},
    switch::{Switch, SwitchError, from_sdk},
};

/// A change is usually with all of Route 53's servers within 60 s (R41).
const IN_SYNC_WITHIN: Duration = Duration::from_mins(2);

/// Why there is no plan, or it was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// AWS refused or is away.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Route 53 refused the records.
    #[error(transparent)]
    Switch(#[from] SwitchError),
    /// The records can't be made from the configuration.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// It is not safe.
    #[error("the records are not changed: {}", list(.0))]
    Refused(Vec<Remark>),
    /// It is not what was shown any more.
    #[error("the records of {0} have changed since the plan was made")]
    Moved(DnsName),
    /// Nobody can be asked what is answered.
    #[error(transparent)]
    Probe(#[from] ProbeError),
    /// A zone without its own record is none.
    #[error("zone {0} has no SOA record")]
    NoApex(HostedZoneId),
}

fn list(remarks: &[Remark]) -> String {
    remarks.iter().map(|remark| format!("{} [{}]", remark.text, remark.code)).collect::<Vec<_>>().join("; ")
}

/// What a service needs of Route 53, beside what is there.
#[derive(Debug, Clone)]
pub struct ServiceDns {
    /// The service.
    pub service: Service,
    /// Its checks.
    pub checks: Vec<CheckDiff>,
    /// Its record sets.
    pub records: Zoning,
}

impl ServiceDns {
    fn refusals(&self) -> impl Iterator<Item = &Remark> {
        self.checks.iter().filter_map(|check| check.refusal.as_ref()).chain(&self.records.refusals)
    }

    fn is_needed(&self) -> bool {
        self.records.is_needed() || self.checks.iter().any(|check| check.held.is_none() || !check.differing.is_empty())
    }
}

/// The same of all services.
#[derive(Debug, Clone)]
pub struct DnsPlan {
    /// Each service, in the configuration's order.
    pub services: Vec<ServiceDns>,
    /// What makes the changes of a zone, taken together, too risky.
    pub risks: Vec<Remark>,
}

impl DnsPlan {
    /// Whether Route 53 is not as the configuration wants it.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.services.iter().any(ServiceDns::is_needed)
    }

    /// What is allowed and may be a mistake.
    pub fn warnings(&self) -> impl Iterator<Item = &Remark> {
        self.services.iter().flat_map(|service| &service.records.warnings)
    }

    /// Why it may not be carried out.
    pub fn refusals(&self) -> impl Iterator<Item = &Remark> {
        self.services.iter().flat_map(ServiceDns::refusals).chain(&self.risks)
    }
}

/// What was carried out.
#[derive(Debug, Clone)]
pub struct AppliedDns {
    /// As it was planned with the checks that are there now.
    pub plan: DnsPlan,
    /// Each service's checks.
    pub checks: BTreeMap<DnsName, NativeChecks>,
}

/// Compares Route 53 with what `config` needs of it. Changes nothing.
pub async fn plan_dns(session: &Session, names: &Names, config: &Config) -> Result<DnsPlan, DnsError> {
    let place = Place::of(session, names, config);
    let there = place.switch.checks_there(config).await?;
    let checks = config.services.iter().map(|service| diff_checks(&config.stack, service, &there)).collect();
    place.plan(config, checks).await
}

/// The one refusal that a person may override.
pub const FORCEABLE: &str = "zone_share";

/// Carries a plan out: checks first, then each service's records in one batch. `forced` are the codes of refusals that a
/// person overrides.
pub async fn apply_dns(
    session: &Session,
    names: &Names,
    config: &Config,
    planned: DnsPlan,
    forced: &[String],
) -> Result<AppliedDns, DnsError> {
    let stands = |remark: &&Remark| remark.code != FORCEABLE || !forced.iter().any(|code| code == remark.code);
    let refused = |plan: &DnsPlan| plan.refusals().filter(stands).cloned().collect::<Vec<_>>();
    let refusals = refused(&planned);
    if !refusals.is_empty() {
        return Err(DnsError::Refused(refusals));
    }
    let place = Place::of(session, names, config);
    let mut checks = Vec::new();
    let mut shown = Vec::new();
    for mut service in planned.services {
        place.switch.settle(&mut service.checks).await?;
        checks.push(service.checks);
        shown.push(service.records);
    }
    // Record sets name checks by their ids, which there are only now.
    let plan = place.plan(config, checks).await?;
    let refusals = refused(&plan);
    if !refusals.is_empty() {
        return Err(DnsError::Refused(refusals));
    }
    for (service, shown) in plan.services.iter().zip(&shown) {
        let before = |zoning: &Zoning| zoning.groups.iter().map(|group| group.before.clone()).collect::<Vec<_>>();
        if before(&service.records) != before(shown) || service.records.slots != shown.slots {
            return Err(DnsError::Moved(service.service.name.clone()));
        }
    }
    let mut changes = Vec::new();
    for service in plan.services.iter().filter(|service| service.records.is_needed()) {
        let batch = service.records.batch(&service.service);
        changes.push(place.switch.change(&service.service.hosted_zone, &batch, "pointsman dns apply").await?);
        place.note(service).await?;
    }
    for change in changes {
        place.await_sync(config, &change).await?;
    }
    let checks = plan.services.iter().map(|service| (service.service.name.clone(), ids(&service.checks))).collect();
    Ok(AppliedDns { plan, checks })
}

struct Place {
    switch: Switch,
    store: Store,
}

impl Place {
    fn of(session: &Session, names: &Names, config: &Config) -> Self {
        let switch = Switch::new(session, config.speed());
        Self { switch, store: Store::new(session, names, &config.control_region) }
    }

    async fn plan(&self, config: &Config, checks: Vec<Vec<CheckDiff>>) -> Result<DnsPlan, DnsError> {
        let zones = self.switch.read_zones(config).await?;
        let mut batches = BTreeMap::<_, Vec<_>>::new();
        let mut services = Vec::new();
        for (service, checks) in config.services.iter().zip(checks) {
            let zone = &service.hosted_zone;
            let state = self.state(&service.name).await?;
            let mut records = zoning(service, &zones[zone], &ids(&checks), state.as_ref().map(|(state, _)| state))?;
            if records.adopts() {
                records = records.unless_moved(service, &Prober::new(config)?.answering(service).await);
            }
            if records.is_needed() {
                batches.entry(zone).or_default().extend(records.batch(service));
            }
            services.push(ServiceDns { service: service.clone(), checks, records });
        }
        let risks = batches.into_iter().flat_map(|(zone, batch)| risky(&zones[zone], &batch)).collect();
        Ok(DnsPlan { services, risks })
    }

    /// A service's state; before the first deployment there is not even a bucket.
    async fn state(&self, service: &DnsName) -> Result<Option<(ServiceState, Version)>, StoreError> {
        match self.store.state(service).await {
            Err(StoreError::Aws(error)) if error.code() == Some("NoSuchBucket") => Ok(None),
            other => other,
        }
    }

    /// Regions that are new or gone are so in the state too, where there is one. Whoever changed it first is right.
    async fn note(&self, done: &ServiceDns) -> Result<(), StoreError> {
        let Some((state, version)) = self.state(&done.service.name).await? else { return Ok(()) };
        if state.slots != done.records.slots && state.fence == done.records.fence {
            let state = ServiceState { slots: done.records.slots.clone(), ..state };
            self.store.save(&state, &version).await?;
        }
        Ok(())
    }

    async fn await_sync(&self, config: &Config, change: &str) -> Result<(), AwsError> {
        let began = Instant::now();
        // R42: every 5 s or slower; a lab's seconds are shorter.
        let pace = Duration::from_secs(5).div_f64(config.speed());
        while began.elapsed() < IN_SYNC_WITHIN && !self.switch.is_in_sync(change).await? {
            tokio::time::sleep(pace).await;
        }
        Ok(())
    }
}

impl Switch {
    /// The zones of all services, each once.
    pub(crate) async fn read_zones(&self, config: &Config) -> Result<BTreeMap<HostedZoneId, ReadZone>, DnsError> {
        let mut zones = BTreeMap::new();
        for service in &config.services {
            if let Entry::Vacant(unread) = zones.entry(service.hosted_zone.clone()) {
                let zone = self.read_zone(unread.key()).await?;
                unread.insert(zone);
            }
        }
        Ok(zones)
    }

    /// A whole zone, page by page.
    pub async fn read_zone(&self, zone: &HostedZoneId) -> Result<ReadZone, DnsError> {
        let (mut sets, mut others) = (Vec::new(), Vec::new());
        let mut start = (None, None, None);
        loop {
            let (name, kind, id) = start.clone();
            let page = self
                .route53
                .list_resource_record_sets()
                .hosted_zone_id(zone.as_str())
                .set_start_record_name(name)
                .set_start_record_type(kind)
                .set_start_record_identifier(id)
                .send()
                .await
                .map_err(failed("ListResourceRecordSets"))?;
            for set in page.resource_record_sets() {
                match (from_sdk(set), set.name().parse()) {
                    (Some(set), _) => sets.push(set),
                    (None, Ok(name)) => others.push((name, set.r#type().as_str().to_owned())),
                    (None, Err(_)) => {}
                }
            }
            let next = (page.next_record_name, page.next_record_type, page.next_record_identifier);
            // A list that repeats itself would be read for ever.
            if !page.is_truncated || next == start {
                break;
            }
            start = next;
        }
        let apex = sets.iter().find(|set: &&route53::RecordSet| set.kind == RecordType::Soa);
        let apex = apex.map(|set| set.name.clone()).ok_or_else(|| DnsError::NoApex(zone.clone()))?;
        Ok(ReadZone { zone: Zone::new(apex, sets), others })
    }
}
