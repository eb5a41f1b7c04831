//! What a service's record sets should be, whatever stands there: made, adopted, mended, or left as a failover left them.

use std::collections::BTreeSet;

use domain::{Answering, Arming, NativeChecks, Phase, Region, Service, ServiceState, Slot, fence_epoch};
use route53::{Change, GroupDiff, Name, Owner, RecordSet, RecordType, Risk, Role, Routing, Step, Target, Zone};

use crate::records::{
    RecordsError, fence_in, fence_name, fence_set, level_name, record_sets, record_types, region_of, slots_in,
};

/// Clients follow a move no sooner than the TTL allows (R15).
const LONGEST_TTL_S: u32 = 60;

/// A zone as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadZone {
    /// Its record sets, as far as the model knows their policies.
    pub zone: Zone,
    /// Names and types of those that it does not.
    pub others: Vec<(Name, String)>,
}

impl ReadZone {
    /// How many record sets there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.zone.sets().count() + self.others.len()
    }
}

/// Something that a person should know before the records are changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Stays the same: what `--force` names, and machines look for.
    pub code: &'static str,
    /// In words.
    pub text: String,
}

/// What becomes of a service's record sets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zoning {
    /// Whose the record sets are.
    pub owner: Owner,
    /// The order of answers that they stand for.
    pub slots: Vec<Slot>,
    /// The fence that stands there, or will.
    pub fence: String,
    /// Each name and type.
    pub groups: Vec<GroupDiff>,
    /// What is allowed and may be a mistake.
    pub warnings: Vec<Remark>,
    /// Why none of it may be done.
    pub refusals: Vec<Remark>,
}

impl Zoning {
    /// Whether anything is to be done.
    #[must_use]
    pub fn is_needed(&self) -> bool {
        self.groups.iter().any(|group| group.step != Step::Leave)
    }

    /// Whether it adds only, and touches nothing that is there.
    #[must_use]
    pub fn only_creates(&self) -> bool {
        self.groups.iter().all(|group| matches!(group.step, Step::Create | Step::Leave))
    }

    /// Whether records of others would become ours.
    #[must_use]
    pub fn adopts(&self) -> bool {
        self.groups.iter().any(|group| group.step == Step::Adopt)
    }

    /// The state of a service of which its zone alone tells.
    #[must_use]
    pub fn state(self, service: &Service) -> ServiceState {
        let mut state = ServiceState::new(service);
        state.epoch = fence_epoch(&self.fence).unwrap_or_default();
        if let Some(first) = self.slots.first() {
            state.active = first.region.clone();
        }
        if state.active != service.preferred().name {
            state.phase = Phase::FailedOver;
        }
        state.slots = self.slots;
        state.fence = self.fence;
        state
    }

    /// Refused where records of others would be adopted while another region than their first is answered: Route 53 holds
    /// that one unhealthy, and our check of it would begin healthy (R28).
    #[must_use]
    pub fn unless_moved(mut self, service: &Service, answering: &Answering) -> Self {
        let is_adopted = self.adopts() && self.refusals.is_empty();
        if let (true, Some(first), Some(answered)) = (is_adopted, self.slots.first(), answering.region())
            && first.region != *answered
        {
            let what = format!("{} can't be adopted without moving traffic", service.name);
            let text = format!("{what}: its records put {} first, and {answered} is answered", first.region);
            self.refusals.push(Remark { code: "would_move_traffic", text });
        }
        self
    }

    /// One atomic batch. It also takes the fence away and puts it back, so that Route 53 refuses all of it when a switch
    /// came between.
    #[must_use]
    pub fn batch(&self, service: &Service) -> Vec<Change> {
        let mut batch = route53::batch_of(&self.groups);
        if !batch.iter().any(|change| change.set.name == fence_name(service)) {
            let fence = fence_set(service, &self.fence);
            batch.push(Change { action: route53::Action::Delete, set: fence.clone() });
            batch.push(Change { action: route53::Action::Create, set: fence });
        }
        batch
    }
}

