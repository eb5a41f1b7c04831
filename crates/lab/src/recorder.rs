//! Turns what passes through the proxy, and what DNS answers, into a drill's timeline.
//!
//! Nothing here is told what happened: observations and audit entries are read as the functions write them,
//! and the answer is asked of a name server.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    AuditEntry, AuditKind, HoldCode, Observation, ObserverName, Phase, PlanKind, RegionName, Service, ServiceState,
    Verdict,
};

use report::{
    Said,
    anomaly::Score,
    timeline::{Event, EventKind},
};
use scenario::What;

/// What was recorded so far.
#[derive(Debug)]
pub struct Recorder<'a> {
    service: &'a Service,
    timeline: Vec<Event>,
    holds: BTreeSet<HoldCode>,
    faulty: BTreeSet<RegionName>,
    latest: BTreeMap<ObserverName, Observation>,
    bad: BTreeSet<(RegionName, ObserverName)>,
    quorum: BTreeSet<RegionName>,
    answer: Answered,
    audited: Vec<AuditEntry>,
    plans: BTreeMap<String, (PlanKind, RegionName)>,
    verdicts: Vec<Said>,
    scores: Vec<Score>,
    phase: Phase,
    reasons: Vec<String>,
}

/// What a drill recorded of one controller.
#[derive(Debug, Clone, Default)]
pub struct Recorded {
    /// Everything that happened, in the order of its recording.
    pub timeline: Vec<Event>,
    /// The codes of every hold that was written down.
    pub holds: BTreeSet<HoldCode>,
    /// Each change of an observer's word.
    pub verdicts: Vec<Said>,
    /// What their forests said.
    pub scores: Vec<Score>,
}

/// What a name server answered last: a region's address, or (`None`) no region's.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Answered {
    NotAsked,
    With(Option<RegionName>),
}

impl<'a> Recorder<'a> {
    /// Nothing recorded yet.
    #[must_use]
    pub fn new(service: &'a Service) -> Self {
        Self {
            service,
            timeline: Vec::new(),
            holds: BTreeSet::new(),
            faulty: BTreeSet::new(),
            latest: BTreeMap::new(),
            bad: BTreeSet::new(),
            quorum: BTreeSet::new(),
            answer: Answered::NotAsked,
            audited: Vec::new(),
            plans: BTreeMap::new(),
            verdicts: Vec::new(),
            scores: Vec::new(),
            phase: Phase::Steady,
            reasons: Vec::new(),
        }
    }

    /// Each observer's latest observation.
    pub fn into_latest(self) -> impl Iterator<Item = Observation> {
        self.latest.into_values()
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> &'a Service {
        self.service
    }

    /// Everything so far, in the order of its recording.
    #[must_use]
    pub fn timeline(&self) -> &[Event] {
        &self.timeline
    }

    /// All of it.
    #[must_use]
    pub fn into_recorded(self) -> Recorded {
        Recorded { timeline: self.timeline, holds: self.holds, verdicts: self.verdicts, scores: self.scores }
    }

    /// An observer's latest word on a region.
    #[must_use]
    pub fn verdict(&self, observer: &ObserverName, region: &RegionName) -> Option<Verdict> {
        Some(self.latest.get(observer)?.regions.get(region)?.verdict)
    }

    /// Where DNS points.
    #[must_use]
    pub fn answering(&self) -> Option<&RegionName> {
        match &self.answer {
            Answered::With(region) => region.as_ref(),
            Answered::NotAsked => None,
        }
    }

    /// The service's phase, and why it is so.
    #[must_use]
    pub fn phase(&self) -> (Phase, &[String]) {
        (self.phase, &self.reasons)
    }

    /// Whether every observer's latest word is that every region is up, and the preferred one answers.
    #[must_use]
    pub fn is_steady(&self, observers: usize) -> bool {
        let up = |it: &Observation| {
            it.regions.values().all(|view| view.verdict == Verdict::Up)
                && it.answering.region() == Some(&self.service.preferred().name)
        };
        self.latest.len() == observers && self.latest.values().all(up)
    }

    /// What the observers say, for people.
    #[must_use]
    pub fn describe(&self) -> String {
        let observers = self.latest.values().map(|observation| {
            let regions = observation.regions.iter().map(|(region, view)| {
                let failed: Vec<_> =
                    view.probes.iter().filter_map(|p| p.fault.map(|_| format!("{} {}", p.probe, p.evidence))).collect();
                format!("{region} {} {}", view.verdict, failed.join(", "))
            });
            format!("{}: {}", observation.observer, regions.collect::<Vec<_>>().join("; "))
        });
        let said = observers.collect::<Vec<_>>().join(" | ");
        if said.is_empty() { "no observer has written anything".to_owned() } else { said }
    }

    /// The drill put a fault on something.
    pub fn injected(&mut self, t: f64, what: &What) {
        if let Some(region) = what.region() {
            self.faulty.insert(region.clone());
            self.bad.retain(|(bad, _)| bad != region);
            self.quorum.remove(region);
        }
        self.fault(t, EventKind::FaultInjected, what);
    }

    /// The drill took a fault off something.
    pub fn cleared(&mut self, t: f64, what: &What) {
        self.fault(t, EventKind::FaultCleared, what);
    }

    fn fault(&mut self, t: f64, event: EventKind, what: &What) {
        let observer = match what {
            What::Observer { observer, .. } => Some(observer.clone()),
            What::Region { .. } | What::Name { .. } | What::Aws { .. } => None,
        };
        self.add(Event { t, event, region: what.region().cloned(), observer, detail: Some(what.to_string()) });
    }

    /// A rival did or saw something.
    pub fn noted(&mut self, event: Event) {
        self.add(event);
    }

