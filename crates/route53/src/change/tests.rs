use proptest::prelude::*;

use super::*;
use crate::fixture::{a, alias, any_sets, name, zone};

const WWW: &str = "www.example.com";

fn change(action: Action, set: &RecordSet) -> Change {
    Change { action, set: set.clone() }
}

fn create(set: RecordSet) -> Change {
    Change { action: Action::Create, set }
}

fn refused(zone: &Zone, batch: &[Change]) -> Vec<String> {
    zone.apply(batch).unwrap_err().iter().map(ToString::to_string).collect()
}

fn primary() -> RecordSet {
    a(WWW, "192.0.2.1").failover(Role::Primary).checked("p")
}

fn secondary() -> RecordSet {
    a(WWW, "192.0.2.2").failover(Role::Secondary).checked("s")
}

#[test]
fn r13_a_second_primary_or_secondary_is_refused() {
    let zone = zone([primary(), secondary()]);
    for (role, set) in [(Role::Primary, primary()), (Role::Secondary, secondary())] {
        let another = RecordSet { routing: Routing::Failover { id: "another".into(), role }, ..set };
        let refusal = Refusal::TwoOfRole { name: name(WWW), kind: RecordType::A, id: "another".into(), role };
        assert_eq!(zone.apply(&[create(another)]), Err(vec![refusal]));
    }
}

#[test]
fn r13_a_primary_without_a_check_is_refused_unless_it_is_an_alias() {
    let bare = RecordSet { health_check: None, ..primary() };
    let refusals = refused(&zone([]), &[create(bare)]);
    assert_eq!(refusals, ["A non-alias primary ResourceRecordSet must have an associated health check."]);
    let target = zone([a("x.example.com", "192.0.2.1")]);
    assert!(target.apply(&[create(alias(WWW, "x.example.com", true).failover(Role::Primary))]).is_ok());
}

#[test]
fn r13_a_group_has_one_policy() {
    let failover = zone([primary()]);
    assert_eq!(
        refused(&failover, &[create(a(WWW, "192.0.2.3").weighted("w", 1))]),
        [
            "RRSet with DNS name www.example.com., type A, SetIdentifier w cannot be created as a non-weighted set exists with the same name and type."
        ]
    );
    assert_eq!(
        refused(&failover, &[create(a(WWW, "192.0.2.3"))]),
        [
            "RRSet with DNS name www.example.com., type A cannot be created as other RRSets exist with the same name and type."
        ]
    );
    let simple = zone([a(WWW, "192.0.2.3")]);
    let policy = Policy::Failover;
    let mixed = Refusal::MixedPolicies { name: name(WWW), kind: RecordType::A, id: "PRIMARY".into(), policy };
    assert_eq!(simple.apply(&[create(primary())]), Err(vec![mixed]));
    let moved = [change(Action::Delete, &a(WWW, "192.0.2.3")), create(primary())];
    assert!(simple.apply(&moved).is_ok(), "one batch may change a name's policy");
}

#[test]
fn r7_weighted_sets_of_a_group_have_one_ttl() {
    let member = |id: &str, ttl| RecordSet {
        target: Target::Values { ttl, values: vec!["192.0.2.1".to_owned()] },
        ..a(WWW, "").weighted(id, 1)
    };
    let zone = zone([member("one", 60), member("two", 60)]);
    assert_eq!(
        refused(&zone, &[change(Action::Upsert, &member("two", 30))]),
        [
            "RRSet with DNS name www.example.com. and type A, SetIdentifier two cannot be created as weighted sets must contain the same TTL."
        ]
    );
    let both = [change(Action::Upsert, &member("one", 30)), change(Action::Upsert, &member("two", 30))];
    assert!(zone.apply(&both).is_ok());
}

#[test]
fn r13_a_set_is_made_with_a_check_that_exists_and_deleted_without() {
    let batch = [change(Action::Delete, &primary()), create(secondary())];
    assert_eq!(unknown_check(&batch, |check| check.as_str() == "p"), Some(&"s".into()));
    assert_eq!(unknown_check(&batch, |check| check.as_str() == "s"), None);
}

