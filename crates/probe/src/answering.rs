//! Which region the zone's authoritative servers answer with. An alias shows only in the addresses of what it leads to, so
//! the servers of that name are asked too.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use domain::{Answering, DnsName, Region, RegionName, Service, Share, Targets};
use futures::future::{join, join_all};
use hickory_proto::rr::{RData, RecordType};

use crate::{Answer, Prober, resolve};

/// What the names that aliases lead to answered when they were last heard.
pub(crate) type LastHeard = Mutex<HashMap<DnsName, Targets>>;

/// What the alias of each region leads to; absent where that has never been heard.
type Behind = BTreeMap<RegionName, Targets>;

impl Prober {
    /// Where the zone's authoritative servers point now. Takes no longer than the policy's time-out.
    pub async fn answering(&self, service: &Service) -> Answering {
        let (answers, behind) = join(self.server_answers(service), self.behind_aliases(service)).await;
        match answers {
            Ok(answers) => judge(service, &behind, answers.iter().filter_map(|answer| answer.seen.as_ref().ok())),
            Err(_) => Answering::Unknown,
        }
    }

    /// The share of the zone's servers that answer with this region, of those that are heard; none if no server is.
    pub async fn share_answering(&self, service: &Service, region: &RegionName) -> Option<Share> {
        let (answers, behind) = join(self.server_answers(service), self.behind_aliases(service)).await;
        let heard: Vec<_> = answers.ok()?.into_iter().filter_map(|answer| answer.seen.ok()).collect();
        let there = |seen: &&Targets| of_one(service, &behind, seen).region() == Some(region);
        let with = heard.iter().filter(there).count();
        if heard.is_empty() { None } else { Share::try_from(with as f64 / heard.len() as f64).ok() }
    }

    /// What the regions' aliases lead to, from the servers of those names; of one that can't be asked, what it said last.
    async fn behind_aliases(&self, service: &Service) -> Behind {
        let asked = service.regions.iter().filter_map(|region| {
            let name = &region.targets.alias.as_ref()?.name;
            Some(async move { Some((region.name.clone(), self.behind(service, region, name).await?)) })
        });
        join_all(asked).await.into_iter().flatten().collect()
    }

    async fn behind(&self, service: &Service, region: &Region, name: &DnsName) -> Option<Targets> {
        let kinds = types_of(&region.targets);
        let answers = self.records(name, &kinds, service.policy.timeout).await.unwrap_or_default();
        let heard = answers.into_iter().filter_map(|answer| answer.seen.ok()).reduce(|mut all, more| {
            all.a.extend(more.a);
            all.aaaa.extend(more.aaaa);
            all
        });
        let mut last = self.last_heard.lock().unwrap_or_else(PoisonError::into_inner);
        match heard {
            Some(heard) => {
                last.insert(name.clone(), heard.clone());
                Some(heard)
            }
            None => last.get(name).cloned(),
        }
    }
}

/// The record types that the service's regions use.
pub(crate) fn record_types(service: &Service) -> Vec<RecordType> {
    let mut all: Vec<_> = service.regions.iter().flat_map(|region| types_of(&region.targets)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn types_of(targets: &Targets) -> Vec<RecordType> {
    let kinds = targets.record_types().into_iter();
    kinds.map(|kind| kind.to_string().parse().expect("A, AAAA and CNAME are types to every DNS library")).collect()
}

/// The name's own records in the answers, as sets.
pub(crate) fn targets(name: &DnsName, answers: &[Answer]) -> Targets {
    let name = resolve::absolute(name);
    let mut targets = Targets::default();
    for record in answers.iter().flat_map(|answer| &answer.records).filter(|record| record.name == name) {
        match &record.data {
            RData::A(v4) => targets.a.push(v4.0),
            RData::AAAA(v6) => targets.aaaa.push(v6.0),
            RData::CNAME(cname) => targets.cname = cname.0.to_ascii().parse().ok(),
            _ => {}
        }
    }
    as_sets(targets)
}

fn as_sets(mut targets: Targets) -> Targets {
    targets.a.sort_unstable();
    targets.a.dedup();
    targets.aaaa.sort_unstable();
    targets.aaaa.dedup();
    targets
}

/// What the servers that answered say together.
fn judge<'t>(service: &Service, behind: &Behind, seen: impl Iterator<Item = &'t Targets>) -> Answering {
    let mut each = seen.map(|seen| of_one(service, behind, seen));
    let Some(first) = each.next() else { return Answering::Unknown };
    if each.any(|other| other != first) { Answering::Mixed } else { first }
}

/// What one server says.
fn of_one(service: &Service, behind: &Behind, seen: &Targets) -> Answering {
    let fits: Vec<_> = service.regions.iter().map(|region| Fit::of(region, behind, seen)).collect();
    let mut whole = service.regions.iter().zip(&fits).filter(|(_, fit)| fit.all());
    if let Some((region, _)) = whole.next() {
        // Names that two aliases lead to may share their addresses, or have none both.
        return whole.next().map_or(Answering::Region(region.name.clone()), |_| Answering::Unknown);
    }
    if service.regions.iter().any(|region| region.targets.alias.is_some() && !behind.contains_key(&region.name)) {
        return Answering::Unknown;
    }
    // A and AAAA are asked one after the other: a change between them shows as types that differ.
    let some = |fit: fn(&Fit) -> bool| fits.iter().any(fit);
    if some(|fit| fit.a) && some(|fit| fit.aaaa) && some(|fit| fit.cname) && *seen != Targets::default() {
        Answering::Mixed
    } else {
        Answering::Other(describe(seen))
    }
}

/// Whether an answer is a region's, by type.
struct Fit {
    a: bool,
    aaaa: bool,
    cname: bool,
}

impl Fit {
    fn of(region: &Region, behind: &Behind, seen: &Targets) -> Self {
        if region.targets.alias.is_none() {
            let its = as_sets(region.targets.clone());
            return Self { a: its.a == seen.a, aaaa: its.aaaa == seen.aaaa, cname: its.cname == seen.cname };
        }
        let Some(behind) = behind.get(&region.name) else { return Self { a: false, aaaa: false, cname: false } };
        Self { a: meet(&behind.a, &seen.a), aaaa: meet(&behind.aaaa, &seen.aaaa), cname: seen.cname.is_none() }
    }

    fn all(&self) -> bool {
        self.a && self.aaaa && self.cname
    }
}

/// A load balancer shows some of its addresses at a time, so one in common is enough; none is what both have as well.
fn meet<T: PartialEq>(behind: &[T], seen: &[T]) -> bool {
    seen.iter().any(|address| behind.contains(address)) || (seen.is_empty() && behind.is_empty())
}

fn describe(targets: &Targets) -> String {
    let a = targets.a.iter().map(|address| format!("A {address}"));
    let aaaa = targets.aaaa.iter().map(|address| format!("AAAA {address}"));
    let cname = targets.cname.iter().map(|name| format!("CNAME {name}"));
    let records: Vec<_> = a.chain(aaaa).chain(cname).collect();
    if records.is_empty() { "no records".to_owned() } else { records.join(", ") }
}
