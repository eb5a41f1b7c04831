//! New code for functions that are deployed, and nothing else: no stack, no record, no configuration.

use std::time::{Duration, Instant};

use aws_sdk_lambda::{
    operation::get_function_configuration::GetFunctionConfigurationOutput,
    types::{Architecture as Compiled, LastUpdateStatus},
};
use aws_smithy_types::base64;
use domain::RegionName;
use futures::future::try_join_all;

use super::{Architecture, Code, DeployError, Progress, Release, invoke_each, put_once};
use crate::{Function, error::failed};

/// Lambda takes seconds to take up new code.
const WITHIN: Duration = Duration::from_mins(2);

/// Gives every deployed function the release's code, in all regions at once, and verifies that each runs it. The next
/// whole deployment of the same release changes nothing about the code.
pub async fn deploy_code(
    deployed: &Function,
    release: &Release,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(), DeployError> {
    let config = &deployed.deployment.config;
    let checkers =
        config.observers.iter().map(|region| (region, deployed.names.checker(), "checker", &release.checker));
    let failover = (&config.control_region, deployed.names.failover(), "failover", &release.failover);
    try_join_all(checkers.chain([failover]).map(|(region, function, part, code)| async move {
        update(deployed, region, &function, code, code.key(part), release.architecture).await?;
        progress(Progress::Code { region: region.clone(), function });
        Ok::<_, DeployError>(())
    }))
    .await?;
    invoke_each(&deployed.session, &deployed.names, config, progress).await
}

async fn update(
    deployed: &Function,
    region: &RegionName,
    function: &str,
    code: &Code,
    key: String,
    architecture: Architecture,
) -> Result<(), DeployError> {
    let Function { session, names, .. } = deployed;
    put_once(session, names, region, key.clone(), code.zip.clone()).await?;
    let update = session.lambda(region).update_function_code().function_name(function);
    let update = update.s3_bucket(names.artifacts(region)).s3_key(key);
    let update = update.architectures(Compiled::from(architecture.as_str()));
    update.send().await.map_err(failed("UpdateFunctionCode"))?;
    let runs = settled(deployed, region, function).await?;
    let found = runs.code_sha256().unwrap_or_default().to_owned();
    let wanted = as_lambda_has_it(&code.sha256);
    if found == wanted {
        Ok(())
    } else {
        Err(DeployError::OtherCode { function: function.to_owned(), region: region.clone(), found, wanted })
    }
}

/// The function once Lambda has taken the code up.
async fn settled(
    deployed: &Function,
    region: &RegionName,
    function: &str,
) -> Result<GetFunctionConfigurationOutput, DeployError> {
    let lambda = deployed.session.lambda(region);
    let began = Instant::now();
    loop {
        let asked = lambda.get_function_configuration().function_name(function).send().await;
        let found = asked.map_err(failed("GetFunctionConfiguration"))?;
        match found.last_update_status() {
            Some(LastUpdateStatus::InProgress) if began.elapsed() < WITHIN => {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Some(LastUpdateStatus::Failed) => {
                let why = found.last_update_status_reason().unwrap_or("no reason given").to_owned();
                return Err(DeployError::Function { function: function.to_owned(), region: region.clone(), why });
            }
            _ => return Ok(found),
        }
    }
}

/// A SHA-256 in base64, given in hexadecimal.
fn as_lambda_has_it(hexadecimal: &str) -> String {
    let digits = hexadecimal.as_bytes().chunks(2).filter_map(|two| std::str::from_utf8(two).ok());
    let bytes: Vec<_> = digits.filter_map(|two| u8::from_str_radix(two, 16).ok()).collect();
    base64::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_written_as_lambda_writes_it() {
        assert_eq!(as_lambda_has_it("00ff10"), "AP8Q");
    }
}