#[test]
fn r40_a_set_is_changed_once_or_deleted_and_made_anew() {
    let (old, new) = (a(WWW, "192.0.2.1"), a(WWW, "192.0.2.2"));
    let zone = zone([old.clone()]);
    for batch in [
        vec![change(Action::Delete, &old), change(Action::Delete, &old)],
        vec![change(Action::Upsert, &new), change(Action::Upsert, &old)],
        vec![create(new.clone()), change(Action::Delete, &old)],
    ] {
        assert_eq!(
            refused(&zone, &batch),
            ["The request contains an invalid set of changes for a resource record set 'A www.example.com.'"]
        );
    }
    assert!(zone.apply(&[change(Action::Delete, &old), create(new)]).is_ok());
}

#[test]
fn r40_one_invalid_change_stops_all_and_every_reason_is_given() {
    let zone = zone([a(WWW, "192.0.2.1"), a("old.example.com", "192.0.2.1")]);
    let batch = [
        create(a("new.example.com", "192.0.2.5")),
        create(a(WWW, "192.0.2.9")),
        change(Action::Delete, &a("none.example.com", "192.0.2.1")),
        change(Action::Delete, &a("old.example.com", "192.0.2.9")),
        create(a("bad.example.com", "one.two")),
        create(a("www.elsewhere.net", "192.0.2.1")),
    ];
    let expected = [
        "Tried to create resource record set [name='www.example.com.', type='A'] but it already exists",
        "Tried to delete resource record set [name='none.example.com.', type='A'] but it was not found",
        "Tried to delete resource record set [name='old.example.com.', type='A'] but the values provided do not match the current values",
        "Invalid Resource Record: 'FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with 'one.two''",
        "RRSet with DNS name www.elsewhere.net. is not permitted in zone example.com.",
    ];
    assert_eq!(refused(&zone, &batch), expected);
}

#[test]
fn r40_a_swap_of_targets_and_checks_is_one_batch() {
    let [old_primary, old_secondary] = [primary(), secondary()];
    let new_primary = RecordSet { routing: old_primary.routing.clone(), ..old_secondary.clone() };
    let new_secondary = RecordSet { routing: old_secondary.routing.clone(), ..old_primary.clone() };
    let zone = zone([old_primary.clone(), old_secondary.clone()]);
    let upserts = [change(Action::Upsert, &new_primary), change(Action::Upsert, &new_secondary)];
    let replaced = [
        change(Action::Delete, &old_primary),
        change(Action::Delete, &old_secondary),
        create(new_primary.clone()),
        create(new_secondary),
    ];
    let swapped = zone.apply(&upserts).unwrap();
    assert_eq!(swapped.get(&name(WWW), RecordType::A, new_primary.set_id()), Some(&new_primary));
    assert_eq!(zone.apply(&replaced).unwrap(), swapped);
}

#[test]
fn r40_a_fence_refuses_what_expects_another_epoch() {
    let fence = |epoch: u8| RecordSet {
        kind: RecordType::Txt,
        target: Target::Values { ttl: 0, values: vec![format!("\"epoch={epoch}\"")] },
        ..a("_pointsman.www.example.com", "")
    };
    let step = |from| [change(Action::Delete, &fence(from)), create(fence(from + 1))];
    let zone = zone([fence(1)]).apply(&step(1)).unwrap();
    assert!(zone.apply(&step(1)).is_err(), "a replay is refused");
    assert!(zone.apply(&step(2)).is_ok());
}

#[test]
fn r42_a_delete_must_match_every_value_but_not_their_order() {
    let set = |values: &[&str], ttl| RecordSet {
        target: Target::Values { ttl, values: values.iter().map(|&value| value.to_owned()).collect() },
        ..a(WWW, "")
    };
    let zone = zone([set(&["192.0.2.1", "192.0.2.2"], 60)]);
    let delete = |set: &RecordSet| zone.apply(&[change(Action::Delete, set)]);
    assert!(delete(&set(&["192.0.2.2", "192.0.2.1"], 60)).is_ok());
    for other in [set(&["192.0.2.1"], 60), set(&["192.0.2.1", "192.0.2.2"], 61)] {
        assert_eq!(delete(&other), Err(vec![Refusal::Mismatch(Key::from(&other))]));
    }
}

fn of_many(owner: &str, first: usize, count: usize) -> RecordSet {
    let value = |n: usize| format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
    RecordSet {
        target: Target::Values { ttl: 60, values: (first..first + count).map(value).collect() },
        ..a(owner, "")
    }
}

