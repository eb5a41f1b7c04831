//! `status`: where things stand, and why.

use std::{collections::BTreeMap, time::Duration};

use aws::{Alarms, Look, Standing};
use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use decision::{Outcome, Tally, explain};
use domain::{
    Anomaly, Config, Epoch, HoldReason, Mode, ObserverName, Paused, Phase, RegionName, RegionPhase, Service, Verdict,
};
use futures::future::try_join_all;
use jiff::Timestamp;
use monitoring::{Alarm, AlarmKind, alarms};
use serde::Serialize;
use tokio::time::timeout;

use crate::{
    args::{self, Global},
    error::CliError,
    exit,
    printer::Printer,
    target::Target,
};

/// Alarms are beside the point where CloudWatch takes longer to tell of them.
const ALARMS_WITHIN: Duration = Duration::from_secs(2);

/// A service as `status` shows it: part of the contract.
#[derive(Debug, Serialize)]
struct ServiceStatus {
    service: String,
    phase: Phase,
    active: Option<RegionName>,
    epoch: Epoch,
    mode: Mode,
    paused: Option<Paused>,
    regions: BTreeMap<RegionName, RegionStatus>,
    hold_reasons: Vec<HoldReason>,
    earliest_failover: Option<Timestamp>,
    /// The alarms that ring, of the service or of the deployment as a whole; none where CloudWatch doesn't tell.
    alarms: Option<Vec<String>>,
    /// With `--explain`: what is seen, by whom, and what follows, in sentences.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    explanation: Vec<String>,
}

#[derive(Debug, Serialize)]
struct RegionStatus {
    phase: RegionPhase,
    verdicts: BTreeMap<ObserverName, Verdict>,
    since: Option<Timestamp>,
    /// How far its data are behind, in seconds; none where nothing tells.
    replication_lag_s: Option<f64>,
    /// What each observer's forest says.
    anomalies: BTreeMap<ObserverName, Anomaly>,
    /// What is unusual, in words: by whom it is seen too.
    unusual: Option<String>,
}

pub(crate) async fn run(global: &Global, args: &args::Status, printer: &Printer) -> Result<exit::Code, CliError> {
    let target = Target::load(global, printer).await?;
    let (function, controller) = target.controller().await?;
    let config = &function.deployment.config;
    let cloudwatch = Alarms::new(&target.session);
    let looks = try_join_all(controller.services().iter().map(|service| controller.look(service)));
    let (looks, standing) = tokio::join!(looks, timeout(ALARMS_WITHIN, cloudwatch.standing(config)));
    let ringing = standing.ok().and_then(Result::ok).map(|standing| ringing(config, &standing));
    let now = Timestamp::now();
    let services = controller.services().iter().zip(looks?).map(|(service, look)| {
        let explanation = if args.explain { explain(service, &look.state, &look.evidence, now) } else { Vec::new() };
        let of_it = |all: &Vec<Alarm>| all.iter().filter(|alarm| alarm.concerns(service)).map(Alarm::name).collect();
        ServiceStatus { explanation, alarms: ringing.as_ref().map(of_it), ..status(service, &look, now) }
    });
    let all: Vec<_> = services.collect();
    let texts = || all.iter().map(text).chain([alarms_text(ringing.as_deref())]).collect::<Vec<_>>();
    printer.result(&all, || texts().join("\n"));
    let healthy = |one: &ServiceStatus| {
        one.active.is_some() && one.regions.values().all(|region| region.phase == RegionPhase::Healthy)
    };
    let unhealthy = !all.iter().all(healthy);
    Ok(if unhealthy { exit::UNHEALTHY } else { exit::DONE })
}

fn status(service: &Service, look: &Look, now: Timestamp) -> ServiceStatus {
    let decision = look.decision.as_ref();
    let hold_reasons = match decision.map(|decision| &decision.outcome) {
        Some(Outcome::Hold(reasons)) => reasons.clone(),
        Some(Outcome::Plan(_)) | None => Vec::new(),
    };
    let hearing = look.evidence.hear(service, now);
    let tallies = Tally::all(service, &hearing, &look.evidence);
    let regions = service.regions.iter().zip(&tallies).map(|(region, tally)| {
        let track = decision.and_then(|decision| decision.track(&region.name));
        let views = || {
            let observations = hearing.knowing.iter().map(|it| &it.observation);
            observations.filter_map(|it| Some((it.observer.clone(), it.regions.get(&region.name)?)))
        };
        let silent = hearing.silent.iter().map(|(observer, _)| ((*observer).clone(), Verdict::Unknown));
        let verdicts = silent.chain(views().map(|(observer, view)| (observer, view.verdict))).collect();
        let anomalies = views().filter_map(|(observer, view)| Some((observer, view.anomaly.clone()?))).collect();
        let status = RegionStatus {
            phase: track.map_or(RegionPhase::Unknown, |track| track.phase),
            since: track.map(|track| track.since),
            verdicts,
            replication_lag_s: look.evidence.lag.get(&region.name).map(|lag| lag.as_secs_f64()),
            anomalies,
            unusual: tally.unusual().map(|unusual| unusual.to_string()),
        };
        (region.name.clone(), status)
    });
    ServiceStatus {
        service: service.name.to_string(),
        phase: decision.map_or(look.state.phase, |decision| decision.phase),
        active: decision.and_then(|decision| decision.active.clone()),
        epoch: look.state.epoch,
        mode: service.policy.mode,
        paused: look.state.paused.clone(),
        regions: regions.collect(),
        hold_reasons,
        earliest_failover: decision.and_then(|decision| decision.earliest_failover),
        alarms: None,
        explanation: Vec::new(),
    }
}

/// The alarms of a deployment that are in alarm; what tells of an end only does not ring.
fn ringing(config: &Config, standing: &BTreeMap<String, Standing>) -> Vec<Alarm> {
    let rings = |alarm: &Alarm| standing.get(&alarm.name()).is_some_and(|alarm| alarm.rings);
    alarms(config).into_iter().filter(|alarm| alarm.kind != AlarmKind::RegionRecovery && rings(alarm)).collect()
}

fn alarms_text(ringing: Option<&[Alarm]>) -> String {
    match ringing {
        None => "alarms: CloudWatch does not tell".to_owned(),
        Some([]) => "alarms: none rings".to_owned(),
        Some(some) => format!("alarms that ring: {}", some.iter().map(Alarm::name).collect::<Vec<_>>().join(", ")),
    }
}

fn text(status: &ServiceStatus) -> String {
    let active = status.active.as_ref().map_or_else(|| "nobody knows which region".to_owned(), ToString::to_string);
    let mut lines = vec![format!("{}: {}, {active} answers, epoch {}", status.service, status.phase, status.epoch)];
    if let Some(paused) = &status.paused {
        lines.push(format!("PAUSED by {} since {}: {}", paused.by, moment(paused.at), paused.reason));
    }
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_header(["region", "phase", "verdicts", "since"]);
    for (name, region) in &status.regions {
        let verdicts: Vec<_> =
            region.verdicts.iter().map(|(observer, verdict)| format!("{observer} {verdict}")).collect();
        let since = region.since.map(moment).unwrap_or_default();
        table.add_row([name.to_string(), region.phase.to_string(), verdicts.join("\n"), since]);
    }
    lines.push(table.to_string());
    lines.extend(status.explanation.iter().map(|line| format!("- {line}")));
    lines.join("\n")
}

fn moment(at: Timestamp) -> String {
    at.strftime("%F %T UTC").to_string()
}
