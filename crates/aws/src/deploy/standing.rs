//! What stands in an account, whatever the configuration says: functions in regions that it does not name any more would go
//! on, and cost.

use std::collections::BTreeSet;

use domain::{Config, RegionName};
use futures::future::try_join_all;

use super::{DeployError, Progress, StackPreview, Step, regions};
use crate::{
    Session,
    destroy::empty,
    error::{AwsError, failed},
    names::Names,
    stacks::{StackAction, Stacks},
};

/// The regions in which anything of a deployment is. A region's artifact bucket is the first thing that is made there and the
/// last to go, and one call lists the buckets of all regions.
pub async fn places(session: &Session, names: &Names, control: &RegionName) -> Result<BTreeSet<RegionName>, AwsError> {
    let prefix = names.artifacts_anywhere();
    let mut found = BTreeSet::new();
    let mut pages = session.s3(control).list_buckets().prefix(&prefix).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("ListBuckets"))?;
        let buckets = page.buckets().iter().filter_map(|bucket| bucket.name()?.strip_prefix(&prefix));
        found.extend(buckets.filter_map(|region| region.parse::<RegionName>().ok()));
    }
    Ok(found)
}

/// A stack's part in a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Watch,
    Observer,
    Control,
    Artifacts,
}

impl Part {
    const ALL: [Self; 4] = [Self::Watch, Self::Observer, Self::Control, Self::Artifacts];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Observer => "observer",
            Self::Control => "control",
            Self::Artifacts => "artifacts",
        }
    }

    /// Whether the configuration has it there.
    fn is_wanted(self, config: &Config, region: &RegionName) -> bool {
        match self {
            Self::Watch | Self::Control => config.control_region == *region,
            Self::Observer => config.observers.contains(region),
            Self::Artifacts => regions(config).any(|named| named == region),
        }
    }

    /// The bucket that has to be emptied before the stack can go.
    fn bucket(self, names: &Names, region: &RegionName) -> Option<String> {
        match self {
            Self::Watch | Self::Observer => None,
            Self::Control => Some(names.observations(region)),
            Self::Artifacts => Some(names.artifacts(region)),
        }
    }
}

/// Stacks that are there and are to go.
pub(crate) struct Standing<'a> {
    session: &'a Session,
    names: &'a Names,
    stacks: Vec<(RegionName, Part)>,
}

impl<'a> Standing<'a> {
    /// Those of a deployment in these regions that are meant.
    pub(crate) async fn find(
        session: &'a Session,
        names: &'a Names,
        regions: &BTreeSet<RegionName>,
        is_meant: impl Fn(&RegionName, Part) -> bool,
    ) -> Result<Self, AwsError> {
        let all = regions.iter().flat_map(|region| Part::ALL.map(|part| (region, part)));
        let asked = all.filter(|(region, part)| is_meant(region, *part)).map(|(region, part)| async move {
            let watch = |_| ();
            let found = Stacks::new(session, region, &watch).describe(&names.stack(part.as_str())).await?;
            Ok::<_, AwsError>(found.map(|_| (region.clone(), part)))
        });
        let stacks = try_join_all(asked).await?.into_iter().flatten().collect();
        Ok(Self { session, names, stacks })
    }

    /// Those that the configuration does not name any more. A control stack among them is refused.
    pub(super) async fn obsolete(session: &'a Session, names: &'a Names, config: &Config) -> Result<Self, DeployError> {
        let wanted = &config.control_region;
        let places = places(session, names, wanted).await?;
        let found = Self::find(session, names, &places, |region, part| !part.is_wanted(config, region)).await?;
        if let Some((found, _)) = found.stacks.iter().find(|(_, part)| *part == Part::Control) {
            return Err(DeployError::ControlElsewhere { wanted: wanted.clone(), found: found.clone() });
        }
        Ok(found)
    }

    /// What would go, resource by resource.
    pub(super) async fn preview(&self) -> Result<Vec<StackPreview>, DeployError> {
        let each = self.stacks.iter().map(|(region, part)| async move {
            let (watch, stack) = (|_| (), self.names.stack(part.as_str()));
            let changes = Stacks::new(self.session, region, &watch).removing(&stack).await?;
            Ok(StackPreview { region: region.clone(), stack, action: StackAction::Remove, recovery: None, changes })
        });
        try_join_all(each).await
    }

    /// Removes a part in all regions at once.
    pub(crate) async fn remove(
        &self,
        part: Part,
        step: &Step,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(), DeployError> {
        let each = self.stacks.iter().filter(|(_, held)| *held == part).map(|(region, _)| {
            let stack = self.names.stack(part.as_str());
            (region.clone(), stack.clone(), self.delete(region, part, stack, progress))
        });
        step.everywhere(each).await?;
        Ok(())
    }

    async fn delete(
        &self,
        region: &RegionName,
        part: Part,
        stack: String,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(), DeployError> {
        if let Some(bucket) = part.bucket(self.names, region) {
            empty(self.session, region, &bucket).await?;
        }
        let watch = |news| progress(Progress::from(news));
        Stacks::new(self.session, region, &watch).delete(&stack).await?;
        progress(Progress::Removed { region: region.clone(), stack });
        Ok(())
    }
}
