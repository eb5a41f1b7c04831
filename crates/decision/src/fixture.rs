//! A small world for tests: three observers, two regions, everything up.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    Alarm, Answering, Config, Fault, Metric, OBSERVATION_FORMAT, Observation, ObserverName, Paused, Period, Phases,
    Plan, ProbeReport, ProbeStatus, RegionName, RegionView, ReplicationLag, Round, Seen, Service, ServiceState,
    Statistic, TimeUnit, Verdict,
};
use jiff::Timestamp;

use crate::{AlarmState, Decision, Evidence, NativeHealth, Outcome, Sighting, Tally, decide};

pub(crate) const OBSERVERS: [&str; 3] = ["ca-central-1", "us-east-2", "us-west-2"];

#[derive(Debug, Clone)]
pub(crate) struct World {
    pub(crate) config: Config,
    pub(crate) state: ServiceState,
    pub(crate) evidence: Evidence,
    pub(crate) now: Timestamp,
}

pub(crate) fn report(probe: &str, status: ProbeStatus, fault: Option<Fault>) -> ProbeReport {
    ProbeReport {
        probe: probe.parse().unwrap(),
        status,
        fault,
        phases_ms: Phases::default(),
        evidence: String::new(),
        seen: Seen::default(),
    }
}

pub(crate) fn ok(probe: &str) -> ProbeReport {
    report(probe, ProbeStatus::Ok, None)
}

pub(crate) fn failed(probe: &str, fault: Fault) -> ProbeReport {
    report(probe, ProbeStatus::Failed, Some(fault))
}

pub(crate) fn region(name: &str) -> RegionName {
    name.parse().unwrap()
}

