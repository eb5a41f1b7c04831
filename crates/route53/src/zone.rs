//! The record sets of one hosted zone, in an order of their own so that the order of writing never matters.

use std::collections::BTreeMap;

use crate::{Name, RecordSet, RecordType, SetId};

/// The sets that share name and type, told apart by set identifier (R13).
pub(crate) type Group = BTreeMap<Option<SetId>, RecordSet>;

/// One hosted zone as its answers see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    apex: Name,
    groups: BTreeMap<Name, BTreeMap<RecordType, Group>>,
}

impl Zone {
    /// A zone of these sets as they stand, unjudged: they come from the store. Of two with the same key the later one holds.
    pub fn new(apex: Name, sets: impl IntoIterator<Item = RecordSet>) -> Self {
        let mut zone = Zone { apex, groups: BTreeMap::new() };
        for set in sets {
            zone.insert(set);
        }
        zone
    }

    /// The zone's own name.
    #[must_use]
    pub fn apex(&self) -> &Name {
        &self.apex
    }

    /// All sets, by name, type and identifier.
    pub fn sets(&self) -> impl Iterator<Item = &RecordSet> {
        self.groups.values().flat_map(BTreeMap::values).flat_map(BTreeMap::values)
    }

    /// The set with this key.
    #[must_use]
    pub fn get(&self, name: &Name, kind: RecordType, id: Option<&SetId>) -> Option<&RecordSet> {
        self.group(name, kind)?.get(&id.cloned())
    }

    pub(crate) fn group(&self, name: &Name, kind: RecordType) -> Option<&Group> {
        self.groups.get(name)?.get(&kind)
    }

    pub(crate) fn kinds(&self, name: &Name) -> impl Iterator<Item = RecordType> {
        self.groups.get(name).into_iter().flat_map(|kinds| kinds.keys().copied())
    }

    pub(crate) fn insert(&mut self, set: RecordSet) {
        let kinds = self.groups.entry(set.name.clone()).or_default();
        kinds.entry(set.kind).or_default().insert(set.set_id().cloned(), set);
    }

    pub(crate) fn remove(&mut self, set: &RecordSet) {
        let Some(kinds) = self.groups.get_mut(&set.name) else {
            return;
        };
        if let Some(group) = kinds.get_mut(&set.kind) {
            group.remove(&set.set_id().cloned());
        }
        kinds.retain(|_, group| !group.is_empty());
        self.groups.retain(|_, kinds| !kinds.is_empty());
    }
}
