//! How far the regions' data are behind, read where their metrics live, no more often than it helps.

use std::collections::BTreeMap;

use aws_sdk_cloudwatch::types::StandardUnit;
use decision::{Evidence, Outcome};
use domain::{HoldCode, Period, Region, RegionName, ReplicationLag, Service, ServiceState, TimeUnit};
use futures::future::join_all;
use jiff::Timestamp;

use crate::{
    Session,
    error::AwsError,
    point::{Point, newest},
    recent::Recent,
};

/// What was read lately, and how to read it again.
#[derive(Debug, Clone)]
pub(crate) struct Lags {
    session: Session,
    recent: Recent<ReplicationLag, Option<Period>>,
}

impl Lags {
    /// Makes no call. `speed` is how much faster than life a lab is, else 1.
    pub(crate) fn new(session: &Session, speed: f64) -> Self {
        Self { session: session.clone(), recent: Recent::new("replication lag", speed) }
    }

    /// How far each region's data are behind; those of which that can't be had are left out.
    pub(crate) async fn ask(&self, service: &Service) -> BTreeMap<RegionName, Period> {
        let asked = measured(service).map(|region| async { Some((region.name.clone(), self.of(region).await?)) });
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// The greatest of all that is behind, if all can be had.
    async fn of(&self, region: &Region) -> Option<Period> {
        let asked = region.replication_lag.iter().map(|lag| self.recent.or_ask(lag, read(&self.session, lag)));
        join_all(asked).await.into_iter().collect::<Option<Vec<_>>>()?.into_iter().max()
    }
}

fn measured(service: &Service) -> impl Iterator<Item = &Region> {
    service.regions.iter().filter(|region| !region.replication_lag.is_empty())
}

/// What a metric says now; `None` without a value that is new enough and a length of time.
pub(crate) async fn read(session: &Session, lag: &ReplicationLag) -> Result<Option<Period>, AwsError> {
    let point = newest(session, &lag.metric, lag.stale_after).await?;
    let Some(point) = point else {
        tracing::warn!(%lag, "the metric has no value that is new enough");
        return Ok(None);
    };
    let behind = judge(lag.unit, &point);
    if behind.is_none() {
        tracing::warn!(%lag, unit = %lag.unit, ?point, "the metric's value is no length of time in its unit");
    }
    Ok(behind)
}

/// By the unit that was configured, and never against the one that the value was written with.
fn judge(unit: TimeUnit, point: &Point) -> Option<Period> {
    let fits = match &point.unit {
        None | Some(StandardUnit::None) => true,
        Some(written) => match unit {
            TimeUnit::Us => *written == StandardUnit::Microseconds,
            TimeUnit::Ms => *written == StandardUnit::Milliseconds,
            TimeUnit::S => *written == StandardUnit::Seconds,
        },
    };
    fits.then(|| unit.of(point.value)).flatten()
}

/// What would be known at best: that no measured region's data are behind.
pub(crate) fn at_best(service: &Service) -> BTreeMap<RegionName, Period> {
    measured(service).map(|region| (region.name.clone(), Period::default())).collect()
}

/// Whether knowing how far data are behind could lead to a plan: not knowing it is a reason to hold.
pub(crate) fn lags_matter(service: &Service, state: &ServiceState, evidence: &Evidence, now: Timestamp) -> bool {
    let holds_for_it = || match decision::decide(service, state, evidence, now).outcome {
        Outcome::Hold(reasons) => reasons.iter().any(|reason| reason.code == HoldCode::DataLoss),
        Outcome::Plan(_) => false,
    };
    measured(service).next().is_some() && holds_for_it()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_by_the_configured_unit_and_never_against_its_own() {
        let point = |unit, value| Point { at: Timestamp::UNIX_EPOCH, unit, value };
        let milliseconds = |unit, value| judge(TimeUnit::Ms, &point(unit, value));
        assert_eq!(milliseconds(Some(StandardUnit::Milliseconds), 250.0), Some(Period::millis(250)));
        assert_eq!(milliseconds(Some(StandardUnit::None), 250.0), Some(Period::millis(250)));
        assert_eq!(milliseconds(None, 250.0), Some(Period::millis(250)));
        assert_eq!(milliseconds(Some(StandardUnit::Seconds), 250.0), None);
        assert_eq!(milliseconds(Some(StandardUnit::Count), 250.0), None);
        assert_eq!(
            judge(TimeUnit::S, &point(Some(StandardUnit::Seconds), -1.0)),
            None,
            "a replica that is not connected"
        );
    }
}
