//! The stacks of all regions, changed together: where one fails, the others are brought back to what they were.

use futures::future::join_all;

use super::{
    DeployError, Progress,
    left::{Left, RegionLeft, RegionsLeft},
    wanted::WantedStack,
};
use crate::{
    Session,
    destroy::empty,
    names::Names,
    stacks::{Applied, StackError, Stacks, Template, Way},
};

pub(super) const AS_BEFORE: Left = Left::Known("it is what it was before");
const ABSENT: Left = Left::Known("it is not there, as before");
const UNCHANGED: Left = Left::Known("nothing of it had to change");

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
    Err(DeployError::Regions(RegionsLeft::gone_back(left)))
}

async fn turn(session: &Session, wanted: &WantedStack, progress: &(dyn Fn(Progress) + Sync)) -> Turn {
    if wanted.is_there {
        return Turn::Tried { before: None, applied: wanted.apply(session, progress).await };
    }
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
    Turn::Tried { before, applied: wanted.apply(session, progress).await }
}

async fn back(
    session: &Session,
    names: &Names,
    wanted: &WantedStack,
    turn: Turn,
    progress: &(dyn Fn(Progress) + Sync),
) -> RegionLeft {
    let (failed, now) = match turn {
        Turn::Untouched(error) => (Some(error), UNCHANGED),
        Turn::Tried { applied: Ok(Applied::Unchanged), .. } => (None, UNCHANGED),
        Turn::Tried { before, applied } => {
            let now = restored(session, names, wanted, before, progress).await;
            (applied.err(), now.unwrap_or_else(Left::unknown))
        }
    };
    RegionLeft { region: wanted.region.clone(), what: wanted.name.clone(), failed: failed.map(DeployError::from), now }
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
        return Ok(ABSENT);
    };
    let is_still = status.is_some_and(|status| Way::out_of(&status).is_none());
    // What may not be updated need not be, where CloudFormation itself has brought it back or never touched it.
    if !is_still || stacks.remembered(name).await?.as_ref() != Some(&before) {
        stacks.apply(name, &before).await?;
    }
    Ok(AS_BEFORE)
}
