//! Slots as record sets: failover pairs, nested where there are more than two regions, or weights; and the fence beside them.

use std::collections::BTreeSet;

use domain::{Arming, CheckId, DnsName, NativeChecks, Plan, Region, RegionName, RoutingPolicy, Service, Slot};
use route53::{Action, Change, Name, RecordSet, RecordType, Role, Routing, Target};

/// The fence's TTL: nobody caches what tells the newest plan.
const FENCE_TTL: u32 = 1;
/// Of the one set that has any: how much is no matter.
const ALL_WEIGHT: u8 = 100;

/// Why slots can't be written as record sets: the deployment does not match the configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordsError {
    /// A plan names a region that the configuration does not.
    #[error("region `{0}` is in the plan, not in the configuration")]
    UnknownRegion(RegionName),
    /// `deploy` makes a check for each region.
    #[error("region `{0}` has no Route 53 health check; run `pointsman deploy`")]
    NoCheck(RegionName),
}

/// All record sets of a service but the fence, for every type that its regions answer.
pub fn record_sets(service: &Service, slots: &[Slot], checks: &NativeChecks) -> Result<Vec<RecordSet>, RecordsError> {
    let last = slots.len().saturating_sub(1);
    let mut sets = Vec::new();
    for kind in record_types(service) {
        for (level, slot) in slots.iter().enumerate() {
            let region =
                service.region(&slot.region).ok_or_else(|| RecordsError::UnknownRegion(slot.region.clone()))?;
            let set = |level, routing, target, check: Option<&CheckId>| RecordSet {
                name: level_name(service, level),
                kind,
                routing,
                target,
                health_check: check.map(|check| check.as_str().into()),
            };
            let target = target_of(service, region, kind);
            let check = Some(check(slot, checks)?);
            if service.routing == RoutingPolicy::Weighted {
                let weight = if level == 0 { ALL_WEIGHT } else { 0 };
                sets.push(set(0, Routing::Weighted { id: region.name.as_str().into(), weight }, target, check));
                continue;
            }
            if level == last {
                sets.push(set(level.saturating_sub(1), pair(Role::Secondary), target, check));
                continue;
            }
            sets.push(set(level, pair(Role::Primary), target, check));
            if level + 1 < last {
                let below = Target::Alias {
                    zone: service.hosted_zone.to_string(),
                    name: level_name(service, level + 1),
                    evaluate_target_health: true,
                };
                sets.push(set(level, pair(Role::Secondary), below, None));
            }
        }
    }
    Ok(sets)
}

/// The TXT record that holds the epoch.
#[must_use]
pub fn fence_set(service: &Service, fence: &str) -> RecordSet {
    RecordSet {
        name: fence_name(service),
        kind: RecordType::Txt,
        routing: Routing::Simple,
        target: Target::Values { ttl: FENCE_TTL, values: vec![format!("\"{fence}\"")] },
        health_check: None,
    }
}

/// A plan's one atomic change batch. Route 53 refuses it whole (R40) unless the fence is what the plan expects.
pub fn change_batch(service: &Service, plan: &Plan, checks: &NativeChecks) -> Result<Vec<Change>, RecordsError> {
    let change = |action, set| Change { action, set };
    let mut batch = vec![
        change(Action::Delete, fence_set(service, &plan.expects.fence)),
        change(Action::Create, fence_set(service, &plan.fence())),
    ];
    let sets = record_sets(service, plan.slots(), checks)?;
    batch.extend(sets.into_iter().map(|set| change(Action::Upsert, set)));
    Ok(batch)
}

/// Whether a record's name is one that a service's plans write.
#[must_use]
pub fn is_ours(service: &Service, record: &Name) -> bool {
    (0..service.regions.len()).any(|level| level_name(service, level) == *record) || fence_name(service) == *record
}

/// All names that a service's plans write, as `deploy` allows them to the failover function.
#[must_use]
pub fn names(service: &Service) -> Vec<Name> {
    let levels = service.regions.len().saturating_sub(1).max(1);
    (0..levels).map(|level| level_name(service, level)).chain([fence_name(service)]).collect()
}

/// The fence that stands among a zone's record sets.
#[must_use]
pub fn fence_in(service: &Service, sets: &[RecordSet]) -> Option<String> {
    let set = sets.iter().find(|set| set.kind == RecordType::Txt && set.name == fence_name(service))?;
    match &set.target {
        Target::Values { values, .. } => values.first().map(|value| value.trim_matches('"').to_owned()),
        Target::Alias { .. } => None,
    }
}

