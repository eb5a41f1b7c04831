//! What observers write of a service whose first region is up or down.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use domain::{
    Answering, Config, DnsName, Fault, OBSERVATION_FORMAT, Observation, Phases, ProbeReport, ProbeStatus, RegionView,
    Round, Seen, Service, ServiceState, Verdict,
};
use jiff::Timestamp;
use probe::Prober;

use crate::{
    process::Function,
    world::{FIRST, OBSERVERS, OTHER, World},
};

/// Observers write at least this often.
const FRESH: Duration = Duration::from_millis(200);

/// A busy machine may not answer within what a decision waits for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// What observers write, and when they last did.
pub(crate) struct Scene<'a> {
    world: &'a World,
    config: &'a Config,
    service: &'a Service,
    pub(crate) prober: Prober,
    /// Rounds in a row of each verdict.
    pub(crate) streak: u32,
    written: Option<(Verdict, Answering, Instant)>,
}

impl<'a> Scene<'a> {
    pub(crate) fn new(world: &'a World, config: &'a Config, service: &'a Service) -> Self {
        Self { world, config, service, prober: Prober::new(config).unwrap(), streak: 100, written: None }
    }

    /// The service that they watch.
    pub(crate) fn service(&self) -> &DnsName {
        &self.service.name
    }

    /// Goes on while observers see this of the first region, until the state is so.
    pub(crate) async fn until(
        &mut self,
        function: &mut Function,
        first: Verdict,
        holds: impl Fn(&ServiceState) -> bool,
    ) -> ServiceState {
        let began = Instant::now();
        loop {
            self.observe(first).await;
            function.invoke().await.unwrap().unwrap();
            let (state, _) = self.world.store.state(self.service()).await.unwrap().unwrap();
            if holds(&state) {
                return state;
            }
            assert!(began.elapsed() < PATIENCE, "{state:#?}");
        }
    }

    /// Writes what observers would see now, if that is news.
    pub(crate) async fn observe(&mut self, first: Verdict) {
        let service = self.service;
        let answering = self.prober.answering(service).await;
        let known = self
            .written
            .as_ref()
            .is_some_and(|(verdict, seen, at)| (*verdict, seen) == (first, &answering) && at.elapsed() < FRESH);
        if known {
            return;
        }
        for observer in OBSERVERS {
            let mut observation = Observation {
                format: OBSERVATION_FORMAT,
                service: service.name.clone(),
                observer: observer.parse().unwrap(),
                config: self.config.hash(),
                invocation: "test".to_owned(),
                round: Round(u64::try_from(Timestamp::now().as_millisecond()).unwrap()),
                at: Timestamp::now(),
                regions: [(FIRST, first), (OTHER, Verdict::Up)]
                    .map(|(region, verdict)| (region.parse().unwrap(), view(verdict, self.streak)))
                    .into(),
                answering: answering.clone(),
            };
            self.world.store.observe(&mut observation).await.unwrap();
        }
        self.written = Some((first, answering, Instant::now()));
    }
}

pub(crate) fn view(verdict: Verdict, streak: u32) -> RegionView {
    let (status, fault) = match verdict {
        Verdict::Down => (ProbeStatus::Failed, Some(Fault::ConnectTimeout)),
        _ => (ProbeStatus::Ok, None),
    };
    let probes = ["http", "tcp"].map(|probe| ProbeReport {
        probe: probe.parse().unwrap(),
        status,
        fault,
        phases_ms: Phases::default(),
        evidence: String::new(),
        seen: Seen::default(),
    });
    RegionView {
        verdict,
        streak,
        since: Timestamp::now(),
        anomalous: false,
        anomaly: None,
        failing: BTreeMap::new(),
        silent: BTreeMap::new(),
        probes: probes.into(),
    }
}
