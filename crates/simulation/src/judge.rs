//! One controller's deeds against what was right.

use crate::{
    clients::Clients,
    course::{Course, Duty},
    figures::Histogram,
};

/// What one controller did in all worlds so far. It does not grow with them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Record {
    /// Changes of the answer away from a region that was not to be left, but returns to a sound preferred one.
    pub false_failovers: u64,
    /// Regions that were to be left, and were not by their deadline.
    pub missed: u64,
    /// Regions that were to be left, served, and were left in time or not.
    pub duties: u64,
    /// Trouble → seen.
    pub detection: Histogram,
    /// Trouble → the change was accepted.
    pub accepted: Histogram,
    /// Trouble → the answer changed.
    pub answer: Histogram,
    /// Trouble → 95 % of the requests reach the target for 10 s.
    pub failover: Histogram,
    /// Seconds in which 99 % of the requests succeeded, and all seconds.
    pub seconds: (u64, u64),
}

impl Record {
    /// Adds what was recorded elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.false_failovers += other.false_failovers;
        self.missed += other.missed;
        self.duties += other.duties;
        self.seconds = (self.seconds.0 + other.seconds.0, self.seconds.1 + other.seconds.1);
        self.detection.merge(&other.detection);
        self.accepted.merge(&other.accepted);
        self.answer.merge(&other.answer);
        self.failover.merge(&other.failover);
    }
}

/// After trouble is over, leaving for it is no mistake for so long: the change was on its way.
const GRACE: u64 = 60_000;

/// A controller whose answers are watched.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) record: Record,
    pub(crate) answer: usize,
    pub(crate) clients: Clients,
    /// The next duty, and whether it is this controller's.
    next: usize,
    open: Option<Open>,
}

/// A duty that is not done with.
#[derive(Debug)]
struct Open {
    duty: Duty,
    detected: bool,
    accepted: bool,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Serving,
    /// Still, after its deadline.
    Missed,
    Left,
}

impl Watched {
    pub(crate) fn new(clients: Clients) -> Self {
        Self { record: Record::default(), answer: 0, clients, next: 0, open: None }
    }

    /// Time has come this far.
    pub(crate) fn pass(&mut self, now: u64, course: &Course) {
        if let Some(open) = self.open.as_mut().filter(|open| now > open.duty.deadline && open.stage == Stage::Serving) {
            open.stage = Stage::Missed;
            self.record.missed += 1;
        }
        if let Some(open) = &self.open {
            let moved = self.clients.moved().filter(|(region, _)| *region != open.duty.region);
            if let Some((_, since)) = moved.filter(|_| open.stage == Stage::Left) {
                self.record.failover.add(since.saturating_sub(open.duty.from));
                self.open = None;
            } else if now > open.duty.until.max(open.duty.deadline) + 10 * GRACE {
                self.open = None;
            }
        }
        while let Some(duty) = course.duties.get(self.next).filter(|duty| duty.from <= now) {
            self.next += 1;
            if duty.region == self.answer {
                self.record.duties += 1;
                self.open = Some(Open { duty: *duty, detected: false, accepted: false, stage: Stage::Serving });
            }
        }
    }

    /// A region was seen to fail, by whatever this controller goes by.
    pub(crate) fn detected(&mut self, region: usize, now: u64) {
        if let Some(open) = self.open.as_mut().filter(|open| open.duty.region == region && !open.detected) {
            open.detected = true;
            self.record.detection.add(now.saturating_sub(open.duty.from));
        }
    }

    /// A change away from a region was accepted.
    pub(crate) fn accepted(&mut self, from: usize, now: u64) {
        if let Some(open) = self.open.as_mut().filter(|open| open.duty.region == from && !open.accepted) {
            open.accepted = true;
            self.record.accepted.add(now.saturating_sub(open.duty.from));
        }
    }

    /// The name servers answer with this region now.
    pub(crate) fn answers(&mut self, region: usize, now: u64, course: &Course) {
        if region == self.answer {
            return;
        }
        let left = std::mem::replace(&mut self.answer, region);
        self.clients.unsettle(now);
        if let Some(open) = self.open.as_mut().filter(|open| open.duty.region == left && open.stage != Stage::Left) {
            self.record.answer.add(now.saturating_sub(open.duty.from));
            self.record.missed += u64::from(now > open.duty.deadline && open.stage == Stage::Serving);
            open.stage = Stage::Left;
            return;
        }
        let troubled = |place: usize, grace: u64| {
            course.duties.iter().any(|duty| duty.region == place && duty.from <= now && now <= duty.until + grace)
        };
        let home = region == 0 && !troubled(0, 0);
        self.record.false_failovers += u64::from(!home && !troubled(left, GRACE));
    }

    /// Whether anything would be lost if the time until the next turn were skipped.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.open.is_none() && self.clients.is_settled()
    }

    /// A second begins.
    pub(crate) fn second(&mut self, now: u64, success: &[f64]) {
        let share = self.clients.second(now, self.answer, success);
        self.record.seconds.0 += u64::from(share >= 0.99);
        self.record.seconds.1 += 1;
    }
}
