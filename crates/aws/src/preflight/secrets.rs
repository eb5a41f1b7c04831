//! The secrets that a standby needs: there, kept, and of the same version as the serving region's.

use aws_sdk_secretsmanager::{operation::describe_secret::DescribeSecretOutput, types::StatusType};
use domain::RegionName;
use futures::future::{join, join_all};

use super::{
    Finding, Findings,
    data::{Standby, Standbys, or_nothing_named, unasked},
};
use crate::{
    Session,
    error::{AwsError, failed},
};

const SECRETS: &str = "secrets";
/// The stage of the version that is used.
const CURRENT: &str = "AWSCURRENT";

/// Whether the standbys have the secrets that the serving region has. No secret's value is read.
pub(super) async fn secrets(place: Standbys<'_>, standbys: &[Standby<'_>]) -> Findings {
    let asked = standbys.iter().map(|&Standby { service, active, region }| async move {
        // By their places in both lists.
        let pairs = active.secrets.iter().zip(&region.secrets).map(|(from, to)| async move {
            let asked = join(describe(place.session, &active.name, from), describe(place.session, &region.name, to));
            let (serving, standby) = asked.await;
            let what = format!("{}: {to} in {}", service.name, region.name);
            judge(&what, (&active.name, &serving), (&region.name, &standby))
        });
        join_all(pairs).await
    });
    or_nothing_named(SECRETS, "which secrets a region needs", "secrets", join_all(asked).await)
}

type Described = Result<Option<DescribeSecretOutput>, AwsError>;

async fn describe(session: &Session, region: &RegionName, secret: &str) -> Described {
    let asked = session.secretsmanager(region).describe_secret().secret_id(secret).send().await;
    match asked.map_err(failed("DescribeSecret")) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
        Err(error) => Err(error),
    }
}

fn judge(
    what: &str,
    (active, serving): (&RegionName, &Described),
    (region, standby): (&RegionName, &Described),
) -> Finding {
    match (standby, serving) {
        (Ok(None), _) => {
            let fix = format!(
                "make it there: `aws secretsmanager replicate-secret-to-regions --region {active} --secret-id NAME \
                 --add-replica-regions Region={region}`, or a secret of its own"
            );
            Finding::fail(SECRETS, format!("{what} does not exist"), fix)
        }
        (Ok(Some(there)), _) if there.deleted_date().is_some() => Finding::fail(
            SECRETS,
            format!("{what} is scheduled for deletion"),
            format!("aws secretsmanager restore-secret --region {region} --secret-id NAME"),
        ),
        (Err(error), _) | (_, Err(error)) => unasked(SECRETS, what, error),
        (Ok(Some(_)), Ok(None)) => Finding::warn(
            SECRETS,
            format!("{what} has no counterpart in {active}, which serves"),
            "look whether `secrets` names the right one there",
        ),
        (Ok(Some(there)), Ok(Some(here))) => compare(what, (active, here), (region, there)),
    }
}

fn compare(
    what: &str,
    (active, serving): (&RegionName, &DescribeSecretOutput),
    (region, standby): (&RegionName, &DescribeSecretOutput),
) -> Finding {
    let replica = serving.replication_status().iter().find(|it| it.region() == Some(region.as_str()));
    let said = replica.and_then(|it| it.status_message()).unwrap_or("no reason given");
    match replica.and_then(|it| it.status()) {
        Some(StatusType::Failed) => {
            let text = format!("{what}: replication from {active} failed: {said}");
            return Finding::fail(SECRETS, text, "settle that, then replicate it there again");
        }
        Some(StatusType::InProgress) => {
            let text = format!("{what} is being replicated from {active}: {said}");
            return Finding::warn(SECRETS, text, "wait for it to end, and look again");
        }
        _ => {}
    }
    let primary = |it: &DescribeSecretOutput, own: &RegionName| it.primary_region().unwrap_or(own.as_str()).to_owned();
    if primary(serving, active) == primary(standby, region) {
        if current(standby) == current(serving) {
            return Finding::pass(SECRETS, format!("{what} is the version that {active} uses"));
        }
        let fix = "wait a minute; if it stays so, replicate it there again with --force-overwrite-replica-secret";
        return Finding::warn(SECRETS, format!("{what} is another version than {active} uses"), fix);
    }
    let changed = |it: &DescribeSecretOutput| it.last_changed_date().or(it.created_date()).map(|at| at.secs());
    if changed(standby) < changed(serving) {
        let text = format!("{what} is a secret of its own, and was changed last before that of {active}");
        return Finding::warn(SECRETS, text, "look whether its value is still the right one, or make it a replica");
    }
    Finding::pass(SECRETS, format!("{what} is a secret of its own, changed no earlier than that of {active}"))
}

