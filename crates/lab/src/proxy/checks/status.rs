//! What the lab's checkers say of a check, in the API's shape.

use bytes::Bytes;
use hyper::{Response, StatusCode};
use route53::{InvalidInput, limits};
use serde::Serialize;

use crate::hosted::{Observation, ProbeOutcome, Route53};
use crate::proxy::xml::{self, ApiError};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Observations {
    health_check_observations: Reports,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reports {
    health_check_observation: Vec<CheckerReport>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CheckerReport {
    region: &'static str,
    #[serde(rename = "IPAddress")]
    ip_address: String,
    status_report: StatusReport,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct StatusReport {
    status: String,
    checked_time: String,
}

/// `GetHealthCheckStatus`: what each checker holds now.
pub(super) fn now(route53: &Route53, id: &str) -> Result<Response<Bytes>, ApiError> {
    answer(route53, id, "GetHealthCheckStatusResponse", Route53::observations)
}

/// `GetHealthCheckLastFailureReason`: what each checker saw when it failed last.
pub(super) fn last_failures(route53: &Route53, id: &str) -> Result<Response<Bytes>, ApiError> {
    answer(route53, id, "GetHealthCheckLastFailureReasonResponse", Route53::last_failures)
}

fn answer(
    route53: &Route53,
    id: &str,
    root: &str,
    seen: fn(&Route53, &route53::CheckId) -> Vec<Observation>,
) -> Result<Response<Bytes>, ApiError> {
    match route53.is_calculated(&id.into()) {
        None => return Err(ApiError::NoSuchHealthCheck(id.to_owned())),
        Some(true) => {
            let reason = "The status of a calculated health check can't be had this way: it has no checkers.";
            return Err(InvalidInput::Parameter(reason.to_owned()).into());
        }
        Some(false) => {}
    }
    let reports = seen(route53, &id.into()).into_iter().map(report).collect();
    let body = Observations { health_check_observations: Reports { health_check_observation: reports } };
    Ok(xml::response(StatusCode::OK, root, &body))
}

fn report(seen: Observation) -> CheckerReport {
    CheckerReport {
        region: limits::REGIONS[seen.checker % limits::REGIONS.len()],
        // TEST-NET-2: the lab's checkers all connect from this machine.
        ip_address: format!("198.51.100.{}", seen.checker + 1),
        status_report: StatusReport {
            status: match seen.outcome {
                ProbeOutcome::Success(found) => format!("Success: {found}"),
                ProbeOutcome::Failure(found) => format!("Failure: {found}"),
            },
            checked_time: seen.at.to_string(),
        },
    }
}
