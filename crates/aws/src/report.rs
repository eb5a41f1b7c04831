//! What the functions report: change events and metrics.

use aws_sdk_cloudwatch::{
    primitives::DateTime,
    types::{Dimension, MetricDatum, StandardUnit},
};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use domain::{ChangeEvent, Config, EVENT_DETAIL_TYPE, EVENT_SOURCE, MetricsBy, RegionName};
use monitoring::{Batch, Datum, NAMESPACE};

use crate::{
    Session,
    error::{AwsError, failed},
    names::Names,
};

/// `PutMetricData` takes 1,000 of them and 1 MB, to which data of 150 values come first.
const DATA_A_CALL: usize = 200;

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

/// `CloudWatch` of the control region, or the log that it reads metrics from.
#[derive(Debug, Clone)]
pub struct Cloudwatch {
    client: aws_sdk_cloudwatch::Client,
    by: MetricsBy,
}

impl Cloudwatch {
    /// Makes no call.
    #[must_use]
    pub fn new(session: &Session, config: &Config) -> Self {
        Self { client: session.cloudwatch(&config.control_region), by: config.metrics }
    }

    /// Sends what was gathered, in as few calls as may be, and forgets it.
    pub async fn send(&self, batch: &mut Batch) -> Result<(), AwsError> {
        let data = batch.take();
        if self.by == MetricsBy::Emf {
            print_lines(&monitoring::documents(&data));
            return Ok(());
        }
        for data in data.chunks(DATA_A_CALL) {
            self.client
                .put_metric_data()
                .namespace(NAMESPACE)
                .set_metric_data(Some(data.iter().map(to_sdk).collect()))
                .send()
                .await
                .map_err(failed("PutMetricData"))?;
        }
        Ok(())
    }
}

/// Lines of a function's log are what it prints.
#[expect(clippy::print_stdout, reason = "the log of a function is its standard output")]
fn print_lines(documents: &[serde_json::Value]) {
    for document in documents {
        println!("{document}");
    }
}

fn to_sdk(datum: &Datum) -> MetricDatum {
    let Datum { series, at, values } = datum;
    let dimension = |(name, value): (&str, &str)| Dimension::builder().name(name).value(value).build();
    MetricDatum::builder()
        .metric_name(series.metric.name())
        .unit(StandardUnit::from(series.metric.unit().as_str()))
        .timestamp(DateTime::from_millis(at.as_millisecond()))
        .set_dimensions(Some(series.subject.dimensions().into_iter().map(dimension).collect()))
        .set_values(Some(values.iter().map(|(value, _)| *value).collect()))
        .set_counts(Some(values.iter().map(|(_, count)| *count).collect()))
        .build()
}
