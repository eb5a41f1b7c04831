//! Changing a zone: a batch is judged as a whole and happens as a whole (R40).

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use crate::zone::Group;
use crate::{Name, RecordSet, RecordType, Role, Routing, SetId, Target, Zone};

/// Changes of one batch; an upsert counts as two (R42).
const MAX_CHANGES: usize = 1000;

/// One change of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What is done.
    pub action: Action,
    /// The whole set.
    pub set: RecordSet,
}

/// What a change does with its set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Adds a set that must not exist.
    Create,
    /// Removes a set that must exist with exactly these values (R42).
    Delete,
    /// Adds it or replaces the one with its name, type and identifier.
    Upsert,
}

/// Why a batch is refused, in Route 53's words where they are known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum Refusal {
    #[error("Number of records limit of {MAX_CHANGES} exceeded.")]
    TooMany,
    #[error("RRSet with DNS name {0} is not permitted in zone {1}")]
    OutsideZone(Name, Name),
    #[error("Tried to create resource record set {0} but it already exists")]
    Exists(Key),
    #[error("Tried to delete resource record set {0} but it was not found")]
    NotFound(Key),
    #[error("Tried to delete resource record set {0} but the values provided do not match the current values")]
    Mismatch(Key),
    #[error("Invalid Resource Record: 'FATAL problem: {problem} encountered with '{value}''")]
    InvalidValue { problem: &'static str, value: String },
    #[error("Invalid request: Expected at least one ResourceRecord in {0}")]
    NoValues(Key),
    #[error(
        "Invalid request: Missing field 'HealthCheckId' in PRIMARY failover resource record set {0}, which is no alias"
    )]
    PrimaryWithoutCheck(Key),
    #[error("RRSet with DNS name {0}, type {1} cannot have more than one {2} failover record set")]
    TwoOfRole(Name, RecordType, Role),
    #[error("RRSet with DNS name {0}, type {1} cannot mix routing policies")]
    MixedPolicies(Name, RecordType),
    #[error(
        "RRSet of type CNAME with DNS name {0} is not permitted as it conflicts with other records with the same DNS name in zone {1}"
    )]
    CnameConflict(Name, Name),
    #[error("RRSet of type CNAME with DNS name {0} is not permitted at apex in zone {0}")]
    CnameAtApex(Name),
    #[error(
        "Tried to create an alias that targets {target}, type {kind} in zone {zone}, but that target was not found"
    )]
    AliasTargetMissing { target: Name, kind: RecordType, zone: String },
    #[error("A HostedZone must contain at least one NS record for the zone itself.")]
    ApexNs,
    #[error("A HostedZone must contain exactly one SOA record.")]
    ApexSoa,
}

/// Names a set in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    name: Name,
    kind: RecordType,
    id: Option<SetId>,
}