/// The slots that a zone's record sets stand for, `None` when they are not ours: by hand, without the state. All types must
/// stand for the same.
#[must_use]
pub fn slots_in(service: &Service, sets: &[RecordSet], checks: &NativeChecks) -> Option<Vec<Slot>> {
    let is_there = |kind: &RecordType| sets.iter().any(|set| set.name == level_name(service, 0) && set.kind == *kind);
    let mut all = record_types(service).into_iter().filter(is_there).map(|kind| slots_of(service, sets, checks, kind));
    let slots = all.next()??;
    all.all(|others| others.as_ref() == Some(&slots)).then_some(slots)
}

fn slots_of(service: &Service, sets: &[RecordSet], checks: &NativeChecks, kind: RecordType) -> Option<Vec<Slot>> {
    let mut slots = Vec::new();
    let levels = service.regions.len() - 1;
    for level in 0..levels {
        let roles: &[Role] = if level + 1 == levels { &[Role::Primary, Role::Secondary] } else { &[Role::Primary] };
        for role in roles {
            let is_it =
                |set: &&RecordSet| set.name == level_name(service, level) && set.kind == kind && plays(set, *role);
            let found = sets.iter().find(is_it)?;
            let region = region_of(service, found)?;
            let unhealthy = found.health_check.as_ref().is_some_and(|c| c.as_str() == checks.always_unhealthy.as_str());
            let arming = if unhealthy { Arming::AlwaysUnhealthy } else { Arming::Own };
            slots.push(Slot { region: region.name.clone(), arming });
        }
    }
    Some(slots)
}

fn check<'a>(slot: &Slot, checks: &'a NativeChecks) -> Result<&'a CheckId, RecordsError> {
    match slot.arming {
        Arming::AlwaysUnhealthy => Ok(&checks.always_unhealthy),
        Arming::Own => checks.own.get(&slot.region).ok_or_else(|| RecordsError::NoCheck(slot.region.clone())),
    }
}

/// The types that a service's regions answer.
pub(crate) fn record_types(service: &Service) -> BTreeSet<RecordType> {
    service.regions.iter().flat_map(|region| region.targets.record_types()).collect()
}

/// What a region's record set of one of its types answers.
#[must_use]
pub fn target_of(service: &Service, region: &Region, kind: RecordType) -> Target {
    match &region.targets.alias {
        Some(alias) => Target::Alias {
            zone: alias.zone.to_string(),
            name: name(&alias.name),
            evaluate_target_health: alias.evaluate_target_health,
        },
        None => Target::Values { ttl: service.ttl_s, values: values(region, kind) },
    }
}

/// The region that a record set answers with, whoever made the set.
pub(crate) fn region_of<'s>(service: &'s Service, set: &RecordSet) -> Option<&'s Region> {
    let is_its = |region: &&Region| match (target_of(service, region, set.kind), &set.target) {
        (Target::Values { values: its, .. }, Target::Values { values, .. }) => normal(&its) == normal(values),
        // Whether it follows the target's health changes nothing of what it answers.
        (Target::Alias { zone, name, .. }, Target::Alias { zone: in_zone, name: of, .. }) => {
            zone == *in_zone && name == *of
        }
        _ => false,
    };
    service.regions.iter().find(is_its)
}

fn normal(values: &[String]) -> BTreeSet<String> {
    values.iter().map(|value| value.trim_end_matches('.').to_ascii_lowercase()).collect()
}

fn values(region: &Region, kind: RecordType) -> Vec<String> {
    match kind {
        RecordType::A => region.targets.a.iter().map(ToString::to_string).collect(),
        RecordType::Aaaa => region.targets.aaaa.iter().map(ToString::to_string).collect(),
        RecordType::Cname => region.targets.cname.iter().map(|name| format!("{name}.")).collect(),
        _ => Vec::new(),
    }
}

fn pair(role: Role) -> Routing {
    let id = match role {
        Role::Primary => "primary",
        Role::Secondary => "secondary",
    };
    Routing::Failover { id: id.into(), role }
}

/// Whether a set is answered first, or stands by: by its role in a pair, or by having any weight (R8).
fn plays(set: &RecordSet, role: Role) -> bool {
    match &set.routing {
        Routing::Failover { role: its, .. } => *its == role,
        Routing::Weighted { weight, .. } => (*weight > 0) == (role == Role::Primary),
        Routing::Simple => false,
    }
}

