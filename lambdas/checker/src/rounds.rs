//! Rounds: EventBridge starts an invocation a minute, and the rounds go on within it until a successor's are seen.

use std::{
    convert::Infallible,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use aws::{Baselines, Bus, Cloudwatch, Function, StartError, Store};
use decision::Measured;
use domain::{ChangeEvent, Observation, ObserverName, Period, Round, Service};
use futures::future::join_all;
use jiff::Timestamp;
use monitoring::Batch;
use probe::{Prober, RoundReports};

/// Observations are written at least this often, however quiet it is.
const KEEP_ALIVE: Period = Period::seconds(30);

/// Everything that a round needs.
pub(crate) struct Checker {
    function: Function,
    observer: ObserverName,
    prober: Prober,
    store: Store,
    baselines: Baselines,
    bus: Bus,
    cloudwatch: Cloudwatch,
    /// Kept from one invocation to the next: what is quiet is sent together.
    metrics: Mutex<Batch>,
}

impl Checker {
    pub(crate) async fn load() -> Result<Self, StartError> {
        let function = Function::load().await?;
        let control = &function.deployment.config.control_region;
        let observer = ObserverName::from(&function.region);
        let store = Store::new(&function.session, &function.names, control);
        Ok(Self {
            baselines: Baselines::new(store.clone(), observer.clone(), function.deployment.config.minute.0),
            observer,
            store,
            prober: Prober::new(&function.deployment.config)?
                .bound_to(function.deployment.config.source(&function.region)),
            bus: Bus::new(&function.session, &function.names, control),
            cloudwatch: Cloudwatch::new(&function.session, &function.deployment.config),
            metrics: Mutex::default(),
            function,
        })
    }

    pub(crate) fn observer(&self) -> &ObserverName {
        &self.observer
    }

    /// One round of every service, reported like any other.
    pub(crate) async fn once(&self, request: &str) -> Vec<Observation> {
        // Nobody's successor, since it does not go on.
        let invocation = &invocation(Timestamp::UNIX_EPOCH, request);
        let services = &self.function.deployment.config.services;
        join_all(services.iter().map(|service| async move {
            let mut watch = Watch::begin(self, service, invocation).await;
            watch.round().await
        }))
        .await
    }

    /// Rounds of every service, each at its own interval; then the metrics of all, if they are due.
    pub(crate) async fn watch(&self, request: &str) {
        let invocation = &invocation(Timestamp::now(), request);
        let services = &self.function.deployment.config.services;
        join_all(services.iter().map(|service| self.watch_one(service, invocation))).await;
        let mut due = {
            let mut metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
            if !metrics.is_due(Timestamp::now()) {
                return;
            }
            std::mem::take(&mut *metrics)
        };
        if let Err(error) = self.cloudwatch.send(&mut due).await {
            tracing::warn!(%error, "the latest metrics are lost");
        }
    }

    async fn watch_one(&self, service: &Service, invocation: &str) {
        let started = Instant::now();
        // What the baselines need is never waited for; what it has begun goes on through the rounds, so that a slow store is
        // not asked for the same again and again.
        tokio::select! {
            () = self.go_on(service, invocation, started) => {}
            never = self.keep_baselines(service, started) => match never {},
        }
    }

    async fn go_on(&self, service: &Service, invocation: &str, started: Instant) {
        let minute = self.function.deployment.config.minute.0;
        let mut watch = Watch::begin(self, service, invocation).await;
        loop {
            let observation = watch.round().await;
            self.metrics.lock().unwrap_or_else(PoisonError::into_inner).observe(&observation);
            // Between two rounds, where it delays no probe.
            self.baselines.fit(service);
            let next = until_next_round(service.policy.interval.0);
            // The schedule may be late or miss: half a minute of patience covers what it may be late by.
            if started.elapsed() + next > minute * 3 / 2 {
                return;
            }
            if watch.is_succeeded_within(next, minute.saturating_sub(started.elapsed())).await {
                return;
            }
        }
    }

    async fn keep_baselines(&self, service: &Service, started: Instant) -> Infallible {
        loop {
            self.baselines.keep(service, started).await;
            tokio::time::sleep(service.policy.interval.0).await;
        }
    }
}

/// One service, watched by one invocation.
struct Watch<'a> {
    checker: &'a Checker,
    service: &'a Service,
    invocation: &'a str,
    previous: Option<Observation>,
    written: Option<Observation>,
    /// When the zone's name servers were asked last, by this invocation.
    asked: Option<Instant>,
}

