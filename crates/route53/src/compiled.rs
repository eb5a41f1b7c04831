//! A zone made ready to answer: names by hash, aliases resolved, and nothing cloned for a query.

use std::collections::HashMap;

use crate::answer::{Answer, Draw};
use crate::{CheckId, Name, RecordSet, RecordType, Role, Routing, Target, Zone};

/// Aliases and CNAMEs are followed this far; a longer chain is a loop.
pub(crate) const MAX_CHAIN: u8 = 16;

/// A zone as its name servers hold it; each set's values have become a `T`.
#[derive(Debug)]
pub struct Compiled<T> {
    apex: Name,
    /// Every name that exists: it, or a name below it, has a set (R14).
    names: HashMap<Name, NodeIndex>,
    nodes: Vec<Node<T>>,
}

type NodeIndex = usize;

#[derive(Debug)]
struct Node<T> {
    groups: Vec<(RecordType, Vec<Member<T>>)>,
    /// The wildcard directly below.
    wildcard: Option<NodeIndex>,
}

#[derive(Debug)]
struct Member<T> {
    policy: Policy,
    check: Option<CheckId>,
    target: Goal<T>,
}

#[derive(Debug, Clone, Copy)]
enum Policy {
    Simple,
    Failover(Role),
    Weighted(u8),
}

#[derive(Debug)]
enum Goal<T> {
    Records { ttl: u32, data: T, next: Option<Name> },
    Alias { node: Option<NodeIndex>, evaluates: bool },
}

/// Records of one name and type in an answer, held by the zone that gave it.
#[derive(Debug)]
pub struct Chosen<'z, T> {
    /// The name they answer for: the one asked, never an alias's target (R12).
    pub name: &'z Name,
    /// Their type.
    pub kind: RecordType,
    /// Seconds (R15).
    pub ttl: u32,
    /// What their values were compiled to.
    pub data: &'z T,
}

impl Zone {
    /// Makes the zone ready to answer; `data` turns a set's values into what an answer is to carry.
    pub fn compile<T>(&self, data: impl Fn(RecordType, &[String]) -> T) -> Compiled<T> {
        let mut compiled = Compiled { apex: self.apex().clone(), names: HashMap::new(), nodes: Vec::new() };
        for set in self.sets() {
            compiled.make_exist(&set.name);
        }
        for set in self.sets() {
            let member = compiled.member(set, &data);
            let node = compiled.names[&set.name];
            let groups = &mut compiled.nodes[node].groups;
            match groups.iter_mut().find(|(kind, _)| *kind == set.kind) {
                Some((_, members)) => members.push(member),
                None => groups.push((set.kind, vec![member])),
            }
        }
        compiled
    }
}

impl<T> Compiled<T> {
    fn make_exist(&mut self, name: &Name) -> NodeIndex {
        if let Some(node) = self.names.get(name) {
            return *node;
        }
        let node = self.nodes.len();
        self.nodes.push(Node { groups: Vec::new(), wildcard: None });
        self.names.insert(name.clone(), node);
        if let Some(parent) = name.parent().filter(|parent| parent.is_within(&self.apex)) {
            let above = self.make_exist(&parent);
            if *name == parent.wildcard() {
                self.nodes[above].wildcard = Some(node);
            }
        }
        node
    }

    fn member(&self, set: &RecordSet, data: impl Fn(RecordType, &[String]) -> T) -> Member<T> {
        let policy = match set.routing {
            Routing::Simple => Policy::Simple,
            Routing::Failover { role, .. } => Policy::Failover(role),
            Routing::Weighted { weight, .. } => Policy::Weighted(weight),
        };
        let target = match &set.target {
            Target::Values { ttl, values } => {
                let leads_on = |value: &String| value.parse().ok().filter(|next: &Name| next.is_within(&self.apex));
                let next = if set.kind == RecordType::Cname { values.first().and_then(leads_on) } else { None };
                Goal::Records { ttl: *ttl, data: data(set.kind, values), next }
            }
            Target::Alias { name, evaluate_target_health, .. } => Goal::Alias {
                node: self.names.get(name).copied(),
                evaluates: *evaluate_target_health && name.is_within(&self.apex),
            },
        };
        Member { policy, check: set.health_check.clone(), target }
    }

    /// The zone's own name.
    #[must_use]
    pub fn apex(&self) -> &Name {
        &self.apex
    }

