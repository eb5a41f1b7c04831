//! What `check` tells machines: part of the contract.

use std::collections::BTreeMap;

use domain::{Answering, DnsName, ObserverName, ProbeReport, RegionName, Round, Verdict};
use serde::Serialize;

use super::Look;

/// What one observer saw of a service.
#[derive(Debug, Serialize)]
pub(super) struct Report<'a> {
    service: &'a DnsName,
    observer: &'a ObserverName,
    /// None where the observer could not look.
    round: Option<Round>,
    endpoints: Vec<Endpoint<'a>>,
    verdicts: BTreeMap<&'a RegionName, Verdict>,
    /// Where the zone's authoritative servers point.
    answering: &'a Answering,
    /// Why the observer could not look.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct Endpoint<'a> {
    region: &'a RegionName,
    #[serde(flatten)]
    report: &'a ProbeReport,
}

impl Report<'_> {
    /// All of it in a line.
    pub(super) fn line(&self) -> String {
        serde_json::to_string(self).expect("a report is plain data") + "\n"
    }
}

impl Look<'_> {
    pub(super) fn report(&self) -> Report<'_> {
        let seen = self.seen.as_ref();
        let endpoints = self.service.regions.iter().flat_map(|region| {
            let probes = seen.ok().and_then(|seen| seen.regions.get(&region.name)).map(|view| &view.probes);
            probes.into_iter().flatten().map(|report| Endpoint { region: &region.name, report })
        });
        Report {
            service: &self.service.name,
            observer: &self.observer,
            round: seen.ok().map(|seen| seen.round),
            endpoints: endpoints.collect(),
            verdicts: self.verdicts().collect(),
            answering: seen.map_or(&Answering::Unknown, |seen| &seen.answering),
            error: seen.err().map(String::as_str),
        }
    }
}
