//! Changing a zone: a batch is judged as a whole and happens as a whole (R40).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::zone::Group;
use crate::{CheckId, Name, RecordSet, RecordType, Role, Routing, SetId, Target, Zone};

mod value;

/// Records of one batch, an alias being one; those of an upsert count twice (R42).
const MAX_RECORDS: usize = 1000;
/// Characters of all values of one batch; those of an upsert count twice.
const MAX_CHARACTERS: usize = 32_000;
/// Records of one set.
const MAX_RECORDS_OF_SET: usize = 400;

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
    #[error("Number of records limit of {MAX_RECORDS} exceeded.")]
    TooManyRecords,
    #[error("Number of characters limit of {MAX_CHARACTERS} exceeded.")]
    TooManyCharacters,
    #[error("Number of records limit of {MAX_RECORDS_OF_SET} exceeded for resource record set {0}.")]
    TooManyRecordsOfSet(Key),
    #[error("The request contains an invalid set of changes for a resource record set '{kind} {name}'")]
    InvalidSetOfChanges { name: Name, kind: RecordType },
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
    #[error("Duplicate Resource Record: '{0}'")]
    DuplicateValue(String),
    #[error("Invalid request: Expected at least one ResourceRecord in {0}")]
    NoValues(Key),
    #[error("RRSet of type CNAME with DNS name {0} can have only one resource record")]
    ManyCnames(Name),
    #[error("A non-alias primary ResourceRecordSet must have an associated health check.")]
    PrimaryWithoutCheck,
    #[error(
        "RRSet with DNS name {name}, type {kind}, SetIdentifier {id}, and Failover={role} cannot be created because a failover RRSet with the same name, type and role already exists."
    )]
    TwoOfRole { name: Name, kind: RecordType, id: SetId, role: Role },
    #[error("RRSet with DNS name {0}, type {1} cannot be created as other RRSets exist with the same name and type.")]
    SimpleAmongOthers(Name, RecordType),
    #[error(
        "RRSet with DNS name {name}, type {kind}, SetIdentifier {id} cannot be created as a non-{policy} set exists with the same name and type."
    )]
    MixedPolicies { name: Name, kind: RecordType, id: SetId, policy: Policy },
    #[error(
        "RRSet with DNS name {name} and type {kind}, SetIdentifier {id} cannot be created as weighted sets must contain the same TTL."
    )]
    MixedTtls { name: Name, kind: RecordType, id: SetId },
    #[error(
        "RRSet of type CNAME with DNS name {0} is not permitted as it conflicts with other records with the same DNS name in zone {1}"
    )]
    CnameConflict(Name, Name),
    #[error(
        "RRSet of type {kind} with DNS name {name} is not permitted because a conflicting RRSet of type CNAME with the same DNS name already exists in zone {zone}"
    )]
    BesideCname { kind: RecordType, name: Name, zone: Name },
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

/// The policies that groups have; a set of simple routing is no group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Policy {
    Failover,
    Weighted,
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Policy::Failover => "failover",
            Policy::Weighted => "weighted",
        })
    }
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
        judge_size(batch, &mut refusals);
        if judge_repetition(batch, &mut refusals) {
            return Err(refusals);
        }
        for change in batch {
            match zone.permits(change) {
                Ok(()) if change.action == Action::Delete => zone.remove(&change.set),
                Ok(()) => zone.insert(change.set.clone()),
                Err(refusal) => refusals.push(refusal),
            }
        }
        zone.judge(self, batch, &mut refusals);
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
            (Action::Delete, Some(held)) if !held.is_same(set) => Err(Refusal::Mismatch(key())),
            (Action::Delete, Some(_)) => Ok(()),
            (Action::Create | Action::Upsert, _) => value::judge(set),
        }
    }

    /// What must hold of the names and groups that the batch touched, once it is done.
    fn judge(&self, before: &Zone, batch: &[Change], refusals: &mut Vec<Refusal>) {
        let touched: BTreeSet<_> = batch.iter().map(|change| (&change.set.name, change.set.kind)).collect();
        for (name, kind) in touched {
            if let Some(group) = self.group(name, kind) {
                let made: Vec<_> = made(batch).filter(|set| (&set.name, set.kind) == (name, kind)).collect();
                judge_group(group, &made, refusals);
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
            if !kinds.contains(&RecordType::Cname) {
                continue;
            }
            if name == self.apex() {
                refusals.push(Refusal::CnameAtApex(name.clone()));
            } else if before.group(name, RecordType::Cname).is_some() {
                let others = kinds.into_iter().filter(|kind| *kind != RecordType::Cname);
                let beside = |kind| Refusal::BesideCname { kind, name: name.clone(), zone: self.apex().clone() };
                refusals.extend(others.map(beside));
            } else if kinds.len() > 1 {
                refusals.push(Refusal::CnameConflict(name.clone(), self.apex().clone()));
            }
        }
    }

    /// Whether only what every zone has is left, so that the zone may be deleted.
    #[must_use]
    pub fn is_bare(&self) -> bool {
        self.sets().all(|set| set.name == *self.apex() && matches!(set.kind, RecordType::Ns | RecordType::Soa))
    }

    fn missing_alias_target(&self, set: &RecordSet) -> Option<Refusal> {
        let Target::Alias { zone, name, .. } = &set.target else {
            return None;
        };
        let missing = name.is_within(self.apex()) && self.group(name, set.kind).is_none();
        missing.then(|| Refusal::AliasTargetMissing { target: name.clone(), kind: set.kind, zone: zone.clone() })
    }
}