/// What the records of a service should be, given the zone, its checks, and the state where there is one.
/// The state knows their order best while the zone is at the same epoch; else the zone has moved on, and tells.
pub fn zoning(
    service: &Service,
    read: &ReadZone,
    checks: &NativeChecks,
    state: Option<&ServiceState>,
) -> Result<Zoning, RecordsError> {
    let zone = &read.zone;
    let sets: Vec<_> = zone.sets().cloned().collect();
    let found_fence = fence_in(service, &sets);
    let owner = if found_fence.is_some() { Owner::Us } else { Owner::Others };
    let at_this_epoch = state.filter(|state| found_fence.as_ref() == Some(&state.fence));
    let (known, mut refusals) =
        match at_this_epoch.map(|state| state.slots.clone()).or_else(|| slots_in(service, &sets, checks)) {
            Some(slots) => (slots, Vec::new()),
            None => match answered(service, &sets) {
                Ok(Some(slots)) => (slots, Vec::new()),
                Ok(None) => (state.map(|state| state.slots.clone()).unwrap_or_default(), Vec::new()),
                Err(remark) => (Vec::new(), vec![remark]),
            },
        };
    let slots = for_regions(service, known);
    let fence =
        found_fence.or_else(|| state.map(|state| state.fence.clone())).unwrap_or_else(ServiceState::first_fence);

    let mut wanted = record_sets(service, &slots, checks)?;
    wanted.push(fence_set(service, &fence));
    let unwanted: Vec<_> =
        sets.iter().filter(|set| owner == Owner::Us && is_left_over(service, set, &wanted)).cloned().collect();
    let groups = route53::diff(zone, &wanted, &unwanted, owner);
    let mut zoning = Zoning { owner, slots, fence, groups, warnings: warnings(service), refusals: Vec::new() };

    if zoning.is_needed() {
        let batch = zoning.batch(service);
        refusals.extend(opaque(service, read));
        if refusals.is_empty() {
            let refused = zone.apply(&batch).err().unwrap_or_default();
            refusals.extend(
                refused.into_iter().map(|refusal| Remark { code: "route_53_refuses", text: refusal.to_string() }),
            );
        }
        if let Some(flight) = state.and_then(|state| state.in_flight.as_ref()) {
            let text = format!("plan {} is being carried out; its records change by themselves", flight.plan.id);
            refusals.push(Remark { code: "plan_in_flight", text });
        }
    }
    zoning.refusals = refusals;
    Ok(zoning)
}

/// What makes the batches of a zone, taken together, risky.
#[must_use]
pub fn risky(read: &ReadZone, batch: &[Change]) -> Vec<Remark> {
    // A set that is taken away and put back as it is, as the fence is, changes nothing.
    let made: Vec<_> =
        batch.iter().filter(|change| change.action == route53::Action::Create).map(|it| &it.set).collect();
    let moves =
        |change: &&Change| change.action != route53::Action::Delete || !made.iter().any(|set| set.is_same(&change.set));
    let batch: Vec<_> = batch.iter().filter(moves).cloned().collect();
    let remark = |risk: Risk| Remark {
        code: match risk {
            Risk::Root { .. } => "zone_root",
            Risk::Share { .. } => "zone_share",
        },
        text: risk.to_string(),
    };
    route53::risks(&read.zone, &batch, read.count()).into_iter().map(remark).collect()
}

/// Regions that are new come last, and those that are gone go.
fn for_regions(service: &Service, known: Vec<Slot>) -> Vec<Slot> {
    let mut slots: Vec<_> = known.into_iter().filter(|slot| service.region(&slot.region).is_some()).collect();
    let is_new = |region: &&Region| !slots.iter().any(|slot| slot.region == region.name);
    let new: Vec<_> = service.regions.iter().filter(is_new).map(own).collect();
    slots.extend(new);
    slots
}

fn own(region: &Region) -> Slot {
    Slot { region: region.name.clone(), arming: Arming::Own }
}

/// The order that record sets of any maker stand for, `None` where there are none. Taking them over must move nothing.
fn answered(service: &Service, sets: &[RecordSet]) -> Result<Option<Vec<Slot>>, Remark> {
    let name = level_name(service, 0);
    let wanted = record_types(service);
    let mut orders = Vec::new();
    for kind in [RecordType::A, RecordType::Aaaa, RecordType::Cname] {
        let group: Vec<_> = sets.iter().filter(|set| set.name == name && set.kind == kind).collect();
        if group.is_empty() {
            continue;
        }
        let refuse = |why: String| {
            let what = format!("{} {kind} can't be adopted without moving traffic: {why}", service.name);
            Err(Remark { code: "would_move_traffic", text: what })
        };
        if !wanted.contains(&kind) {
            return refuse(format!("no region of the configuration answers {kind}"));
        }
        match order(service, &group) {
            Ok(order) => orders.push(order),
            Err(why) => return refuse(why),
        }
    }
    let Some(first) = orders.first().cloned() else { return Ok(None) };
    if orders.iter().any(|order| order[0].region != first[0].region) {
        let text = format!("{} answers its record types from different regions", service.name);
        return Err(Remark { code: "would_move_traffic", text });
    }
    Ok(Some(first))
}

