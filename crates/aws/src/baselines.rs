//! A checker's baselines: in memory while it is warm, in the observation bucket for when it is not.
//!
//! A round only reads and learns what is in memory. Everything that waits (loading, writing, the service's phase) is done beside
//! the rounds, what takes long (fitting) between them, and failing at it costs a score, never a round.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use anomaly::{Baseline, Reading};
use domain::{AnomalyUse, DnsName, Observation, ObserverName, Phase, ProbeReport, RegionName, Service, Verdict};
use futures::future::join_all;
use jiff::Timestamp;

use crate::Store;

/// So many intervals without a round: another environment of this function has gone on in the meantime, as invocations that
/// overlap always make it.
const AWAY: u32 = 4;
/// What was learned is written towards the end of an invocation's minute, so that its successor, which has another environment,
/// misses little: from this share of the minute on, and so much more for the last region, in hundredths.
const WRITE_FROM: u32 = 70;
const WRITE_WITHIN: u32 = 25;

/// The baselines of one observer.
#[derive(Debug)]
pub struct Baselines {
    store: Store,
    observer: ObserverName,
    /// What an invocation is there for, and how often a phase is asked for at most.
    minute: Duration,
    kept: Mutex<BTreeMap<(DnsName, RegionName), Kept>>,
    phases: Mutex<BTreeMap<DnsName, (Instant, Option<Phase>)>>,
}

#[derive(Debug)]
struct Kept {
    baseline: Baseline,
    /// The revision in the bucket.
    written: u64,
    /// The beginning of the invocation in which it was written last.
    written_in: Option<Instant>,
    seen: Instant,
    /// What is in the bucket may be newer.
    stale: bool,
}

/// What the baselines make of a round.
#[derive(Debug, Default)]
pub struct Readings(BTreeMap<RegionName, Reading>);

impl Readings {
    /// The regions that are unusual.
    #[must_use]
    pub fn unusual(&self) -> BTreeSet<RegionName> {
        self.0.iter().filter(|(_, reading)| reading.unusual).map(|(region, _)| region.clone()).collect()
    }

    /// What is said of each region.
    #[must_use]
    pub fn into_anomalies(self) -> BTreeMap<RegionName, domain::Anomaly> {
        self.0.into_iter().map(|(region, reading)| (region, reading.anomaly)).collect()
    }
}

impl Baselines {
    /// Of an observer. Makes no call.
    #[must_use]
    pub fn new(store: Store, observer: ObserverName, minute: Duration) -> Self {
        Self { store, observer, minute, kept: Mutex::default(), phases: Mutex::default() }
    }

    /// What they make of a round, `before` being what was seen in the last. They learn from it where the service is steady and
    /// the region up.
    pub fn read(
        &self,
        service: &Service,
        at: Timestamp,
        regions: &BTreeMap<RegionName, Vec<ProbeReport>>,
        before: Option<&Observation>,
    ) -> Readings {
        if service.policy.anomaly == AnomalyUse::Off {
            return Readings::default();
        }
        let steady = self.phase(service).is_some_and(|(_, phase)| phase == Some(Phase::Steady));
        let now = Instant::now();
        let mut kept = self.kept();
        let mut readings = BTreeMap::new();
        for (region, reports) in regions {
            let Some(kept) = kept.get_mut(&(service.name.clone(), region.clone())) else { continue };
            kept.stale |= now.duration_since(kept.seen) > service.policy.interval.0 * AWAY;
            kept.seen = now;
            let before = before.and_then(|before| before.regions.get(region)?.anomaly.as_ref()?.episode());
            let usual = steady && decision::verdict(reports) == Verdict::Up;
            match kept.baseline.observe(at, reports, before, usual) {
                Ok(reading) => readings.extend(reading.map(|reading| (region.clone(), reading))),
                Err(error) => tracing::warn!(%region, %error, "this round has no anomaly score"),
            }
        }
        Readings(readings)
    }