    /// The failover function wrote the service's state.
    pub fn state(&mut self, state: &ServiceState) {
        self.phase = state.phase;
        if state.in_flight.is_none() {
            self.reasons = state.hold_reasons.iter().map(|reason| reason.text.clone()).collect();
        }
    }

    /// A name server answers with this region; `None`: with no region's address.
    pub fn answered(&mut self, t: f64, region: Option<RegionName>) {
        let now = Answered::With(region.clone());
        let before = std::mem::replace(&mut self.answer, now.clone());
        if before == Answered::NotAsked || before == now {
            return;
        }
        let event = EventKind::DnsAnswerChanged;
        self.add(Event { t, event, region, observer: None, detail: None });
    }

    /// An observer wrote an observation.
    pub fn observed(&mut self, t: f64, observation: Observation) {
        for (region, view) in &observation.regions {
            let seen = (region.clone(), observation.observer.clone());
            if view.verdict == Verdict::Down && self.faulty.contains(region) && self.bad.insert(seen) {
                let failed = view.probes.iter().filter_map(|probe| Some(format!("{} {}", probe.probe, probe.fault?)));
                self.timeline.push(Event {
                    observer: Some(observation.observer.clone()),
                    detail: Some(failed.collect::<Vec<_>>().join(", ")),
                    ..Event::new(t, EventKind::FirstBadProbe, region)
                });
            }
        }
        for (region, view) in &observation.regions {
            let before = self.verdict(&observation.observer, region);
            if before != Some(view.verdict) {
                let (observer, region) = (observation.observer.clone(), region.clone());
                self.verdicts.push(Said { t, observer, region, verdict: view.verdict });
            }
        }
        self.scored(t, &observation);
        self.latest.insert(observation.observer.clone(), observation);
        let policy = &self.service.policy;
        for region in self.faulty.clone() {
            let views = self.latest.iter().filter_map(|(observer, it)| Some((observer, it.regions.get(&region)?)));
            let down: Vec<_> = views.filter(|(_, view)| view.verdict == Verdict::Down).collect();
            let needed = decision::down_after(policy, down.iter().filter(|(_, view)| view.anomalous).count());
            let down = down.into_iter().filter(|(_, view)| view.streak >= needed);
            let down: Vec<_> = down.map(|(observer, _)| observer.to_string()).collect();
            if down.len() >= policy.quorum && self.quorum.insert(region.clone()) {
                let detail = format!("down for {} of {}: {}", down.len(), self.latest.len(), down.join(", "));
                self.add(Event { detail: Some(detail), ..Event::new(t, EventKind::Quorum, &region) });
            }
        }
    }

    /// An observer's forest said something.
    fn scored(&mut self, t: f64, observation: &Observation) {
        for (region, view) in &observation.regions {
            let Some(anomaly) = &view.anomaly else { continue };
            self.scores.push(Score {
                t,
                observer: observation.observer.clone(),
                region: region.clone(),
                score: anomaly.score(),
                unusual: view.anomalous,
            });
            if anomaly.is_alert() {
                let reasons: Vec<_> = anomaly.reasons().iter().map(ToString::to_string).collect();
                let event = Event::new(t, EventKind::Anomaly, region);
                self.timeline.push(Event {
                    observer: Some(observation.observer.clone()),
                    detail: Some(reasons.join(" and ")),
                    ..event
                });
            }
        }
    }

    /// A controller wrote an audit entry, for something that it did at `t`.
    pub fn audited(&mut self, t: f64, entry: AuditEntry) {
        // Whoever comes after a crash writes it again.
        if self.audited.contains(&entry) {
            return;
        }
        self.audited.push(entry.clone());
        match entry.kind {
            AuditKind::Taken { plan } => {
                let event = match plan.kind {
                    PlanKind::Failover | PlanKind::Latch => EventKind::Decision,
                    PlanKind::Failback => EventKind::FailbackDecision,
                    PlanKind::Rearm => return,
                };
                self.reasons.clone_from(&plan.because);
                self.plans.insert(plan.id.to_string(), (plan.kind, plan.to.clone()));
                let detail = format!("{} {}, by {}\n{}", plan.kind, plan.id, plan.by, plan.because.join("\n"));
                self.add(Event { detail: Some(detail), ..Event::new(t, event, &plan.to) });
            }
            AuditKind::Applied { plan } => {
                let Some((kind, to)) = self.plans.get(plan.as_str()).cloned() else { return };
                let event =
                    if kind == PlanKind::Failback { EventKind::FailbackApplied } else { EventKind::SwitchApplied };
                self.add(Event { detail: Some(plan.to_string()), ..Event::new(t, event, &to) });
            }
            AuditKind::Held { reasons } => self.holds.extend(reasons.iter().map(|reason| reason.code)),
            AuditKind::Blocked { reason, .. } => {
                self.holds.insert(reason.code);
            }
            AuditKind::Verified { .. }
            | AuditKind::NotVerified { .. }
            | AuditKind::Abandoned { .. }
            | AuditKind::Recommended { .. }
            | AuditKind::Paused { .. }
            | AuditKind::Resumed { .. }
            | AuditKind::Acknowledged { .. } => {}
        }
    }

    /// People were told something; alarms about this service are events.
    pub fn noticed(&mut self, t: f64, subject: &str, message: &str) {
        let Some(about) = subject.strip_prefix("ALARM ") else { return };
        if about.split_once(": ").is_some_and(|(service, _)| service == self.service.name.as_str()) {
            let text = message.split("\n\n").next().unwrap_or_default();
            let detail = Some(format!("{about}\n{text}"));
            self.add(Event { t, event: EventKind::Alarm, region: None, observer: None, detail });
        }
    }

    fn add(&mut self, event: Event) {
        self.timeline.push(event);
    }
}
