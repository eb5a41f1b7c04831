//! The services: who watches them, how they stand, and whether there is somewhere to go.

use std::collections::BTreeMap;

use decision::Evidence;
use domain::{
    Answering, Fault, ObserverName, Period, ProbeKind, ProbeReport, ProbeStatus, RegionName, Scheme, Service,
};
use futures::future::join_all;
use jiff::Timestamp;
use probe::{Prober, RoundReports};

use super::{Finding, Findings, Place};
use crate::store::Store;

const OBSERVERS: &str = "observers";
const STATE: &str = "state";
const STANDBY: &str = "standby";
const CERTIFICATE: &str = "certificate";
const ANSWER: &str = "answer";
/// A certificate that is valid for no longer is renewed now.
const CERTIFICATE_LIFE: Period = Period::seconds(14 * 86_400);

/// Enough observers wrote lately, under this configuration.
pub(super) async fn observers(place: Place<'_>) -> Findings {
    let deployment = &place.deployed.deployment.config;
    let store = Store::new(place.session, place.names, &place.deployed.region);
    let names: std::collections::BTreeSet<_> = deployment.observers.iter().map(ObserverName::from).collect();
    let asked = deployment.services.iter().map(|service| {
        let (store, names) = (&store, &names);
        async move {
            let sightings = match store.observations(&service.name, names).await {
                Ok(sightings) => sightings,
                Err(error) => {
                    return Finding::fail(OBSERVERS, format!("{}: {error}", service.name), "pointsman deploy");
                }
            };
            let evidence = Evidence {
                config: place.deployed.hash.clone(),
                observers: names.clone(),
                sightings,
                answering: Answering::Unknown,
                native: BTreeMap::new(),
                alarms: BTreeMap::new(),
                lag: BTreeMap::new(),
            };
            of_evidence(service, &evidence)
        }
    });
    join_all(asked).await
}

fn of_evidence(service: &Service, evidence: &Evidence) -> Finding {
    let hearing = evidence.hear(service, Timestamp::now());
    let knowing = hearing.knowing.len();
    let silent: Vec<_> = hearing.silent.iter().map(|(observer, why)| format!("{observer} {why}")).collect();
    let text = format!("{}: {knowing} of {} observers are heard", service.name, hearing.observers);
    let needed = service.policy.quorum.max(service.policy.min_observers);
    let fix = "`pointsman check --remote` shows what they see; their functions' logs say why they don't write";
    match silent.is_empty() {
        true => Finding::pass(OBSERVERS, text),
        false if knowing >= needed => Finding::warn(OBSERVERS, format!("{text}; {}", silent.join("; ")), fix),
        false => {
            let text = format!("{text}, and {needed} are needed; {}", silent.join("; "));
            Finding::fail(OBSERVERS, text, fix)
        }
    }
}

/// Nothing is left over from the last time.
pub(super) async fn states(place: Place<'_>) -> Findings {
    let store = Store::new(place.session, place.names, &place.deployed.region);
    let asked = place.deployed.deployment.config.services.iter().map(|service| {
        let store = &store;
        async move { of_state(service, store).await }
    });
    join_all(asked).await
}

async fn of_state(service: &Service, store: &Store) -> Finding {
    let name = &service.name;
    let state = match store.state(name).await {
        Ok(Some((state, _))) => state,
        Ok(None) => return Finding::fail(STATE, format!("{name} has no state"), "pointsman deploy"),
        Err(error) => {
            return Finding::fail(
                STATE,
                error.to_string(),
                "restore an earlier version of the object; the bucket is versioned",
            );
        }
    };
    if let Some(paused) = &state.paused {
        let text = format!("{name} is paused by {} since {}: {}", paused.by, paused.at, paused.reason);
        Finding::warn(STATE, text, "pointsman resume")
    } else if let Some(plan) = &state.unverified {
        Finding::warn(
            STATE,
            format!("{name}: plan {plan} was never verified"),
            "`pointsman status --explain`, then `pointsman acknowledge`",
        )
    } else if let Some(flight) = &state.in_flight {
        Finding::warn(STATE, format!("{name}: plan {} is being carried out", flight.plan.id), "wait until it has ended")
    } else {
        Finding::pass(STATE, format!("{name}: {}, epoch {}", state.phase, state.epoch))
    }
}

