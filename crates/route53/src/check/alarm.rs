//! Metric checks follow an alarm's data, not its state (R26): what they copy of an alarm, and what they make of the data.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// An alarm as CloudWatch describes it, as far as it matters here.
#[derive(Debug, Clone, Default, PartialEq)]
#[allow(missing_docs)]
pub struct Alarm {
    pub namespace: Option<String>,
    pub metric: Option<String>,
    pub dimensions: Vec<(String, String)>,
    pub statistic: Option<String>,
    /// A percentile or the like, instead of a statistic.
    pub extended_statistic: Option<String>,
    pub period_s: u32,
    pub evaluation_periods: u32,
    /// Fewer than the periods make it an M-of-N alarm.
    pub datapoints_to_alarm: Option<u32>,
    pub threshold: f64,
    pub comparison: String,
    /// It has metrics of its own instead of one metric: an expression, or another account's.
    pub has_queries: bool,
}

/// What a check keeps of its alarm, as the alarm was when the check was made or updated.
#[derive(Debug, Clone, PartialEq)]
pub struct AlarmSettings {
    /// As in CloudWatch.
    pub namespace: String,
    /// The metric's name.
    pub metric: String,
    /// Names and values.
    pub dimensions: Vec<(String, String)>,
    /// What is made of the data of one period.
    pub statistic: Statistic,
    /// Seconds of one period.
    pub period_s: u32,
    /// Periods in a row that must breach.
    pub evaluation_periods: u32,
    /// What a period is compared with.
    pub threshold: f64,
    /// How.
    pub comparison: Comparison,
}

/// Why a check can't follow an alarm.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum UnsupportedAlarm {
    #[error("Route 53 does not support alarms that use metric math or the metrics of another account.")]
    Queries,
    #[error("Route 53 does not support alarms with the extended statistic {0}.")]
    ExtendedStatistic(String),
    #[error("Route 53 does not support alarms on high-resolution metrics: the period is {0} seconds.")]
    HighResolution(u32),
    #[error("Route 53 does not support 'M out of N' alarms: {datapoints} out of {periods}.")]
    SomePeriods { datapoints: u32, periods: u32 },
    #[error("Route 53 does not support alarms with the {what} {value}.")]
    Other { what: &'static str, value: String },
}

/// What CloudWatch says of one period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Datapoint {
    /// The period's beginning, in seconds since 1970.
    pub at: i64,
    /// The statistic.
    pub value: f64,
}

/// What an alarm's data mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmData {
    /// Not every period breaches.
    Ok,
    /// Every period with data does.
    Alarm,
    /// There are none.
    Insufficient,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident $what:literal: $($word:ident),+) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[allow(missing_docs)]
        pub enum $name { $($word),+ }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $($name::$word => stringify!($word)),+ })
            }
        }

        impl FromStr for $name {
            type Err = UnsupportedAlarm;

            fn from_str(text: &str) -> Result<Self, UnsupportedAlarm> {
                match text {
                    $(stringify!($word) => Ok($name::$word),)+
                    other => Err(UnsupportedAlarm::Other { what: $what, value: other.to_owned() }),
                }
            }
        }
    };
}

words!(
    /// The statistics that Route 53 supports.
    Statistic "statistic": Average, Sum, SampleCount, Maximum, Minimum
);
words!(
    /// When a period breaches.
    Comparison "comparison operator":
    GreaterThanOrEqualToThreshold, GreaterThanThreshold, LessThanThreshold, LessThanOrEqualToThreshold
);

impl Comparison {
    fn breaches(self, value: f64, threshold: f64) -> bool {
        match self {
            Comparison::GreaterThanOrEqualToThreshold => value >= threshold,
            Comparison::GreaterThanThreshold => value > threshold,
            Comparison::LessThanThreshold => value < threshold,
            Comparison::LessThanOrEqualToThreshold => value <= threshold,
        }
    }
}

impl TryFrom<Alarm> for AlarmSettings {
    type Error = UnsupportedAlarm;

    fn try_from(alarm: Alarm) -> Result<Self, UnsupportedAlarm> {
        let (Some(namespace), Some(metric), false) = (alarm.namespace, alarm.metric, alarm.has_queries) else {
            return Err(UnsupportedAlarm::Queries);
        };
        if let Some(extended) = alarm.extended_statistic {
            return Err(UnsupportedAlarm::ExtendedStatistic(extended));
        }
        if alarm.period_s < 60 {
            return Err(UnsupportedAlarm::HighResolution(alarm.period_s));
        }
        let periods = alarm.evaluation_periods;
        if let Some(datapoints) = alarm.datapoints_to_alarm.filter(|datapoints| *datapoints < periods) {
            return Err(UnsupportedAlarm::SomePeriods { datapoints, periods });
        }
        let mut dimensions = alarm.dimensions;
        // Their order means nothing.
        dimensions.sort();
        Ok(AlarmSettings {
            namespace,
            metric,
            dimensions,
            statistic: alarm.statistic.unwrap_or_default().parse()?,
            period_s: alarm.period_s,
            evaluation_periods: periods,
            threshold: alarm.threshold,
            comparison: alarm.comparison.parse()?,
        })
    }
}