impl From<&RecordSet> for Key {
    fn from(set: &RecordSet) -> Self {
        Key { name: set.name.clone(), kind: set.kind, id: set.set_id().cloned() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[name='{}', type='{}'", self.name.to_api(), self.kind)?;
        if let Some(id) = &self.id {
            write!(f, ", set-identifier='{id}'")?;
        }
        f.write_str("]")
    }
}

impl Zone {
    /// The zone after the batch, or every reason why none of it happens (R40). Sets are changed in the order given; what
    /// concerns a whole group is judged at the end, so that one batch can swap what two sets hold.
    pub fn apply(&self, batch: &[Change]) -> Result<Zone, Vec<Refusal>> {
        let mut zone = self.clone();
        let mut refusals = Vec::new();
        let count: usize = batch.iter().map(|change| if change.action == Action::Upsert { 2 } else { 1 }).sum();
        if count > MAX_CHANGES {
            refusals.push(Refusal::TooMany);
        }
        for change in batch {
            match zone.permits(change) {
                Ok(()) if change.action == Action::Delete => zone.remove(&change.set),
                Ok(()) => zone.insert(change.set.clone()),
                Err(refusal) => refusals.push(refusal),
            }
        }
        zone.judge(batch, &mut refusals);
        if refusals.is_empty() { Ok(zone) } else { Err(refusals) }
    }

    fn permits(&self, Change { action, set }: &Change) -> Result<(), Refusal> {
        let key = || Key::from(set);
        if !set.name.is_within(self.apex()) {
            return Err(Refusal::OutsideZone(set.name.clone(), self.apex().clone()));
        }
        let held = self.get(&set.name, set.kind, set.set_id());
        match (action, held) {
            (Action::Create, Some(_)) => Err(Refusal::Exists(key())),
            (Action::Delete, None) => Err(Refusal::NotFound(key())),
            (Action::Delete, Some(held)) if !same_set(held, set) => Err(Refusal::Mismatch(key())),
            (Action::Delete, Some(_)) => Ok(()),
            (Action::Create | Action::Upsert, _) => valid_target(set),
        }
    }

    /// What must hold of the names and groups that the batch touched, once it is done.
    fn judge(&self, batch: &[Change], refusals: &mut Vec<Refusal>) {
        let touched: BTreeSet<_> = batch.iter().map(|change| (&change.set.name, change.set.kind)).collect();
        for (name, kind) in touched {
            if let Some(group) = self.group(name, kind) {
                judge_group(name, kind, group, refusals);
                refusals.extend(group.values().filter_map(|set| self.missing_alias_target(set)));
            } else if name == self.apex() && kind == RecordType::Ns {
                refusals.push(Refusal::ApexNs);
            } else if name == self.apex() && kind == RecordType::Soa {
                refusals.push(Refusal::ApexSoa);
            }
        }
        let names: BTreeSet<_> = batch.iter().map(|change| &change.set.name).collect();
        for name in names {
            let kinds: Vec<_> = self.kinds(name).collect();
            if kinds.contains(&RecordType::Cname) {
                if name == self.apex() {
                    refusals.push(Refusal::CnameAtApex(name.clone()));
                } else if kinds.len() > 1 {
                    refusals.push(Refusal::CnameConflict(name.clone(), self.apex().clone()));
                }
            }
        }
    }

    fn missing_alias_target(&self, set: &RecordSet) -> Option<Refusal> {
        let Target::Alias { zone, name, .. } = &set.target else {
            return None;
        };
        let missing = name.is_within(self.apex()) && self.group(name, set.kind).is_none();
        missing.then(|| Refusal::AliasTargetMissing { target: name.clone(), kind: set.kind, zone: zone.clone() })
    }
}

/// Whether every value matches; the order of a set's records means nothing.
fn same_set(held: &RecordSet, given: &RecordSet) -> bool {
    let sorted = |set: &RecordSet| {
        let mut set = set.clone();
        if let Target::Values { values, .. } = &mut set.target {
            values.sort();
        }
        set
    };
    sorted(held) == sorted(given)
}

fn valid_target(set: &RecordSet) -> Result<(), Refusal> {
    let Target::Values { values, .. } = &set.target else {
        return Ok(());
    };
    if values.is_empty() {
        return Err(Refusal::NoValues(Key::from(set)));
    }
    let problem = |value: &&String| match set.kind {
        RecordType::A if value.parse::<Ipv4Addr>().is_err() => {
            Some("ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address)")
        }
        RecordType::Aaaa if value.parse::<Ipv6Addr>().is_err() => {
            Some("AAAARRDATAIllegalIPv6Address (Value is not a valid IPv6 address)")
        }
        RecordType::Txt | RecordType::Spf if !is_quoted(value) => {
            Some("InvalidCharacterString (Value should be enclosed in quotation marks)")
        }
        RecordType::Cname | RecordType::Ns | RecordType::Ptr if value.parse::<Name>().is_err() => {
            Some("DomainNameInvalid (Value is not a valid domain name)")
        }
        _ => None,
    };
    let found = values.iter().find_map(|value| problem(&value).map(|problem| (problem, value.clone())));
    found.map_or(Ok(()), |(problem, value)| Err(Refusal::InvalidValue { problem, value }))
}

fn is_quoted(value: &str) -> bool {
    value.len() >= 2 && value.starts_with('"') && value.ends_with('"')
}

fn judge_group(name: &Name, kind: RecordType, group: &Group, refusals: &mut Vec<Refusal>) {
    let policies: BTreeSet<_> = group.values().map(|set| policy(&set.routing)).collect();
    if policies.len() > 1 {
        refusals.push(Refusal::MixedPolicies(name.clone(), kind));
    }
    for wanted in [Role::Primary, Role::Secondary] {
        let has_role = |set: &&RecordSet| matches!(set.routing, Routing::Failover { role, .. } if role == wanted);
        let mut holders = group.values().filter(has_role);
        let first = holders.next();
        if holders.next().is_some() {
            refusals.push(Refusal::TwoOfRole(name.clone(), kind, wanted));
        }
        if let (Role::Primary, Some(set @ RecordSet { target: Target::Values { .. }, health_check: None, .. })) =
            (wanted, first)
        {
            refusals.push(Refusal::PrimaryWithoutCheck(Key::from(set)));
        }
    }
}

fn policy(routing: &Routing) -> u8 {
    match routing {
        Routing::Simple => 0,
        Routing::Failover { .. } => 1,
        Routing::Weighted { .. } => 2,
    }
}

#[cfg(test)]
mod tests;
