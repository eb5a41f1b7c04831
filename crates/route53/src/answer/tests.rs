use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::compiled::MAX_CHAIN;
use crate::fixture::{a, alias, any_sets, failing, name, zone};
use crate::{RecordSet, Role, Routing, Target};

mod plain;

const APEX: &str = "example.com";

fn values(answer: Answer) -> Vec<String> {
    match answer {
        Answer::Records(mut records) => records.pop().unwrap().values,
        Answer::NoData | Answer::NxDomain => Vec::new(),
    }
}

/// The one value that `owner` answers with while these checks fail.
fn value(zone: &Zone, owner: &str, unhealthy: &[&str]) -> String {
    values(zone.answer(&name(owner), RecordType::A, &failing(unhealthy), Draw(0))).concat()
}

fn pair(owner: &str, secondary_check: Option<&str>) -> [RecordSet; 2] {
    let secondary = a(owner, "192.0.2.2").failover(Role::Secondary);
    let secondary = RecordSet { health_check: secondary_check.map(Into::into), ..secondary };
    [a(owner, "192.0.2.1").failover(Role::Primary).checked("p"), secondary]
}

/// How often each value comes, over `draws` equally likely draws.
fn shares(zone: &Zone, unhealthy: &[&str], draws: u64) -> BTreeMap<String, u64> {
    let mut shares = BTreeMap::new();
    for draw in 0..draws {
        let answer = zone.answer(&name(APEX), RecordType::A, &failing(unhealthy), Draw(draw));
        *shares.entry(values(answer).concat()).or_default() += 1;
    }
    shares
}

fn weights(weights: &[u8]) -> Zone {
    let set = |(at, weight): (usize, &u8)| {
        a(APEX, &at.to_string()).weighted(&at.to_string(), *weight).checked(&at.to_string())
    };
    zone(weights.iter().enumerate().map(set))
}

fn counted<const N: usize>(expected: [(&str, u64); N]) -> BTreeMap<String, u64> {
    expected.into_iter().map(|(value, count)| (value.to_owned(), count)).collect()
}

#[test]
fn r01_an_unhealthy_set_is_dropped_and_the_policy_chooses_again() {
    let zone = weights(&[1, 1, 1]);
    assert_eq!(shares(&zone, &["1"], 2), counted([("0", 1), ("2", 1)]));
}

#[test]
fn r03_a_set_without_a_check_is_healthy() {
    let unchecked =
        zone([a(APEX, "192.0.2.1").failover(Role::Primary), a(APEX, "192.0.2.2").failover(Role::Secondary)]);
    assert_eq!(values(unchecked.answer(&name(APEX), RecordType::A, &|_| false, Draw(0))), ["192.0.2.1"]);
}

#[test]
fn r04_with_no_healthy_set_all_count_as_healthy() {
    assert_eq!(shares(&weights(&[1, 2]), &["0", "1"], 3), counted([("0", 1), ("1", 2)]));
    let simple = zone([a(APEX, "192.0.2.1").checked("c")]);
    assert_eq!(value(&simple, APEX, &["c"]), "192.0.2.1");
}

#[test]
fn r05_failover_answers_primary_secondary_primary() {
    let zone = zone(pair(APEX, Some("s")));
    assert_eq!(value(&zone, APEX, &[]), "192.0.2.1");
    assert_eq!(value(&zone, APEX, &["s"]), "192.0.2.1");
    assert_eq!(value(&zone, APEX, &["p"]), "192.0.2.2");
    assert_eq!(value(&zone, APEX, &["p", "s"]), "192.0.2.1");
}

#[test]
fn r06_a_secondary_without_a_check_takes_over_whatever_its_state() {
    assert_eq!(value(&zone(pair(APEX, None)), APEX, &["p", "s"]), "192.0.2.2");
}