#[test]
fn r42_a_batch_holds_a_thousand_records_and_those_of_an_upsert_count_twice() {
    let batch = |action, sets: usize, last: usize| -> Vec<_> {
        let full = (0..sets).map(|n| of_many(&format!("n{n}.example.com"), n * 100, 100));
        let rest = (last > 0).then(|| of_many("last.example.com", 0, last));
        full.chain(rest).map(|set| Change { action, set }).collect()
    };
    let zone = zone([]);
    assert!(zone.apply(&batch(Action::Create, 10, 0)).is_ok());
    assert_eq!(zone.apply(&batch(Action::Create, 10, 1)), Err(vec![Refusal::TooManyRecords]));
    assert!(zone.apply(&batch(Action::Upsert, 5, 0)).is_ok());
    assert_eq!(zone.apply(&batch(Action::Upsert, 5, 1)), Err(vec![Refusal::TooManyRecords]));
    let aliases: Vec<_> =
        (0..1001).map(|n| create(alias(&format!("n{n}.example.com"), "elsewhere.net", false))).collect();
    assert!(zone.apply(&aliases[..1000]).is_ok());
    assert_eq!(refused(&zone, &aliases), ["Number of records limit of 1000 exceeded."], "an alias is a record");
}

#[test]
fn r42_the_values_of_a_batch_have_32000_characters() {
    let text = |n: usize, length: usize| RecordSet {
        kind: RecordType::Txt,
        target: Target::Values { ttl: 60, values: vec![format!("\"{}\"", "x".repeat(length - 2))] },
        ..a(&format!("n{n}.example.com"), "")
    };
    let batch = |action, sets: usize, length| -> Vec<_> {
        (0..sets).map(|n| Change { action, set: text(n, length) }).collect()
    };
    let zone = zone([]);
    assert!(zone.apply(&batch(Action::Create, 128, 250)).is_ok());
    assert_eq!(refused(&zone, &batch(Action::Create, 128, 251)), ["Number of characters limit of 32000 exceeded."]);
    assert!(zone.apply(&batch(Action::Upsert, 64, 250)).is_ok());
    assert_eq!(zone.apply(&batch(Action::Upsert, 64, 251)), Err(vec![Refusal::TooManyCharacters]));
}

#[test]
fn r42_a_set_holds_400_records() {
    let zone = zone([]);
    assert!(zone.apply(&[create(of_many(WWW, 0, 400))]).is_ok());
    let set = of_many(WWW, 0, 401);
    assert_eq!(zone.apply(&[create(set.clone())]), Err(vec![Refusal::TooManyRecordsOfSet(Key::from(&set))]));
}

#[test]
fn a_cname_stands_alone_and_never_at_the_apex() {
    let cname = |owner| RecordSet {
        kind: RecordType::Cname,
        target: Target::Values { ttl: 60, values: vec!["x.example.com".into()] },
        ..a(owner, "")
    };
    let zone = zone([a(WWW, "192.0.2.1")]);
    let conflict = Refusal::CnameConflict(name(WWW), name("example.com"));
    assert_eq!(zone.apply(&[create(cname(WWW))]), Err(vec![conflict]));
    let cnames = Zone::new(name("example.com"), [cname(WWW)]);
    assert_eq!(
        refused(&cnames, &[create(a(WWW, "192.0.2.1"))]),
        [
            "RRSet of type A with DNS name www.example.com. is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone example.com."
        ]
    );
    let two = Target::Values { ttl: 60, values: vec!["x.example.com".into(), "y.example.com".into()] };
    let many = RecordSet { target: two, ..cname("two.example.com") };
    assert_eq!(zone.apply(&[create(many)]), Err(vec![Refusal::ManyCnames(name("two.example.com"))]));
    assert_eq!(zone.apply(&[create(cname("example.com"))]), Err(vec![Refusal::CnameAtApex(name("example.com"))]));
}

#[test]
fn an_alias_needs_its_target() {
    let missing = Refusal::AliasTargetMissing { target: name("x.example.com"), kind: RecordType::A, zone: "Z1".into() };
    let create_alias = create(alias(WWW, "x.example.com", true));
    assert_eq!(zone([]).apply(std::slice::from_ref(&create_alias)), Err(vec![missing]));
    assert!(zone([]).apply(&[create_alias, create(a("x.example.com", "192.0.2.1"))]).is_ok());
}

#[test]
fn the_apex_keeps_its_ns_and_soa() {
    for (kind, value, refusal) in [
        (RecordType::Ns, "ns.example.net.", Refusal::ApexNs),
        (RecordType::Soa, "ns.example.net. admin.example.net. 1 2 3 4 5", Refusal::ApexSoa),
    ] {
        let set = RecordSet { kind, ..a("example.com", value) };
        assert_eq!(zone([set.clone()]).apply(&[change(Action::Delete, &set)]), Err(vec![refusal]));
    }
}

