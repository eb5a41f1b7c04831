//! The stacks of all regions, changed together: where one fails, the others are brought back to what they were.

use std::fmt;

use domain::RegionName;
use futures::future::join_all;

use super::{DeployError, Progress, wanted::WantedStack};
use crate::{
    Session,
    destroy::empty,
    names::Names,
    stacks::{Applied, StackError, Stacks, Template, Way},
};

/// A region's stack where not all became what they should be.
#[derive(Debug)]
pub struct RegionLeft {
    /// Where.
    pub region: RegionName,
    /// Which.
    pub stack: String,
    /// Why it failed; none: it was as it should be, and others failed.
    pub failed: Option<StackError>,
    /// What it is now.
    pub now: Left,
}

/// What a stack is after a deployment that did not succeed everywhere.
#[derive(Debug)]
pub enum Left {
    /// What it was before.
    AsBefore,
    /// There was none, and there is none that holds anything.
    Absent,
    /// Nothing of it had to change.
    Unchanged,
    /// It could not be brought back, or not even be asked.
    Unknown(StackError),
}

/// All regions of a deployment that did not succeed everywhere, in words.
#[derive(Debug)]
pub struct RegionsLeft(pub Vec<RegionLeft>);

impl fmt::Display for RegionsLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed: Vec<_> = self.0.iter().filter(|it| it.failed.is_some()).map(|it| it.region.as_str()).collect();
        write!(f, "failed in {}", failed.join(" and "))?;
        let back = !self.0.iter().any(|it| matches!(it.now, Left::Unknown(_)));
        f.write_str(if back {
            "; every region is what it was before"
        } else {
            "; not every region could be brought back to what it was before"
        })?;
        self.0.iter().try_for_each(|it| write!(f, "\n  {it}"))
    }
}

impl fmt::Display for RegionLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.region, self.stack)?;
        if let Some(error) = &self.failed {
            write!(f, "{error}; ")?;
        }
        match &self.now {
            Left::AsBefore => f.write_str("it is what it was before"),
            Left::Absent => f.write_str("it is not there, as before"),
            Left::Unchanged => f.write_str("nothing of it had to change"),
            Left::Unknown(error) => write!(f, "what it is now is not known: {error}"),
        }
    }
}

/// What was done to a stack.
enum Turn {
    /// Nothing: what it is could not be found out.
    Untouched(StackError),
    Tried {
        /// None: there was none.
        before: Option<Template>,
        applied: Result<Applied, StackError>,
    },
}

impl Turn {
    const fn is_done(&self) -> bool {
        matches!(self, Self::Tried { applied: Ok(_), .. })
    }
}

/// Makes all stacks what they should be, in all regions at once; or none of them.
pub(super) async fn apply(
    session: &Session,
    names: &Names,
    stacks: &[WantedStack],
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(), DeployError> {
    let turns = join_all(stacks.iter().map(|wanted| async move { (wanted, turn(session, wanted, progress).await) }));
    let turns = turns.await;
    if turns.iter().all(|(_, turn)| turn.is_done()) {
        return Ok(());
    }
    progress(Progress::GoesBack);
    // The observers first, so that none writes into a bucket that is being emptied.
    let control = names.stack("control");
    let (control, observers): (Vec<_>, Vec<_>) = turns.into_iter().partition(|(wanted, _)| wanted.name == control);
    let mut left = Vec::new();
    for part in [observers, control] {
        let back = part.into_iter().map(|(wanted, turn)| back(session, names, wanted, turn, progress));
        left.extend(join_all(back).await);
    }
    Err(DeployError::Regions(RegionsLeft(left)))
}

async fn turn(session: &Session, wanted: &WantedStack, progress: &(dyn Fn(Progress) + Sync)) -> Turn {
    let watch = |news| progress(Progress::from(news));
    let stacks = Stacks::new(session, &wanted.region, &watch);
    let before = async {
        // Nobody wants back what is half-made.
        stacks.ready(&wanted.name).await?;
        Ok(stacks.remembered(&wanted.name).await?)
    };
    let before = match before.await {
        Ok(before) => before,
        Err(error) => return Turn::Untouched(error),
    };
    let applied = stacks.apply(&wanted.name, &wanted.template).await;
    if let Ok(applied) = applied {
        progress(Progress::Stack { region: wanted.region.clone(), stack: wanted.name.clone(), applied });
    }
    Turn::Tried { before, applied }
}

async fn back(
    session: &Session,
    names: &Names,
    wanted: &WantedStack,
    turn: Turn,
    progress: &(dyn Fn(Progress) + Sync),
) -> RegionLeft {
    let (failed, now) = match turn {
        Turn::Untouched(error) => (Some(error), Left::Unchanged),
        Turn::Tried { applied: Ok(Applied::Unchanged), .. } => (None, Left::Unchanged),
        Turn::Tried { before, applied } => {
            let now = restored(session, names, wanted, before, progress).await;
            (applied.err(), now.unwrap_or_else(Left::Unknown))
        }
    };
    RegionLeft { region: wanted.region.clone(), stack: wanted.name.clone(), failed, now }
}

/// Makes a stack what it was before, however far it has come.
async fn restored(
    session: &Session,
    names: &Names,
    wanted: &WantedStack,
    before: Option<Template>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Left, StackError> {
    let watch = |news| progress(Progress::from(news));
    let (region, name) = (&wanted.region, &wanted.name);
    let stacks = Stacks::new(session, region, &watch);
    let status = stacks.quiet(name).await?;
    let Some(before) = before else {
        // One that was rolled back holds nothing but the reasons.
        if status.is_some_and(|status| status != "ROLLBACK_COMPLETE") {
            if *name == names.stack("control") {
                empty(session, region, &names.observations(region)).await?;
            }
            stacks.delete(name).await?;
        }
        return Ok(Left::Absent);
    };
    let is_still = status.is_some_and(|status| Way::out_of(&status).is_none());
    // What may not be updated need not be, where CloudFormation itself has brought it back or never touched it.
    if !is_still || stacks.remembered(name).await?.as_ref() != Some(&before) {
        stacks.apply(name, &before).await?;
    }
    Ok(Left::AsBefore)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::AwsError;

    #[test]
    fn every_region_is_told() {
        let denied =
            || AwsError::Denied { operation: "UpdateStack", code: "AccessDenied".into(), message: "no".into() };
        let left = |region: &str, failed: Option<AwsError>, now| RegionLeft {
            region: region.parse().unwrap(),
            stack: "pointsman-observer".to_owned(),
            failed: failed.map(StackError::from),
            now,
        };
        let all = vec![
            left("us-west-2", Some(denied()), Left::AsBefore),
            left("eu-west-1", None, Left::AsBefore),
            left("us-east-1", None, Left::Unchanged),
        ];
        assert_eq!(
            RegionsLeft(all).to_string(),
            "failed in us-west-2; every region is what it was before\n  \
             us-west-2 pointsman-observer: failed to be allowed UpdateStack: AccessDenied: no; it is what it was before\n  \
             eu-west-1 pointsman-observer: it is what it was before\n  \
             us-east-1 pointsman-observer: nothing of it had to change"
        );
        let lost = vec![left("us-west-2", Some(denied()), Left::Unknown(denied().into()))];
        assert!(RegionsLeft(lost).to_string().contains("not every region could be brought back"));
    }
}
