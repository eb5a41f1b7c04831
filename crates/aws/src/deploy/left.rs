//! What each region has been left as by a step that did not succeed in all of them. None is left untold.

use std::{collections::BTreeSet, fmt};

use domain::RegionName;
use futures::future::join_all;

use super::DeployError;

/// What a region has been left as.
#[derive(Debug)]
pub struct RegionLeft {
    /// Where.
    pub region: RegionName,
    /// The stack or function.
    pub what: String,
    /// Why it failed; none: it was as it should be, and others failed.
    pub failed: Option<DeployError>,
    /// What it is now.
    pub now: Left,
}

/// What a stack or function is afterwards.
#[derive(Debug)]
pub enum Left {
    /// This, in words.
    Known(&'static str),
    /// It could not be brought back, or not even be asked.
    Unknown(Box<DeployError>),
}

/// All regions of a step that did not succeed everywhere, in words.
#[derive(Debug)]
pub struct RegionsLeft {
    /// How far it has come in all of them.
    pub after: &'static str,
    /// Each.
    pub regions: Vec<RegionLeft>,
}

impl Left {
    pub(super) fn unknown(error: impl Into<DeployError>) -> Self {
        Self::Unknown(Box::new(error.into()))
    }
}

impl RegionsLeft {
    /// Where one failed, all were to go back to what they were.
    pub(super) fn gone_back(regions: Vec<RegionLeft>) -> Self {
        let lost = regions.iter().any(|it| matches!(it.now, Left::Unknown(_)));
        let after = if lost {
            "not every region could be brought back to what it was before"
        } else {
            "every region is what it was before"
        };
        Self { after, regions }
    }
}

impl fmt::Display for RegionsLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed: BTreeSet<_> =
            self.regions.iter().filter(|it| it.failed.is_some()).map(|it| it.region.as_str()).collect();
        let failed: Vec<_> = failed.into_iter().collect();
        write!(f, "failed in {}; {}", failed.join(" and "), self.after)?;
        self.regions.iter().try_for_each(|it| write!(f, "\n  {it}"))
    }
}

impl fmt::Display for RegionLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.region, self.what)?;
        if let Some(error) = &self.failed {
            write!(f, "{error}; ")?;
        }
        match &self.now {
            Left::Known(words) => f.write_str(words),
            Left::Unknown(error) => write!(f, "it could not be brought back: {error}"),
        }
    }
}

/// A step that each region takes by itself, and how it is told of where not all could.
pub(crate) struct Step {
    /// How far all have come.
    pub(crate) after: &'static str,
    /// What a region is that took it.
    pub(crate) taken: &'static str,
    /// What a region is that did not.
    pub(crate) missed: &'static str,
}

impl Step {
    /// Has all regions take it at once. Where one fails, the others go on to their end.
    pub(crate) async fn everywhere<T, E: Into<DeployError>>(
        &self,
        regions: impl IntoIterator<Item = (RegionName, String, impl Future<Output = Result<T, E>>)>,
    ) -> Result<Vec<T>, DeployError> {
        let ends = regions.into_iter().map(|(region, what, step)| async move { (region, what, step.await) });
        let (mut made, mut left) = (Vec::new(), Vec::new());
        for (region, what, end) in join_all(ends).await {
            let (failed, words) = match end {
                Ok(value) => {
                    made.push(value);
                    (None, self.taken)
                }
                Err(error) => (Some(error.into()), self.missed),
            };
            left.push(RegionLeft { region, what, failed, now: Left::Known(words) });
        }
        if left.iter().all(|it| it.failed.is_none()) {
            return Ok(made);
        }
        Err(DeployError::Regions(RegionsLeft { after: self.after, regions: left }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AwsError;

    #[tokio::test]
    async fn every_region_is_told() {
        let denied = || AwsError::Denied { operation: "Invoke", code: "AccessDenied".into(), message: "no".into() };
        let step = Step { after: "every region has the new version", taken: "it runs", missed: "it was not started" };
        let all = [("us-west-2", Some(denied())), ("eu-west-1", None), ("us-east-1", None)].map(|(region, error)| {
            (region.parse().unwrap(), "pointsman-checker".to_owned(), async { error.map_or(Ok(()), Err) })
        });
        let DeployError::Regions(mut left) = step.everywhere(all).await.unwrap_err() else { panic!() };
        assert_eq!(
            left.to_string(),
            "failed in us-west-2; every region has the new version\n  \
             us-west-2 pointsman-checker: failed to be allowed Invoke: AccessDenied: no; it was not started\n  \
             eu-west-1 pointsman-checker: it runs\n  \
             us-east-1 pointsman-checker: it runs"
        );
        left.regions[0].now = Left::Unknown(Box::new(denied().into()));
        assert!(left.to_string().contains("it could not be brought back: failed to be allowed Invoke"));
    }
}