/// The order of one group: a simple set, a failover pair, or weights that lead to one region alone.
fn order(service: &Service, group: &[&RecordSet]) -> Result<Vec<Slot>, String> {
    let of = |set: &RecordSet| {
        region_of(service, set).ok_or_else(|| format!("{}, which no region of the configuration does", it_answers(set)))
    };
    let of_role = |wanted: Role| {
        group.iter().find(|set| matches!(set.routing, Routing::Failover { role, .. } if role == wanted)).copied()
    };
    let mut found = match (group, of_role(Role::Primary), of_role(Role::Secondary)) {
        ([one], None, None) => vec![of(one)?],
        ([_, _], Some(primary), Some(secondary)) => vec![of(primary)?, of(secondary)?],
        ([_], Some(primary), None) => vec![of(primary)?],
        _ => by_weight(group)?.into_iter().map(of).collect::<Result<_, _>>()?,
    };
    let mut seen = BTreeSet::new();
    found.retain(|region| seen.insert(&region.name));
    let others = service.regions.iter().filter(|region| !found.iter().any(|it| it.name == region.name));
    Ok(found.iter().copied().chain(others).map(own).collect())
}

/// The one set whose weight is answered, then those without any: Route 53's standby (R8).
fn by_weight<'s>(group: &[&'s RecordSet]) -> Result<Vec<&'s RecordSet>, String> {
    let weight = |set: &&RecordSet| match set.routing {
        Routing::Weighted { weight, .. } => Some(weight),
        Routing::Simple | Routing::Failover { .. } => None,
    };
    if !group.iter().all(|set| weight(set).is_some()) {
        return Err("its routing is neither simple, nor a failover pair, nor by weight".to_owned());
    }
    let (mut answered, standby): (Vec<_>, Vec<_>) = group.iter().partition(|set| weight(set) > Some(0));
    match (&answered[..], &standby[..]) {
        ([_], _) | ([], [_]) => {
            answered.extend(standby);
            Ok(answered)
        }
        _ => {
            Err("its weights share the traffic out: give all of it to one region first, and 0 to the others".to_owned())
        }
    }
}

fn it_answers(set: &RecordSet) -> String {
    match &set.target {
        Target::Values { values, .. } => format!("it answers {}", values.join(", ")),
        Target::Alias { zone, name, .. } => format!("it is an alias of {name} in zone {zone}"),
    }
}

/// Whether a set under our names is of a type or a level that is no longer wanted.
fn is_left_over(service: &Service, set: &RecordSet, wanted: &[RecordSet]) -> bool {
    // A service that had more regions had more levels.
    const LEVELS: usize = 16;
    let ours = (0..LEVELS).any(|level| level_name(service, level) == set.name);
    let kind = matches!(set.kind, RecordType::A | RecordType::Aaaa | RecordType::Cname);
    ours && kind && !wanted.iter().any(|it| it.name == set.name && it.kind == set.kind)
}

/// Sets under our names whose policy the model does not know.
fn opaque(service: &Service, read: &ReadZone) -> Option<Remark> {
    let ours = |(name, _): &&(Name, String)| crate::is_ours(service, name);
    let (name, kind) = read.others.iter().find(ours)?;
    let text = format!("{name} {kind} has a routing policy that is not adopted: latency, geolocation or multivalue");
    Some(Remark { code: "unknown_routing", text })
}

fn warnings(service: &Service) -> Vec<Remark> {
    let mut warnings = Vec::new();
    if service.ttl_s > LONGEST_TTL_S {
        let text = format!("{}: a TTL of {} s keeps clients for longer than 60 s", service.name, service.ttl_s);
        warnings.push(Remark { code: "ttl", text });
    }
    let is_only_a = |region: &Region| region.targets.record_types() == [RecordType::A];
    if service.regions.iter().any(is_only_a) {
        let text = format!("{}: A without AAAA: clients that have only IPv6 are not served", service.name);
        warnings.push(Remark { code: "no_aaaa", text });
    }
    warnings
}

#[cfg(test)]
mod tests;
