//! What happens between rounds, each at its own time.

use domain::Observation;
use route53::Change;

use crate::checkers::Changed;

/// Something that happens between rounds.
#[derive(Debug)]
pub(crate) enum What {
    /// An observation can be read.
    Written(usize, Box<Observation>),
    /// The failover function runs.
    Tick,
    /// Route 53 has answered a batch of this pilot's.
    Accepted(usize),
    /// Nobody hears of this pilot's batch any more.
    Unheard(usize),
    /// A batch of this pilot's arrives all the same.
    Arrives(usize, Vec<Change>),
    /// Its name servers have it.
    Propagated(usize),
    /// Answers follow a check's change of status.
    Follows(Pace, Changed),
    /// The single prober's record is another.
    Flipped(usize),
}

/// Whose checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Own,
    Fast,
    Standard,
}

impl What {
    /// Whether it may change an answer within a round.
    pub(crate) fn may_move(&self) -> bool {
        !matches!(self, Self::Written(..) | Self::Tick)
    }
}