impl<'a> Watch<'a> {
    /// Streaks go on from what a predecessor wrote last.
    async fn begin(checker: &'a Checker, service: &'a Service, invocation: &'a str) -> Self {
        let found = checker.store.observation(&service.name, &checker.observer).await;
        let previous = found.unwrap_or_else(|error| {
            tracing::warn!(%error, "streaks begin anew");
            None
        });
        Self {
            checker,
            service,
            invocation,
            previous: previous.map(|sighting| sighting.observation),
            written: None,
            asked: None,
        }
    }

    async fn round(&mut self) -> Observation {
        let Checker { function, observer, store, baselines, bus, .. } = self.checker;
        let policy = &self.service.policy;
        let round = Round::at(since_epoch(), policy.interval);
        let keep_alive = KEEP_ALIVE.scaled(function.deployment.config.speed());
        let seen = self.look(keep_alive).await;
        let now = Timestamp::now();
        let quiet = keep_alive.0.as_millis() / policy.interval.0.as_millis().max(1);
        let quiet = u64::try_from(quiet).unwrap_or(u64::MAX);
        let readings = baselines.read(self.service, now, &seen.regions, self.previous.as_ref());
        let measured = Measured {
            service: self.service.name.clone(),
            observer: observer.clone(),
            config: function.hash.clone(),
            invocation: self.invocation.to_owned(),
            round,
            at: now,
            regions: seen.regions,
            anomalous: readings.unusual(),
            anomalies: readings.into_anomalies(),
            answering: seen.answering,
        };
        let mut observation = decision::follow(self.previous.as_ref(), measured, quiet);
        let event_due = decision::needs_event(self.previous.as_ref(), &observation, policy);
        if event_due || decision::needs_write(self.written.as_ref(), &observation, keep_alive, now) {
            match store.observe(&mut observation).await {
                Ok(()) => self.written = Some(observation.clone()),
                Err(error) => tracing::warn!(%error, "this round's observation is not written"),
            }
        }
        if event_due {
            let regions = observation.regions.iter();
            let event = ChangeEvent {
                service: observation.service.clone(),
                observer: observation.observer.clone(),
                round,
                regions: regions.map(|(name, view)| (name.clone(), (view.verdict, view.streak))).collect(),
            };
            if let Err(error) = bus.send(&event).await {
                tracing::warn!(%error, "the change event is lost; the next round sends another");
            }
        }
        self.previous = Some(observation.clone());
        observation
    }

    /// Probes every region. Where the zone points is asked each time only while that may be about to change: Route 53 charges
    /// for what its servers are asked.
    async fn look(&mut self, keep_alive: Period) -> RoundReports {
        let prober = &self.checker.prober;
        let asked_lately = self.asked.is_some_and(|asked| asked.elapsed() < keep_alive.0);
        if let Some(quiet) = self.previous.as_ref().filter(|previous| asked_lately && decision::is_quiet(previous)) {
            return RoundReports { regions: prober.regions(self.service).await, answering: quiet.answering.clone() };
        }
        self.asked = Some(Instant::now());
        prober.round(self.service).await
    }

    /// Waits for the next round, and from `after` on for a successor: looked for more often than once a round, since the time
    /// in which both run is paid for twice.
    async fn is_succeeded_within(&self, next: Duration, after: Duration) -> bool {
        let (begun, step) = (Instant::now(), self.checker.function.deployment.config.minute.0 / 60);
        tokio::time::sleep(next.min(after)).await;
        loop {
            let left = next.saturating_sub(begun.elapsed());
            tokio::time::sleep(left.min(step)).await;
            if begun.elapsed() >= after && self.is_succeeded().await {
                return true;
            }
            if begun.elapsed() >= next {
                return false;
            }
        }
    }

    /// Whether an invocation that began later has written a round.
    async fn is_succeeded(&self) -> bool {
        let found = self.checker.store.observation(&self.service.name, &self.checker.observer).await;
        found.is_ok_and(|found| found.is_some_and(|latest| latest.observation.invocation.as_str() > self.invocation))
    }
}

/// Ids in the order of their beginnings, so that of two that EventBridge starts at once exactly one is the later.
fn invocation(begun: Timestamp, request: &str) -> String {
    format!("{:014}-{request}", begun.as_millisecond())
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn until_next_round(interval: Duration) -> Duration {
    let into = since_epoch().as_nanos() % interval.as_nanos().max(1);
    interval.saturating_sub(Duration::from_nanos(u64::try_from(into).unwrap_or(0)))
}
