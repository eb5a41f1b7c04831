//! Takes a deployment out of an account. Records, checks and zone stay: users go on being served.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use domain::{Config, RegionName};

use crate::{
    Session,
    deploy::{DeployError, Part, Progress, Standing, Step, places},
    error::{AwsError, failed},
    names::Names,
};

/// How much goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destroy {
    /// The state bucket stays, with the audit trail.
    KeepState,
    /// The state bucket goes too.
    DeleteState,
}

/// Deletes the stacks of every region, those that the configuration does not name any more too, and what is in their buckets.
pub async fn destroy(
    session: &Session,
    names: &Names,
    config: &Config,
    how: Destroy,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(), DeployError> {
    let control = &config.control_region;
    let mut regions = places(session, names, control).await?;
    regions.extend(config.observers.iter().chain([control]).cloned());
    let standing = Standing::find(session, names, &regions, |_, _| true).await?;
    let step = |after| Step { after, taken: "it is gone", missed: "it may be there still" };
    // The functions first, so that none writes into a bucket that is being emptied.
    standing.remove(Part::Watch, &step("no function was touched; run again, it goes on from there"), progress).await?;
    let watched = "alarms and dashboard are gone, the failover function is not; run again, it goes on from there";
    standing.remove(Part::Observer, &step(watched), progress).await?;
    let seen = "alarms, dashboard and observers are gone; run again, it goes on from there";
    standing.remove(Part::Control, &step(seen), progress).await?;
    if how == Destroy::DeleteState {
        let bucket = names.state(control);
        empty(session, control, &bucket).await?;
        match session.s3(control).delete_bucket().bucket(bucket).send().await {
            Err(error) if !is_absent(&error) => return Err(failed("DeleteBucket")(error).into()),
            _ => {}
        }
    }
    let functions = "nothing is left but code and configuration; run again, it goes on from there";
    standing.remove(Part::Artifacts, &step(functions), progress).await
}

fn is_absent<E, R>(error: &aws_smithy_runtime_api::client::result::SdkError<E, R>) -> bool
where
    E: aws_smithy_types::error::metadata::ProvideErrorMetadata,
{
    error.as_service_error().is_some_and(|e| e.code() == Some("NoSuchBucket"))
}

/// Deletes every version of every object; a bucket that does not exist is empty.
pub(crate) async fn empty(session: &Session, region: &RegionName, bucket: &str) -> Result<(), AwsError> {
    let s3 = session.s3(region);
    loop {
        let page = match s3.list_object_versions().bucket(bucket).send().await {
            Ok(page) => page,
            Err(error) if is_absent(&error) => return Ok(()),
            Err(error) => return Err(failed("ListObjectVersions")(error)),
        };
        let versions = page.versions().iter().map(|v| (v.key(), v.version_id()));
        let markers = page.delete_markers().iter().map(|m| (m.key(), m.version_id()));
        let objects: Vec<_> = versions
            .chain(markers)
            .filter_map(|(key, version)| {
                ObjectIdentifier::builder().key(key?).set_version_id(version.map(str::to_owned)).build().ok()
            })
            .collect();
        if objects.is_empty() {
            return Ok(());
        }
        let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build().expect("it has objects");
        let done = s3.delete_objects().bucket(bucket).delete(delete).send().await.map_err(failed("DeleteObjects"))?;
        if let Some(error) = done.errors().first() {
            return Err(AwsError::Refused {
                operation: "DeleteObjects",
                code: error.code().unwrap_or_default().to_owned(),
                message: error.message().unwrap_or_default().to_owned(),
            });
        }
    }
}
