//! A drill: scenarios of faults run against the whole system, each ending in a report.

mod dns;
mod rivals;
mod run;
mod snapshot;

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use aws::{StartError, SwitchError};
use domain::{AuditEntry, Observation, ServiceState};
use futures::future::{join_all, try_join_all};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use rivals::Rivals;
pub use snapshot::{RegionNow, Snapshot};

use crate::{
    clock::Clock,
    proxy::{Accepted, Written},
    recorder::Recorder,
    rival::Rival,
    stage::{Play, Setup, Stage, StageError, StageOptions},
};
use report::{NothingToReport, Report, timeline::Event};

/// How long the system may take to see itself steady, once the schedule has started its functions.
const STEADY_WITHIN: Duration = Duration::from_secs(30);
/// How often the answers are asked for: the resolution of `dns_answer_changed`.
const ASK_EVERY: Duration = Duration::from_millis(20);

/// Why a drill has no report.
#[derive(Debug, thiserror::Error)]
pub enum DrillError {
    /// The lab can't be set up or ended.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// A rival's records can't be made.
    #[error(transparent)]
    Switch(#[from] SwitchError),
    /// Orders by hand need what is deployed.
    #[error(transparent)]
    Start(#[from] StartError),
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
    /// Somebody stopped it before it began.
    #[error("stopped while it was being set up")]
    Stopped,
}

/// What is going on in a drill.
#[derive(Debug, Clone)]
pub enum Progress {
    /// It is being set up.
    Setup(Setup),
    /// All is well; the load begins.
    Steady,
    /// Something happened.
    Happened(Happened),
    /// How a scenario that has the lab to itself stands, several times a second.
    Stands(Box<Snapshot>),
}

/// Something happened in a scenario.
#[derive(Debug, Clone)]
pub struct Happened {
    /// Which scenario.
    pub scenario: String,
    /// A rival's doing; none: ours, or the drill's own.
    pub rival: Option<Rival>,
    /// What.
    pub event: Event,
}

/// Runs scenarios side by side in a lab of their own, each beside its rivals; their reports in the same order.
///
/// `stop` ends them before their time: the reports are partial then.
pub async fn drill(
    options: &StageOptions,
    rivals: &BTreeSet<Rival>,
    on: &(dyn Fn(Progress) + Send + Sync),
    stop: &CancellationToken,
) -> Result<Vec<Report>, DrillError> {
    let setup = |setup| on(Progress::Setup(setup));
    let stage = tokio::select! {
        stage = Stage::up(options, &setup) => stage?,
        () = stop.cancelled() => return Err(DrillError::Stopped),
    };
    let reports = rehearse(&stage, rivals, on, stop).await;
    stage.down().await?;
    reports
}

async fn rehearse(
    stage: &Stage,
    rivals: &BTreeSet<Rival>,
    on: &(dyn Fn(Progress) + Send + Sync),
    stop: &CancellationToken,
) -> Result<Vec<Report>, DrillError> {
    let prepare = async {
        let (rivals, seen) = tokio::try_join!(
            try_join_all(stage.plays.iter().map(|play| Rivals::set_up(stage, play, rivals))),
            until_steady(stage),
        )?;
        Ok::<_, DrillError>(rivals.into_iter().zip(seen))
    };
    let prepared = tokio::select! {
        prepared = prepare => prepared?,
        () = stop.cancelled() => return Err(DrillError::Stopped),
    };
    on(Progress::Steady);
    let clock = Clock::start(stage.plays[0].scenario.speed);
    let runs = stage.plays.iter().zip(prepared);
    let runs = runs.map(|(play, (rivals, seen))| run::run(stage, play, rivals, seen, clock, on, stop));
    join_all(runs).await.into_iter().collect()
}

/// Waits until a lab sees itself steady: its names are answered, and every observer writes that all is well.
/// For each play, what the observers wrote.
pub async fn until_steady(stage: &Stage) -> Result<Vec<Vec<Observation>>, DrillError> {
    try_join_all(stage.plays.iter().map(|play| play_until_steady(stage, play))).await
}

async fn play_until_steady(stage: &Stage, play: &Play) -> Result<Vec<Observation>, DrillError> {
    let recorder = Mutex::new(Recorder::new(stage.service(play)));
    let mut writes = stage.proxy.writes();
    let clock = Clock::start(1.0);
    let observers = stage.config.observers.len();
    let steady = async {
        loop {
            record(&mut writes, &clock, &recorder).await;
            if recorder.lock().unwrap_or_else(PoisonError::into_inner).is_steady(observers) {
                return;
            }
        }
    };
    // Where EventBridge plays the schedule, the first minute has to pass.
    let within = stage.config.minute.0 + STEADY_WITHIN;
    if timeout(within, steady).await.is_err() {
        let answer = dns::answering(stage, play, &play.name).await;
        let answer = answer.map_or_else(|| "no region".to_owned(), |region| region.to_string());
        let latest = recorder.lock().unwrap_or_else(PoisonError::into_inner).describe();
        return Err(DrillError::NotSteady {
            within,
            seen: format!("{} is answered with {answer}; {latest}", play.name),
        });
    }
    Ok(recorder.into_inner().unwrap_or_else(PoisonError::into_inner).into_latest().collect())
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
    let (key, body) = match &write.what {
        Accepted::Object { key, body } => (key, body),
        Accepted::Notice { subject, message } => {
            recorder.noticed(clock.at(write.at.instant.into_std()), subject, message);
            return;
        }
    };
    let Some((kind, rest)) = key.split_once('/') else { return };
    let service = recorder.service().name.as_str();
    match kind {
        "observations" if rest.ends_with(&format!("/{service}.json")) => {
            if let Ok(observation) = serde_json::from_slice::<Observation>(body) {
                recorder.observed(clock.at(write.at.instant.into_std()), observation);
            }
        }
        "audit" if rest.strip_prefix(service).is_some_and(|rest| rest.starts_with('/')) => {
            if let Ok(entry) = serde_json::from_slice::<AuditEntry>(body) {
                recorder.audited(clock.at_timestamp(entry.at), entry);
            }
        }
        "state" if rest.strip_suffix(".json") == Some(service) => {
            if let Ok(state) = ServiceState::parse(body) {
                recorder.state(&state);
            }
        }
        _ => {}
    }
}