    /// Asks and writes what is due in an invocation that began then. It may be dropped at any time: what was not done is due
    /// at the next call.
    pub async fn keep(&self, service: &Service, begun: Instant) {
        if service.policy.anomaly == AnomalyUse::Off {
            return;
        }
        self.ask_for_phase(service).await;
        join_all(service.regions.iter().map(|region| self.load(service, &region.name))).await;
        let places = u32::try_from(service.regions.len()).unwrap_or(u32::MAX).max(1);
        let moments = (0..places).map(|place| self.minute * (WRITE_FROM + WRITE_WITHIN * place / places) / 100);
        let due = service.regions.iter().zip(moments).filter(|(_, moment)| begun.elapsed() >= *moment);
        join_all(due.map(|(region, _)| self.write(service, &region.name, begun))).await;
    }

    async fn ask_for_phase(&self, service: &Service) {
        if self.phase(service).is_some_and(|(asked, _)| asked.elapsed() < self.minute) {
            return;
        }
        let asked = Instant::now();
        let phase = match self.store.state(&service.name).await {
            Ok(state) => state.map(|(state, _)| state.phase),
            Err(error) => {
                tracing::warn!(%error, "the service's phase is unknown: nothing is learned");
                None
            }
        };
        self.phases.lock().unwrap_or_else(PoisonError::into_inner).insert(service.name.clone(), (asked, phase));
    }

    /// Takes what is in the bucket, where there is none in memory or it may be older.
    async fn load(&self, service: &Service, region: &RegionName) {
        let key = (service.name.clone(), region.clone());
        if self.kept().get(&key).is_some_and(|kept| !kept.stale) {
            return;
        }
        let found = match self.store.baseline(&self.observer, &service.name, region).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%region, %error, "the baseline is not loaded");
                return;
            }
        };
        let read = |bytes: Vec<u8>| match Baseline::from_bytes(&bytes, service, region, &self.observer) {
            Ok(baseline) => Some(baseline),
            Err(error) => {
                tracing::warn!(%region, %error, "the baseline begins anew");
                None
            }
        };
        let found = found.and_then(read);
        let mut kept = self.kept();
        if let Some(kept) = kept.get_mut(&key) {
            kept.stale = false;
            if let Some(found) = found {
                kept.baseline.adopt(found);
                kept.written = kept.baseline.revision();
            }
            return;
        }
        let baseline = found.unwrap_or_else(|| Baseline::new(service, region, &self.observer));
        let written = baseline.revision();
        kept.insert(key, Kept { baseline, written, written_in: None, seen: Instant::now(), stale: false });
    }

    /// Fits those that have no forest yet, or else one of those that should have a new one: a few milliseconds of computing.
    pub fn fit(&self, service: &Service) {
        let mut kept = self.kept();
        let mut due: Vec<_> = kept
            .iter_mut()
            .filter(|((name, _), kept)| *name == service.name && kept.baseline.is_due())
            .map(|((_, region), kept)| (region, &mut kept.baseline))
            .collect();
        due.sort_by_key(|(_, baseline)| baseline.is_fitted());
        let unfitted = due.iter().filter(|(_, baseline)| !baseline.is_fitted()).count();
        for (region, baseline) in due.into_iter().take(unfitted.max(1)) {
            if let Err(error) = baseline.fit() {
                tracing::warn!(%region, %error, "the baseline is not fitted");
            }
        }
    }

    async fn write(&self, service: &Service, region: &RegionName, begun: Instant) {
        let key = (service.name.clone(), region.clone());
        let due = {
            let mut kept = self.kept();
            let due = kept.get_mut(&key).filter(|kept| {
                kept.baseline.revision() != kept.written && !kept.stale && kept.written_in != Some(begun)
            });
            due.map(|kept| {
                kept.written_in = Some(begun);
                (kept.baseline.revision(), kept.baseline.to_bytes())
            })
        };
        let Some((revision, bytes)) = due else { return };
        match self.store.save_baseline(&self.observer, &service.name, region, bytes).await {
            Ok(()) => {
                if let Some(kept) = self.kept().get_mut(&key) {
                    kept.written = revision;
                }
            }
            Err(error) => tracing::warn!(%region, %error, "the baseline is not written"),
        }
    }

    fn phase(&self, service: &Service) -> Option<(Instant, Option<Phase>)> {
        self.phases.lock().unwrap_or_else(PoisonError::into_inner).get(&service.name).copied()
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<(DnsName, RegionName), Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