/// The sets that a batch leaves behind.
fn made(batch: &[Change]) -> impl Iterator<Item = &RecordSet> {
    batch.iter().filter(|change| change.action != Action::Delete).map(|change| &change.set)
}

/// The first check that a set would be made with and that is not there. A set can be deleted although its check has gone.
pub fn unknown_check(batch: &[Change], exists: impl Fn(&CheckId) -> bool) -> Option<&CheckId> {
    made(batch).filter_map(|set| set.health_check.as_ref()).find(|check| !exists(check))
}

/// Whether these changes are within the limits of one batch (R42).
#[must_use]
pub fn fits<'a>(batch: impl IntoIterator<Item = &'a Change>) -> bool {
    let mut refusals = Vec::new();
    judge_size(batch, &mut refusals);
    refusals.is_empty()
}

fn judge_size<'a>(batch: impl IntoIterator<Item = &'a Change>, refusals: &mut Vec<Refusal>) {
    let (mut records, mut characters) = (0, 0);
    for Change { action, set } in batch {
        let times = if *action == Action::Upsert { 2 } else { 1 };
        match &set.target {
            Target::Values { values, .. } => {
                records += times * values.len();
                characters += times * values.iter().map(|value| value.chars().count()).sum::<usize>();
                if values.len() > MAX_RECORDS_OF_SET {
                    refusals.push(Refusal::TooManyRecordsOfSet(Key::from(set)));
                }
            }
            Target::Alias { .. } => records += times,
        }
    }
    if records > MAX_RECORDS {
        refusals.push(Refusal::TooManyRecords);
    }
    if characters > MAX_CHARACTERS {
        refusals.push(Refusal::TooManyCharacters);
    }
}

/// A set is changed once, or deleted and made anew, in that order; whether some set is not.
fn judge_repetition(batch: &[Change], refusals: &mut Vec<Refusal>) -> bool {
    let mut by_set = BTreeMap::<_, Vec<Action>>::new();
    for Change { action, set } in batch {
        by_set.entry((&set.name, set.kind, set.set_id())).or_default().push(*action);
    }
    let before = refusals.len();
    for ((name, kind, _), actions) in by_set {
        if !matches!(actions[..], [_] | [Action::Delete, Action::Create | Action::Upsert]) {
            refusals.push(Refusal::InvalidSetOfChanges { name: name.clone(), kind });
        }
    }
    refusals.len() > before
}

/// What must hold of a group; the batch's own sets are those refused.
fn judge_group(group: &Group, made: &[&RecordSet], refusals: &mut Vec<Refusal>) {
    for set in made {
        let others = || group.values().filter(|other| other.set_id() != set.set_id());
        let (name, kind) = (set.name.clone(), set.kind);
        let Some((id, own)) = policy(&set.routing) else {
            if others().next().is_some() {
                refusals.push(Refusal::SimpleAmongOthers(name, kind));
            }
            continue;
        };
        let id = id.clone();
        if others().any(|other| policy(&other.routing).is_none_or(|(_, policy)| policy != own)) {
            refusals.push(Refusal::MixedPolicies { name, kind, id, policy: own });
        } else if own == Policy::Weighted && others().any(|other| ttl(other).zip(ttl(set)).is_some_and(|(a, b)| a != b))
        {
            refusals.push(Refusal::MixedTtls { name, kind, id });
        } else if let Routing::Failover { role, .. } = set.routing
            && others().any(|other| matches!(other.routing, Routing::Failover { role: its, .. } if its == role))
        {
            refusals.push(Refusal::TwoOfRole { name, kind, id, role });
        }
    }
    let bare = |set: &&&RecordSet| {
        matches!(set.routing, Routing::Failover { role: Role::Primary, .. })
            && matches!(set.target, Target::Values { .. })
            && set.health_check.is_none()
    };
    refusals.extend(made.iter().filter(bare).map(|_| Refusal::PrimaryWithoutCheck));
}

fn policy(routing: &Routing) -> Option<(&SetId, Policy)> {
    match routing {
        Routing::Simple => None,
        Routing::Failover { id, .. } => Some((id, Policy::Failover)),
        Routing::Weighted { id, .. } => Some((id, Policy::Weighted)),
    }
}

fn ttl(set: &RecordSet) -> Option<u32> {
    match set.target {
        Target::Values { ttl, .. } => Some(ttl),
        Target::Alias { .. } => None,
    }
}

#[cfg(test)]
mod tests;
