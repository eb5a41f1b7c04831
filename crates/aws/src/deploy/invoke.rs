//! Functions, started.

use domain::{Config, RegionName};

use super::{DeployError, Progress, left::Step};
use crate::{
    Session,
    error::{AwsError, failed},
    names::Names,
};

/// Starts each function once: a function that can't read its configuration says so now, not at 3 a.m.
pub(super) async fn invoke_each(
    session: &Session,
    names: &Names,
    config: &Config,
    after: &'static str,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(), DeployError> {
    let step = Step { after, taken: "it runs", missed: "it was not seen to run" };
    let checker = names.checker();
    let failover = names.failover();
    let all = config.observers.iter().map(|region| (region, &checker)).chain([(&config.control_region, &failover)]);
    let each = all.map(|(region, function)| {
        let invoked = async move {
            invoke(session, region, function, br#"{"once":true}"#).await?;
            progress(Progress::Invoked { region: region.clone(), function: function.clone() });
            Ok::<_, DeployError>(())
        };
        (region.clone(), function.clone(), invoked)
    });
    step.everywhere(each).await?;
    Ok(())
}

/// Invokes a function and waits for its answer.
pub async fn invoke(
    session: &Session,
    region: &RegionName,
    function: &str,
    payload: &[u8],
) -> Result<Vec<u8>, DeployError> {
    let answer = session
        .lambda(region)
        .invoke()
        .function_name(function)
        .payload(payload.to_vec().into())
        .send()
        .await
        .map_err(failed("Invoke"))?;
    let body = answer.payload.map(aws_sdk_lambda::primitives::Blob::into_inner).unwrap_or_default();
    match answer.function_error {
        None => Ok(body),
        Some(_) => Err(DeployError::Function {
            function: function.to_owned(),
            region: region.clone(),
            why: String::from_utf8_lossy(&body).into_owned(),
        }),
    }
}

/// Starts a function and does not wait for its answer, as a schedule does.
pub async fn start(session: &Session, region: &RegionName, function: &str, payload: &[u8]) -> Result<(), AwsError> {
    session
        .lambda(region)
        .invoke()
        .function_name(function)
        .invocation_type(aws_sdk_lambda::types::InvocationType::Event)
        .payload(payload.to_vec().into())
        .send()
        .await
        .map_err(failed("Invoke"))?;
    Ok(())
}