    /// Answers a query for a name within the zone. `healthy` is a check's status as the answers see it; asking triggers none (R2).
    pub fn answer<'z>(
        &'z self,
        name: &'z Name,
        kind: RecordType,
        healthy: &impl Fn(&CheckId) -> bool,
        draw: Draw,
    ) -> Answer<Chosen<'z, T>> {
        let mut query = Query { zone: self, healthy, draw };
        let mut records = Vec::new();
        let mut asked = name;
        for _ in 0..MAX_CHAIN {
            let Some(owner) = self.owner(asked) else {
                return if records.is_empty() { Answer::NxDomain } else { Answer::Records(records) };
            };
            if let Some(found) = query.resolve(owner, kind, MAX_CHAIN) {
                records.push(Chosen { name: asked, kind, ttl: found.ttl, data: found.data });
                return Answer::Records(records);
            }
            let Some(found) = query.resolve(owner, RecordType::Cname, MAX_CHAIN) else {
                break;
            };
            records.push(Chosen { name: asked, kind: RecordType::Cname, ttl: found.ttl, data: found.data });
            match found.next {
                Some(next) => asked = next,
                None => break,
            }
        }
        if records.is_empty() { Answer::NoData } else { Answer::Records(records) }
    }

    /// The node whose sets answer: the name's own, or the wildcard of its closest ancestor that exists (R14).
    fn owner(&self, name: &Name) -> Option<&Node<T>> {
        let mut rest = name.as_str();
        if let Some(node) = self.names.get(rest) {
            return Some(&self.nodes[*node]);
        }
        while rest.len() > self.apex.as_str().len() {
            (_, rest) = rest.split_once('.')?;
            if let Some(encloser) = self.names.get(rest) {
                return self.nodes[*encloser].wildcard.map(|node| &self.nodes[node]);
            }
        }
        None
    }

    fn group(&self, node: Option<NodeIndex>, kind: RecordType) -> Option<&[Member<T>]> {
        self.nodes[node?].group(kind)
    }
}

impl<T> Node<T> {
    fn group(&self, kind: RecordType) -> Option<&[Member<T>]> {
        let (_, members) = self.groups.iter().find(|(held, _)| *held == kind)?;
        Some(members)
    }
}

struct Query<'z, 'h, T, H> {
    zone: &'z Compiled<T>,
    healthy: &'h H,
    draw: Draw,
}

struct Found<'z, T> {
    ttl: u32,
    data: &'z T,
    next: Option<&'z Name>,
}

impl<'z, T, H: Fn(&CheckId) -> bool> Query<'z, '_, T, H> {
    fn resolve(&mut self, node: &'z Node<T>, kind: RecordType, depth: u8) -> Option<Found<'z, T>> {
        match &self.choose(node.group(kind)?, kind, depth)?.target {
            Goal::Records { ttl, data, next } => Some(Found { ttl: *ttl, data, next: next.as_ref() }),
            Goal::Alias { node, .. } => self.resolve(&self.zone.nodes[(*node)?], kind, depth.checked_sub(1)?),
        }
    }

    /// The healthy members as the policy prefers them; with none, all count as healthy (R1, R4).
    fn choose(&mut self, group: &'z [Member<T>], kind: RecordType, depth: u8) -> Option<&'z Member<T>> {
        if let [only @ Member { policy: Policy::Simple, .. }] = group {
            return Some(only);
        }
        let healthy: Vec<_> = group.iter().filter(|member| self.is_healthy(member, kind, depth)).collect();
        let members = if healthy.is_empty() { group.iter().collect() } else { healthy };
        match members.first()?.policy {
            Policy::Simple => members.first().copied(),
            Policy::Failover(_) => members.into_iter().min_by_key(|member| member.policy.role()),
            Policy::Weighted(_) => self.draw_one(&members),
        }
    }

    /// One of these, which are not none, by their weights; without any weight all are equally likely (R7, R8).
    fn draw_one(&mut self, members: &[&'z Member<T>]) -> Option<&'z Member<T>> {
        let sum = members.iter().map(|member| member.policy.weight()).sum();
        if sum == 0 {
            let drawn = self.draw.below(members.len() as u64);
            return members.get(usize::try_from(drawn).ok()?).copied();
        }
        let mut drawn = self.draw.below(sum);
        let chosen = members.iter().find(|member| {
            let weight = member.policy.weight();
            let chosen = drawn < weight;
            drawn = drawn.saturating_sub(weight);
            chosen
        });
        chosen.copied()
    }

    fn is_healthy(&self, member: &Member<T>, kind: RecordType, depth: u8) -> bool {
        let own = member.check.as_ref().is_none_or(self.healthy);
        own && match member.target {
            Goal::Alias { node, evaluates: true } => {
                let group = self.zone.group(node, kind).zip(depth.checked_sub(1));
                group.is_some_and(|(group, depth)| group.iter().any(|below| self.is_healthy(below, kind, depth)))
            }
            Goal::Alias { .. } | Goal::Records { .. } => true,
        }
    }
}

impl Policy {
    fn role(self) -> Option<Role> {
        match self {
            Policy::Failover(role) => Some(role),
            Policy::Simple | Policy::Weighted(_) => None,
        }
    }

    fn weight(self) -> u64 {
        match self {
            Policy::Weighted(weight) => weight.into(),
            Policy::Simple | Policy::Failover(_) => 0,
        }
    }
}
