//! A metric's newest value.

use aws_config::retry::RetryConfig;
use aws_sdk_cloudwatch::{
    config,
    primitives::DateTime,
    types::{self, Datapoint, StandardUnit},
};
use domain::{Metric, Period, Statistic};
use jiff::Timestamp;

use crate::{
    Session,
    error::{AwsError, failed},
};

/// The shortest time that every metric has a value of.
const MINUTE: i32 = 60;

/// What a minute's values came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Point {
    /// When the minute began.
    pub(crate) at: Timestamp,
    pub(crate) value: f64,
    /// What the value was written with; none says nothing.
    pub(crate) unit: Option<StandardUnit>,
}

/// The newest that is no older than `life`; asked once, since whoever asks asks again.
pub(crate) async fn newest(session: &Session, metric: &Metric, life: Period) -> Result<Option<Point>, AwsError> {
    let now = Timestamp::now();
    let oldest = now.saturating_sub(life.signed()).unwrap_or(Timestamp::MIN);
    let dimensions =
        metric.dimensions.iter().map(|(name, value)| types::Dimension::builder().name(name).value(value).build());
    let once = config::Builder::new().retry_config(RetryConfig::disabled());
    let asked = session
        .cloudwatch(&metric.region)
        .get_metric_statistics()
        .namespace(&metric.namespace)
        .metric_name(&metric.name)
        .set_dimensions(Some(dimensions.collect()))
        .start_time(DateTime::from_secs(oldest.as_second()))
        .end_time(DateTime::from_secs(now.as_second() + 1))
        .period(MINUTE)
        .statistics(statistic(metric.statistic))
        .customize();
    let found = asked.config_override(once).send().await.map_err(failed("GetMetricStatistics"))?;
    let points = found.datapoints().iter().filter_map(|point| read(point, metric.statistic));
    Ok(points.filter(|point| point.at >= oldest).max_by_key(|point| point.at))
}

fn statistic(statistic: Statistic) -> types::Statistic {
    match statistic {
        Statistic::Average => types::Statistic::Average,
        Statistic::Maximum => types::Statistic::Maximum,
        Statistic::Minimum => types::Statistic::Minimum,
        Statistic::Sum => types::Statistic::Sum,
    }
}

fn read(point: &Datapoint, statistic: Statistic) -> Option<Point> {
    let value = match statistic {
        Statistic::Average => point.average(),
        Statistic::Maximum => point.maximum(),
        Statistic::Minimum => point.minimum(),
        Statistic::Sum => point.sum(),
    };
    let at = Timestamp::from_second(point.timestamp()?.secs()).ok()?;
    Some(Point { at, value: value?, unit: point.unit().cloned() })
}
