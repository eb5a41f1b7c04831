//! What the authoritative servers answered, and when that changed.

use domain::RegionName;

use super::{Judgement, Lived, to_millis, traffic::Span};
use crate::timeline::{Event, EventKind};
use scenario::{Must, Scenario, Truth};

/// A change of the answer; no region: an answer that is no region's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change<'a> {
    pub(super) t: f64,
    from: Option<&'a RegionName>,
    pub(super) to: Option<&'a RegionName>,
}

/// Every change, in order; before the first the preferred region answers.
#[derive(Debug)]
pub(super) struct Answers<'a> {
    preferred: &'a RegionName,
    changes: Vec<Change<'a>>,
}

impl<'a> Answers<'a> {
    pub(super) fn new(scenario: &'a Scenario, timeline: &'a [Event]) -> Self {
        let mut events: Vec<_> = timeline.iter().filter(|event| event.event == EventKind::DnsAnswerChanged).collect();
        events.sort_by(|one, other| one.t.total_cmp(&other.t));
        let preferred = scenario.preferred();
        let mut from = Some(preferred);
        let mut changes = Vec::new();
        for event in events {
            let to = event.region.as_ref();
            if from != to {
                changes.push(Change { t: event.t, from, to });
            }
            from = to;
        }
        Self { preferred, changes }
    }

    pub(super) fn active_at(&self, t: f64) -> Option<&'a RegionName> {
        self.changes.iter().rev().find(|change| change.t <= t).map_or(Some(self.preferred), |change| change.to)
    }

    /// The first change in that time.
    pub(super) fn first_departure(&self, span: Span) -> Option<Change<'a>> {
        self.changes.iter().find(|change| span.holds(change.t)).copied()
    }

    pub(super) fn switches(&self) -> u32 {
        count(self.changes.len())
    }

    /// How a region fared against the truth about it.
    pub(super) fn judge(&self, truth: &Truth, faults: &[Lived]) -> Judgement {
        match truth.must {
            Must::Stay => match count(self.wrong_departures(&truth.region, faults).count()) {
                0 => Judgement::Stayed,
                times => Judgement::LeftWrongly { times },
            },
            Must::LeaveWithin(within) => {
                let Some(lived) = faults.iter().find(|lived| lived.what.region() == Some(&truth.region)) else {
                    return Judgement::NoFault;
                };
                if self.active_at(lived.injected) != Some(&truth.region) {
                    return Judgement::DidNotServe;
                }
                let left = self.changes.iter().find(|change| change.t >= lived.injected);
                left.map_or(Judgement::NotLeft, |change| {
                    let after = change.t - lived.injected;
                    Judgement::Left { after_s: to_millis(after), in_time: after <= within.as_secs_f64() }
                })
            }
        }
    }

    /// A return to the preferred region is no failover, unless that has a fault at the time.
    fn wrong_departures<'b>(
        &'b self,
        region: &'b RegionName,
        faults: &'b [Lived],
    ) -> impl Iterator<Item = &'b Change<'a>> {
        let has_fault = |t: f64| {
            let mut its = faults.iter().filter(|lived| lived.what.region() == Some(self.preferred));
            its.any(|lived| lived.injected <= t && lived.cleared.is_none_or(|cleared| t < cleared))
        };
        self.changes.iter().filter(move |change| {
            let returns = change.to == Some(self.preferred) && !has_fault(change.t);
            change.from == Some(region) && !returns
        })
    }
}

fn count(of: usize) -> u32 {
    u32::try_from(of).unwrap_or(u32::MAX)
}
