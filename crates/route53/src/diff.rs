//! What turns a zone's record sets into those wanted: one batch that a zone which has moved on meanwhile refuses whole.

use std::collections::BTreeMap;
use std::fmt;

use crate::{Action, Change, Name, RecordSet, RecordType, Zone};

/// A zone with fewer record sets may be changed to any part.
const SMALL_ZONE: usize = 10;
/// The share of a zone's record sets that one plan may replace, in hundredths.
const MOST: usize = 30;

/// What becomes of the sets of one name and type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// There are none, and there will be.
    Create,
    /// Somebody else's become ours.
    Adopt,
    /// Ours are no longer as they should be.
    Change,
    /// Ours are no longer wanted.
    Remove,
    /// They are as they should be.
    Leave,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Step::Create => "create",
            Step::Adopt => "adopt",
            Step::Change => "change",
            Step::Remove => "remove",
            Step::Leave => "leave",
        })
    }
}

/// The sets of one name and type as they are and as they should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDiff {
    /// The name.
    pub name: Name,
    /// The type.
    pub kind: RecordType,
    /// What becomes of them.
    pub step: Step,
    /// As they are.
    pub before: Vec<RecordSet>,
    /// As they should be.
    pub after: Vec<RecordSet>,
}

impl GroupDiff {
    /// The sets that are not among those wanted.
    fn gone(&self) -> impl Iterator<Item = &RecordSet> {
        self.before.iter().filter(|set| !self.after.iter().any(|other| other.is_same(set)))
    }

    fn made(&self) -> impl Iterator<Item = &RecordSet> {
        self.after.iter().filter(|set| !self.before.iter().any(|other| other.is_same(set)))
    }
}

/// Who made the sets that stand under the names wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// We did.
    Us,
    /// Somebody else.
    Others,
}

/// How the groups of `wanted` differ from those of the zone; `unwanted` are ours and no longer wanted.
#[must_use]
pub fn diff(zone: &Zone, wanted: &[RecordSet], unwanted: &[RecordSet], owner: Owner) -> Vec<GroupDiff> {
    let mut groups = BTreeMap::<_, (Vec<RecordSet>, Vec<RecordSet>)>::new();
    for set in wanted {
        groups.entry((set.name.clone(), set.kind)).or_default().1.push(set.clone());
    }
    for set in unwanted {
        groups.entry((set.name.clone(), set.kind)).or_default();
    }
    let groups = groups.into_iter().map(|((name, kind), (_, after))| {
        let before: Vec<_> = zone.sets().filter(|set| set.name == name && set.kind == kind).cloned().collect();
        let mut group = GroupDiff { name, kind, step: Step::Leave, before, after };
        group.step = match (group.before.is_empty(), group.after.is_empty()) {
            (true, false) => Step::Create,
            (false, true) => Step::Remove,
            _ if group.gone().next().is_none() && group.made().next().is_none() => Step::Leave,
            _ if owner == Owner::Others => Step::Adopt,
            _ => Step::Change,
        };
        group
    });
    groups.collect()
}

/// The batch that does it all. Each set that goes is named with its values and each that comes is made, so that Route 53
/// refuses the whole of it where anything has changed since (R40, R42), and no moment is without an answer.
#[must_use]
pub fn batch_of(groups: &[GroupDiff]) -> Vec<Change> {
    let change = |action, set: &RecordSet| Change { action, set: set.clone() };
    let gone = groups.iter().flat_map(GroupDiff::gone).map(|set| change(Action::Delete, set));
    let made = groups.iter().flat_map(GroupDiff::made).map(|set| change(Action::Create, set));
    gone.chain(made).collect()
}

/// Why a batch is not sent although Route 53 would take it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Risk {
    /// The delegation and the zone's own record are nobody's to change here.
    #[error("it would change the {kind} record at the root of {name}")]
    Root {
        /// The zone.
        name: Name,
        /// NS or SOA.
        kind: RecordType,
    },
    /// A mistake of the configuration would look like this.
    #[error("it would replace {replaced} of the {all} record sets of the zone, more than {MOST} %")]
    Share {
        /// Sets that go or get other values.
        replaced: usize,
        /// Sets that the zone has.
        all: usize,
    },
}

