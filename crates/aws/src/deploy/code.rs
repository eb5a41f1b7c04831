//! New code for functions that are deployed, and nothing else: no stack, no record, no configuration.

use std::time::{Duration, Instant};

use aws_sdk_lambda::{
    operation::get_function_configuration::GetFunctionConfigurationOutput,
    types::{Architecture as Compiled, LastUpdateStatus},
};
use aws_smithy_types::base64;
use domain::RegionName;
use futures::future::join_all;

use super::{
    Architecture, Code, DeployError, Left, Progress, RegionLeft, RegionsLeft, Release, invoke_each, put_once,
    regions::AS_BEFORE, release::key,
};
use crate::{Function, error::failed};

/// Lambda takes seconds to take up new code.
const WITHIN: Duration = Duration::from_mins(2);

/// Gives every deployed function the release's code, in all regions at once, and verifies that each runs it; where one fails,
/// the others get theirs of before. The next whole deployment of the same release changes nothing about the code.
pub async fn deploy_code(
    deployed: &Function,
    release: &Release,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(), DeployError> {
    let config = &deployed.deployment.config;
    let checkers =
        config.observers.iter().map(|region| (region, deployed.names.checker(), "checker", &release.checker));
    let failover = (&config.control_region, deployed.names.failover(), "failover", &release.failover);
    let turns = checkers.chain([failover]).map(|(region, name, part, code)| async move {
        let function = Deployed { function: deployed, region, name, part };
        let before = function.settled().await;
        let given = match &before {
            Ok(_) => function.give(code, release.architecture).await,
            Err(_) => Ok(()),
        };
        if before.is_ok() && given.is_ok() {
            progress(Progress::Code { region: region.clone(), function: function.name.clone() });
        }
        (function, before, given)
    });
    let turns = join_all(turns).await;
    if turns.iter().any(|(_, before, given)| before.is_err() || given.is_err()) {
        progress(Progress::GoesBack);
        let left = turns.into_iter().map(|(function, before, given)| async move {
            let (failed, now) = match before {
                Ok(before) => {
                    (given.err(), function.restored(&before).await.map_or_else(Left::unknown, |()| AS_BEFORE))
                }
                Err(error) => (Some(error), Left::Known("nothing of it was changed")),
            };
            RegionLeft { region: function.region.clone(), what: function.name, failed, now }
        });
        return Err(DeployError::Regions(RegionsLeft::gone_back(join_all(left).await)));
    }
    let after = "every region has the new code, and the configuration is what it was";
    invoke_each(&deployed.session, &deployed.names, config, after, progress).await
}

/// A function that is deployed.
struct Deployed<'a> {
    function: &'a Function,
    region: &'a RegionName,
    name: String,
    part: &'static str,
}

impl Deployed<'_> {
    async fn give(&self, code: &Code, architecture: Architecture) -> Result<(), DeployError> {
        let Function { session, names, .. } = self.function;
        put_once(session, names, self.region, code.key(self.part), code.zip.clone()).await?;
        self.update(&code.sha256, Compiled::from(architecture.as_str())).await
    }

    /// Makes it run what it ran, which is named by its content.
    async fn restored(&self, before: &GetFunctionConfigurationOutput) -> Result<(), DeployError> {
        if self.settled().await?.code_sha256() == before.code_sha256() {
            return Ok(());
        }
        let sha256 = as_keys_have_it(before.code_sha256().unwrap_or_default());
        let compiled = before.architectures().first().cloned().unwrap_or(Compiled::X8664);
        self.update(&sha256, compiled).await
    }

    async fn update(&self, sha256: &str, compiled: Compiled) -> Result<(), DeployError> {
        let Function { session, names, .. } = self.function;
        let update = session.lambda(self.region).update_function_code().function_name(&self.name);
        let update = update.s3_bucket(names.artifacts(self.region)).s3_key(key(self.part, sha256));
        update.architectures(compiled).send().await.map_err(failed("UpdateFunctionCode"))?;
        let found = self.settled().await?.code_sha256().unwrap_or_default().to_owned();
        let wanted = as_lambda_has_it(sha256);
        if found == wanted {
            Ok(())
        } else {
            Err(DeployError::OtherCode { function: self.name.clone(), region: self.region.clone(), found, wanted })
        }
    }

    /// The function once Lambda has taken up what it was given.
    async fn settled(&self) -> Result<GetFunctionConfigurationOutput, DeployError> {
        let lambda = self.function.session.lambda(self.region);
        let began = Instant::now();
        loop {
            let asked = lambda.get_function_configuration().function_name(&self.name).send().await;
            let found = asked.map_err(failed("GetFunctionConfiguration"))?;
            match found.last_update_status() {
                Some(LastUpdateStatus::InProgress) if began.elapsed() < WITHIN => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                Some(LastUpdateStatus::Failed) => {
                    let why = found.last_update_status_reason().unwrap_or("no reason given").to_owned();
                    return Err(DeployError::Function {
                        function: self.name.clone(),
                        region: self.region.clone(),
                        why,
                    });
                }
                _ => return Ok(found),
            }
        }
    }
}

/// A SHA-256 in base64, given in hexadecimal.
fn as_lambda_has_it(hexadecimal: &str) -> String {
    let digits = hexadecimal.as_bytes().chunks(2).filter_map(|two| std::str::from_utf8(two).ok());
    let bytes: Vec<_> = digits.filter_map(|two| u8::from_str_radix(two, 16).ok()).collect();
    base64::encode(bytes)
}

/// A SHA-256 in hexadecimal, given in base64.
fn as_keys_have_it(base64: &str) -> String {
    let bytes = base64::decode(base64).unwrap_or_default().into_iter();
    bytes.flat_map(|byte| [byte >> 4, byte & 15]).filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_written_as_lambda_writes_it() {
        assert_eq!(as_lambda_has_it("00ff10"), "AP8Q");
        assert_eq!(as_keys_have_it("AP8Q"), "00ff10");
    }
}