#[test]
fn r07_weighted_chances_are_weight_by_sum_of_those_still_considered() {
    let zone = weights(&[1, 2, 5]);
    assert_eq!(shares(&zone, &[], 8), counted([("0", 1), ("1", 2), ("2", 5)]));
    assert_eq!(shares(&zone, &["2"], 3), counted([("0", 1), ("1", 2)]));
}

#[test]
fn r08_weight_zero_is_considered_only_after_all_others() {
    let zone = weights(&[0, 3, 0]);
    assert_eq!(shares(&zone, &[], 6), counted([("1", 6)]));
    assert_eq!(shares(&zone, &["1"], 6), counted([("0", 3), ("2", 3)]));
    assert_eq!(shares(&zone, &["1", "2"], 6), counted([("0", 6)]));
    assert_eq!(shares(&zone, &["0", "1", "2"], 6), counted([("1", 6)]), "the last resort is the policy's choice again");
    assert_eq!(shares(&weights(&[0, 0]), &[], 6), counted([("0", 3), ("1", 3)]));
}

/// The apex fails over from a pair at x (its own checks p, s) to a plain set at y.
fn nested(evaluate: bool) -> Vec<RecordSet> {
    let mut sets = pair("x.example.com", Some("s")).to_vec();
    sets.push(a("y.example.com", "192.0.2.3"));
    sets.push(alias(APEX, "x.example.com", evaluate).failover(Role::Primary));
    sets.push(alias(APEX, "y.example.com", evaluate).failover(Role::Secondary));
    sets
}

#[test]
fn r09_an_evaluating_alias_is_healthy_iff_something_below_it_is() {
    let zone = zone(nested(true));
    assert_eq!(value(&zone, APEX, &[]), "192.0.2.1");
    assert_eq!(value(&zone, APEX, &["p"]), "192.0.2.2", "one healthy member suffices");
    assert_eq!(value(&zone, APEX, &["p", "s"]), "192.0.2.3");
}

#[test]
fn r09_an_evaluating_alias_with_a_check_needs_both() {
    let mut sets = nested(true);
    sets[3].health_check = Some("own".into());
    assert_eq!(value(&zone(sets), APEX, &["own"]), "192.0.2.3");
}

#[test]
fn r10_an_alias_that_does_not_evaluate_is_followed_whatever_is_below() {
    assert_eq!(value(&zone(nested(false)), APEX, &["p", "s"]), "192.0.2.1");
}

#[test]
fn r11_a_dead_branch_is_backed_out_of_at_any_depth() {
    let mut sets = nested(true);
    sets.push(alias("top.example.com", APEX, true).failover(Role::Primary));
    sets.push(a("top.example.com", "192.0.2.9").failover(Role::Secondary));
    sets[2].health_check = Some("y".into());
    let zone = zone(sets);
    assert_eq!(value(&zone, "top.example.com", &["p", "s"]), "192.0.2.3");
    assert_eq!(value(&zone, "top.example.com", &["p", "s", "y"]), "192.0.2.9");
}

#[test]
fn r12_an_alias_answers_as_itself_with_the_targets_records_and_ttl() {
    let zone = zone([alias(APEX, "x.example.com", false), a("x.example.com", "192.0.2.1")]);
    let expected = Rrset { name: name(APEX), kind: RecordType::A, ttl: 60, values: vec!["192.0.2.1".into()] };
    assert_eq!(zone.answer(&name(APEX), RecordType::A, &failing(&[]), Draw(0)), Answer::Records(vec![expected]));
    assert_eq!(zone.answer(&name(APEX), RecordType::Aaaa, &failing(&[]), Draw(0)), Answer::NoData);
}

#[test]
fn r13_a_group_is_one_name_and_one_type() {
    let txt = RecordSet {
        kind: RecordType::Txt,
        target: Target::Values { ttl: 5, values: vec!["\"t\"".into()] },
        ..a(APEX, "")
    };
    let zone = zone([a(APEX, "192.0.2.1"), txt]);
    assert_eq!(value(&zone, APEX, &[]), "192.0.2.1");
    assert_eq!(values(zone.answer(&name(APEX), RecordType::Txt, &failing(&[]), Draw(0))), ["\"t\""]);
}

