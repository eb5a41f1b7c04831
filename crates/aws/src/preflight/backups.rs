//! The backups that a region would be restored from: the newest is new enough.

use aws_sdk_backup::{
    primitives::DateTime,
    types::{RecoveryPointByBackupVault, RecoveryPointStatus},
};
use domain::{Backup, Period};
use futures::future::join_all;
use jiff::Timestamp;

use super::{
    Finding, Findings,
    data::{Standbys, or_nothing_named, unasked},
};
use crate::{
    Session,
    error::{AwsError, failed},
};

const BACKUPS: &str = "backups";

/// How old the newest recovery point is, of every region that names its vault: what is restored, is restored anywhere.
pub(super) async fn backups(place: Standbys<'_>) -> Findings {
    let regions = place.config.services.iter().flat_map(|service| service.regions.iter().map(move |it| (service, it)));
    let regions = regions.filter(|(_, region)| place.only.is_none_or(|only| region.name == *only));
    let asked = regions.map(|(service, region)| async move {
        let each = region.backups.iter().map(|backup| async move {
            let now = Timestamp::now();
            let what = format!("{}: {}: {backup}", service.name, region.name);
            judge(&what, backup.max_age, now, newest(place.session, backup, now).await)
        });
        join_all(each).await
    });
    or_nothing_named(BACKUPS, "where its backups are", "backups", join_all(asked).await)
}

/// When the newest was made that can be restored, among those that are new enough.
async fn newest(session: &Session, backup: &Backup, now: Timestamp) -> Result<Option<Timestamp>, AwsError> {
    let oldest = now.saturating_sub(backup.max_age.signed()).unwrap_or(Timestamp::MIN);
    let asked = session
        .backup(&backup.region)
        .list_recovery_points_by_backup_vault()
        .backup_vault_name(&backup.vault)
        .set_by_resource_arn(backup.resource.clone())
        .by_created_after(DateTime::from_secs(oldest.as_second()));
    let mut pages = asked.into_paginator().send();
    let mut newest = None;
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("ListRecoveryPointsByBackupVault"))?;
        newest = page.recovery_points().iter().filter_map(made).chain(newest).max();
    }
    Ok(newest)
}

fn made(point: &RecoveryPointByBackupVault) -> Option<Timestamp> {
    let whole = matches!(point.status(), Some(RecoveryPointStatus::Completed | RecoveryPointStatus::Available));
    point.creation_date().filter(|_| whole).and_then(|at| Timestamp::from_second(at.secs()).ok())
}

fn judge(what: &str, max_age: Period, now: Timestamp, newest: Result<Option<Timestamp>, AwsError>) -> Finding {
    match newest {
        Ok(Some(at)) => {
            let age = Period::seconds(now.duration_since(at).as_secs().max(0).unsigned_abs());
            Finding::pass(BACKUPS, format!("{what}: the newest recovery point is {age} old"))
        }
        Ok(None) => {
            let fix = "look at the backup plan, its jobs and copy jobs: `aws backup list-backup-jobs`, `aws backup list-copy-jobs`";
            Finding::fail(BACKUPS, format!("{what}: no recovery point of the last {max_age} can be restored"), fix)
        }
        Err(error @ AwsError::Denied { .. }) => {
            let fix = "look whether the vault is there, of which AWS may deny what it does not know, and whether you may list it";
            Finding::warn(BACKUPS, format!("{what}: {error}"), fix)
        }
        Err(error) => unasked(BACKUPS, what, &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_be_restored_counts() {
        let point = |status| {
            let at = DateTime::from_secs(60);
            made(&RecoveryPointByBackupVault::builder().status(status).creation_date(at).build())
        };
        let at = Timestamp::from_second(60).ok();
        assert_eq!([RecoveryPointStatus::Completed, RecoveryPointStatus::Available].map(point), [at, at]);
        assert_eq!([RecoveryPointStatus::Partial, RecoveryPointStatus::Creating].map(point), [None, None]);
    }
}
