//! One scenario from its first request to its report.

use std::{
    collections::{BTreeMap, BTreeSet},
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws::{Controller, Function, OrderError};
use domain::{Actor, CheckId, Config, DnsName, Observation, ObserverName, RegionName, Service};
use futures::{FutureExt, future::join_all};
use rustls::ClientConfig;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::{
    ASK_EVERY, DrillError, Happened, Progress, Rivals, dns, record,
    snapshot::{LastSecond, Snapshot},
    take,
};
use crate::{
    clock::Clock,
    fleet::{Fleet, Load, Resolve},
    health::Pace,
    hosted::Happening,
    recorder::Recorder,
    rival::{Rival, Step, Threshold},
    stage::{Play, Stage, StageError},
    tls,
};
use report::{
    Circumstances, LOOPBACK_EXEMPTION, Report, cost,
    metrics::{self, Evidence, Lived},
    timeline::{Event, EventKind},
};
use scenario::{Command, InForce};

/// How often it is said how things stand.
const SHOW_EVERY: Duration = Duration::from_millis(250);
/// An order that was refused is given again after this long, in seconds of life.
const ORDER_AGAIN: f64 = 5.0;
/// Requests of a fleet that may be on their way at once.
const OUTSTANDING: usize = 4_096;

/// A controller's name, its clients, and what is recorded of it.
struct Track<'a> {
    rival: Option<Rival>,
    name: DnsName,
    fleet: Fleet,
    recorder: Mutex<Recorder<'a>>,
    /// How many of the recorder's events were told.
    told: Mutex<usize>,
}

