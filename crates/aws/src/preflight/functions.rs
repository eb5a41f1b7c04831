//! The functions and what starts them.

use std::collections::BTreeSet;

use aws_sdk_eventbridge::types::RuleState;
use aws_sdk_lambda::types::{LastUpdateStatus, State};
use domain::RegionName;
use futures::future::join_all;

use super::{Finding, Findings, Place};
use crate::{
    Schedule, check_remote,
    error::{AwsError, failed},
};

const FUNCTIONS: &str = "functions";
const INVOKED: &str = "observers_run";
const SCHEDULES: &str = "schedules";
const DEPLOY: &str = "pointsman deploy";

/// Each function runs what was deployed last.
pub(super) async fn functions(place: Place<'_>) -> Findings {
    let (control, key) = (&place.deployed.region, place.deployed.key.as_deref());
    let observers = place.deployed.deployment.config.observers.iter().map(|region| (region, place.names.checker()));
    let all = observers.chain([(control, place.names.failover())]);
    let asked = all
        .map(|(region, function)| async move { (function.clone(), function_in(place, region, &function, key).await) });
    let found = join_all(asked).await;
    let codes: BTreeSet<_> = found
        .iter()
        .filter(|(function, _)| *function == place.names.checker())
        .filter_map(|(_, it)| it.1.as_ref())
        .collect();
    let mixed = (codes.len() > 1).then(|| {
        Finding::fail(FUNCTIONS, format!("the checkers run {} different versions of the code", codes.len()), DEPLOY)
    });
    let of_each = found.iter().map(|(_, (finding, _))| finding.clone());
    of_each.chain(mixed).collect()
}

/// What there is to say of a function, and the hash of its code.
async fn function_in(
    place: Place<'_>,
    region: &RegionName,
    function: &str,
    key: Option<&str>,
) -> (Finding, Option<String>) {
    let asked = place.session.lambda(region).get_function_configuration().function_name(function).send().await;
    let found = match asked.map_err(failed("GetFunctionConfiguration")) {
        Ok(found) => found,
        Err(error) => return (Finding::fail(FUNCTIONS, format!("{region} {function}: {error}"), DEPLOY), None),
    };
    let variables = found.environment().and_then(|environment| environment.variables());
    let runs_by = variables.and_then(|variables| variables.get("POINTSMAN_CONFIG")).map(String::as_str);
    let failed = matches!(found.state(), Some(State::Failed | State::Inactive))
        || found.last_update_status() == Some(&LastUpdateStatus::Failed);
    let finding = if failed {
        let why = found.last_update_status_reason().or(found.state_reason()).unwrap_or("no reason given");
        Finding::fail(FUNCTIONS, format!("{region} {function} is not active: {why}"), DEPLOY)
    } else if key.is_some_and(|key| runs_by != Some(key)) {
        let runs_by = runs_by.unwrap_or("no configuration");
        Finding::fail(
            FUNCTIONS,
            format!("{region} {function} runs by {runs_by}, which is not what was deployed last"),
            DEPLOY,
        )
    } else {
        Finding::pass(FUNCTIONS, format!("{region} {function} is active"))
    };
    (finding, found.code_sha256().map(str::to_owned))
}

/// Each observer can be invoked from here, and looks.
pub(super) async fn invoked(place: Place<'_>) -> Findings {
    let answers = check_remote(place.session, place.names, &place.deployed.deployment.config).await;
    let finding = |(observer, answer): (_, Result<Vec<_>, _>)| match answer {
        Ok(seen) => Finding::pass(INVOKED, format!("{observer} looked at {} services", seen.len())),
        Err(error) => {
            Finding::fail(INVOKED, format!("{observer}: {error}"), "`pointsman check --remote`, and the function's log")
        }
    };
    answers.into_iter().map(finding).collect()
}

/// What starts the functions does so.
pub(super) async fn schedules(place: Place<'_>) -> Findings {
    if Schedule::of(&place.deployed.deployment.config) == Schedule::Lab {
        return vec![Finding::skipped(SCHEDULES, "the lab plays the schedule, faster than EventBridge can")];
    }
    let checkers = place.deployed.deployment.config.observers.iter();
    let checkers = checkers.map(|region| (region, format!("{}-every-minute", place.names.checker()), None));
    let control = &place.deployed.region;
    let failover = place.names.failover();
    let own = [
        (control, format!("{failover}-every-minute"), None),
        (control, format!("{failover}-on-change"), Some(place.names.bus())),
        (control, format!("{failover}-preflight"), None),
    ];
    let asked = checkers.chain(own).map(|(region, rule, bus)| async move {
        match is_on(place, region, &rule, bus).await {
            Ok(true) => Finding::pass(SCHEDULES, format!("{region} {rule} is on")),
            Ok(false) => Finding::fail(SCHEDULES, format!("{region} {rule} is off"), "pointsman resume"),
            Err(error) => Finding::fail(SCHEDULES, format!("{region} {rule}: {error}"), DEPLOY),
        }
    });
    join_all(asked).await
}

async fn is_on(place: Place<'_>, region: &RegionName, rule: &str, bus: Option<String>) -> Result<bool, AwsError> {
    let asked = place.session.eventbridge(region).describe_rule().name(rule).set_event_bus_name(bus);
    let found = asked.send().await.map_err(failed("DescribeRule"))?;
    Ok(found.state() == Some(&RuleState::Enabled))
}
