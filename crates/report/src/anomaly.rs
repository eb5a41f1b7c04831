//! The anomaly score as a track of its own, and what it saw sooner than the verdicts.

use std::collections::BTreeMap;

use domain::{ObserverName, RegionName, Verdict};
use serde::{Deserialize, Serialize};

use crate::{Said, metrics::Measured};

/// What an observer's forest said of a region, from a moment on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Unscaled seconds since the load began; what was said before counts as said at 0.
    pub t: f64,
    /// Who.
    pub observer: ObserverName,
    /// Of which region.
    pub region: RegionName,
    /// None while it learns.
    pub score: Option<f64>,
    /// Above what the policy's rate of false alarms allows.
    pub unusual: bool,
}

/// The scores of a drill, and what they are good for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// As the observers wrote them: what changes, and what is unusual.
    pub scores: Vec<Score>,
    /// Of each fault of a region.
    pub detection: Vec<Detection>,
}

/// A fault seen with the forest, and without: fault → first word, in unscaled seconds; none: never while it lasted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Detection {
    /// The fault's region.
    pub region: RegionName,
    /// A first observer finds the region unusual.
    pub with_s: Option<f64>,
    /// A first observer says that it is degraded or down.
    pub without_s: Option<f64>,
    /// So many observers as the policy wants find it unusual, or have.
    pub quorum_with_s: Option<f64>,
    /// So many say, or have said, that it is degraded or down.
    pub quorum_without_s: Option<f64>,
}

impl Track {
    pub(crate) fn new(scores: Vec<Score>, verdicts: &[Said], faults: &[Measured], quorum: usize, ended: f64) -> Self {
        // Where nothing was scored there is nothing to compare.
        if scores.iter().all(|it| it.score.is_none()) {
            return Self { scores, detection: Vec::new() };
        }
        let detection = faults.iter().filter_map(|fault| {
            let (region, from) = (fault.lived.what.region()?, fault.lived.injected);
            let until = fault.lived.cleared.unwrap_or(ended);
            let seen = |words: &mut dyn Iterator<Item = (f64, &ObserverName)>| {
                let mut first: BTreeMap<&ObserverName, f64> = BTreeMap::new();
                for (t, observer) in words.filter(|(t, _)| (from..=until).contains(t)) {
                    first.entry(observer).and_modify(|known| *known = known.min(t)).or_insert(t);
                }
                let mut times: Vec<_> = first.into_values().map(|t| ((t - from) * 1e3).round() / 1e3).collect();
                times.sort_by(f64::total_cmp);
                times
            };
            let unusual = scores.iter().filter(|it| it.region == *region && it.unusual);
            let with = seen(&mut unusual.map(|it| (it.t, &it.observer)));
            let bad = |it: &&Said| it.region == *region && matches!(it.verdict, Verdict::Degraded | Verdict::Down);
            let without = seen(&mut verdicts.iter().filter(bad).map(|it| (it.t, &it.observer)));
            let nth = |times: &[f64], count: usize| times.get(count.saturating_sub(1)).copied();
            Some(Detection {
                region: region.clone(),
                with_s: nth(&with, 1),
                without_s: nth(&without, 1),
                quorum_with_s: nth(&with, quorum),
                quorum_without_s: nth(&without, quorum),
            })
        });
        Self { detection: detection.collect(), scores }
    }

    /// Whether anything was scored.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.scores.iter().any(|it| it.score.is_some())
    }
}

#[cfg(test)]
mod tests {
    use scenario::{What, fault::Fault};

    use super::*;
    use crate::metrics::{LatencyMs, Lived, Metrics, Percentiles};

    fn name<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
        text.parse().unwrap()
    }

    fn fault() -> Measured {
        let none = Percentiles { p50: None, p95: None, p99: None };
        let metrics = Metrics {
            detection_s: None,
            decision_s: None,
            answer_s: None,
            failover_s: None,
            mttr_s: None,
            failback_s: None,
            requests: 0,
            throughput_rps: None,
            success_rate: None,
            availability: None,
            latency_ms: LatencyMs { before: none, during: none, after: none },
            false_failovers: 0,
            missed: 0,
            switches: 0,
        };
        let what = What::Region { fault: Fault::Down, region: name("eu-west-1") };
        let lived = Lived { what, injected: 10.0, cleared: Some(50.0) };
        Measured { lived, metrics, unmeasured: BTreeMap::new(), target: None }
    }

    #[test]
    fn the_first_and_the_quorum_are_told_of_both() {
        let score = |t, observer: &str, unusual| Score {
            t,
            observer: name(observer),
            region: name("eu-west-1"),
            score: Some(0.9),
            unusual,
        };
        let said =
            |t, observer: &str, verdict| Said { t, observer: name(observer), region: name("eu-west-1"), verdict };
        let scores = vec![
            score(4.0, "us-west-2", true),
            score(11.0, "us-west-2", false),
            score(12.0, "us-west-2", true),
            score(13.0, "us-west-2", true),
            score(15.5, "eu-central-1", true),
        ];
        let verdicts = [said(0.0, "us-west-2", Verdict::Up), said(30.0, "us-west-2", Verdict::Degraded)];
        let track = Track::new(scores, &verdicts, &[fault()], 2, 60.0);
        let expected = Detection {
            region: name("eu-west-1"),
            with_s: Some(2.0),
            without_s: Some(20.0),
            quorum_with_s: Some(5.5),
            quorum_without_s: None,
        };
        assert_eq!(track.detection, [expected]);
    }

    #[test]
    fn without_scores_nothing_is_compared() {
        let learning =
            Score { t: 0.0, observer: name("us-west-2"), region: name("eu-west-1"), score: None, unusual: false };
        let track = Track::new(vec![learning], &[], &[fault()], 2, 60.0);
        assert!(track.detection.is_empty() && !track.is_there());
    }
}
