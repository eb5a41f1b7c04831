//! The usual rounds of the last days, thinner the longer it gets.

use jiff::Timestamp;

use super::features::Moment;

/// 70 bytes each when written.
pub(super) const MOST: usize = 2_048;
/// Beyond this the oldest go, rather than every other one.
const SPAN: u32 = 7 * 86_400;
/// How many at once.
const OLDEST: usize = MOST / 8;

/// Every round at first; when it is full every other one goes, and of those to come every other one is kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct History {
    pub(super) moments: Vec<Moment>,
    /// One round of so many is kept.
    pub(super) stride: u32,
    /// Learned, and not kept, since the last that was.
    pub(super) skipped: u32,
    /// Ever learned.
    pub(super) rounds: u32,
    revision: u64,
}

impl Default for History {
    fn default() -> Self {
        Self::from_parts(Vec::new(), 1, 0, 0)
    }
}

impl History {
    pub(super) fn from_parts(moments: Vec<Moment>, stride: u32, skipped: u32, rounds: u32) -> Self {
        Self { moments, stride, skipped, rounds, revision: 0 }
    }

    pub(super) fn rounds(&self) -> u32 {
        self.rounds
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn last(&self) -> Option<Timestamp> {
        Timestamp::from_second(self.moments.last()?.second.into()).ok()
    }

    pub(super) fn learn(&mut self, moment: Moment) {
        self.skipped += 1;
        if self.skipped >= self.stride {
            self.skipped = 0;
            self.keep(moment);
        } else {
            self.rounds = self.rounds.saturating_add(1);
        }
    }

    /// Takes a round in that must not be passed over: there are few of its kind.
    pub(super) fn keep(&mut self, moment: Moment) {
        self.rounds = self.rounds.saturating_add(1);
        self.revision += 1;
        if self.moments.len() == MOST {
            if span(&self.moments) >= SPAN {
                self.moments.drain(..OLDEST);
            } else {
                let mut place = 0;
                self.moments.retain(|_| {
                    place += 1;
                    place % 2 == 0
                });
                self.stride = self.stride.saturating_mul(2);
            }
        }
        // Rounds of an episode are learned when it is over.
        let place = self.moments.partition_point(|it| it.second <= moment.second);
        self.moments.insert(place, moment);
    }
}

/// From the first to the last, in seconds.
pub(super) fn span(moments: &[Moment]) -> u32 {
    moments.last().zip(moments.first()).map_or(0, |(last, first)| last.second.saturating_sub(first.second))
}
