//! A drill: a scenario of faults run against the whole system, ending in a report.

use std::{
    net::{IpAddr, SocketAddr},
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use domain::{AuditEntry, DnsName, Observation, ObserverName, RegionName, Verdict};
use futures::FutureExt;
use hickory_proto::rr::{RData, RecordType};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::{Instant, sleep, sleep_until},
};

use crate::{
    fleet::{Answer, Fleet, Load, Resolve},
    metrics::{Evidence, Lived},
    proxy::Written,
    recorder::Recorder,
    report::{Circumstances, LOOPBACK_EXEMPTION, NothingToReport, Report, Rivals, count_calls},
    scenario::Scenario,
    stage::{Setup, Stage, StageError, StageOptions},
    timeline::{Clock, Event},
};

/// How often the answer is asked for: the resolution of `dns_answer_changed`.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// How long the system may take to see itself steady, once the schedule has started its functions.
const STEADY_WITHIN: Duration = Duration::from_secs(30);
/// Requests that may be on their way at once.
const OUTSTANDING: usize = 4_096;

/// Why a drill has no report.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The lab can't be set up or ended.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A drill proves nothing unless all was well before.
    #[error("the lab did not become steady within {} s: {seen}", within.as_secs())]
    NotSteady {
        /// How long it had.
        within: Duration,
        /// What was seen instead.
        seen: String,
    },
    /// There was no fault.
    #[error(transparent)]
    Nothing(#[from] NothingToReport),
}

/// What is going on in a drill.
#[derive(Debug, Clone)]
pub enum Progress {
    /// It is being set up.
    Setup(Setup),
    /// All is well; the load begins.
    Steady,
    /// Something happened.
    Happened(Event),
    /// How things stand, several times a second.
    Stands(Box<Snapshot>),
}

/// How things stand at a moment of a drill. Times are unscaled seconds.
#[derive(Debug, Clone, PartialEq)]
pub struct Snapshot {
    /// Since the load began.
    pub t: f64,
    /// When the drill will end.
    pub ends: f64,
    /// In order of preference.
    pub regions: Vec<RegionNow>,
    /// Where DNS points.
    pub answering: Option<RegionName>,
    /// Requests a second of life, over the last second.
    pub rate: f64,
    /// Of these the share that succeeded; none were sent: `None`.
    pub success: Option<f64>,
    /// Median latency of the last second in milliseconds of life.
    pub p50_ms: Option<f64>,
    /// The service's phase in the failover function's own words: `steady`, `switching`, `left`, …
    pub phase: String,
    /// Why it is so: a decision's reasons, or those for holding still.
    pub reasons: Vec<String>,
}

/// How a region stands.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionNow {
    /// Its name.
    pub name: RegionName,
    /// What was done to it, in words.
    pub faults: Vec<String>,
    /// Each observer's latest word, in the order of their names; `None` before its first.
    pub verdicts: Vec<(ObserverName, Option<Verdict>)>,
    /// Of the last second's answered requests the share that it answered.
    pub reached: f64,
}

/// Runs a scenario in a lab of its own.
pub async fn drill(options: &StageOptions, on: &(dyn Fn(Progress) + Send + Sync)) -> Result<Report, DrillError> {
    let stage = Stage::up(options, &|setup| on(Progress::Setup(setup))).await?;
    let report = run(&stage, &options.scenario, on).await;
    stage.down().await?;
    report
}

async fn run(stage: &Stage, scenario: &Scenario, on: &(dyn Fn(Progress) + Send + Sync)) -> Result<Report, DrillError> {
    let service = stage.service();
    let recorder = Mutex::new(Recorder::new(service));
    let lock = || recorder.lock().unwrap_or_else(PoisonError::into_inner);
    let mut writes = stage.proxy.writes();
    become_steady(stage, &recorder, &mut writes).await?;
    on(Progress::Steady);

    let clock = Clock::start(scenario.speed);
    let load = Load {
        tls: None,
        stale: scenario.load.stale,
        name: service.name.clone(),
        port: stage.regions.values().next().map_or(0, |region| region.address().port()),
        paths: ["/api/orders", "/api/users"].map(str::to_owned).to_vec(),
        rate: scenario.load.rate * scenario.speed,
        clients: NonZeroUsize::new(scenario.load.clients as usize).unwrap_or(NonZeroUsize::MIN),
        timeout: scenario.load.timeout.scaled(scenario.speed).0,
        outstanding: OUTSTANDING,
        seed: scenario.seed,
    };
    let fleet = Fleet::start(load, resolver(stage.name_servers.addresses()[0]), clock.started());
    let lived = Mutex::new(Vec::new());
    let ends = Instant::from_std(clock.moment(scenario.ends()));
    let shown = Mutex::new(0);
    let show = || {
        let recorder = lock();
        let mut shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
        for event in &recorder.timeline()[*shown..] {
            on(Progress::Happened(event.clone()));
        }
        *shown = recorder.timeline().len();
    };
    let watching = async {
        tokio::join!(
            async {
                loop {
                    record(&mut writes, &clock, &recorder).await;
                    show();
                }
            },
            async {
                let server = stage.name_servers.addresses()[0];
                loop {
                    let region = answering(stage, server, &service.name).await;
                    lock().answered(clock.at(std::time::Instant::now()), region);
                    show();
                    sleep(ASK_EVERY).await;
                }
            },
        );
    };
    tokio::select! {
        () = watching => {}
        () = async {
            inject(stage, scenario, &clock, &recorder, &lived).await;
            sleep_until(ends).await;
        } => {}
    }
    let ended = clock.at(std::time::Instant::now());
    let records = fleet.stop().await;
    // What was written before the end may still be on its way to here.
    while let Some(Ok(write)) = writes.recv().now_or_never() {
        take(&write, &clock, &recorder);
    }
    let (timeline, holds) = recorder.into_inner().unwrap_or_else(PoisonError::into_inner).into_parts();
    let faults = lived.into_inner().unwrap_or_else(PoisonError::into_inner);
    let evidence = Evidence { scenario, records: &records, faults: &faults, timeline: &timeline, ended };
    let circumstances = Circumstances {
        emulator: "ministack".to_owned(),
        exemptions: vec![LOOPBACK_EXEMPTION.to_owned()],
        holds,
        aws_calls: count_calls(&stage.proxy.aws_calls()),
        ..Circumstances::default()
    };
    Ok(Report::new(&evidence, circumstances, Rivals::default())?)
}

