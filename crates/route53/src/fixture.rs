//! Short forms of record sets for the tests.

use proptest::prelude::*;

use crate::{CheckId, Name, RecordSet, RecordType, Role, Routing, Target, Zone};

pub(crate) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(crate) fn zone(sets: impl IntoIterator<Item = RecordSet>) -> Zone {
    Zone::new(name("example.com"), sets)
}

pub(crate) fn a(owner: &str, value: &str) -> RecordSet {
    RecordSet {
        name: name(owner),
        kind: RecordType::A,
        routing: Routing::Simple,
        target: Target::Values { ttl: 60, values: vec![value.to_owned()] },
        health_check: None,
    }
}

pub(crate) fn alias(owner: &str, target: &str, evaluate_target_health: bool) -> RecordSet {
    let target = Target::Alias { zone: "Z1".into(), name: name(target), evaluate_target_health };
    RecordSet { target, ..a(owner, "") }
}

impl RecordSet {
    pub(crate) fn failover(mut self, role: Role) -> Self {
        self.routing = Routing::Failover { id: role.to_string().into(), role };
        self
    }

    pub(crate) fn weighted(mut self, id: &str, weight: u8) -> Self {
        self.routing = Routing::Weighted { id: id.into(), weight };
        self
    }

    pub(crate) fn checked(mut self, check: &str) -> Self {
        self.health_check = Some(check.into());
        self
    }
}

/// All checks are healthy but these.
pub(crate) fn failing(unhealthy: &[&str]) -> impl Fn(&CheckId) -> bool {
    move |id| !unhealthy.contains(&id.as_str())
}

/// Sets of a few names, types and policies, in groups that Route 53 would hold.
pub(crate) fn any_sets() -> impl Strategy<Value = Vec<RecordSet>> {
    let check = || proptest::option::of(prop::sample::select(vec!["c1", "c2", "c3"]));
    let with = |set: RecordSet, check: Option<&str>| RecordSet { health_check: check.map(Into::into), ..set };
    let group = move |owner: &'static str| {
        prop_oneof![
            check().prop_map(move |check| vec![with(a(owner, "192.0.2.1"), check)]),
            (check(), check()).prop_map(move |(first, second)| vec![
                with(a(owner, "192.0.2.1").failover(Role::Primary), first.or(Some("c1"))),
                with(a(owner, "192.0.2.2").failover(Role::Secondary), second),
            ]),
            prop::collection::vec((check(), 0_u8..3), 1..4).prop_map(move |members| {
                let member = |(at, (check, weight)): (usize, (Option<&str>, u8))| {
                    with(a(owner, &format!("192.0.2.{at}")).weighted(&at.to_string(), weight), check)
                };
                members.into_iter().enumerate().map(member).collect()
            }),
        ]
    };
    let below = (group("x.example.com"), group("y.example.com"));
    let above = (any::<bool>(), any::<bool>(), check(), check()).prop_map(move |(one, two, first, second)| {
        vec![
            with(alias("example.com", "x.example.com", one).failover(Role::Primary), first),
            with(alias("example.com", "y.example.com", two).failover(Role::Secondary), second),
        ]
    });
    (below, above).prop_map(|((x, y), above)| [x, y, above].concat())
}