/// The id of the version that is used; a replica's is the primary's.
fn current(secret: &DescribeSecretOutput) -> Option<&String> {
    let mut versions = secret.version_ids_to_stages()?.iter();
    versions.find(|(_, stages)| stages.iter().any(|stage| stage == CURRENT)).map(|(id, _)| id)
}

#[cfg(test)]
mod tests {
    use aws_sdk_secretsmanager::{
        operation::describe_secret::builders::DescribeSecretOutputBuilder, primitives::DateTime,
        types::ReplicationStatusType,
    };

    use super::*;
    use crate::FindingStatus::{self, Fail, Pass, Skipped, Warn};

    fn secret(version: &str, changed: i64) -> DescribeSecretOutputBuilder {
        DescribeSecretOutput::builder()
            .version_ids_to_stages(version, vec![CURRENT.to_owned()])
            .version_ids_to_stages("before", vec!["AWSPREVIOUS".to_owned()])
            .last_changed_date(DateTime::from_secs(changed))
    }

    fn found(serving: &Described, standby: &Described) -> FindingStatus {
        let (active, region) = ("eu-west-1".parse().unwrap(), "us-east-1".parse().unwrap());
        let finding = judge("orders", (&active, serving), (&region, standby));
        assert_eq!(finding.fix.is_empty(), finding.status < Warn, "{finding:?}");
        finding.status
    }

    #[test]
    fn a_standby_s_secret_is_there_and_stays() {
        let good = &Ok(Some(secret("one", 1).build()));
        let deleted = &Ok(Some(secret("one", 1).deleted_date(DateTime::from_secs(9)).build()));
        assert_eq!(found(good, good), Pass);
        assert_eq!(found(good, &Ok(None)), Fail);
        assert_eq!(found(good, deleted), Fail);
        assert_eq!(found(&Ok(None), good), Warn);
        let (operation, code, message) = ("DescribeSecret", "AccessDenied".to_owned(), "no".to_owned());
        let denied = &Err(AwsError::Denied { operation, code, message });
        assert_eq!(found(good, denied), Skipped);
        assert_eq!(found(denied, &Ok(None)), Fail, "the standby's absence is told all the same");
    }

    #[test]
    fn a_replica_is_in_sync_and_of_the_primary_s_version() {
        let primary = |status| {
            let to = ReplicationStatusType::builder().region("us-east-1").status(status).build();
            Ok(Some(secret("two", 2).replication_status(to).build()))
        };
        let replica = |version| Ok(Some(secret(version, 1).primary_region("eu-west-1").build()));
        assert_eq!(found(&primary(StatusType::InSync), &replica("two")), Pass);
        assert_eq!(found(&primary(StatusType::InSync), &replica("one")), Warn);
        assert_eq!(found(&primary(StatusType::InProgress), &replica("one")), Warn);
        assert_eq!(found(&primary(StatusType::Failed), &replica("two")), Fail);
        // After a failover the standby may be the primary.
        let serving = Ok(Some(secret("one", 1).primary_region("us-east-1").build()));
        assert_eq!(found(&serving, &Ok(Some(secret("two", 3).build()))), Warn);
    }

    #[test]
    fn a_secret_of_its_own_is_no_older() {
        let changed = |at| Ok(Some(secret("any", at).build()));
        assert_eq!(found(&changed(2), &changed(1)), Warn);
        assert_eq!(found(&changed(2), &changed(2)), Pass);
    }
}
