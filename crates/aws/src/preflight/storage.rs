//! The state bucket: nothing is lost, and two writers never both win.

use aws_sdk_s3::{error::ProvideErrorMetadata, primitives::ByteStream, types::BucketVersioningStatus};

use super::{Finding, Findings, Place};
use crate::error::{AwsError, failed};

const VERSIONED: &str = "state_bucket";
const CONDITIONAL: &str = "conditional_writes";
/// The object that conditional writes are tried on; nobody else reads it.
const KEY: &str = "preflight/conditional-write.json";

/// Whether an earlier state could be had back.
pub(super) async fn versioned(place: Place<'_>) -> Findings {
    let control = &place.deployed.region;
    let bucket = place.names.state(control);
    let asked = place.session.s3(control).get_bucket_versioning().bucket(&bucket).send().await;
    vec![match asked.map_err(failed("GetBucketVersioning")) {
        Ok(found) if found.status() == Some(&BucketVersioningStatus::Enabled) => {
            Finding::pass(VERSIONED, format!("{bucket} is versioned"))
        }
        Ok(_) => Finding::fail(VERSIONED, format!("{bucket} is not versioned"), "pointsman deploy"),
        Err(error) => Finding::fail(VERSIONED, format!("{bucket}: {error}"), error.hint()),
    }]
}

/// Whether S3, and whatever stands before it, honours `If-Match` and `If-None-Match`: the first fence rests on that.
pub(super) async fn conditional_writes(place: Place<'_>) -> Findings {
    let control = &place.deployed.region;
    let bucket = place.names.state(control);
    vec![match try_writes(&place.session.s3(control), &bucket).await {
        Ok(None) => Finding::pass(CONDITIONAL, format!("{bucket} takes a write only from who knows its version")),
        Ok(Some(wrong)) => Finding::fail(
            CONDITIONAL,
            format!("{bucket} {wrong}"),
            "two executors could both win: pause, and find out what stands between here and S3",
        ),
        Err(error) => Finding::fail(CONDITIONAL, format!("{bucket}: {error}"), error.hint()),
    }]
}

/// What is wrong with the bucket's conditional writes, if anything is.
async fn try_writes(s3: &aws_sdk_s3::Client, bucket: &str) -> Result<Option<&'static str>, AwsError> {
    let put = || s3.put_object().bucket(bucket).key(KEY).body(ByteStream::from_static(b"{}"));
    let mut made = false;
    // Somebody else may try at the same moment: then there is an object, which is all that is needed.
    for attempt in [put().if_none_match("*"), put().if_none_match("*")] {
        match attempt.send().await {
            Ok(_) if made => return Ok(Some("makes an object again that must not exist")),
            Ok(_) => made = true,
            Err(error) if is_refusal(error.as_service_error()) => made = true,
            Err(error) => return Err(failed("PutObject")(error)),
        }
    }
    let wrong = put().if_match("\"00000000000000000000000000000000\"").send().await;
    match wrong {
        Ok(_) => Ok(Some("replaces an object although its version is another one")),
        Err(error) if is_refusal(error.as_service_error()) => Ok(None),
        Err(error) => Err(failed("PutObject")(error)),
    }
}

fn is_refusal<E: ProvideErrorMetadata>(error: Option<&E>) -> bool {
    let code = error.and_then(ProvideErrorMetadata::code);
    matches!(code, Some("PreconditionFailed" | "ConditionalRequestConflict"))
}
