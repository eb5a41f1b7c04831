//! What the alarms say that speak of regions from elsewhere, asked no more often than it helps.

use std::collections::BTreeMap;

use aws_config::retry::RetryConfig;
use aws_sdk_cloudwatch::{
    config,
    types::{AlarmType, StateValue},
};
use decision::{AlarmState, Evidence};
use domain::{Alarm, RegionName, Service, ServiceState};
use futures::future::join_all;
use jiff::Timestamp;

use crate::{
    Session,
    error::{AwsError, failed},
    native::led_to,
    recent::Recent,
};

/// What they said lately, and how to ask them again.
#[derive(Debug, Clone)]
pub(crate) struct AlarmStates {
    session: Session,
    recent: Recent<Alarm, AlarmState>,
}

impl AlarmStates {
    /// Makes no call. `speed` is how much faster than life a lab is, else 1.
    pub(crate) fn new(session: &Session, speed: f64) -> Self {
        Self { session: session.clone(), recent: Recent::new("alarm", speed) }
    }

    /// What each region's alarm says; `Unknown` when that can't be had.
    pub(crate) async fn ask(&self, service: &Service) -> BTreeMap<RegionName, AlarmState> {
        let alarms = service.regions.iter().filter_map(|region| Some((&region.name, region.alarm.as_ref()?)));
        let asked = alarms.map(|(region, alarm)| async {
            (region.clone(), self.recent.or_ask(alarm, state_of(&self.session, alarm)).await)
        });
        join_all(asked).await.into_iter().collect()
    }
}

async fn state_of(session: &Session, alarm: &Alarm) -> Result<AlarmState, AwsError> {
    let once = config::Builder::new().retry_config(RetryConfig::disabled());
    let asked = session.cloudwatch(&alarm.region).describe_alarms().alarm_names(&alarm.name);
    let asked = asked.alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm).customize();
    let found = asked.config_override(once).send().await.map_err(failed("DescribeAlarms"))?;
    let metric = found.metric_alarms().iter().map(|it| (it.alarm_name(), it.state_value()));
    let composite = found.composite_alarms().iter().map(|it| (it.alarm_name(), it.state_value()));
    let state = metric.chain(composite).find(|(name, _)| *name == Some(&alarm.name));
    if state.is_none() {
        tracing::warn!(%alarm, "there is no such alarm");
    }
    Ok(state.map_or(AlarmState::Unknown, |(_, value)| judge(value)))
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
