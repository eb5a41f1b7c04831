//! What the alarms say that speak of regions from elsewhere, asked no more often than it helps.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use aws_config::retry::RetryConfig;
use aws_sdk_cloudwatch::{
    config,
    types::{AlarmType, StateValue},
};
use decision::{AlarmState, Evidence};
use domain::{Alarm, RegionName, Service, ServiceState};
use futures::future::join_all;
use jiff::Timestamp;
use tokio::time::timeout;

use crate::{Session, error::failed, native::led_to};

/// As long is an answer good: no alarm looks at its metric more often than every 10 s.
const GOOD_FOR: Duration = Duration::from_secs(5);
/// A decision does not wait longer; the signal is unknown then.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Answers that this process had lately, and how to get others.
#[derive(Debug, Clone)]
pub(crate) struct AlarmStates {
    session: Session,
    speed: f64,
    known: Arc<Mutex<BTreeMap<Alarm, (Instant, AlarmState)>>>,
}

impl AlarmStates {
    /// Makes no call. `speed` is how much faster than life a lab is, else 1.
    pub(crate) fn new(session: &Session, speed: f64) -> Self {
        Self { session: session.clone(), speed, known: Arc::default() }
    }

    /// What each region's alarm says; `Unknown` when that can't be had.
    pub(crate) async fn ask(&self, service: &Service) -> BTreeMap<RegionName, AlarmState> {
        let alarms = service.regions.iter().filter_map(|region| Some((&region.name, region.alarm.as_ref()?)));
        join_all(alarms.map(|(region, alarm)| async { (region.clone(), self.of(alarm).await) }))
            .await
            .into_iter()
            .collect()
    }

    async fn of(&self, alarm: &Alarm) -> AlarmState {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(alarm).copied();
        if let Some((_, state)) = known.filter(|(at, _)| at.elapsed() < GOOD_FOR.div_f64(self.speed)) {
            return state;
        }
        let once = config::Builder::new().retry_config(RetryConfig::disabled());
        let asked = self.session.cloudwatch(&alarm.region).describe_alarms().alarm_names(&alarm.name);
        let asked = asked.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm).customize();
        let state = match timeout(PATIENCE, asked.config_override(once).send()).await {
            Ok(Ok(found)) => {
                let metric = found.metric_alarms().iter().map(|it| (it.alarm_name(), it.state_value()));
                let composite = found.composite_alarms().iter().map(|it| (it.alarm_name(), it.state_value()));
                let state = metric.chain(composite).find(|(name, _)| *name == Some(&alarm.name));
                if state.is_none() {
                    tracing::warn!(%alarm, "there is no such alarm");
                }
                state.map_or(AlarmState::Unknown, |(_, value)| judge(value))
            }
            Ok(Err(error)) => {
                let error = failed("DescribeAlarms")(error);
                tracing::warn!(%alarm, %error, "the alarm can't be asked");
                AlarmState::Unknown
            }
            Err(_) => {
                tracing::warn!(%alarm, "the alarm did not answer in time");
                AlarmState::Unknown
            }
        };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(alarm.clone(), (Instant::now(), state));
        state
    }
}

fn judge(value: Option<&StateValue>) -> AlarmState {
    match value {
        Some(StateValue::Alarm) => AlarmState::Alarm,
        Some(StateValue::Ok) => AlarmState::Ok,
        // Among them `INSUFFICIENT_DATA`.
        _ => AlarmState::Unknown,
    }
}

/// Whether what an alarm says could lead to another plan, or to one or none.
pub(crate) fn alarms_matter(service: &Service, state: &ServiceState, evidence: &Evidence, now: Timestamp) -> bool {
    let alarms: Vec<_> = service.regions.iter().filter(|region| region.alarm.is_some()).collect();
    let led_to = |alarms: BTreeMap<RegionName, AlarmState>| {
        led_to(service, state, &Evidence { alarms, ..evidence.clone() }, now)
    };
    // Each region is left for its own alarm alone.
    !alarms.is_empty() && {
        let unknown = led_to(BTreeMap::new());
        alarms.iter().any(|region| led_to([(region.name.clone(), AlarmState::Alarm)].into()) != unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_data_are_unknown() {
        let states = [StateValue::Alarm, StateValue::Ok, StateValue::InsufficientData].map(|it| judge(Some(&it)));
        assert_eq!(states, [AlarmState::Alarm, AlarmState::Ok, AlarmState::Unknown]);
        assert_eq!(judge(None), AlarmState::Unknown);
    }
}