/// Every region answers under its own name, its certificate for a while yet.
pub(super) async fn regions(place: Place<'_>) -> Findings {
    let mut findings = Vec::new();
    for (service, now, later) in rounds(place).await {
        findings.push(of_answer(&service, &now.answering));
        for region in &service.regions {
            findings.extend(of_region(&service, &region.name, &now, &later));
        }
    }
    findings
}

/// The one region alone.
pub(super) async fn region(place: Place<'_>, name: &RegionName) -> Findings {
    let rounds = rounds(place).await;
    let with_it = rounds.iter().filter(|(service, ..)| service.region(name).is_some());
    with_it.flat_map(|(service, now, later)| of_region(service, name, now, later)).collect()
}

/// What is seen of each service now, and would be when certificates are older.
async fn rounds(place: Place<'_>) -> Vec<(Service, RoundReports, RoundReports)> {
    let config = &place.deployed.deployment.config;
    let (Ok(now), Ok(later)) = (Prober::new(config), Prober::new(config)) else { return Vec::new() };
    let later = later.ahead(CERTIFICATE_LIFE);
    let looks = config.services.iter().map(|service| {
        let (now, later) = (&now, &later);
        async move {
            let (now, later) = futures::future::join(now.round(service), later.round(service)).await;
            (service.clone(), now, later)
        }
    });
    join_all(looks).await
}

fn of_answer(service: &Service, answering: &Answering) -> Finding {
    let name = &service.name;
    let fix = "`pointsman dns plan` shows the records, and the registrar the delegation";
    match answering {
        Answering::Region(region) => {
            Finding::pass(ANSWER, format!("{name} answers with {region} on every name server"))
        }
        Answering::Mixed => Finding::warn(
            ANSWER,
            format!("the name servers of {name} differ"),
            "wait until a change has reached them all",
        ),
        Answering::Other(what) => {
            Finding::fail(ANSWER, format!("{name} answers with no region's targets: {what}"), fix)
        }
        Answering::Unknown => Finding::fail(ANSWER, format!("no name server of {name} answers"), fix),
    }
}

fn of_region(service: &Service, region: &RegionName, now: &RoundReports, later: &RoundReports) -> Findings {
    let role = if now.answering.region() == Some(region) { "serves" } else { "is a standby" };
    let what = format!("{}: {region}, which {role},", service.name);
    let reports = now.regions.get(region).map(Vec::as_slice).unwrap_or_default();
    let failed = reports.iter().find(|report| report.status == ProbeStatus::Failed);
    let standby = match failed {
        None => Finding::pass(STANDBY, format!("{what} answers every probe under its own name")),
        Some(report) => {
            let text = format!("{what} fails probe `{}`: {}", report.probe, report.evidence);
            Finding::fail(STANDBY, text, format!("mend {region} before traffic is moved there"))
        }
    };
    let later = later.regions.get(region).map(Vec::as_slice).unwrap_or_default();
    [standby].into_iter().chain(certificate(service, &what, reports, later)).collect()
}

/// `None` where nothing speaks TLS, or it fails today already.
fn certificate(service: &Service, what: &str, now: &[ProbeReport], later: &[ProbeReport]) -> Option<Finding> {
    let speaks_tls = |kind: &ProbeKind| matches!(kind, ProbeKind::Http(http) if http.scheme == Scheme::Https);
    let https: Vec<_> =
        service.probes.iter().filter(|probe| speaks_tls(&probe.kind)).map(|probe| &probe.name).collect();
    let of = |reports: &[ProbeReport], fault: Fault| {
        reports.iter().any(|report| https.contains(&&report.probe) && report.fault == Some(fault))
    };
    if https.is_empty() || of(now, Fault::Tls) {
        return None;
    }
    let expires = later.iter().find(|report| https.contains(&&report.probe) && report.fault == Some(Fault::Tls));
    Some(match expires {
        Some(report) => Finding::fail(
            CERTIFICATE,
            format!("{what} has a certificate that is not valid for another 14 days: {}", report.evidence),
            "renew it; a certificate of AWS's renews itself only while its validation record stands in the zone",
        ),
        None => Finding::pass(CERTIFICATE, format!("{what} has a certificate that is valid for another 14 days")),
    })
}