/// A view whose probes say what its verdict does.
pub(crate) fn view(verdict: Verdict, streak: u32) -> RegionView {
    let probes = match verdict {
        Verdict::Up => vec![ok("http"), ok("tcp")],
        Verdict::Degraded => vec![report("http", ProbeStatus::Degraded, None), ok("tcp")],
        Verdict::Down => vec![failed("http", Fault::ConnectTimeout), failed("tcp", Fault::ConnectTimeout)],
        Verdict::Unknown => vec![failed("http", Fault::Observer), failed("tcp", Fault::Observer)],
    };
    RegionView {
        verdict,
        streak,
        since: Timestamp::UNIX_EPOCH,
        anomalous: false,
        anomaly: None,
        failing: BTreeMap::new(),
        silent: BTreeMap::new(),
        probes,
    }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with("")
    }

    /// Two regions, under this policy.
    pub(crate) fn with(policy: &str) -> Self {
        Self::of(policy, &["us-east-1", "eu-west-1"])
    }

    pub(crate) fn of(policy: &str, regions: &[&str]) -> Self {
        let tables = regions
            .iter()
            .map(|name| format!("[[service.region]]\nname = \"{name}\"\ncname = \"{name}.example.net\"\n"));
        let tables = tables.collect::<Vec<_>>().concat();
        let source = format!(
            "control_region = \"eu-central-1\"\nobservers = {OBSERVERS:?}\n\
             [[service]]\nname = \"api.example.com\"\nhosted_zone = \"Z1\"\n[service.policy]\n{policy}\n{tables}\
             [[service.probe]]\nname = \"http\"\nkind = \"http\"\npath = \"/health\"\n\
             [[service.probe]]\nname = \"tcp\"\nkind = \"tcp\"\nport = 80\n"
        );
        let config = Config::parse("t.toml", &source).unwrap_or_else(|error| panic!("{error}"));
        let now: Timestamp = "2026-11-21T10:15:00Z".parse().unwrap();
        let observers: BTreeSet<ObserverName> = OBSERVERS.iter().map(|name| name.parse().unwrap()).collect();
        let sightings = observers.iter().map(|observer| Sighting {
            observation: Observation {
                format: OBSERVATION_FORMAT,
                service: config.services[0].name.clone(),
                observer: observer.clone(),
                config: config.hash(),
                invocation: format!("i-{observer}"),
                round: Round(100),
                at: now,
                regions: regions.iter().map(|name| (region(name), view(Verdict::Up, 100))).collect(),
                answering: Answering::Region(region(regions[0])),
            },
            age: Period::seconds(2),
        });
        let evidence = Evidence {
            config: config.hash(),
            sightings: sightings.collect(),
            observers: observers.clone(),
            answering: Answering::Region(region(regions[0])),
            native: BTreeMap::new(),
            alarms: BTreeMap::new(),
            lag: BTreeMap::new(),
        };
        let state = ServiceState::new(&config.services[0]);
        Self { config, state, evidence, now }
    }

    pub(crate) fn service(&self) -> &Service {
        &self.config.services[0]
    }

    pub(crate) fn sighting(&mut self, observer: &str) -> &mut Sighting {
        let of_observer = |sighting: &&mut Sighting| sighting.observation.observer.as_str() == observer;
        self.evidence.sightings.iter_mut().find(of_observer).unwrap()
    }

    /// What one observer sees of a region.
    pub(crate) fn one(&mut self, observer: &str, name: &str, verdict: Verdict, streak: u32) {
        self.sighting(observer).observation.regions.insert(region(name), view(verdict, streak));
    }

    /// What every observer sees of a region.
    pub(crate) fn all(&mut self, name: &str, verdict: Verdict, streak: u32) {
        for observer in OBSERVERS {
            self.one(observer, name, verdict, streak);
        }
    }

    pub(crate) fn probes_of(&mut self, observer: &str, name: &str, probes: &[ProbeReport]) {
        let view = self.sighting(observer).observation.regions.get_mut(name).unwrap();
        view.probes = probes.to_vec();
    }

    pub(crate) fn probes(&mut self, name: &str, probes: &[ProbeReport]) {
        for observer in OBSERVERS {
            self.probes_of(observer, name, probes);
        }
    }

    pub(crate) fn native(&mut self, name: &str, health: NativeHealth) {
        self.evidence.native.insert(region(name), health);
    }

    /// Gives a region an alarm that lives elsewhere, in this state.
    pub(crate) fn alarm(&mut self, name: &str, state: AlarmState) {
        let alarm = Alarm { region: region("eu-central-1"), name: format!("{name}-errors") };
        // Observers go on under the configuration of before.
        let regions = &mut self.config.services[0].regions;
        regions.iter_mut().find(|it| it.name.as_str() == name).unwrap().alarm = Some(alarm);
        self.evidence.alarms.insert(region(name), state);
    }

    /// Gives a region a metric of how far its data are behind.
    pub(crate) fn measured(&mut self, name: &str) {
        let metric = Metric {
            region: region(name),
            namespace: "AWS/RDS".into(),
            name: "ReplicaLag".into(),
            dimensions: BTreeMap::new(),
            statistic: Statistic::Maximum,
        };
        let lag = ReplicationLag { metric, unit: TimeUnit::S, stale_after: Period::seconds(300) };
        let regions = &mut self.config.services[0].regions;
        regions.iter_mut().find(|it| it.name.as_str() == name).unwrap().replication_lag = vec![lag];
    }

    /// Where the zone's name servers point, for us and for everyone.
    pub(crate) fn answering(&mut self, answering: &Answering) {
        self.evidence.answering = answering.clone();
        for sighting in &mut self.evidence.sightings {
            sighting.observation.answering = answering.clone();
        }
    }

    pub(crate) fn answers(&mut self, name: &str) {
        self.answering(&Answering::Region(region(name)));
    }

    /// As if a plan had made these regions the order of answers long ago.
    pub(crate) fn moved_to(&mut self, slots: &[domain::Slot]) {
        self.state.slots = slots.to_vec();
        self.state.active = slots[0].region.clone();
        let first = self.state.active.to_string();
        self.answers(&first);
    }

    pub(crate) fn ago(&self, seconds: u64) -> Timestamp {
        self.now - Period::seconds(seconds).signed()
    }

    pub(crate) fn pause(&mut self) {
        self.state.paused = Some(Paused { by: "ada".into(), at: self.now, reason: "maintenance".into() });
    }

    pub(crate) fn tally(&self, rank: usize) -> Tally<'_> {
        let hearing = self.evidence.hear(self.service(), self.now);
        Tally::all(self.service(), &hearing, &self.evidence).swap_remove(rank)
    }

    pub(crate) fn decide(&self) -> Decision {
        decide(self.service(), &self.state, &self.evidence, self.now)
    }

    /// The plan that is decided; the reasons as a failure when it is none.
    pub(crate) fn plan(&self) -> Plan {
        match self.decide().outcome {
            Outcome::Plan(plan) => *plan,
            Outcome::Hold(reasons) => panic!("{reasons:#?}"),
        }
    }

    /// The codes of the reasons to hold.
    pub(crate) fn holds(&self) -> Vec<domain::HoldCode> {
        match self.decide().outcome {
            Outcome::Hold(reasons) => reasons.iter().map(|reason| reason.code).collect(),
            Outcome::Plan(plan) => panic!("{plan:#?}"),
        }
    }

    /// The first reason to hold, in words.
    pub(crate) fn says(&self) -> String {
        match self.decide().outcome {
            Outcome::Hold(reasons) => reasons[0].text.clone(),
            Outcome::Plan(plan) => panic!("{plan:#?}"),
        }
    }
}
