//! What the name servers read: one moment's zones, statuses and faults, which no writer holds up.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use route53::{Answer, CheckId, Chosen, Compiled, Draw, Name, RecordType};
use scenario::fault::NameFault;

use crate::dns::wire;

/// A set's values as answers carry them.
#[derive(Debug)]
pub(crate) struct Data {
    /// In presentation format.
    pub(crate) values: Vec<String>,
    /// On the wire; `None` when one is no data of its type.
    pub(crate) rdata: Option<Vec<Box<[u8]>>>,
}

impl Data {
    pub(super) fn new(kind: RecordType, values: &[String]) -> Self {
        Data { values: values.to_vec(), rdata: wire::rdata(kind, values) }
    }
}

/// One moment's answers.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// The longest apex first.
    zones: Vec<Arc<Compiled<Data>>>,
    statuses: HashMap<CheckId, bool>,
    faults: HashMap<Name, NameFault>,
}

impl Answers {
    pub(super) fn new<'s>(
        zones: impl DoubleEndedIterator<Item = &'s Arc<Compiled<Data>>>,
        statuses: impl Iterator<Item = (&'s CheckId, bool)>,
        faults: &BTreeMap<Name, NameFault>,
    ) -> Self {
        // Of two with the same apex the later one answers.
        let mut zones: Vec<_> = zones.rev().cloned().collect();
        zones.sort_by_key(|zone| std::cmp::Reverse(zone.apex().list_order().len()));
        Answers {
            zones,
            statuses: statuses.map(|(id, healthy)| (id.clone(), healthy)).collect(),
            faults: faults.iter().map(|(name, fault)| (name.clone(), fault.clone())).collect(),
        }
    }

    /// The zone with the longest apex; `None` for a name outside every zone.
    pub(crate) fn zone(&self, name: &Name) -> Option<&Compiled<Data>> {
        self.zones.iter().find(|zone| name.is_within(zone.apex())).map(AsRef::as_ref)
    }

    /// What the zone says to a query for a name within it.
    pub(crate) fn ask<'z>(
        &self,
        zone: &'z Compiled<Data>,
        name: &'z Name,
        kind: RecordType,
        draw: Draw,
    ) -> Answer<Chosen<'z, Data>> {
        // Sets that name a check which is gone count as healthy.
        let healthy = |id: &CheckId| self.statuses.get(id).copied().unwrap_or(true);
        zone.answer(name, kind, &healthy, draw)
    }

    /// The zone's SOA, if it has one.
    pub(crate) fn soa<'z>(&self, zone: &'z Compiled<Data>, draw: Draw) -> Option<Chosen<'z, Data>> {
        match self.ask(zone, zone.apex(), RecordType::Soa, draw) {
            Answer::Records(mut records) => records.pop(),
            Answer::NoData | Answer::NxDomain => None,
        }
    }

    /// How the name fails now.
    pub(crate) fn fault(&self, name: &Name) -> Option<&NameFault> {
        self.faults.get(name)
    }
}