#[test]
fn r14_a_name_without_the_type_is_no_data_and_no_name_is_nxdomain() {
    let zone = zone([a("a.b.example.com", "192.0.2.1")]);
    let answer = |owner, kind| zone.answer(&name(owner), kind, &failing(&[]), Draw(0));
    assert_eq!(answer("a.b.example.com", RecordType::Txt), Answer::NoData);
    assert_eq!(answer("b.example.com", RecordType::A), Answer::NoData, "a name below it makes it exist");
    assert_eq!(answer("c.example.com", RecordType::A), Answer::NxDomain);
}

#[test]
fn r14_a_wildcard_answers_only_where_no_exact_name_exists() {
    let zone = zone([a("*.example.com", "192.0.2.1"), a("b.example.com", "192.0.2.2")]);
    assert_eq!(value(&zone, "new.example.com", &[]), "192.0.2.1");
    assert_eq!(value(&zone, "deep.new.example.com", &[]), "192.0.2.1");
    assert_eq!(value(&zone, "b.example.com", &[]), "192.0.2.2");
    let below = zone.answer(&name("below.b.example.com"), RecordType::A, &failing(&[]), Draw(0));
    assert_eq!(below, Answer::NxDomain, "the closest ancestor that exists is b, which has no wildcard");
    let other = zone.answer(&name("b.example.com"), RecordType::Txt, &failing(&[]), Draw(0));
    assert_eq!(other, Answer::NoData);
}

