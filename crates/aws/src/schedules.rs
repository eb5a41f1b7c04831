//! The rules that start the checkers, turned off and on.

use domain::RegionName;
use futures::future::try_join_all;

use crate::{
    Function,
    error::{AwsError, failed},
};

/// Whether checkers are started once a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probing {
    /// They are.
    Started,
    /// They are not: what runs ends by itself within 90 s.
    Stopped,
}

/// Turns the checkers' rules on or off in every observer region; each region with its rule. The failover function's own
/// rule stays on: a plan that is being carried out goes on, and without observers nothing is decided.
pub async fn set_probing(deployed: &Function, probing: Probing) -> Result<Vec<(RegionName, String)>, AwsError> {
    let rule = format!("{}-every-minute", deployed.names.checker());
    let set = deployed.deployment.config.observers.iter().map(|region| {
        let (events, rule) = (deployed.session.eventbridge(region), &rule);
        async move {
            match probing {
                Probing::Started => {
                    events.enable_rule().name(rule).send().await.map_err(failed("EnableRule"))?;
                }
                Probing::Stopped => {
                    events.disable_rule().name(rule).send().await.map_err(failed("DisableRule"))?;
                }
            }
            Ok((region.clone(), rule.clone()))
        }
    });
    try_join_all(set).await
}
