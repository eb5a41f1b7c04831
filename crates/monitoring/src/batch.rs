//! Samples gathered until they are sent, a datum a series and minute.

use std::collections::BTreeMap;

use domain::{Anomaly, Observation, Period, ProbeStatus, Verdict};
use jiff::Timestamp;

use crate::metric::{Metric, Series, Subject};

/// What nobody waits for is gathered for so long: a call costs what a sample does not.
pub const QUIET: Period = Period::seconds(300);
/// `PutMetricData` takes no more values of a series at once.
const VALUES: usize = 150;

/// Samples of one series in one minute.
#[derive(Debug, Clone, PartialEq)]
pub struct Datum {
    /// Of what.
    pub series: Series,
    /// The minute's beginning, or the moment itself.
    pub at: Timestamp,
    /// Values and how often each was seen; 150 at most.
    pub values: Vec<(f64, f64)>,
}

/// Samples that are not sent yet.
#[derive(Debug, Default)]
pub struct Batch {
    samples: BTreeMap<(Timestamp, Series), Vec<f64>>,
}

impl Batch {
    /// Adds a sample.
    pub fn add(&mut self, metric: Metric, subject: Subject, at: Timestamp, value: f64) {
        let minute = Timestamp::from_second(at.as_second() - at.as_second().rem_euclid(60)).unwrap_or(at);
        self.samples.entry((minute, Series { metric, subject })).or_default().push(value);
    }

    /// Adds a round, as its observer saw it.
    pub fn observe(&mut self, observation: &Observation) {
        let Observation { service, observer, at, .. } = observation;
        for (region, view) in &observation.regions {
            let here = Subject::Region(service.clone(), region.clone());
            let mut put = |metric, value| self.add(metric, here.clone(), *at, value);
            if let Some(score) = view.anomaly.as_ref().and_then(Anomaly::score) {
                put(Metric::AnomalyScore, score);
            }
            for probe in &view.probes {
                let failed = probe.status == ProbeStatus::Failed;
                put(Metric::Success, f64::from(u8::from(!failed)));
                if let (false, Some(total)) = (failed, probe.phases_ms.total) {
                    put(Metric::Latency, total);
                }
            }
            let word = match view.verdict {
                Verdict::Up => continue,
                Verdict::Degraded => 1.0,
                Verdict::Down => 2.0,
                Verdict::Unknown => 0.5,
            };
            let sight = Subject::Sight(service.clone(), region.clone(), observer.clone());
            self.add(Metric::Verdict, sight, *at, word);
        }
    }

    /// Whether it is to be sent: something is not up, or the first sample has waited for long enough.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        let waited = self.samples.keys().next().is_some_and(|(first, _)| now.duration_since(*first) >= QUIET.signed());
        waited || self.samples.keys().any(|(_, series)| series.metric == Metric::Verdict)
    }

    /// Everything in it, which is forgotten.
    pub fn take(&mut self) -> Vec<Datum> {
        let samples = std::mem::take(&mut self.samples);
        samples.into_iter().flat_map(|((at, series), samples)| data(&series, at, samples)).collect()
    }
}

fn data(series: &Series, at: Timestamp, mut samples: Vec<f64>) -> Vec<Datum> {
    // A millisecond, or a thousandth of a share, is exact enough, and makes many samples one.
    let exact = if series.metric == Metric::Latency { 1.0 } else { 1e3 };
    for sample in &mut samples {
        *sample = (*sample * exact).round() / exact;
    }
    samples.sort_by(f64::total_cmp);
    let runs: Vec<_> =
        samples.chunk_by(|one, other| one.total_cmp(other).is_eq()).map(|run| (run[0], run.len() as f64)).collect();
    let datum = |values: &[(f64, f64)]| Datum { series: series.clone(), at, values: values.to_vec() };
    runs.chunks(VALUES).map(datum).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_790_000_040 + second).unwrap()
    }

    fn latency(batch: &mut Batch, second: i64, value: f64) {
        let subject = Subject::Region("api.example.com".parse().unwrap(), "eu-west-1".parse().unwrap());
        batch.add(Metric::Latency, subject, at(second), value);
    }

    #[test]
    fn samples_of_a_minute_are_one_datum() {
        let mut batch = Batch::default();
        for (second, value) in [(0, 12.3), (59, 11.9), (59, 80.0), (60, 12.0)] {
            latency(&mut batch, second, value);
        }
        let sent: Vec<_> = batch.take().into_iter().map(|datum| (datum.at, datum.values)).collect();
        assert_eq!(sent, [(at(0), vec![(12.0, 2.0), (80.0, 1.0)]), (at(60), vec![(12.0, 1.0)])]);
        assert_eq!(batch.take(), []);
    }

    #[test]
    fn no_datum_has_more_values_than_a_call_takes() {
        let mut batch = Batch::default();
        (0..400).for_each(|value| latency(&mut batch, 0, f64::from(value)));
        let sizes: Vec<_> = batch.take().iter().map(|datum| datum.values.len()).collect();
        assert_eq!(sizes, [150, 150, 100]);
    }

    #[test]
    fn what_is_quiet_waits_and_what_is_not_up_does_not() {
        let mut batch = Batch::default();
        assert!(!batch.is_due(at(0)), "there is nothing to send");
        latency(&mut batch, 0, 12.0);
        assert!(!batch.is_due(at(299)));
        assert!(batch.is_due(at(300)));
        let (service, region) = ("api.example.com".parse().unwrap(), "eu-west-1".parse().unwrap());
        let sight = Subject::Sight(service, region, "us-west-2".parse().unwrap());
        batch.add(Metric::Verdict, sight, at(1), 2.0);
        assert!(batch.is_due(at(1)));
    }
}