#[test]
fn r14_a_cname_is_followed_within_the_zone() {
    let cname = |owner, target: &str| RecordSet {
        kind: RecordType::Cname,
        target: Target::Values { ttl: 30, values: vec![target.to_owned()] },
        ..a(owner, "")
    };
    let zone = zone([
        cname("w.example.com", "x.example.com."),
        a("x.example.com", "192.0.2.1"),
        cname("out.example.com", "elsewhere.net."),
        cname("loop.example.com", "loop.example.com"),
    ]);
    let chain = |owner| match zone.answer(&name(owner), RecordType::A, &failing(&[]), Draw(0)) {
        Answer::Records(records) => records.into_iter().map(|set| (set.kind, set.ttl)).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    assert_eq!(chain("w.example.com"), [(RecordType::Cname, 30), (RecordType::A, 60)]);
    assert_eq!(chain("out.example.com"), [(RecordType::Cname, 30)]);
    assert_eq!(chain("loop.example.com").len(), usize::from(MAX_CHAIN), "a loop ends");
}

#[test]
fn r15_the_ttl_is_the_chosen_sets() {
    let [primary, mut secondary] = pair(APEX, None);
    secondary.target = Target::Values { ttl: 7, values: vec!["192.0.2.2".into()] };
    let answer = zone([primary, secondary]).answer(&name(APEX), RecordType::A, &failing(&["p"]), Draw(0));
    assert!(matches!(answer, Answer::Records(records) if records[0].ttl == 7));
}

proptest! {
    #[test]
    fn r04_an_answer_is_never_empty_while_a_set_exists(
        sets in any_sets(),
        unhealthy in prop::sample::subsequence(vec!["c1", "c2", "c3"], 0..=3),
        draw: u64,
    ) {
        let zone = zone(sets);
        for set in zone.sets() {
            let answer = zone.answer(&set.name, set.kind, &failing(&unhealthy), Draw(draw));
            prop_assert!(!values(answer).is_empty(), "{}", set.name);
        }
    }

    #[test]
    fn the_order_of_the_sets_means_nothing(
        (sets, shuffled) in any_sets().prop_flat_map(|sets| (Just(sets.clone()), Just(sets).prop_shuffle())),
        unhealthy in prop::sample::subsequence(vec!["c1", "c2", "c3"], 0..=3),
        draw: u64,
    ) {
        let (zone, other) = (zone(sets), zone(shuffled));
        for set in zone.sets() {
            let ask = |zone: &Zone| zone.answer(&set.name, set.kind, &failing(&unhealthy), Draw(draw));
            prop_assert_eq!(ask(&zone), ask(&other));
        }
    }

    #[test]
    fn r01_an_unhealthy_member_never_answers_beside_a_healthy_one(
        checks in prop::collection::vec((any::<bool>(), 0_u8..4), 1..6),
        draw: u64,
    ) {
        let zone = weights(&checks.iter().map(|(_, weight)| *weight).collect::<Vec<_>>());
        let healthy = |at: usize| checks[at].0;
        let answer = zone.answer(&name(APEX), RecordType::A, &|id| healthy(id.as_str().parse().unwrap()), Draw(draw));
        let chosen: usize = values(answer).concat().parse().unwrap();
        prop_assert!(healthy(chosen) || checks.iter().all(|(healthy, _)| !healthy));
    }

    #[test]
    fn a_compiled_zone_answers_as_the_plain_model_does(
        sets in tree(),
        unhealthy in prop::sample::subsequence(vec!["c1", "c2", "c3", "c4"], 0..=4),
        asked in prop::sample::select(ASKED.to_vec()),
        kind in prop::sample::select(vec![RecordType::A, RecordType::Txt, RecordType::Cname]),
        draw: u64,
    ) {
        let zone = zone(sets);
        let ours = zone.answer(&name(asked), kind, &failing(&unhealthy), Draw(draw));
        prop_assert_eq!(ours, plain::answer(&zone, &name(asked), kind, &failing(&unhealthy), Draw(draw)));
    }
}

const OWNERS: [&str; 8] = [
    APEX,
    "a.example.com",
    "b.example.com",
    "x.a.example.com",
    "*.a.example.com",
    "*.example.com",
    "deep.x.b.example.com",
    "elsewhere.net",
];

/// Those that may have sets, and those that a wildcard or nothing answers for.
const ASKED: [&str; 12] = [
    APEX,
    "a.example.com",
    "b.example.com",
    "x.a.example.com",
    "y.a.example.com",
    "z.y.a.example.com",
    "*.a.example.com",
    "deep.x.b.example.com",
    "x.b.example.com",
    "y.x.b.example.com",
    "new.example.com",
    "below.new.example.com",
];

/// Sets as a store may hold them, judged by nobody: mixed policies, loops, and what points to nothing.
fn tree() -> impl Strategy<Value = Vec<RecordSet>> {
    let owner = || prop::sample::select(OWNERS.to_vec());
    let target = prop_oneof![
        3 => (0_u8..9, 0_u32..3).prop_map(|(last, ttl)| Target::Values { ttl, values: vec![format!("192.0.2.{last}")] }),
        2 => (owner(), any::<bool>()).prop_map(|(to, evaluate_target_health)| Target::Alias {
            zone: "Z1".into(),
            name: name(to),
            evaluate_target_health,
        }),
        1 => owner().prop_map(|to| Target::Values { ttl: 9, values: vec![to.to_owned()] }),
    ];
    let routing = prop_oneof![
        Just(Routing::Simple),
        prop::sample::select(vec![Role::Primary, Role::Secondary])
            .prop_map(|role| Routing::Failover { id: role.to_string().into(), role }),
        (0_u8..4, 0_u8..3).prop_map(|(id, weight)| Routing::Weighted { id: id.to_string().into(), weight }),
    ];
    let kind = prop::sample::select(vec![RecordType::A, RecordType::A, RecordType::Cname, RecordType::Txt]);
    let check = prop::option::of(prop::sample::select(vec!["c1", "c2", "c3", "c4"]));
    let set = (owner(), kind, routing, target, check).prop_map(|(owner, kind, routing, target, check)| RecordSet {
        name: name(owner),
        kind,
        routing,
        target,
        health_check: check.map(Into::into),
    });
    prop::collection::vec(set, 0..24)
}
