//! Metrics as lines of a log, which `CloudWatch` reads them from: the embedded metric format.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::{
    batch::Datum,
    metric::{Metric, NAMESPACE, Subject},
};

/// A document takes no more values of a metric.
const VALUES: usize = 100;

/// One document a subject and minute, each to be printed as a line of its own.
#[must_use]
pub fn documents(data: &[Datum]) -> Vec<Value> {
    let mut samples: BTreeMap<_, Vec<f64>> = BTreeMap::new();
    for Datum { series, at, values } in data {
        let all = samples.entry((*at, &series.subject, series.metric)).or_default();
        for (value, count) in values {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "samples, counted")]
            all.extend(std::iter::repeat_n(*value, *count as usize));
        }
    }
    // A name stands once in a document: what is too long for one goes into another.
    let mut documents: BTreeMap<_, Vec<(Metric, Vec<f64>)>> = BTreeMap::new();
    for ((at, subject, metric), values) in samples {
        for (part, values) in values.chunks(VALUES).enumerate() {
            documents.entry((at, subject, part)).or_default().push((metric, values.to_vec()));
        }
    }
    documents.into_iter().map(|((at, subject, _), metrics)| document(at.as_millisecond(), subject, &metrics)).collect()
}

fn document(at_ms: i64, subject: &Subject, metrics: &[(Metric, Vec<f64>)]) -> Value {
    let dimensions = subject.dimensions();
    let names: Vec<_> = dimensions.iter().map(|(name, _)| name).collect();
    let kinds: Vec<_> =
        metrics.iter().map(|(metric, _)| json!({ "Name": metric.name(), "Unit": metric.unit().as_str() })).collect();
    let about = json!({
        "Timestamp": at_ms,
        "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [names], "Metrics": kinds }],
    });
    let values = metrics.iter().map(|(metric, values)| (metric.name().to_owned(), json!(values)));
    let labels = dimensions.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
    Value::Object([("_aws".to_owned(), about)].into_iter().chain(labels).chain(values).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::Batch;

    #[test]
    fn a_document_names_its_metrics_and_their_dimensions() {
        let mut batch = Batch::default();
        let here = || Subject::Region("api.example.com".parse().unwrap(), "eu-west-1".parse().unwrap());
        for (metric, value) in [(Metric::Latency, 12.0), (Metric::Latency, 12.0), (Metric::Success, 1.0)] {
            batch.add(metric, here(), Timestamp::from_second(1_790_000_045).unwrap(), value);
        }
        let expected = json!({
            "_aws": {
                "Timestamp": 1_790_000_040_000_i64,
                "CloudWatchMetrics": [{
                    "Namespace": "Pointsman",
                    "Dimensions": [["Service", "Region"]],
                    "Metrics": [{ "Name": "Latency", "Unit": "Milliseconds" }, { "Name": "Success", "Unit": "None" }],
                }],
            },
            "Service": "api.example.com", "Region": "eu-west-1", "Latency": [12.0, 12.0], "Success": [1.0],
        });
        assert_eq!(documents(&batch.take()), [expected]);
    }

    #[test]
    fn no_document_has_more_values_than_cloudwatch_reads() {
        let mut batch = Batch::default();
        let here = || Subject::Region("api.example.com".parse().unwrap(), "eu-west-1".parse().unwrap());
        for value in 0..330 {
            batch.add(Metric::Latency, here(), Timestamp::UNIX_EPOCH, f64::from(value));
        }
        let documents = documents(&batch.take());
        let counts: Vec<_> = documents.iter().map(|it| it["Latency"].as_array().unwrap().len()).collect();
        assert_eq!(counts.iter().sum::<usize>(), 330);
        assert!(counts.iter().all(|count| *count <= 100), "{counts:?}");
    }
}
