//! Which records a query gets: routing policy first, then health, backing out of dead branches (R1–R15).

use crate::{CheckId, Name, RecordType, Zone};

/// What a name server of the zone says to a query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<S = Rrset> {
    /// NOERROR with records: the set asked for, after the CNAMEs that lead to it.
    Records(Vec<S>),
    /// The name exists without the type: NOERROR, empty (R14).
    NoData,
    /// The name does not exist (R14).
    NxDomain,
}

impl<S> Answer<S> {
    /// The same answer in another form.
    pub fn map<T>(self, form: impl FnMut(S) -> T) -> Answer<T> {
        match self {
            Answer::Records(sets) => Answer::Records(sets.into_iter().map(form).collect()),
            Answer::NoData => Answer::NoData,
            Answer::NxDomain => Answer::NxDomain,
        }
    }
}

/// Records of one name and type in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rrset {
    /// The name they answer for: the one asked, never an alias's target (R12).
    pub name: Name,
    /// Their type.
    pub kind: RecordType,
    /// Seconds (R15).
    pub ttl: u32,
    /// In presentation format.
    pub values: Vec<String>,
}

/// The chance in one query: each weighted choice on the way takes its share of one random number.
#[derive(Debug, Clone, Copy)]
pub struct Draw(pub u64);

impl Draw {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        let drawn = self.0 % limit;
        self.0 /= limit;
        drawn
    }
}

impl Zone {
    /// Answers one query for a name within the zone; who answers many keeps [`Zone::compile`]'s result.
    /// `healthy` is a check's status as the answers see it; asking triggers none (R2).
    pub fn answer(&self, name: &Name, kind: RecordType, healthy: &impl Fn(&CheckId) -> bool, draw: Draw) -> Answer {
        let compiled = self.compile(|_, values| values.to_vec());
        compiled.answer(name, kind, healthy, draw).map(|set| Rrset {
            name: set.name.clone(),
            kind: set.kind,
            ttl: set.ttl,
            values: set.data.clone(),
        })
    }
}

#[cfg(test)]
mod tests;
