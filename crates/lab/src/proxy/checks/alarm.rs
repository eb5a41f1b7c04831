//! Metric checks (R26): the alarm's settings are copied when a check is made or updated, and its data are looked at from
//! then on. Neither goes through the proxy's record: they are Route 53's calls, not the account's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws::{Alarms, Session, SessionOptions};
use domain::RegionName;
use route53::{AlarmIdentifier, AlarmSettings, CheckId, InvalidInput};
use serde::Serialize;
use tokio::sync::OnceCell;
use tokio_util::task::AbortOnDropHandle;

use crate::hosted::Route53;
use crate::proxy::Upstream;
use crate::proxy::xml::ApiError;

/// Seconds of life between two looks at an alarm's data.
const LOOK_EVERY: u32 = 10;
/// A lab without time has looks too.
const SHORTEST: Duration = Duration::from_millis(50);

/// What follows the alarms of metric checks.
pub(super) struct Followers {
    route53: Arc<Route53>,
    upstream: Upstream,
    alarms: OnceCell<Alarms>,
    by_check: Mutex<BTreeMap<CheckId, AbortOnDropHandle<()>>>,
}

/// A copy of an alarm, and where the data come from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Followed {
    region: RegionName,
    settings: AlarmSettings,
}

/// The copy as the API shows it.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Shown {
    evaluation_periods: u32,
    threshold: f64,
    comparison_operator: String,
    period: u32,
    metric_name: String,
    namespace: String,
    statistic: String,
    dimensions: Dimensions,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Dimensions {
    dimension: Vec<Dimension>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Dimension {
    name: String,
    value: String,
}

impl From<&Followed> for Shown {
    fn from(Followed { settings, .. }: &Followed) -> Self {
        let dimension = |(name, value): &(String, String)| Dimension { name: name.clone(), value: value.clone() };
        Shown {
            evaluation_periods: settings.evaluation_periods,
            threshold: settings.threshold,
            comparison_operator: settings.comparison.to_string(),
            period: settings.period_s,
            metric_name: settings.metric.clone(),
            namespace: settings.namespace.clone(),
            statistic: settings.statistic.to_string(),
            dimensions: Dimensions { dimension: settings.dimensions.iter().map(dimension).collect() },
        }
    }
}

impl Followers {
    pub(super) fn new(route53: Arc<Route53>, upstream: Upstream) -> Self {
        Followers { route53, upstream, alarms: OnceCell::new(), by_check: Mutex::default() }
    }

    async fn alarms(&self) -> &Alarms {
        let connect = async || {
            let options = SessionOptions {
                profile: None,
                region: Some("us-east-1".to_owned()),
                endpoint_url: Some(format!("http://{}", self.upstream.address)),
                caller: None,
            };
            Alarms::new(&Session::load(options).await.with_test_credentials())
        };
        self.alarms.get_or_init(connect).await
    }

    /// Copies the alarm as it is now, if it is one that a check can follow.
    pub(super) async fn copy(&self, alarm: &AlarmIdentifier) -> Result<Followed, ApiError> {
        let AlarmIdentifier { region, name } = alarm;
        let region: RegionName = region
            .parse()
            .map_err(|error: domain::NameError| InvalidInput::Parameter(format!("alarm region {region}: {error}")))?;
        let found = self.alarms().await.describe(&region, name).await;
        let found = found.map_err(|error| InvalidInput::Parameter(error.to_string()))?;
        let missing = || InvalidInput::Parameter(format!("The alarm {name} does not exist in region {region}."));
        let settings = AlarmSettings::try_from(found.ok_or_else(missing)?)?;
        Ok(Followed { region, settings })
    }

    /// Looks at the data from now on, instead of those that the check followed before.
    pub(super) async fn follow(&self, check: &CheckId, followed: Followed) {
        let alarms = self.alarms().await.clone();
        let task = tokio::spawn(follow(Arc::clone(&self.route53), alarms, check.clone(), followed));
        let mut by_check = self.by_check.lock().unwrap_or_else(PoisonError::into_inner);
        by_check.insert(check.clone(), AbortOnDropHandle::new(task));
    }

    pub(super) fn forget(&self, check: &CheckId) {
        self.by_check.lock().unwrap_or_else(PoisonError::into_inner).remove(check);
    }
}

async fn follow(route53: Arc<Route53>, alarms: Alarms, check: CheckId, Followed { region, settings }: Followed) {
    let second = route53.second();
    let periods = settings.window().as_secs() / u64::from(settings.period_s);
    let period = valid_period(second * settings.period_s);
    let window = period * u32::try_from(periods).unwrap_or(u32::MAX);
    loop {
        match alarms.data(&region, &settings, period, window).await {
            Ok(data) => route53.observe_alarm(&check, settings.judge(&data)),
            Err(error) => tracing::warn!(%check, %error, "an alarm's data can't be had"),
        }
        tokio::time::sleep((second * LOOK_EVERY).max(SHORTEST)).await;
    }
}

/// The shortest period that CloudWatch knows and that is no shorter: 1, 5, 10, 30 s or whole minutes.
fn valid_period(scaled: Duration) -> Duration {
    let known = [1, 5, 10, 30].map(Duration::from_secs);
    let minutes = scaled.as_millis().div_ceil(60_000);
    let whole = Duration::from_mins(u64::try_from(minutes).unwrap_or(u64::MAX));
    known.into_iter().find(|known| *known >= scaled).unwrap_or(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scaled_period_is_one_that_cloudwatch_knows() {
        for (scaled, valid) in [(0, 1_000), (1_000, 1_000), (6_000, 10_000), (30_001, 60_000), (61_000, 120_000)] {
            assert_eq!(valid_period(Duration::from_millis(scaled)), Duration::from_millis(valid), "{scaled} ms");
        }
    }
}