/// What makes a batch risky; `all` is how many record sets the zone has, also those that the model does not know.
#[must_use]
pub fn risks(zone: &Zone, batch: &[Change], all: usize) -> Vec<Risk> {
    let root = batch
        .iter()
        .map(|change| &change.set)
        .find(|set| set.name == *zone.apex() && matches!(set.kind, RecordType::Ns | RecordType::Soa));
    let root = root.map(|set| Risk::Root { name: set.name.clone(), kind: set.kind });
    let replaces = |change: &&Change| match change.action {
        Action::Create => false,
        Action::Delete => true,
        Action::Upsert => zone.get(&change.set.name, change.set.kind, change.set.set_id()).is_some(),
    };
    let count = batch.iter().filter(replaces).count();
    let share = (all >= SMALL_ZONE && count * 100 > all * MOST).then_some(Risk::Share { replaced: count, all });
    root.into_iter().chain(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{a, name};

    fn zone(count: usize) -> Zone {
        let sets = (0..count).map(|n| a(&format!("h{n}.example.com"), "192.0.2.1"));
        Zone::new(name("example.com"), sets)
    }

    fn with_value(set: &RecordSet, value: &str) -> RecordSet {
        a(set.name.as_str(), value)
    }

    #[test]
    fn what_is_as_wanted_is_left_whatever_the_order_of_its_values() {
        let mut held = a("a.example.com", "192.0.2.1");
        let crate::Target::Values { values, .. } = &mut held.target else { unreachable!() };
        values.push("192.0.2.2".to_owned());
        let mut wanted = held.clone();
        let crate::Target::Values { values, .. } = &mut wanted.target else { unreachable!() };
        values.reverse();
        let zone = Zone::new(name("example.com"), [held]);
        let groups = diff(&zone, &[wanted], &[], Owner::Us);
        assert_eq!(groups[0].step, Step::Leave);
        assert_eq!(batch_of(&groups), []);
    }

    #[test]
    fn a_batch_makes_the_zone_as_wanted_and_is_refused_by_one_that_moved_on() {
        let zone = zone(3);
        let sets: Vec<_> = zone.sets().cloned().collect();
        let wanted = [with_value(&sets[0], "192.0.2.9"), a("new.example.com", "192.0.2.3")];
        let groups = diff(&zone, &wanted, &sets[1..2], Owner::Us);
        let steps: Vec<_> = groups.iter().map(|group| group.step).collect();
        assert_eq!(steps, [Step::Change, Step::Remove, Step::Create]);
        let batch = batch_of(&groups);
        let after = zone.apply(&batch).unwrap();
        let again = diff(&after, &wanted, &[], Owner::Us);
        assert!(again.iter().all(|group| group.step == Step::Leave), "{again:?}");
        assert!(after.sets().any(|set| set.name == sets[2].name), "what nobody named stays");
        assert!(after.apply(&batch).is_err(), "a replay");
        let moved_on =
            zone.apply(&[Change { action: Action::Upsert, set: with_value(&sets[0], "192.0.2.7") }]).unwrap();
        assert!(moved_on.apply(&batch).is_err(), "it was planned on other values");
    }

    #[test]
    fn more_than_30_percent_of_a_zone_of_ten_is_too_much() {
        for (count, replaced, risky) in
            [(9, 9, false), (10, 3, false), (10, 4, true), (100, 30, false), (100, 31, true)]
        {
            let zone = zone(count);
            let wanted: Vec<_> = zone.sets().take(replaced).map(|set| with_value(set, "192.0.2.9")).collect();
            let batch = batch_of(&diff(&zone, &wanted, &[], Owner::Us));
            let expected = if risky { vec![Risk::Share { replaced, all: count }] } else { vec![] };
            assert_eq!(risks(&zone, &batch, count), expected, "{replaced} of {count}");
        }
        let new: Vec<_> = (0..50).map(|n| a(&format!("n{n}.example.com"), "192.0.2.1")).collect();
        let batch = batch_of(&diff(&zone(10), &new, &[], Owner::Us));
        assert_eq!(risks(&zone(10), &batch, 10), [], "what is new replaces nothing");
    }

    #[test]
    fn the_root_of_a_zone_is_never_touched() {
        let servers = RecordSet { kind: RecordType::Ns, ..a("example.com", "ns-1.awsdns-00.com.") };
        let zone = Zone::new(name("example.com"), [servers.clone()]);
        let wanted = [RecordSet { target: a("example.com", "ns-2.awsdns-00.com.").target, ..servers }];
        let batch = batch_of(&diff(&zone, &wanted, &[], Owner::Us));
        assert_eq!(risks(&zone, &batch, 1), [Risk::Root { name: name("example.com"), kind: RecordType::Ns }]);
    }
}