/// The name of a level: the service's own, then one below it a further region.
pub(crate) fn level_name(service: &Service, level: usize) -> Name {
    if level == 0 {
        return name(&service.name);
    }
    format!("_pointsman-{level}.{}", service.name)
        .parse()
        .expect("a service's name leaves room for the label; checked when read")
}

/// The name of the record that holds the epoch.
pub(crate) fn fence_name(service: &Service) -> Name {
    name(&service.fence_name())
}

fn name(text: &DnsName) -> Name {
    text.as_str().parse().expect("a DNS name is a Route 53 name")
}

#[cfg(test)]
pub(crate) mod tests {
    use domain::{Actor, HoldCode, PlanKind};
    use proptest::prelude::*;
    use route53::{Answer, Draw, Zone};

    use super::*;
    use crate::{
        Order,
        fixture::{World, region},
        order,
    };

    const REGIONS: [&str; 4] = ["us-east-1", "eu-west-1", "ap-south-1", "sa-east-1"];

    pub(crate) fn checks(regions: &[&str]) -> NativeChecks {
        let own = regions.iter().map(|name| (region(name), format!("own-{name}").parse().unwrap())).collect();
        NativeChecks { own, children: [].into(), always_unhealthy: "never".parse().unwrap() }
    }

    pub(crate) fn zone(world: &World, checks: &NativeChecks) -> Zone {
        let sets = record_sets(world.service(), &world.state.slots, checks).unwrap();
        let fence = fence_set(world.service(), &world.state.fence);
        let create = |set| Change { action: Action::Create, set };
        let batch: Vec<_> = sets.into_iter().chain([fence]).map(create).collect();
        Zone::new("example.com".parse().unwrap(), []).apply(&batch).unwrap()
    }

    /// Its two regions are told apart by their weights.
    fn weighted() -> World {
        let mut world = World::of("", &REGIONS[..2]);
        world.config.services[0].routing = RoutingPolicy::Weighted;
        world
    }

    /// The region that the zone answers with while these are healthy.
    pub(crate) fn answers(zone: &Zone, world: &World, healthy: &[&str]) -> String {
        let service = &world.service().name;
        let is_healthy = |check: &route53::CheckId| healthy.iter().any(|name| check.as_str() == format!("own-{name}"));
        match zone.answer(&name(service), RecordType::Cname, &is_healthy, Draw(0)) {
            Answer::Records(records) => {
                records[0].values[0].strip_suffix(".example.net.").unwrap_or_default().to_owned()
            }
            other => panic!("{other:?}"),
        }
    }

    fn plan(world: &World, to: &str) -> Plan {
        let forced = [HoldCode::NoTarget, HoldCode::TargetUnhealthy].into();
        let by = Actor::Human { name: "ada".into(), reason: "test".into() };
        let wish = Order { to: region(to), by, forced };
        order(world.service(), &world.state, &world.evidence, world.now, &wish).unwrap()
    }

    #[test]
    fn slots_answer_in_their_order_whatever_their_number() {
        for count in 2..=REGIONS.len() {
            let regions = &REGIONS[..count];
            let world = World::of("", regions);
            let zone = zone(&world, &checks(regions));
            for first in 0..count {
                assert_eq!(answers(&zone, &world, &regions[first..]), regions[first], "{count} regions");
            }
            assert_eq!(answers(&zone, &world, &[]), regions[0], "R5: none healthy is the primary");
        }
    }

    #[test]
    fn weights_answer_as_a_pair_does() {
        let regions = &REGIONS[..2];
        let (world, checks) = (weighted(), checks(regions));
        let before = zone(&world, &checks);
        assert!(before.sets().all(|set| !matches!(set.routing, Routing::Failover { .. })));
        let answered =
            |zone: &Zone| [regions, &regions[..1], &regions[1..], &[]].map(|healthy| answers(zone, &world, healthy));
        assert_eq!(answered(&before), ["us-east-1", "us-east-1", "eu-west-1", "us-east-1"]);
        let plan = plan(&world, "eu-west-1");
        let after = before.apply(&change_batch(world.service(), &plan, &checks).unwrap()).unwrap();
        assert_eq!(answered(&after), ["eu-west-1", "us-east-1", "eu-west-1", "eu-west-1"]);
        let sets: Vec<_> = after.sets().cloned().collect();
        assert_eq!(slots_in(world.service(), &sets, &checks).as_deref(), Some(plan.slots()));
    }