impl<'a> Track<'a> {
    fn lock(&self) -> MutexGuard<'_, Recorder<'a>> {
        self.recorder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Run<'a> {
    stage: &'a Stage,
    play: &'a Play,
    service: &'a Service,
    clock: Clock,
    on: &'a (dyn Fn(Progress) + Send + Sync),
    ours: Track<'a>,
    native: Option<(Track<'a>, BTreeMap<RegionName, CheckId>)>,
    threshold: Option<(Track<'a>, Threshold)>,
    no_failover: Fleet,
    lived: Mutex<Vec<Lived>>,
}

pub(super) async fn run(
    stage: &Stage,
    play: &Play,
    rivals: Rivals,
    seen: Vec<Observation>,
    clock: Clock,
    on: &(dyn Fn(Progress) + Send + Sync),
    stop: &CancellationToken,
) -> Result<Report, DrillError> {
    let service = stage.service(play);
    let server = stage.name_servers.addresses()[0];
    let tls = play.scenario.load.tls.then(|| tls::client(&stage.ca)).transpose().map_err(StageError::from)?;
    let fleet =
        |name: &DnsName, resolve: Resolve| Fleet::start(load(play, name, tls.clone()), resolve, clock.started());
    let track = |rival, name: DnsName| Track {
        rival,
        fleet: fleet(&name, dns::resolver(server)),
        name,
        recorder: Mutex::new(Recorder::new(service)),
        told: Mutex::new(0),
    };
    let run = Run {
        stage,
        play,
        service,
        clock,
        on,
        ours: track(None, play.name.clone()),
        native: rivals.native.map(|(name, checks)| (track(Some(Rival::Native), name), checks)),
        threshold: rivals.threshold.map(|(name, threshold)| (track(Some(Rival::Threshold), name), threshold)),
        no_failover: fleet(&play.name, dns::always(server, &play.endpoint(&service.preferred().name))),
        lived: Mutex::default(),
    };
    {
        let mut recorder = run.ours.lock();
        for observation in seen {
            recorder.observed(0.0, observation);
        }
    }
    let mut writes = stage.proxy.writes();
    let ends = Instant::from_std(clock.moment(play.scenario.ends()));
    let watching = async {
        tokio::join!(
            async {
                loop {
                    record(&mut writes, &clock, &run.ours.recorder).await;
                    run.tell(&run.ours);
                }
            },
            run.ask(),
            run.watch_native(),
            run.watch_threshold(),
            run.show(),
            run.give_orders(),
        )
    };
    let stopped = tokio::select! {
        (.., ordered) = watching => return Err(ordered.err().unwrap_or(DrillError::Stopped)),
        () = async { run.inject().await; sleep_until(ends).await; } => false,
        () = stop.cancelled() => true,
    };
    let ended = clock.at(std::time::Instant::now());
    // What was written before the end may still be on its way to here.
    while let Some(Ok(write)) = writes.recv().now_or_never() {
        take(&write, &clock, &run.ours.recorder);
    }
    run.put(&InForce::default()).await;
    run.report(ended, stopped).await
}

fn load(play: &Play, name: &DnsName, tls: Option<Arc<ClientConfig>>) -> Load {
    let scenario = &play.scenario;
    Load {
        name: name.clone(),
        port: play.port(),
        paths: ["/api/orders", "/api/users"].map(str::to_owned).to_vec(),
        rate: scenario.load.rate * scenario.speed,
        clients: NonZeroUsize::new(scenario.load.clients as usize).unwrap_or(NonZeroUsize::MIN),
        timeout: scenario.load.timeout.scaled(scenario.speed).0,
        outstanding: OUTSTANDING,
        tls,
        stale: scenario.load.stale,
        seed: scenario.seed,
    }
}

impl<'a> Run<'a> {
    fn tracks(&self) -> impl Iterator<Item = &Track<'a>> {
        let rivals = [self.native.as_ref().map(|(track, _)| track), self.threshold.as_ref().map(|(track, _)| track)];
        std::iter::once(&self.ours).chain(rivals.into_iter().flatten())
    }

    fn now(&self) -> f64 {
        self.clock.at(std::time::Instant::now())
    }

    /// Tells what was recorded since the last time. What the drill itself does is told once.
    fn tell(&self, track: &Track<'a>) {
        let recorder = track.lock();
        let mut told = track.told.lock().unwrap_or_else(PoisonError::into_inner);
        for event in &recorder.timeline()[*told..] {
            let own = matches!(event.event, EventKind::FaultInjected | EventKind::FaultCleared);
            if track.rival.is_none() || !own {
                let scenario = self.play.scenario.name.clone();
                (self.on)(Progress::Happened(Happened { scenario, rival: track.rival, event: event.clone() }));
            }
        }
        *told = recorder.timeline().len();
    }

    /// Asks where DNS points, for every controller.
    async fn ask(&self) {
        loop {
            join_all(self.tracks().map(|track| async move {
                let region = dns::answering(self.stage, self.play, &track.name).await;
                track.lock().answered(self.now(), region);
                self.tell(track);
            }))
            .await;
            sleep(ASK_EVERY).await;
        }
    }

    async fn watch_native(&self) {
        let Some((track, checks)) = &self.native else { return std::future::pending().await };
        let mut events = self.stage.route53.subscribe();
        loop {
            let Ok(event) = events.recv().await else { continue };
            let Happening::StatusTurned { check, healthy: false } = event.what else { continue };
            let Some((region, _)) = checks.iter().find(|(_, own)| own.as_str() == check.to_string()) else { continue };
            let detail = Some("more than 82% of Route 53's checkers fail".to_owned());
            let t = self.clock.at(event.at.instant.into_std());
            track.lock().noted(Event { detail, ..Event::new(t, EventKind::Quorum, region) });
            self.tell(track);
        }
    }

    async fn watch_threshold(&self) {
        let Some((track, threshold)) = &self.threshold else { return std::future::pending().await };
        let preferred = &self.service.preferred().name;
        let note = |step: Step| {
            let t = self.now();
            let mut recorder = track.lock();
            match step {
                Step::Turned { to, seen } if to == *preferred => {
                    recorder.noted(Event { detail: Some(seen), ..Event::new(t, EventKind::FailbackDecision, &to) });
                }
                Step::Turned { to, seen } => {
                    recorder.noted(Event { detail: Some(seen), ..Event::new(t, EventKind::Quorum, preferred) });
                    recorder.noted(Event::new(t, EventKind::Decision, &to));
                }
                Step::Applied { to } => {
                    let kind = if to == *preferred { EventKind::FailbackApplied } else { EventKind::SwitchApplied };
                    recorder.noted(Event::new(t, kind, &to));
                }
            }
            drop(recorder);
            self.tell(track);
        };
        threshold.run(&self.stage.route53, note).await;
    }

    /// Says how things stand. Several scenarios at once would not fit on a screen.
    async fn show(&self) {
        if self.stage.plays.len() > 1 {
            return std::future::pending().await;
        }
        let observers: Vec<_> = self.stage.config.observers.iter().map(ObserverName::from).collect();
        loop {
            sleep(SHOW_EVERY).await;
            let passed = self.clock.started().elapsed();
            let second = self.ours.fleet.look(|records| LastSecond::of(records, &self.play.scenario, passed));
            let snapshot = Snapshot::new(self.play, &self.clock, &observers, &self.ours.lock(), &second);
            (self.on)(Progress::Stands(Box::new(snapshot)));
        }
    }

    /// Orders what a person would, as the command line does.
    async fn give_orders(&self) -> Result<(), DrillError> {
        let orders = &self.play.scenario.orders;
        if !orders.is_empty() {
            let (session, names) = self.stage.session();
            let function = Function::deployed(session, names, &self.stage.config.control_region).await?;
            let controller = Controller::new(&function)?;
            for order in orders {
                sleep_until(Instant::from_std(self.clock.moment(order.at))).await;
                let to = match &order.command {
                    Command::Failover(to) => to.clone(),
                    Command::Failback => self.service.preferred().name.clone(),
                };
                let by = Actor::Human { name: "the drill".to_owned(), reason: order.reason.clone() };
                let order = decision::Order { to, by, forced: BTreeSet::new() };
                // A person who is refused waits and tries again.
                while let Err(error) = controller.carry_out(self.service, &order).await {
                    tracing::info!(%error, refused = matches!(error, OrderError::Refused(_)), "an order by hand is given again");
                    sleep(Duration::from_secs_f64(ORDER_AGAIN / self.play.scenario.speed)).await;
                }
            }
        }
        std::future::pending().await
    }

    /// Puts faults on and takes them off, when the scenario says.
    async fn inject(&self) {
        let scenario = &self.play.scenario;
        let mut places: Vec<Option<usize>> = vec![None; scenario.faults.len()];
        for turn in scenario.turns() {
            sleep_until(Instant::from_std(self.clock.moment(turn.at))).await;
            // A fault begins when it begins to be put on, and ends when it is off.
            let begun = self.now();
            self.put(&turn.in_force).await;
            let ended = self.now();
            let mut lived = self.lived.lock().unwrap_or_else(PoisonError::into_inner);
            for place in turn.ended {
                let what = &scenario.faults[place].what;
                self.tracks().for_each(|track| track.lock().cleared(ended, what));
                if let Some(at) = places[place] {
                    let lived: &mut Lived = &mut lived[at];
                    lived.cleared = Some(ended);
                }
            }
            for place in turn.begun {
                let what = scenario.faults[place].what.clone();
                self.tracks().for_each(|track| track.lock().injected(begun, &what));
                places[place] = Some(lived.len());
                lived.push(Lived { what, injected: begun, cleared: None });
            }
            drop(lived);
            self.tracks().for_each(|track| self.tell(track));
        }
    }

    /// Makes this, and nothing else, wrong.
    async fn put(&self, in_force: &InForce) {
        let source = |observer: &ObserverName| self.stage.config.source(&RegionName::from(observer));
        join_all(self.play.regions.iter().map(|(name, region)| async move {
            let faults = in_force.regions.get(name).cloned().unwrap_or_default();
            let cut_off = in_force.cut_off.get(name).into_iter().flatten().filter_map(source).collect();
            let control = region.control();
            let put = async {
                control.set(faults).await?;
                control.cut_off(cut_off).await
            };
            if let Err(error) = put.await {
                tracing::error!(%error, "a fault is not put on");
            }
        }))
        .await;
        for name in &self.play.scenario.regions {
            let endpoint = self.play.endpoint(name).as_str().parse().expect("a name is a name");
            self.stage.route53.set_fault(endpoint, in_force.names.get(name).cloned());
        }
        self.stage.proxy.lie(&self.play.name, in_force.lies.clone());
        // AWS is the lab's: scenarios in one have the same rules, and the first puts them on.
        if self.play.name == self.stage.plays[0].name {
            let scenario = &self.play.scenario;
            self.stage.proxy.fail(&in_force.aws, Pace { speed: scenario.speed, seed: scenario.seed });
        }
        let gone = in_force.gone.iter().map(ObserverName::from);
        self.stage.lose(&self.play.name, &in_force.lost.iter().cloned().chain(gone).collect());
        if in_force.gone.contains(&self.stage.config.control_region) {
            self.stage.kill_failover();
        }
    }

    async fn report(self, ended: f64, partial: bool) -> Result<Report, DrillError> {
        let scenario = &self.play.scenario;
        let lived = self.lived.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (faults, aws_faults) = metrics::part(lived);
        let of_rival = async |track: Track<'_>| {
            let records = track.fleet.stop().await;
            let recorded = track.recorder.into_inner().unwrap_or_else(PoisonError::into_inner).into_recorded();
            let evidence =
                Evidence { scenario, records: &records, faults: &faults, timeline: &recorded.timeline, ended };
            report::Controller::new(&evidence)
        };
        let mut rivals = report::Rivals::default();
        if let Some((track, _)) = self.native {
            let mut native = of_rival(track).await?;
            let why = "Route 53 decides nothing apart from its checks' status";
            native.unmeasured.insert("decision_s".to_owned(), why.to_owned());
            rivals.native = Some(native);
        }
        if let Some((track, _)) = self.threshold {
            rivals.threshold = Some(of_rival(track).await?);
        }
        let records = self.no_failover.stop().await;
        let own: Vec<_> = {
            let recorder = self.ours.lock();
            let own = |event: &&Event| matches!(event.event, EventKind::FaultInjected | EventKind::FaultCleared);
            recorder.timeline().iter().filter(own).cloned().collect()
        };
        let evidence = Evidence { scenario, records: &records, faults: &faults, timeline: &own, ended };
        rivals.no_failover = Some(report::Controller::new(&evidence)?);

        let records = self.ours.fleet.stop().await;
        let recorded = self.ours.recorder.into_inner().unwrap_or_else(PoisonError::into_inner).into_recorded();
        let evidence = Evidence { scenario, records: &records, faults: &faults, timeline: &recorded.timeline, ended };
        let circumstances = Circumstances {
            emulator: self.stage.emulator(),
            exemptions: vec![LOOPBACK_EXEMPTION.to_owned()],
            holds: recorded.holds,
            calls: self.stage.proxy.aws_calls().iter().map(|call| call.reported(&self.clock)).collect(),
            aws_faults,
            observers: self.stage.config.observers.iter().map(ObserverName::from).collect(),
            verdicts: recorded.verdicts,
            scores: recorded.scores,
            quorum: self.service.policy.quorum,
            config: self.stage.config_text.clone(),
            cost: in_life(&self.stage.config_text).map(|config| cost::of(&config)),
            partial,
        };
        Ok(Report::new(&evidence, circumstances, rivals)?)
    }
}

/// The configuration as it would be deployed to AWS: without the lab's exemption, unscaled.
fn in_life(text: &str) -> Option<Config> {
    let mut config: toml::Table = text.parse().ok()?;
    config.remove("lab");
    Config::parse("pointsman.toml", &toml::to_string(&config).ok()?).ok()
}
