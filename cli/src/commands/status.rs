//! `status`: where things stand, and why.

use std::collections::BTreeMap;

use aws::Look;
use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use decision::{Outcome, Tally};
use domain::{
    Anomaly, Epoch, HoldReason, Mode, ObserverName, Paused, Phase, RegionName, RegionPhase, Service, Verdict,
};
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    args::{self, Global},
    error::CliError,
    exit,
    printer::Printer,
    target::Target,
};

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
}

#[derive(Debug, Serialize)]
struct RegionStatus {
    phase: RegionPhase,
    verdicts: BTreeMap<ObserverName, Verdict>,
    since: Option<Timestamp>,
    /// What each observer's forest says.
    anomalies: BTreeMap<ObserverName, Anomaly>,
    /// What is unusual, in words: by whom it is seen too.
    unusual: Option<String>,
}

pub(crate) async fn run(global: &Global, args: &args::Status, printer: &Printer) -> Result<exit::Code, CliError> {
    let target = Target::load(global, printer).await?;
    let (_, controller) = target.controller().await?;
    let mut all = Vec::new();
    for service in controller.services() {
        all.push(status(service, &controller.look(service).await?));
    }
    printer.result(&all, || all.iter().map(|one| text(one, args.explain)).collect::<Vec<_>>().join("\n"));
    let healthy = |one: &ServiceStatus| {
        one.active.is_some() && one.regions.values().all(|region| region.phase == RegionPhase::Healthy)
    };
    let unhealthy = !all.iter().all(healthy);
    Ok(if unhealthy { exit::UNHEALTHY } else { exit::DONE })
}

fn status(service: &Service, look: &Look) -> ServiceStatus {
    let decision = look.decision.as_ref();
    let hold_reasons = match decision.map(|decision| &decision.outcome) {
        Some(Outcome::Hold(reasons)) => reasons.clone(),
        Some(Outcome::Plan(_)) | None => Vec::new(),
    };
    let hearing = look.evidence.hear(service, Timestamp::now());
    let tallies = Tally::all(service, &hearing, &look.evidence.native);
    let regions = service.regions.iter().zip(&tallies).map(|(region, tally)| {
        let track = decision.and_then(|decision| decision.regions.get(&region.name));
        let knowing =
            hearing.knowing.iter().filter_map(|it| Some((it.observer.clone(), it.regions.get(&region.name)?.verdict)));
        let silent = hearing.silent.iter().map(|(observer, _)| ((*observer).clone(), Verdict::Unknown));
        let verdicts = silent.chain(knowing).collect();
        let views = hearing.knowing.iter().filter_map(|it| Some((it.observer.clone(), it.regions.get(&region.name)?)));
        let anomalies = views.filter_map(|(observer, view)| Some((observer, view.anomaly.clone()?))).collect();
        let status = RegionStatus {
            phase: track.map_or(RegionPhase::Unknown, |track| track.phase),
            since: track.map(|track| track.since),
            verdicts,
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
    }
}

fn text(status: &ServiceStatus, explain: bool) -> String {
    let active = status.active.as_ref().map_or_else(|| "nobody knows which region".to_owned(), ToString::to_string);
    let mut lines = vec![format!("{}: {}, {active} answers, epoch {}", status.service, status.phase, status.epoch)];
    if let Some(paused) = &status.paused {
        lines.push(format!("PAUSED by {} since {}: {}", paused.by, paused.at, paused.reason));
    }
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_header(["region", "phase", "verdicts", "since"]);
    for (name, region) in &status.regions {
        let verdicts: Vec<_> =
            region.verdicts.iter().map(|(observer, verdict)| format!("{observer} {verdict}")).collect();
        let since = region.since.map(|since| since.to_string()).unwrap_or_default();
        table.add_row([name.to_string(), region.phase.to_string(), verdicts.join("\n"), since]);
    }
    lines.push(table.to_string());
    if explain {
        lines.extend(status.regions.iter().filter_map(|(name, region)| unusual(name, region)));
        lines.extend(status.hold_reasons.iter().map(|reason| format!("{}: {}", reason.code, reason.text)));
        if let Some(earliest) = status.earliest_failover {
            lines.push(format!("a failover could happen at {earliest} at the earliest"));
        }
    }
    lines.join("\n")
}

/// What the anomaly scores say of a region, where that is more than that all is as usual.
fn unusual(name: &RegionName, region: &RegionStatus) -> Option<String> {
    if let Some(unusual) = &region.unusual {
        return Some(format!("{name}: {unusual}"));
    }
    let learning: Vec<_> = region
        .anomalies
        .iter()
        .filter_map(|(observer, anomaly)| match anomaly {
            Anomaly::Learning { rounds, needed } => Some(format!("{observer} {rounds} of {needed} rounds")),
            Anomaly::Scored { .. } => None,
        })
        .collect();
    (!learning.is_empty()).then(|| format!("{name}: what is usual is still being learned: {}", learning.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unusual_or_being_learned_is_told() {
        let mut region = RegionStatus {
            phase: RegionPhase::Healthy,
            verdicts: BTreeMap::new(),
            since: None,
            anomalies: BTreeMap::new(),
            unusual: None,
        };
        let name: RegionName = "eu-west-1".parse().unwrap();
        assert_eq!(unusual(&name, &region), None);
        let learning = Anomaly::Learning { rounds: 12, needed: 360 };
        region.anomalies.insert("us-west-2".parse().unwrap(), learning);
        let text = unusual(&name, &region).unwrap();
        assert_eq!(text, "eu-west-1: what is usual is still being learned: us-west-2 12 of 360 rounds");
        region.unusual = Some("time to first byte 4.1 × usual: seen by 3 of 3".to_owned());
        assert_eq!(unusual(&name, &region).unwrap(), "eu-west-1: time to first byte 4.1 × usual: seen by 3 of 3");
    }
}
