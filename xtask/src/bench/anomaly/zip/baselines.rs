//! No baselines: what `bench anomaly` builds the checker with to see how much they add to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use domain::{Anomaly, Observation, ObserverName, ProbeReport, RegionName, Service};
use jiff::Timestamp;

use crate::Store;

/// None.
#[derive(Debug)]
pub struct Baselines;

/// None.
#[derive(Debug)]
pub struct Readings;

impl Readings {
    /// None.
    #[must_use]
    pub fn unusual(&self) -> BTreeSet<RegionName> {
        BTreeSet::new()
    }

    /// None.
    #[must_use]
    pub fn into_anomalies(self) -> BTreeMap<RegionName, Anomaly> {
        BTreeMap::new()
    }
}

impl Baselines {
    /// None.
    #[must_use]
    pub fn new(_: Store, _: ObserverName, _: Duration) -> Self {
        Self
    }

    /// Nothing.
    pub fn read(
        &self,
        _: &Service,
        _: Timestamp,
        _: &BTreeMap<RegionName, Vec<ProbeReport>>,
        _: Option<&Observation>,
    ) -> Readings {
        Readings
    }

    /// Nothing.
    pub async fn keep(&self, _: &Service, _: Instant) {}

    /// Nothing.
    pub fn fit(&self, _: &Service) {}
}