#[test]
fn only_a_zone_with_nothing_but_its_own_records_may_be_deleted() {
    let ns = RecordSet { kind: RecordType::Ns, ..a("example.com", "ns.example.net.") };
    assert!(zone([ns.clone()]).is_bare());
    let below = RecordSet { name: name("sub.example.com"), ..ns.clone() };
    assert!(!zone([ns.clone(), below]).is_bare());
    assert!(!zone([ns, a("example.com", "192.0.2.1")]).is_bare());
}

#[test]
fn addresses_are_addresses_of_their_type_and_each_stands_once() {
    let of = |kind, values: &[&str]| {
        let values = values.iter().map(|&value| value.to_owned()).collect();
        refused(&zone([]), &[create(RecordSet { kind, target: Target::Values { ttl: 60, values }, ..a(WWW, "") })])
    };
    for (kind, wrong) in [
        (RecordType::A, "2001:db8::1"),
        (RecordType::A, "192.0.2.256"),
        (RecordType::A, "www.example.com"),
        (RecordType::Aaaa, "192.0.2.1"),
        (RecordType::Aaaa, "2001:db8:::1"),
    ] {
        let said = of(kind, &[wrong]);
        assert!(
            said[0].contains("IllegalIPv") && said[0].ends_with(&format!("encountered with '{wrong}''")),
            "{said:?}"
        );
    }
    assert_eq!(of(RecordType::A, &["192.0.2.1", "192.0.2.1"]), ["Duplicate Resource Record: '192.0.2.1'"]);
}

#[test]
fn text_is_quoted_and_sets_are_not_empty() {
    let of = |value: &str| zone([]).apply(&[create(RecordSet { kind: RecordType::Txt, ..a(WWW, value) })]);
    for fine in ["\"\"", "\"one\" \"two\"", r#""a \" quote""#] {
        assert!(of(fine).is_ok(), "{fine}");
    }
    let long = format!("\"{}\"", "x".repeat(256));
    for wrong in ["bare", "", "\"open", "\"one\" two", "\"one", r#""end\""#, &long] {
        assert!(matches!(of(wrong).unwrap_err()[..], [Refusal::InvalidValue { .. }]), "{wrong}");
    }
    let empty = RecordSet { target: Target::Values { ttl: 60, values: vec![] }, ..a(WWW, "") };
    assert!(matches!(zone([]).apply(&[create(empty)]).unwrap_err()[..], [Refusal::NoValues(_)]));
}

fn any_batch() -> impl Strategy<Value = Vec<Change>> {
    let action = prop::sample::select(vec![Action::Create, Action::Delete, Action::Upsert]);
    let change = (action, any_sets(), any::<prop::sample::Index>())
        .prop_map(|(action, sets, at)| Change { action, set: at.get(&sets).clone() });
    prop::collection::vec(change, 1..6)
}

proptest! {
    #[test]
    fn r40_a_batch_that_is_accepted_did_every_change(sets in any_sets(), batch in any_batch()) {
        let before = zone(sets);
        if let Ok(after) = before.apply(&batch) {
            let last = |set: &RecordSet| {
                let same = |change: &&Change| {
                    let other = &change.set;
                    (&other.name, other.kind, other.set_id()) == (&set.name, set.kind, set.set_id())
                };
                batch.iter().rfind(same)
            };
            for set in after.sets() {
                let untouched = before.get(&set.name, set.kind, set.set_id());
                prop_assert_eq!(last(set).map_or(untouched, |change| Some(&change.set)), Some(set));
            }
            for set in before.sets().chain(batch.iter().map(|change| &change.set)) {
                let gone = last(set).is_some_and(|change| change.action == Action::Delete);
                prop_assert_eq!(after.get(&set.name, set.kind, set.set_id()).is_none(), gone);
            }
        }
    }

    #[test]
    fn r40_a_refused_change_refuses_the_batch_wherever_it_stands(sets in any_sets(), batch in any_batch(), at: prop::sample::Index) {
        let zone = zone(sets);
        let mut batch = batch;
        batch.insert(at.index(batch.len() + 1), create(a("www.elsewhere.net", "192.0.2.1")));
        prop_assert!(zone.apply(&batch).is_err());
    }
}
