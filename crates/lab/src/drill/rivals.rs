//! What stands beside a scenario's service, set up in the same lab.

use std::collections::{BTreeMap, BTreeSet};

use aws::Switch;
use domain::{CheckId, DnsName, RegionName};
use tokio::time::sleep;

use super::{ASK_EVERY, DrillError, dns};
use crate::{
    health::Pace,
    rival::{self, Rival, Threshold},
    stage::{Play, Stage},
};

/// What stands beside a scenario's service.
#[derive(Debug, Default)]
pub(super) struct Rivals {
    pub(super) native: Option<(DnsName, BTreeMap<RegionName, CheckId>)>,
    pub(super) threshold: Option<(DnsName, Threshold)>,
}

impl Rivals {
    /// Makes the records and checks of those wanted.
    pub(super) async fn set_up(stage: &Stage, play: &Play, wanted: &BTreeSet<Rival>) -> Result<Self, DrillError> {
        let service = stage.service(play);
        let switch = Switch::new(stage.session().0, play.scenario.speed);
        let mut rivals = Self::default();
        if wanted.contains(&Rival::Native) {
            let name = play.beside(Rival::Native);
            let checks = rival::set_up_native(&switch, &stage.config, service, name.clone()).await?;
            rivals.native = Some((name, checks));
        }
        if wanted.contains(&Rival::Threshold) {
            let name = play.beside(Rival::Threshold);
            let pace = Pace { speed: play.scenario.speed, seed: play.scenario.seed };
            rivals.threshold = Some((name.clone(), Threshold::set_up(&switch, service, name, pace).await?));
        }
        for name in rivals.native.iter().map(|(name, _)| name).chain(rivals.threshold.iter().map(|(name, _)| name)) {
            while dns::answering(stage, play, name).await.as_ref() != Some(&service.preferred().name) {
                sleep(ASK_EVERY).await;
            }
        }
        Ok(rivals)
    }
}
