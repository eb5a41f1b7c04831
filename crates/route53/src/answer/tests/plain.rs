//! The rules as they read, without a thought of speed: what a compiled zone must agree with.

use super::{Answer, Draw, MAX_CHAIN, Rrset};
use crate::zone::Group;
use crate::{CheckId, Name, RecordSet, RecordType, Role, Routing, Target, Zone};

pub(super) fn answer(
    zone: &Zone,
    name: &Name,
    kind: RecordType,
    healthy: &impl Fn(&CheckId) -> bool,
    draw: Draw,
) -> Answer {
    let mut query = Query { zone, healthy, draw };
    let mut records: Vec<Rrset> = Vec::new();
    let mut asked = name.clone();
    for _ in 0..MAX_CHAIN {
        let Some(owner) = owner(zone, &asked) else {
            return if records.is_empty() { Answer::NxDomain } else { Answer::Records(records) };
        };
        if let Some((ttl, values)) = query.resolve(&owner, kind, MAX_CHAIN) {
            records.push(Rrset { name: asked, kind, ttl, values });
            return Answer::Records(records);
        }
        let Some((ttl, values)) = query.resolve(&owner, RecordType::Cname, MAX_CHAIN) else {
            break;
        };
        let next = values.first().and_then(|value| value.parse::<Name>().ok());
        records.push(Rrset { name: asked, kind: RecordType::Cname, ttl, values });
        match next.filter(|next| next.is_within(zone.apex())) {
            Some(next) => asked = next,
            None => break,
        }
    }
    if records.is_empty() { Answer::NoData } else { Answer::Records(records) }
}

/// A name exists when it, or a name below it, has a set.
fn exists(zone: &Zone, name: &Name) -> bool {
    zone.sets().any(|set| set.name.is_within(name))
}

/// The name whose sets answer: the name itself, or the wildcard of its closest ancestor that exists (R14).
fn owner(zone: &Zone, name: &Name) -> Option<Name> {
    if exists(zone, name) {
        return Some(name.clone());
    }
    let mut ancestor = name.parent();
    while let Some(encloser) = ancestor.filter(|ancestor| ancestor.is_within(zone.apex())) {
        let wildcard = encloser.wildcard();
        if exists(zone, &wildcard) {
            return Some(wildcard);
        }
        if exists(zone, &encloser) {
            return None;
        }
        ancestor = encloser.parent();
    }
    None
}

struct Query<'a, H> {
    zone: &'a Zone,
    healthy: &'a H,
    draw: Draw,
}

impl<H: Fn(&CheckId) -> bool> Query<'_, H> {
    fn resolve(&mut self, name: &Name, kind: RecordType, depth: u8) -> Option<(u32, Vec<String>)> {
        let zone = self.zone;
        let set = self.choose(zone.group(name, kind)?, depth)?;
        match &set.target {
            Target::Values { ttl, values } => Some((*ttl, values.clone())),
            Target::Alias { name, .. } => self.resolve(name, kind, depth.checked_sub(1)?),
        }
    }

    /// The healthy members as the policy prefers them; with none, all count as healthy (R1, R4).
    fn choose<'g>(&mut self, group: &'g Group, depth: u8) -> Option<&'g RecordSet> {
        let healthy: Vec<_> = group.values().filter(|set| self.is_healthy(set, depth)).collect();
        let members = if healthy.is_empty() { group.values().collect() } else { healthy };
        let weights: Vec<u64> = match members.first()?.routing {
            Routing::Simple => return members.first().copied(),
            Routing::Failover { .. } => return members.into_iter().min_by_key(|set| role(set)),
            Routing::Weighted { .. } => members.iter().map(|set| weight(set)).collect(),
        };
        let sum: u64 = weights.iter().sum();
        if sum == 0 {
            let drawn = self.draw.below(members.len() as u64);
            return members.into_iter().nth(usize::try_from(drawn).ok()?);
        }
        let mut drawn = self.draw.below(sum);
        members.into_iter().zip(weights).find_map(|(set, weight)| {
            let chosen = drawn < weight;
            drawn = drawn.saturating_sub(weight);
            chosen.then_some(set)
        })
    }

    fn is_healthy(&self, set: &RecordSet, depth: u8) -> bool {
        let own = set.health_check.as_ref().is_none_or(self.healthy);
        let below = match &set.target {
            Target::Alias { name, evaluate_target_health: true, .. } if name.is_within(self.zone.apex()) => {
                let group = self.zone.group(name, set.kind);
                let deeper = depth.checked_sub(1);
                group.zip(deeper).is_some_and(|(group, depth)| group.values().any(|set| self.is_healthy(set, depth)))
            }
            _ => true,
        };
        own && below
    }
}

fn role(set: &RecordSet) -> Option<Role> {
    match set.routing {
        Routing::Failover { role, .. } => Some(role),
        Routing::Simple | Routing::Weighted { .. } => None,
    }
}

fn weight(set: &RecordSet) -> u64 {
    match set.routing {
        Routing::Weighted { weight, .. } => weight.into(),
        Routing::Simple | Routing::Failover { .. } => 0,
    }
}
