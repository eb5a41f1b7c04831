//! CloudWatch's alarms and their data, as a health check follows them (R26).

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use aws_sdk_cloudwatch::{
    primitives::DateTime,
    types::{self, AlarmType, Dimension, MetricAlarm, StateValue},
};
use domain::{Config, RegionName};
use route53::{Alarm, AlarmSettings, Datapoint, Statistic};

use crate::{
    Session,
    error::{AwsError, failed},
};

/// CloudWatch, read in any region.
#[derive(Debug, Clone)]
pub struct Alarms {
    session: Session,
}

/// How an alarm of a deployment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// It is in alarm.
    pub rings: bool,
    /// It may tell somebody.
    pub speaks: bool,
}

impl Alarms {
    /// Makes no call.
    #[must_use]
    pub fn new(session: &Session) -> Self {
        Self { session: session.clone() }
    }

    /// A metric alarm as it is now; none: there is no such alarm.
    pub async fn describe(&self, region: &RegionName, name: &str) -> Result<Option<Alarm>, AwsError> {
        let asked = self.session.cloudwatch(region).describe_alarms().alarm_names(name);
        let found = asked.alarm_types(AlarmType::MetricAlarm).send().await.map_err(failed("DescribeAlarms"))?;
        let mut alarms = found.metric_alarms.unwrap_or_default().into_iter();
        Ok(alarms.find(|alarm| alarm.alarm_name() == Some(name)).map(alarm))
    }

    /// The metric alarms of a deployment, by their names.
    pub async fn standing(&self, config: &Config) -> Result<BTreeMap<String, Standing>, AwsError> {
        let asked = self.session.cloudwatch(&config.control_region).describe_alarms();
        let asked = asked.alarm_name_prefix(format!("{}-", config.stack)).alarm_types(AlarmType::MetricAlarm);
        let pages = asked.into_paginator().send();
        let pages = pages.collect::<Result<Vec<_>, _>>().await.map_err(failed("DescribeAlarms"))?;
        let found = pages.into_iter().flat_map(|page| page.metric_alarms.unwrap_or_default());
        let standing = |alarm: MetricAlarm| {
            let rings = alarm.state_value == Some(StateValue::Alarm);
            Some((alarm.alarm_name?, Standing { rings, speaks: alarm.actions_enabled != Some(false) }))
        };
        Ok(found.filter_map(standing).collect())
    }

    /// What the metric was in the periods that began in the last `window`, a period being `period` long.
    pub async fn data(
        &self,
        region: &RegionName,
        settings: &AlarmSettings,
        period: Duration,
        window: Duration,
    ) -> Result<Vec<Datapoint>, AwsError> {
        let now = SystemTime::now();
        let dimensions = settings.dimensions.iter();
        let dimensions = dimensions.map(|(name, value)| Dimension::builder().name(name).value(value).build());
        let found = self
            .session
            .cloudwatch(region)
            .get_metric_statistics()
            .namespace(&settings.namespace)
            .metric_name(&settings.metric)
            .set_dimensions(Some(dimensions.collect()))
            .start_time(DateTime::from(now - window))
            .end_time(DateTime::from(now))
            .period(i32::try_from(period.as_secs()).unwrap_or(i32::MAX))
            .statistics(types::Statistic::from(settings.statistic.to_string().as_str()))
            .send()
            .await
            .map_err(failed("GetMetricStatistics"))?;
        let data = found.datapoints().iter().filter_map(|point| {
            let value = match settings.statistic {
                Statistic::Average => point.average(),
                Statistic::Sum => point.sum(),
                Statistic::SampleCount => point.sample_count(),
                Statistic::Maximum => point.maximum(),
                Statistic::Minimum => point.minimum(),
            };
            Some(Datapoint { at: point.timestamp()?.secs(), value: value? })
        });
        Ok(data.collect())
    }
}

fn alarm(found: MetricAlarm) -> Alarm {
    let whole = |number: Option<i32>| number.and_then(|number| u32::try_from(number).ok());
    let dimensions = found.dimensions.unwrap_or_default().into_iter();
    Alarm {
        namespace: found.namespace.filter(|text| !text.is_empty()),
        metric: found.metric_name.filter(|text| !text.is_empty()),
        dimensions: dimensions.filter_map(|dimension| dimension.name.zip(dimension.value)).collect(),
        statistic: found.statistic.map(|statistic| statistic.as_str().to_owned()),
        extended_statistic: found.extended_statistic.filter(|text| !text.is_empty()),
        period_s: whole(found.period).unwrap_or_default(),
        evaluation_periods: whole(found.evaluation_periods).unwrap_or_default(),
        datapoints_to_alarm: whole(found.datapoints_to_alarm),
        threshold: found.threshold.unwrap_or_default(),
        comparison: found.comparison_operator.map(|operator| operator.as_str().to_owned()).unwrap_or_default(),
        has_queries: found.metrics.is_some_and(|metrics| !metrics.is_empty()),
    }
}