    #[test]
    fn its_names_are_a_level_for_each_further_region_and_the_fence() {
        let service = &World::of("", &REGIONS[..3]).config.services[0];
        let texts: Vec<_> = names(service).iter().map(Name::to_api).collect();
        assert_eq!(texts, ["api.example.com.", "_pointsman-1.api.example.com.", "_pointsman.api.example.com."]);
        assert!(names(service).iter().all(|name| is_ours(service, name)));
        assert!(!is_ours(service, &"www.example.com".parse().unwrap()));
    }

    #[test]
    fn the_fence_is_a_text_under_its_own_name() {
        let service = &World::new().config.services[0];
        let other_name = RecordSet { name: "www.example.com".parse().unwrap(), ..fence_set(service, "epoch=1") };
        let other_kind = RecordSet { kind: RecordType::A, ..fence_set(service, "epoch=2") };
        let sets = [other_name, other_kind, fence_set(service, "epoch=7 plan=e7-00000000")];
        assert_eq!(fence_in(service, &sets).as_deref(), Some("epoch=7 plan=e7-00000000"));
        assert_eq!(fence_in(service, &sets[..2]), None);
    }

    #[test]
    fn a_region_that_was_left_is_not_returned_to_by_route_53() {
        let regions = &REGIONS[..2];
        let (mut world, checks) = (World::of("", regions), checks(regions));
        world.all("us-east-1", domain::Verdict::Down, 3);
        let plan = plan(&world, "eu-west-1");
        assert_eq!((plan.kind, plan.slots()[1].arming), (PlanKind::Failover, Arming::AlwaysUnhealthy));
        let after = zone(&world, &checks).apply(&change_batch(world.service(), &plan, &checks).unwrap()).unwrap();
        for healthy in [&["us-east-1", "eu-west-1"][..], &["us-east-1"], &["eu-west-1"], &[]] {
            assert_eq!(answers(&after, &world, healthy), "eu-west-1", "{healthy:?}");
        }
    }

    #[test]
    fn a_late_or_replayed_executor_is_refused_by_the_zone() {
        let regions = &REGIONS[..3];
        let (world, checks) = (World::of("", regions), checks(regions));
        let before = zone(&world, &checks);
        let (one, other) = (plan(&world, "eu-west-1"), plan(&world, "ap-south-1"));
        let batch = |plan| change_batch(world.service(), plan, &checks).unwrap();
        let after = before.apply(&batch(&one)).unwrap();
        assert_eq!(fence_in(world.service(), &after.sets().cloned().collect::<Vec<_>>()), Some(one.fence()));
        assert!(after.apply(&batch(&other)).is_err(), "it expected the fence before");
        assert!(after.apply(&batch(&one)).is_err(), "a replay");
    }

    #[test]
    fn a_plan_for_a_region_that_is_not_configured_is_refused() {
        let world = World::new();
        let checks = checks(&REGIONS[..1]);
        let missing = record_sets(world.service(), &world.state.slots, &checks);
        assert_eq!(missing, Err(RecordsError::NoCheck(region("eu-west-1"))));
        let slots = [Slot { region: region("mars-1"), arming: Arming::Own }];
        assert_eq!(record_sets(world.service(), &slots, &checks), Err(RecordsError::UnknownRegion(region("mars-1"))));
    }

    proptest! {
        #[test]
        fn slots_are_read_back_as_they_were_written(
            order in Just(REGIONS.to_vec()).prop_shuffle(),
            count in 2..=REGIONS.len(),
            left in any::<[bool; 4]>(),
            by_weight in any::<bool>(),
        ) {
            let world = if by_weight && count == 2 { weighted() } else { World::of("", &REGIONS[..count]) };
            let checks = checks(&REGIONS[..count]);
            let kept = order.iter().filter(|name| REGIONS[..count].contains(name));
            let arming = |left: bool| if left { Arming::AlwaysUnhealthy } else { Arming::Own };
            let slots: Vec<_> = kept.zip(left).map(|(name, left)| Slot { region: region(name), arming: arming(left) }).collect();
            let sets = record_sets(world.service(), &slots, &checks).unwrap();
            prop_assert_eq!(slots_in(world.service(), &sets, &checks), Some(slots));
            prop_assert!(sets.iter().all(|set| is_ours(world.service(), &set.name)));
        }
    }
}
