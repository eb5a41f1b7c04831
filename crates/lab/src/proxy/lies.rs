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

#[cfg(test)]
mod tests {
    use hyper::{HeaderMap, Uri};
    use serde_json::{Value, json};

    use super::*;

    fn put(service: &str, observer: &str) -> Call {
        let up = json!({
            "verdict": "up", "streak": 40, "since": "2026-11-21T10:00:00Z",
            "probes": [{ "probe": "health", "status": "ok", "fault": null, "phases_ms": {}, "evidence": "200" }],
        });
        let observation = json!({
            "format": 1, "service": service, "observer": observer, "config": "0123456789abcdef", "invocation": "1",
            "round": 7, "at": "2026-11-21T10:00:10Z", "regions": { "eu-west-1": up, "us-east-1": up },
            "answering": { "region": "eu-west-1" },
        });
        let mut headers = HeaderMap::new();
        headers.insert("x-amz-checksum-crc32", header::HeaderValue::from_static("AAAAAA=="));
        Call {
            method: Method::PUT,
            uri: Uri::try_from(format!("/bucket/observations/{observer}/{service}.json")).unwrap(),
            headers,
            body: Bytes::from(observation.to_string()),
        }
    }

    fn verdicts(call: &Call) -> (String, String) {
        let observation: Value = serde_json::from_slice(&call.body).unwrap();
        let of = |region: &str| observation["regions"][region]["verdict"].as_str().unwrap().to_owned();
        (of("eu-west-1"), of("us-east-1"))
    }

    #[test]
    fn a_liar_lies_about_what_it_was_told_and_only_in_that_service() {
        let liars = Liars::default();
        let about = BTreeSet::from(["eu-west-1".parse().unwrap()]);
        liars.set(&"api.test".parse().unwrap(), [("us-west-2".parse().unwrap(), about)].into());
        let bent = |service: &str, observer: &str| {
            let mut call = put(service, observer);
            liars.bend(&mut call);
            call
        };
        let lie = bent("api.test", "us-west-2");
        assert_eq!(verdicts(&lie), ("down".to_owned(), "up".to_owned()));
        assert!(lie.headers.get("x-amz-checksum-crc32").is_none(), "the sum of the truth would give it away");
        let truth = ("up".to_owned(), "up".to_owned());
        assert_eq!(verdicts(&bent("api.test", "eu-central-1")), truth);
        assert_eq!(verdicts(&bent("other.test", "us-west-2")), truth);
        liars.set(&"api.test".parse().unwrap(), BTreeMap::new());
        assert_eq!(verdicts(&bent("api.test", "us-west-2")), truth, "told to stop, it stops");
    }
}
