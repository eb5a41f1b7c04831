//! Observers that lie: what they write says a region is down, whatever they saw.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use domain::{DnsName, Fault, Observation, ObserverName, ProbeStatus, RegionName, RegionView, Verdict};
use hyper::{Method, header};

use super::Call;

/// What observers lie about, a service at a time.
type Lies = BTreeMap<(DnsName, ObserverName), BTreeSet<RegionName>>;

#[derive(Debug, Default)]
pub(super) struct Liars(Mutex<Lies>);

impl Liars {
    pub(super) fn set(&self, service: &DnsName, lies: BTreeMap<ObserverName, BTreeSet<RegionName>>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|(of, _), _| of != service);
        all.extend(lies.into_iter().map(|(observer, regions)| ((service.clone(), observer), regions)));
    }

    /// The call as a liar makes it.
    pub(super) fn bend(&self, call: &mut Call) {
        let is_observation = call.object_key().is_some_and(|key| key.starts_with("observations/"));
        if call.method != Method::PUT || !is_observation {
            return;
        }
        let Ok(mut observation) = serde_json::from_slice::<Observation>(&call.body) else { return };
        let liar = (observation.service.clone(), observation.observer.clone());
        let about = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&liar).cloned().unwrap_or_default();
        if about.is_empty() {
            return;
        }
        for region in &about {
            observation.regions.get_mut(region).into_iter().for_each(lie);
        }
        let Ok(body) = serde_json::to_vec(&observation) else { return };
        call.headers.insert(header::CONTENT_LENGTH, body.len().into());
        let sums: Vec<_> =
            call.headers.keys().filter(|name| name.as_str().starts_with("x-amz-checksum-")).cloned().collect();
        for name in sums.iter().chain([&header::HeaderName::from_static("content-md5")]) {
            call.headers.remove(name);
        }
        call.body = Bytes::from(body);
    }
}

/// Down for as long as it was up, by every probe.
fn lie(view: &mut RegionView) {
    view.verdict = Verdict::Down;
    for probe in &mut view.probes {
        probe.status = ProbeStatus::Failed;
        probe.fault = Some(Fault::ConnectRefused);
        "connection refused".clone_into(&mut probe.evidence);
    }
}