/// Waits until a lab sees itself steady: its names are answered, and every observer writes that all is well.
pub async fn until_steady(stage: &Stage) -> Result<(), DrillError> {
    become_steady(stage, &Mutex::new(Recorder::new(stage.service())), &mut stage.proxy.writes()).await
}

/// Waits until every observer says that all is well, by its own writing.
async fn become_steady(
    stage: &Stage,
    recorder: &Mutex<Recorder<'_>>,
    writes: &mut Receiver<Written>,
) -> Result<(), DrillError> {
    let clock = Clock::start(1.0);
    let observers = stage.config.observers.len();
    let server = stage.name_servers.addresses()[0];
    let steady = async {
        loop {
            record(writes, &clock, recorder).await;
            if recorder.lock().unwrap_or_else(PoisonError::into_inner).is_steady(observers) {
                return;
            }
        }
    };
    // Where EventBridge plays the schedule, the first minute has to pass.
    let within = stage.config.minute.0 + STEADY_WITHIN;
    if tokio::time::timeout(within, steady).await.is_err() {
        let answer = answering(stage, server, &stage.service().name).await;
        let answer = answer.map_or_else(|| "no region".to_owned(), |region| region.to_string());
        let latest = recorder.lock().unwrap_or_else(PoisonError::into_inner).describe();
        return Err(DrillError::NotSteady { within, seen: format!("DNS answers with {answer}; {latest}") });
    }
    Ok(())
}

/// Records the next write of ours, whoever makes it.
async fn record(writes: &mut Receiver<Written>, clock: &Clock, recorder: &Mutex<Recorder<'_>>) {
    match writes.recv().await {
        Ok(write) => take(&write, clock, recorder),
        Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "the recorder is behind: writes were missed"),
        // The proxy lives as long as the stage.
        Err(RecvError::Closed) => std::future::pending().await,
    }
}

fn take(write: &Written, clock: &Clock, recorder: &Mutex<Recorder<'_>>) {
    let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
    if write.key.starts_with("observations/") {
        if let Ok(observation) = serde_json::from_slice::<Observation>(&write.body) {
            recorder.observed(clock.at(write.at.instant.into_std()), observation);
        }
    } else if write.key.starts_with("audit/")
        && let Ok(entry) = serde_json::from_slice::<AuditEntry>(&write.body)
    {
        recorder.audited(clock.at_timestamp(entry.at), entry);
    }
}

/// Puts faults on and takes them off, when the scenario says.
async fn inject(
    stage: &Stage,
    scenario: &Scenario,
    clock: &Clock,
    recorder: &Mutex<Recorder<'_>>,
    lived: &Mutex<Vec<Lived>>,
) {
    let mut places: Vec<Option<usize>> = vec![None; scenario.faults.len()];
    for turn in scenario.turns() {
        sleep_until(Instant::from_std(clock.moment(turn.at))).await;
        // A fault begins when it begins to be put on, and ends when it is off.
        let begun = clock.at(std::time::Instant::now());
        for (name, region) in &stage.regions {
            let faults = turn.in_force.regions.get(name).cloned().unwrap_or_default();
            if let Err(error) = region.control().set(faults).await {
                tracing::warn!(%name, %error, "a region does not take its faults");
            }
        }
        let ended = clock.at(std::time::Instant::now());
        let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lived = lived.lock().unwrap_or_else(PoisonError::into_inner);
        for place in turn.ended {
            let what = &scenario.faults[place].what;
            if let Some(region) = what.region() {
                recorder.cleared(ended, region, what.to_string());
            }
            if let Some(at) = places[place] {
                let lived: &mut Lived = &mut lived[at];
                lived.cleared = Some(ended);
            }
        }
        for place in turn.begun {
            let what = scenario.faults[place].what.clone();
            if let Some(region) = what.region() {
                recorder.injected(begun, region, what.to_string());
            }
            places[place] = Some(lived.len());
            lived.push(Lived { what, injected: begun, cleared: None });
        }
    }
}

/// The region whose address a name server answers with.
async fn answering(stage: &Stage, server: SocketAddr, name: &DnsName) -> Option<RegionName> {
    let answer = look_up(server, name).await?;
    let of = |address: &IpAddr| stage.regions.iter().find(|(_, region)| region.address().ip() == *address);
    answer.addresses.first().and_then(of).map(|(name, _)| name.clone())
}

async fn look_up(server: SocketAddr, name: &DnsName) -> Option<Answer> {
    let answer = probe::ask(server, name, RecordType::A, Duration::from_secs(1)).await.ok()?;
    let ttl = answer.records.iter().map(|record| record.ttl).min()?;
    let address = |record: &hickory_proto::rr::Record| match &record.data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        _ => None,
    };
    let addresses = answer.records.iter().filter_map(address).collect();
    Some(Answer { addresses, ttl: Duration::from_secs(ttl.into()) })
}

/// How the clients resolve: they ask the lab's name server, and cache what it says themselves.
fn resolver(server: SocketAddr) -> Resolve {
    Arc::new(move |name| async move { look_up(server, &name).await }.boxed())
}
