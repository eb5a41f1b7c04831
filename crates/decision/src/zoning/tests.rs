use domain::{Config, Epoch, PlanId};
use route53::{Action, Answer, Draw};

use super::*;
use crate::records::tests::checks;

const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-south-1"];
const ZONE: &str = "example.com";

fn service_of(regions: usize, ttl: &str) -> Service {
    let tables = REGIONS[..regions].iter().enumerate().map(|(n, name)| {
        format!("[[service.region]]\nname = \"{name}\"\na = [\"203.0.114.{n}\"]\naaaa = [\"2001:4860::{n}\"]\n")
    });
    let source = format!(
        "control_region = \"eu-central-1\"\nobservers = [\"ca-central-1\", \"us-east-2\", \"us-west-2\"]\n\
         [[service]]\nname = \"api.example.com\"\nhosted_zone = \"Z1\"\nttl = \"{ttl}\"\n{}\
         [[service.probe]]\nname = \"http\"\nkind = \"http\"\n",
        tables.collect::<String>()
    );
    Config::parse("t.toml", &source).unwrap_or_else(|error| panic!("{error}")).services.remove(0)
}

fn service() -> Service {
    service_of(2, "20s")
}

fn own_checks() -> NativeChecks {
    checks(&REGIONS)
}

fn set(name: &str, kind: RecordType, routing: Routing, values: &[&str], check: Option<&str>) -> RecordSet {
    RecordSet {
        name: name.parse().unwrap(),
        kind,
        routing,
        target: Target::Values { ttl: 300, values: values.iter().map(ToString::to_string).collect() },
        health_check: check.map(Into::into),
    }
}

fn simple(value: &str) -> RecordSet {
    set("api.example.com", RecordType::A, Routing::Simple, &[value], None)
}

fn read(sets: impl IntoIterator<Item = RecordSet>) -> ReadZone {
    let apex = [
        set(ZONE, RecordType::Ns, Routing::Simple, &["ns-1.awsdns-00.com."], None),
        set(ZONE, RecordType::Soa, Routing::Simple, &["ns-1.awsdns-00.com. x.example. 1 7200 900 1209600 86400"], None),
    ];
    ReadZone { zone: Zone::new(ZONE.parse().unwrap(), apex.into_iter().chain(sets)), others: Vec::new() }
}

fn plan(service: &Service, read: &ReadZone, state: Option<&ServiceState>) -> Zoning {
    zoning(service, read, &own_checks(), state).unwrap()
}

fn applied(service: &Service, read: &ReadZone, zoning: &Zoning) -> ReadZone {
    assert_eq!(zoning.refusals, [], "{zoning:#?}");
    ReadZone { zone: read.zone.apply(&zoning.batch(service)).unwrap(), others: read.others.clone() }
}

fn steps(zoning: &Zoning) -> Vec<(String, Step)> {
    let named = |group: &GroupDiff| (format!("{} {}", group.name.as_str(), group.kind), group.step);
    zoning.groups.iter().map(named).collect()
}

fn codes(remarks: &[Remark]) -> Vec<&str> {
    remarks.iter().map(|remark| remark.code).collect()
}