impl AlarmSettings {
    /// How far back data are looked at: the evaluated periods, and one more for the one that is under way.
    #[must_use]
    pub fn window(&self) -> Duration {
        Duration::from_secs(u64::from(self.period_s) * (u64::from(self.evaluation_periods) + 1))
    }

    /// What the data mean, in any order. Periods without data are left out, as an alarm does that treats missing data as missing.
    #[must_use]
    pub fn judge(&self, data: &[Datapoint]) -> AlarmData {
        let mut newest = data.to_vec();
        newest.sort_by_key(|point| std::cmp::Reverse(point.at));
        newest.truncate(usize::try_from(self.evaluation_periods).unwrap_or(usize::MAX).max(1));
        let breaches = |point: &Datapoint| self.comparison.breaches(point.value, self.threshold);
        match &newest[..] {
            [] => AlarmData::Insufficient,
            all if all.iter().all(breaches) => AlarmData::Alarm,
            _ => AlarmData::Ok,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alarm() -> Alarm {
        Alarm {
            namespace: Some("Shop".to_owned()),
            metric: Some("Errors".to_owned()),
            statistic: Some("Sum".to_owned()),
            period_s: 60,
            evaluation_periods: 3,
            threshold: 5.0,
            comparison: "GreaterThanThreshold".to_owned(),
            ..Alarm::default()
        }
    }

    fn judged(values: &[f64]) -> AlarmData {
        let settings = AlarmSettings::try_from(alarm()).unwrap();
        let data: Vec<_> = (0_i64..).map(|n| n * 60).zip(values).map(|(at, &value)| Datapoint { at, value }).collect();
        settings.judge(&data)
    }

    #[test]
    fn r26_every_one_of_the_newest_periods_must_breach() {
        assert_eq!(judged(&[0.0, 9.0, 9.0, 9.0]), AlarmData::Alarm);
        assert_eq!(judged(&[9.0, 9.0, 9.0, 5.0]), AlarmData::Ok, "5 is not above 5");
        assert_eq!(judged(&[9.0, 0.0, 9.0, 9.0]), AlarmData::Ok);
        assert_eq!(judged(&[9.0]), AlarmData::Alarm, "periods without data are left out");
        assert_eq!(judged(&[]), AlarmData::Insufficient);
    }

    #[test]
    fn r26_the_order_of_the_data_means_nothing() {
        let settings = AlarmSettings::try_from(alarm()).unwrap();
        let data = [(180, 9.0), (0, 0.0), (120, 9.0), (60, 9.0)].map(|(at, value)| Datapoint { at, value });
        assert_eq!(settings.judge(&data), AlarmData::Alarm);
        assert_eq!(settings.window(), Duration::from_mins(4));
    }

    #[test]
    fn r26_each_comparison_breaches_on_its_own_side() {
        for (comparison, below, at, above) in [
            ("GreaterThanOrEqualToThreshold", false, true, true),
            ("GreaterThanThreshold", false, false, true),
            ("LessThanThreshold", true, false, false),
            ("LessThanOrEqualToThreshold", true, true, false),
        ] {
            let comparison: Comparison = comparison.parse().unwrap();
            assert_eq!(
                [4.0, 5.0, 6.0].map(|value| comparison.breaches(value, 5.0)),
                [below, at, above],
                "{comparison}"
            );
        }
    }

    #[test]
    fn r26_what_route53_does_not_support_is_refused() {
        let refused = |alarm: Alarm| AlarmSettings::try_from(alarm).unwrap_err();
        let with = |change: fn(&mut Alarm)| {
            let mut alarm = alarm();
            change(&mut alarm);
            refused(alarm)
        };
        assert_eq!(with(|alarm| alarm.period_s = 10), UnsupportedAlarm::HighResolution(10));
        assert_eq!(with(|alarm| alarm.has_queries = true), UnsupportedAlarm::Queries);
        assert_eq!(with(|alarm| alarm.metric = None), UnsupportedAlarm::Queries);
        let percentile = with(|alarm| alarm.extended_statistic = Some("p99".to_owned()));
        assert_eq!(percentile, UnsupportedAlarm::ExtendedStatistic("p99".to_owned()));
        let some = with(|alarm| alarm.datapoints_to_alarm = Some(2));
        assert_eq!(some, UnsupportedAlarm::SomePeriods { datapoints: 2, periods: 3 });
        let band = with(|alarm| alarm.comparison = "GreaterThanUpperThreshold".to_owned());
        assert!(matches!(band, UnsupportedAlarm::Other { what: "comparison operator", .. }));
        let all = Alarm { datapoints_to_alarm: Some(3), ..alarm() };
        assert!(AlarmSettings::try_from(all).is_ok(), "3 of 3 is every period");
    }
}
