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
        assert_eq!(zone.apply(&[create(another)]), Err(vec![Refusal::TwoOfRole(name(WWW), RecordType::A, role)]));
    }
}

#[test]
fn r13_a_primary_without_a_check_is_refused_unless_it_is_an_alias() {
    let bare = RecordSet { health_check: None, ..primary() };
    let refusals = zone([]).apply(&[create(bare.clone())]);
    assert_eq!(refusals, Err(vec![Refusal::PrimaryWithoutCheck(Key::from(&bare))]));
    let target = zone([a("x.example.com", "192.0.2.1")]);
    assert!(target.apply(&[create(alias(WWW, "x.example.com", true).failover(Role::Primary))]).is_ok());
}

#[test]
fn r13_a_group_has_one_policy() {
    let zone = zone([primary()]);
    for other in [a(WWW, "192.0.2.3").weighted("w", 1), a(WWW, "192.0.2.3")] {
        assert_eq!(zone.apply(&[create(other)]), Err(vec![Refusal::MixedPolicies(name(WWW), RecordType::A)]));
    }
}

#[test]
fn r40_one_invalid_change_stops_all_and_every_reason_is_given() {
    let zone = zone([a(WWW, "192.0.2.1")]);
    let batch = [
        create(a("new.example.com", "192.0.2.5")),
        create(a(WWW, "192.0.2.9")),
        change(Action::Delete, &a("none.example.com", "192.0.2.1")),
        change(Action::Delete, &a(WWW, "192.0.2.9")),
        create(a("bad.example.com", "one.two")),
        create(a("www.elsewhere.net", "192.0.2.1")),
    ];
    let expected = [
        "Tried to create resource record set [name='www.example.com.', type='A'] but it already exists",
        "Tried to delete resource record set [name='none.example.com.', type='A'] but it was not found",
        "Tried to delete resource record set [name='www.example.com.', type='A'] but the values provided do not match the current values",
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

#[test]
fn r42_a_batch_holds_a_thousand_changes_and_an_upsert_counts_twice() {
    let batch = |action, count: u32| -> Vec<_> {
        (0..count).map(|n| Change { action, set: a(&format!("n{n}.example.com"), "192.0.2.1") }).collect()
    };
    let zone = zone([]);
    assert!(zone.apply(&batch(Action::Create, 1000)).is_ok());
    assert_eq!(zone.apply(&batch(Action::Create, 1001)), Err(vec![Refusal::TooMany]));
    assert!(zone.apply(&batch(Action::Upsert, 500)).is_ok());
    assert_eq!(zone.apply(&batch(Action::Upsert, 501)), Err(vec![Refusal::TooMany]));
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
fn text_is_quoted_and_sets_are_not_empty() {
    let text = RecordSet { kind: RecordType::Txt, ..a(WWW, "bare") };
    assert!(matches!(zone([]).apply(&[create(text)]).unwrap_err()[..], [Refusal::InvalidValue { .. }]));
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
