//! What a checker reports besides its observations: change events and metrics.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::{
    primitives::DateTime,
    types::{Dimension, MetricDatum, StandardUnit, StatisticSet},
};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use domain::{
    Anomaly, ChangeEvent, DnsName, EVENT_DETAIL_TYPE, EVENT_SOURCE, Observation, ProbeStatus, RegionName, Verdict,
};

use crate::{
    Session,
    error::{AwsError, failed},
    names::Names,
};

/// The control region's bus, written to directly: EventBridge needs no forwarding then.
#[derive(Debug, Clone)]
pub struct Bus {
    events: aws_sdk_eventbridge::Client,
    name: String,
}

impl Bus {
    /// The bus of a deployment. Makes no call.
    #[must_use]
    pub fn new(session: &Session, names: &Names, control: &RegionName) -> Self {
        Self { events: session.eventbridge(control), name: names.bus() }
    }

    /// Sends a change event.
    pub async fn send(&self, event: &ChangeEvent) -> Result<(), AwsError> {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(EVENT_SOURCE)
            .detail_type(EVENT_DETAIL_TYPE)
            .detail(serde_json::to_string(event).expect("an event is plain data"))
            .build();
        let sent = self.events.put_events().entries(entry).send().await.map_err(failed("PutEvents"))?;
        match sent.entries().iter().find(|entry| entry.error_code().is_some()) {
            None => Ok(()),
            Some(entry) => Err(AwsError::Refused {
                operation: "PutEvents",
                code: entry.error_code().unwrap_or_default().to_owned(),
                message: entry.error_message().unwrap_or_default().to_owned(),
            }),
        }
    }
}

/// Metrics of one invocation, gathered and sent in one call.
#[derive(Debug, Default)]
pub struct Metrics {
    sets: BTreeMap<(DnsName, RegionName, Metric), Summary>,
}

/// A metric in namespace `Pointsman`, by service and region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Metric {
    /// 1 for a probe that is as expected, else 0.
    Success,
    /// Milliseconds, whole probe, those that succeed.
    Latency,
    /// 1 for a round in which an observer says down, else 0.
    Down,
    /// How unusual a round is, from 0 to 1.
    AnomalyScore,
}

impl Metric {
    const fn name(self) -> &'static str {
        match self {
            Self::Success => "Success",
            Self::Latency => "Latency",
            Self::Down => "Down",
            Self::AnomalyScore => "AnomalyScore",
        }
    }

    const fn unit(self) -> StandardUnit {
        match self {
            Self::Success | Self::Down | Self::AnomalyScore => StandardUnit::None,
            Self::Latency => StandardUnit::Milliseconds,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Summary {
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Metrics {
    /// Adds a round.
    pub fn add(&mut self, observation: &Observation) {
        for (region, view) in &observation.regions {
            let mut put = |metric, value| self.put(&observation.service, region, metric, value);
            put(Metric::Down, f64::from(u8::from(view.verdict == Verdict::Down)));
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
        }
    }

    fn put(&mut self, service: &DnsName, region: &RegionName, metric: Metric, value: f64) {
        let none = Summary { count: 0.0, sum: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY };
        let set = self.sets.entry((service.clone(), region.clone(), metric)).or_insert(none);
        set.count += 1.0;
        set.sum += value;
        set.min = set.min.min(value);
        set.max = set.max.max(value);
    }

    /// Sends what was gathered to the checker's own region, in one call of at most 1,000 metrics, and forgets it.
    pub async fn send(&mut self, cloudwatch: &Cloudwatch) -> Result<(), AwsError> {
        let sets = std::mem::take(&mut self.sets);
        if sets.is_empty() {
            return Ok(());
        }
        let now = DateTime::from(std::time::SystemTime::now());
        let data = sets.into_iter().take(1_000).map(|((service, region, metric), set)| {
            let values =
                StatisticSet::builder().sample_count(set.count).sum(set.sum).minimum(set.min).maximum(set.max).build();
            let dimension = |name: &str, value: &str| Dimension::builder().name(name).value(value).build();
            MetricDatum::builder()
                .metric_name(metric.name())
                .unit(metric.unit())
                .timestamp(now)
                .dimensions(dimension("Service", service.as_str()))
                .dimensions(dimension("Region", region.as_str()))
                .statistic_values(values)
                .build()
        });
        cloudwatch
            .0
            .put_metric_data()
            .namespace("Pointsman")
            .set_metric_data(Some(data.collect()))
            .send()
            .await
            .map_err(failed("PutMetricData"))?;
        Ok(())
    }
}

/// `CloudWatch` of one region.
#[derive(Debug, Clone)]
pub struct Cloudwatch(aws_sdk_cloudwatch::Client);

impl Cloudwatch {
    /// Makes no call.
    #[must_use]
    pub fn new(session: &Session, region: &RegionName) -> Self {
        Self(session.cloudwatch(region))
    }
}