/// What the service's name answers while every check is healthy, but the one that never is.
fn answer(read: &ReadZone) -> String {
    let healthy = |check: &route53::CheckId| check.as_str() != "never";
    match read.zone.answer(&"api.example.com".parse().unwrap(), RecordType::A, &healthy, Draw(0)) {
        Answer::Records(records) => records[0].values[0].clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_zone_is_filled_once() {
    for regions in [2, 3] {
        let service = service_of(regions, "20s");
        let first = plan(&service, &read([]), None);
        assert!(first.is_needed() && first.only_creates() && !first.adopts());
        let after = applied(&service, &read([]), &first);
        assert_eq!(answer(&after), "203.0.114.0");
        let again = plan(&service, &after, None);
        assert!(!again.is_needed(), "{regions} regions: {:?}", steps(&again));
    }
}

fn weighted(value: &str, weight: u8) -> RecordSet {
    set("api.example.com", RecordType::A, Routing::Weighted { id: value.into(), weight }, &[value], None)
}

#[test]
fn a_simple_record_is_adopted_where_it_points_in_one_batch() {
    let service = service();
    for (value, active) in [("203.0.114.0", "us-east-1"), ("203.0.114.1", "eu-west-1")] {
        let there = read([simple(value)]);
        let zoning = plan(&service, &there, None);
        let expected = [
            ("_pointsman.api.example.com TXT", Step::Create),
            ("api.example.com A", Step::Adopt),
            ("api.example.com AAAA", Step::Create),
        ];
        let mut found = steps(&zoning);
        found.sort_by(|one, other| one.0.cmp(&other.0));
        assert_eq!(found, expected.map(|(name, step)| (name.to_owned(), step)));
        assert_eq!(zoning.slots[0].region.as_str(), active, "nothing moves");
        assert!(zoning.adopts() && !zoning.only_creates());
        let after = applied(&service, &there, &zoning);
        assert_eq!(answer(&after), value);
        assert!(!plan(&service, &after, None).is_needed());
    }
}

#[test]
fn somebody_elses_failover_pair_is_adopted_in_its_order() {
    let service = service();
    let pair = |role, id: &str, value| {
        set("api.example.com", RecordType::A, Routing::Failover { id: id.into(), role }, &[value], Some("theirs"))
    };
    let there = read([pair(Role::Primary, "main", "203.0.114.1"), pair(Role::Secondary, "spare", "203.0.114.0")]);
    let zoning = plan(&service, &there, None);
    assert!(zoning.adopts());
    let after = applied(&service, &there, &zoning);
    assert_eq!(answer(&after), "203.0.114.1");
    assert!(after.zone.sets().all(|set| set.health_check.as_ref().is_none_or(|check| check.as_str() != "theirs")));
}

#[test]
fn what_names_fewer_regions_than_there_are_is_adopted_with_the_others_last() {
    let service = service_of(3, "20s");
    let of = |role, id: &str, value| {
        set("api.example.com", RecordType::A, Routing::Failover { id: id.into(), role }, &[value], Some("theirs"))
    };
    let alone = vec![of(Role::Primary, "main", "203.0.114.1")];
    let pair = vec![of(Role::Primary, "main", "203.0.114.1"), of(Role::Secondary, "spare", "203.0.114.2")];
    for (sets, expected) in
        [(alone, ["eu-west-1", "us-east-1", "ap-south-1"]), (pair, ["eu-west-1", "ap-south-1", "us-east-1"])]
    {
        let zoning = plan(&service, &read(sets), None);
        let order: Vec<_> = zoning.slots.iter().map(|slot| slot.region.as_str()).collect();
        assert_eq!((order, zoning.adopts()), (expected.to_vec(), true));
    }
}

#[test]
fn a_pair_that_has_failed_over_by_itself_is_not_adopted() {
    let service = service();
    let there = read([weighted("203.0.114.0", 100), weighted("203.0.114.1", 0)]);
    let answers = |region: &Region| domain::Answering::Region(region.name.clone());
    let beside = |answering| codes(&plan(&service, &there, None).unless_moved(&service, &answering).refusals).len();
    assert_eq!(beside(answers(&service.regions[0])), 0);
    assert_eq!(beside(answers(&service.regions[1])), 1, "Route 53 holds the first unhealthy");
    assert_eq!(beside(domain::Answering::Unknown), 0);
    let (service, zone, state) = failed_over();
    let ours = plan(&Service { ttl_s: 30, ..service.clone() }, &zone, Some(&state));
    assert_eq!(ours.unless_moved(&service, &answers(&service.regions[0])).refusals, [], "ours is latched, not adopted");
}

#[test]
fn a_type_that_is_missing_says_nothing_of_the_order() {
    let (service, zone, state) = failed_over();
    let kept: Vec<_> =
        zone.zone.sets().filter(|set| set.kind == RecordType::A || set.kind == RecordType::Txt).cloned().collect();
    let zoning = plan(&service, &read(kept), None);
    assert_eq!(zoning.slots, state.slots);
    assert!(zoning.slots.iter().any(|slot| slot.arming == domain::Arming::AlwaysUnhealthy), "{zoning:#?}");
}

#[test]
fn types_that_answer_different_regions_are_never_taken_for_one_order() {
    let service = service();
    let pair = |kind, first: usize| {
        [Role::Primary, Role::Secondary].map(|role| {
            let region = if role == Role::Primary { first } else { 1 - first };
            let value =
                if kind == RecordType::A { format!("203.0.114.{region}") } else { format!("2001:4860::{region}") };
            set(
                "api.example.com",
                kind,
                Routing::Failover { id: format!("{role}").into(), role },
                &[&value],
                Some("theirs"),
            )
        })
    };
    let there = read(pair(RecordType::A, 0).into_iter().chain(pair(RecordType::Aaaa, 1)));
    assert_eq!(codes(&plan(&service, &there, None).refusals), ["would_move_traffic"]);
}

#[test]
fn what_would_move_traffic_is_refused() {
    let service = service();
    let alias =
        Target::Alias { zone: "Z2".into(), name: "lb.example.net".parse().unwrap(), evaluate_target_health: true };
    for there in [
        simple("198.51.100.1"),
        set("api.example.com", RecordType::Cname, Routing::Simple, &["elsewhere.example.net."], None),
        RecordSet { target: alias, ..simple("") },
    ] {
        let zoning = plan(&service, &read([there.clone()]), None);
        assert_eq!(codes(&zoning.refusals), ["would_move_traffic"], "{there:?}");
    }
    let mixed =
        [simple("203.0.114.0"), set("api.example.com", RecordType::Aaaa, Routing::Simple, &["2001:4860::1"], None)];
    assert_eq!(codes(&plan(&service, &read(mixed), None).refusals), ["would_move_traffic"]);
    let mut unknown = read([]);
    unknown.others.push(("api.example.com".parse().unwrap(), "A".to_owned()));
    assert_eq!(codes(&plan(&service, &unknown, None).refusals), ["unknown_routing"]);
}

/// Two load balancers, and what stands under the service's name where that is an alias of one of them.
fn aliased() -> (Service, impl Fn(&str, RecordType, Routing, Option<&str>) -> RecordSet) {
    let mut service = service();
    for region in &mut service.regions {
        let name = format!("lb.{}.elb.amazonaws.com", region.name).parse().unwrap();
        let alias =
            domain::AliasTarget { name, zone: "Z9ELB".parse().unwrap(), evaluate_target_health: true, ipv6: true };
        region.targets = domain::Targets { alias: Some(alias), ..domain::Targets::default() };
    }
    let alias = |region: &str, kind, routing, check: Option<&str>| {
        let name = format!("LB.{region}.elb.amazonaws.com.").parse().unwrap();
        let target = Target::Alias { zone: "Z9ELB".into(), name, evaluate_target_health: false };
        RecordSet { target, ..set("api.example.com", kind, routing, &[], check) }
    };
    (service, alias)
}

#[test]
fn aliases_are_made_adopted_and_left_failed_over() {
    let (service, alias) = aliased();
    let made = applied(&service, &read([]), &plan(&service, &read([]), None));
    assert!(!plan(&service, &made, None).is_needed());
    let pairs = made.zone.sets().filter(|set| matches!(set.target, Target::Alias { .. })).count();
    assert_eq!(pairs, 4, "A and AAAA of two regions");

    for (simple, first) in [("us-east-1", 0), ("eu-west-1", 1)] {
        let both = [RecordType::A, RecordType::Aaaa].map(|kind| alias(simple, kind, Routing::Simple, None));
        let zoning = plan(&service, &read(both.clone()), None);
        assert_eq!(zoning.slots[0], own(&service.regions[first]), "nothing moves");
        assert!(zoning.adopts());
        let after = applied(&service, &read(both), &zoning);
        let primary = |set: &&RecordSet| matches!(set.routing, Routing::Failover { role: Role::Primary, .. });
        for set in after.zone.sets().filter(primary) {
            assert_eq!(set.target, crate::records::target_of(&service, &service.regions[first], set.kind));
            assert_eq!(set.health_check, Some(format!("own-{simple}").as_str().into()));
        }
        assert!(!plan(&service, &after, None).is_needed(), "whichever is first is no drift");
    }
    let elsewhere = alias("ap-south-1", RecordType::A, Routing::Simple, None);
    let refused = plan(&service, &read([elsewhere]), None);
    assert_eq!(codes(&refused.refusals), ["would_move_traffic"]);
    assert!(refused.refusals[0].text.contains("an alias of lb.ap-south-1.elb.amazonaws.com. in zone Z9ELB"));
}

#[test]
fn an_alias_of_a_record_that_is_not_there_is_refused_before_it_is_sent() {
    let (mut service, _) = aliased();
    service.regions[0].targets.alias.as_mut().unwrap().name = "origin.example.com".parse().unwrap();
    assert_eq!(codes(&plan(&service, &read([]), None).refusals), ["route_53_refuses"; 2]);
    let origin = set("origin.example.com", RecordType::A, Routing::Simple, &["203.0.114.7"], None);
    for region in &mut service.regions {
        region.targets.alias.as_mut().unwrap().ipv6 = false;
    }
    let zoning = plan(&service, &read([origin.clone()]), None);
    assert_eq!(codes(&zoning.warnings), ["no_aaaa"]);
    assert_eq!(answer(&applied(&service, &read([origin]), &zoning)), "203.0.114.7", "R12");
}

/// A zone that was failed over, and the state as it was before or after.
fn failed_over() -> (Service, ReadZone, ServiceState) {
    let service = service();
    let mut state = ServiceState::new(&service);
    let before = applied(&service, &read([]), &plan(&service, &read([]), Some(&state)));
    let id: PlanId = "e1-00000000".parse().unwrap();
    let fence = format!("epoch=1 plan={id}");
    let slots = vec![own(&service.regions[1]), Slot { arming: Arming::AlwaysUnhealthy, ..own(&service.regions[0]) }];
    let change = |action, set| Change { action, set };
    let sets = record_sets(&service, &slots, &own_checks()).unwrap();
    let fences = [
        change(Action::Delete, fence_set(&service, &state.fence)),
        change(Action::Create, fence_set(&service, &fence)),
    ];
    let batch: Vec<_> = fences.into_iter().chain(sets.into_iter().map(|set| change(Action::Upsert, set))).collect();
    let zone = ReadZone { zone: before.zone.apply(&batch).unwrap(), others: Vec::new() };
    state.slots = slots;
    state.fence = fence;
    state.epoch = Epoch(1);
    (service, zone, state)
}

#[test]
fn a_failed_over_state_is_no_drift() {
    let (service, zone, state) = failed_over();
    let older = ServiceState::new(&service);
    for state in [Some(&state), Some(&older), None] {
        let zoning = plan(&service, &zone, state);
        assert!(!zoning.is_needed(), "{:?}", steps(&zoning));
    }
}

#[test]
fn the_zone_alone_tells_where_things_stand() {
    let (service, zone, state) = failed_over();
    let told = plan(&service, &zone, None).state(&service);
    assert_eq!((told.epoch, told.phase, &told.active), (state.epoch, Phase::FailedOver, &state.slots[0].region));
    assert_eq!((&told.slots, &told.fence), (&state.slots, &state.fence));
    let at_home = plan(&service, &read([simple("203.0.114.0")]), None).state(&service);
    assert_eq!((at_home.epoch, at_home.phase, at_home.active.as_str()), (Epoch(0), Phase::Steady, "us-east-1"));
}

#[test]
fn drift_is_mended_to_where_the_traffic_is() {
    let (service, zone, state) = failed_over();
    let secondary = zone
        .zone
        .sets()
        .find(|set| set.kind == RecordType::A && set.set_id().is_some_and(|id| id.as_str() == "secondary"));
    let edited = RecordSet { health_check: None, ..secondary.unwrap().clone() };
    let drifted =
        ReadZone { zone: zone.zone.apply(&[Change { action: Action::Upsert, set: edited }]).unwrap(), ..zone };
    let zoning = plan(&service, &drifted, Some(&state));
    let changed: Vec<_> = steps(&zoning).into_iter().filter(|(_, step)| *step != Step::Leave).collect();
    assert_eq!(changed, [("api.example.com A".to_owned(), Step::Change)]);
    let after = applied(&service, &drifted, &zoning);
    assert_eq!(answer(&after), "203.0.114.1", "it stays failed over");
    assert!(!plan(&service, &after, Some(&state)).is_needed());
}

#[test]
fn a_mend_planned_before_a_switch_is_refused_whole() {
    let (service, zone, state) = failed_over();
    let slower = Service { ttl_s: 30, ..service };
    let zoning = plan(&slower, &zone, Some(&state));
    let switch = [
        Change { action: Action::Delete, set: fence_set(&slower, &state.fence) },
        Change { action: Action::Create, set: fence_set(&slower, "epoch=2 plan=e2-00000000") },
    ];
    let meanwhile = zone.zone.apply(&switch).unwrap();
    assert!(meanwhile.apply(&zoning.batch(&slower)).is_err());
    assert!(zone.zone.apply(&zoning.batch(&slower)).is_ok());
}

#[test]
fn a_region_more_or_less_changes_the_levels_and_moves_nothing() {
    let (two, zone, state) = failed_over();
    let three = service_of(3, "20s");
    let zoning = plan(&three, &zone, Some(&state));
    let after = applied(&three, &zone, &zoning);
    assert_eq!(answer(&after), "203.0.114.1");
    let wider = ServiceState { slots: zoning.slots, ..state };
    assert!(!plan(&three, &after, Some(&wider)).is_needed());

    let back = plan(&two, &after, Some(&wider));
    let removed = steps(&back).into_iter().filter(|(_, step)| *step == Step::Remove).count();
    assert_eq!(removed, 2, "A and AAAA of the level below: {:?}", steps(&back));
    let after = applied(&two, &after, &back);
    assert_eq!(answer(&after), "203.0.114.1");
    assert!(after.zone.sets().all(|set| !set.name.as_str().starts_with("_pointsman-")));
}

#[test]
fn warnings_tell_of_long_ttls_and_missing_ipv6() {
    assert_eq!(plan(&service_of(2, "60s"), &read([]), None).warnings, []);
    let mut service = service_of(2, "61s");
    assert_eq!(codes(&plan(&service, &read([]), None).warnings), ["ttl"]);
    service.regions[1].targets.aaaa.clear();
    assert_eq!(codes(&warnings(&service)), ["ttl", "no_aaaa"]);
}

#[test]
fn the_share_of_a_zone_counts_what_is_replaced_alone() {
    let service = service();
    let hosts =
        (0..6).map(|n| set(&format!("h{n}.example.com"), RecordType::A, Routing::Simple, &["203.0.114.9"], None));
    let there = read(hosts);
    let after = applied(&service, &there, &plan(&service, &there, None));
    let slower = Service { ttl_s: 30, ..service.clone() };
    let batch = plan(&slower, &after, None).batch(&slower);
    assert_eq!(codes(&risky(&after, &batch)), ["zone_share"], "4 of 13");
    let unread = vec![("geo.example.com".parse().unwrap(), "A".to_owned())];
    let wider = ReadZone { others: unread, ..after.clone() };
    assert_eq!(risky(&wider, &batch), [], "4 of 14, one of which is not understood");
    let other = Service { check: service.check.clone(), ..service };
    let batch = plan(&other, &after, None).batch(&other);
    assert_eq!(risky(&after, &batch), [], "the fence alone is put back as it was");
    let change = |action, set: &RecordSet| Change { action, set: set.clone() };
    let hosts = after.zone.sets().filter(|set| set.name.as_str().starts_with('h'));
    let back: Vec<_> = hosts.flat_map(|set| [change(Action::Delete, set), change(Action::Create, set)]).collect();
    assert_eq!(risky(&after, &back), [], "everything is put back as it was");
}

#[test]
fn a_record_type_that_no_region_has_any_more_goes() {
    let mut service = service();
    let before = applied(&service, &read([]), &plan(&service, &read([]), None));
    service.regions.iter_mut().for_each(|region| region.targets.aaaa.clear());
    let zoning = plan(&service, &before, None);
    let changed: Vec<_> = steps(&zoning).into_iter().filter(|(_, step)| *step != Step::Leave).collect();
    assert_eq!(changed, [("api.example.com AAAA".to_owned(), Step::Remove)]);
}

mod weights;
