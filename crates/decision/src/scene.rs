//! Everything that one decision looks at, prepared once.

use std::cell::OnceCell;

use domain::{Answering, HoldReason, Period, Phase, PlanId, RegionName, Service, ServiceState};
use jiff::Timestamp;

use crate::{
    evidence::{Evidence, Hearing, NativeHealth, Silence},
    reason::{self, later},
    tally::Tally,
};

/// One service at one moment, as everyone together sees it.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    pub(crate) service: &'a Service,
    pub(crate) state: &'a ServiceState,
    pub(crate) evidence: &'a Evidence,
    pub(crate) now: Timestamp,
    pub(crate) hearing: Hearing<'a>,
    /// In the order of preference.
    pub(crate) tallies: Vec<Tally<'a>>,
    /// The rank of the region that is answered with.
    active: Option<usize>,
    earliest: OnceCell<Option<Timestamp>>,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(service: &'a Service, state: &'a ServiceState, evidence: &'a Evidence, now: Timestamp) -> Self {
        let hearing = evidence.hear(service, now);
        let tallies = Tally::all(service, &hearing, evidence);
        let active = active(service, evidence, &hearing, &tallies);
        Self { service, state, evidence, now, hearing, tallies, active, earliest: OnceCell::new() }
    }

    pub(crate) fn tally(&self, region: &RegionName) -> Option<&Tally<'a>> {
        self.tallies.iter().find(|tally| tally.region == region)
    }

    /// The region that is answered with.
    pub(crate) fn active(&self) -> Option<&Tally<'a>> {
        self.active.map(|rank| &self.tallies[rank])
    }

    /// Whether enough observers know anything at all.
    pub(crate) fn quorum(&self) -> Result<(), HoldReason> {
        let needed = self.service.policy.min_observers;
        if self.hearing.knowing.len() >= needed {
            return Ok(());
        }
        let all_down = self.hearing.silent.iter().filter(|(_, silence)| *silence == Silence::AllDown).count();
        // Only when nobody who could know sees it otherwise; else one observer's network hides the rest.
        if self.hearing.knowing.is_empty() && all_down >= needed {
            return Err(reason::everything_down(self));
        }
        Err(reason::quorum_lost(self))
    }

    /// Whether traffic could return to a region preferred over the active one: long up, and long left.
    pub(crate) fn may_return_to(&self, region: &Tally<'_>) -> bool {
        region.is_up_for_long() && self.may_go_to(region) && self.hold_down_until().is_none()
    }

    /// The best region that traffic could return to.
    pub(crate) fn returnable(&self, active: &Tally<'_>) -> Option<&Tally<'a>> {
        self.tallies[..active.rank].iter().find(|region| self.may_return_to(region))
    }

    /// The best of those that the policy may return to by itself: none that a person led the traffic away from.
    pub(crate) fn returnable_by_policy(&self, active: &Tally<'_>) -> Option<&Tally<'a>> {
        let first = self.ordered_rank().min(active.rank);
        self.tallies[first..active.rank].iter().find(|region| self.may_return_to(region))
    }

    /// The rank of the region that a person ordered last; 0 without an order, or when it is gone.
    pub(crate) fn ordered_rank(&self) -> usize {
        let ordered = self.state.by_hand.as_ref().and_then(|order| self.tally(&order.to));
        ordered.map_or(0, |tally| tally.rank)
    }

    /// The region to leave for: by preference, but those that a person led the traffic away from come last.
    pub(crate) fn refuge(&self, active: &Tally<'_>) -> Option<&Tally<'a>> {
        let (avoided, others) = self.tallies.split_at(self.ordered_rank());
        others.iter().chain(avoided).find(|it| it.rank != active.rank && self.may_go_to(it))
    }

    /// Whether traffic may move to a region.
    pub(crate) fn may_go_to(&self, target: &Tally<'_>) -> bool {
        target.is_up()
            && target.native != NativeHealth::Unhealthy
            && !self.panics_at(target)
            && self.data_loss_at(target).is_none()
    }

    /// Why it may not; empty when it may.
    pub(crate) fn against(&self, target: &Tally<'_>) -> Vec<HoldReason> {
        let policy = &self.service.policy;
        let reasons = [
            (!target.is_up()).then(|| reason::not_up(target)),
            (target.native == NativeHealth::Unhealthy).then(|| reason::unhealthy(target)),
            self.panics_at(target).then(|| reason::panic(target, policy)),
            self.data_loss_at(target).map(|(lag, rpo)| reason::data_loss(target, lag, rpo)),
        ];
        reasons.into_iter().flatten().collect()
    }

    /// Of one that is not up that is said already.
    fn panics_at(&self, target: &Tally<'_>) -> bool {
        target.is_up() && target.well.is_some_and(|well| well < self.service.policy.panic_threshold.get())
    }

    /// How far the target's data are behind, and how far they may be; `None` when that is no obstacle.
    fn data_loss_at(&self, target: &Tally<'_>) -> Option<(Option<Period>, Period)> {
        let rpo = self.service.policy.rpo?;
        let lag = self.evidence.lag.get(target.region).copied();
        lag.is_none_or(|lag| lag > rpo).then_some((lag, rpo))
    }

    /// The failover that nobody has seen yet, where the policy waits for that.
    pub(crate) fn unacknowledged(&self) -> Option<&PlanId> {
        self.state.unacknowledged.as_ref().filter(|_| self.service.policy.acknowledge)
    }

    /// Until when a region that was left stays left.
    pub(crate) fn hold_down_until(&self) -> Option<Timestamp> {
        self.state.last_switch.map(|at| later(at, self.service.policy.hold_down)).filter(|until| *until > self.now)
    }

    /// Until when no automatic failover may follow the last switch.
    pub(crate) fn cooldown_until(&self) -> Option<Timestamp> {
        self.state.last_switch.map(|at| later(at, self.service.policy.cooldown)).filter(|until| *until > self.now)
    }

    /// Until when the budget of automatic failovers is used up; `Timestamp::MAX` when it is none.
    pub(crate) fn budget_until(&self) -> Option<Timestamp> {
        let policy = &self.service.policy;
        let budget = usize::try_from(policy.max_auto_failovers_per_hour).unwrap_or(usize::MAX);
        let ends = self.state.automatic.iter().map(|at| later(*at, policy.budget_window));
        let mut open: Vec<_> = ends.filter(|end| *end > self.now).collect();
        open.sort_unstable();
        let excess = (open.len() + 1).checked_sub(budget)?;
        match excess {
            0 => None,
            // As many of the oldest must leave the window as are too many with one more.
            excess => Some(open.get(excess - 1).copied().unwrap_or(Timestamp::MAX)),
        }
    }

    /// When a failover could happen at the earliest if everything goes on as it is; `None` when nobody can say.
    pub(crate) fn earliest_failover(&self) -> Option<Timestamp> {
        *self.earliest.get_or_init(|| self.reckon_earliest())
    }

    fn reckon_earliest(&self) -> Option<Timestamp> {
        let active = self.active()?;
        let missing = active.rounds_missing()?;
        let stopped = self.state.paused.is_some()
            || self.state.in_flight.is_some()
            || self.state.unverified.is_some()
            || self.unacknowledged().is_some();
        if stopped || self.quorum().is_err() || self.refuge(active).is_none() {
            return None;
        }
        let counted = later(self.now, reason::rounds(&self.service.policy, missing));
        let waits = [self.cooldown_until(), self.budget_until()].into_iter().flatten();
        waits.chain([counted]).max().filter(|at| *at < Timestamp::MAX)
    }

    /// Where the service stands while no plan is carried out.
    pub(crate) fn phase(&self) -> Phase {
        match self.active() {
            _ if self.state.in_flight.is_some() => self.state.phase,
            None => self.state.phase,
            Some(active) if active.rank == 0 => Phase::Steady,
            Some(active) if self.returnable(active).is_some() => Phase::FailbackReady,
            Some(_) => Phase::FailedOver,
        }
    }
}

/// The region that is answered with: as we see it, else as a quorum of observers does.
fn active(service: &Service, evidence: &Evidence, hearing: &Hearing<'_>, tallies: &[Tally<'_>]) -> Option<usize> {
    let named = |tally: &&Tally<'_>| {
        let naming = hearing.knowing.iter().filter(|it| it.observation.answering.region() == Some(tally.region));
        naming.count() >= service.policy.quorum
    };
    match &evidence.answering {
        Answering::Region(region) => tallies.iter().position(|tally| tally.region == region),
        // We see the answer, and it is nobody's: what observers saw before is history.
        Answering::Other(_) => None,
        Answering::Mixed | Answering::Unknown => {
            let mut candidates = tallies.iter().filter(named);
            candidates.next().filter(|_| candidates.next().is_none()).map(|tally| tally.rank)
        }
    }
}
