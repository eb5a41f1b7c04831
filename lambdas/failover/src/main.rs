//! The failover function: a tick, which advances every service by at most one step; or, when asked, a preflight.

use aws::{Controller, FindingStatus, Function, StartError};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

// Read at the first invocation, not before: a cold start is counted to the first call for work.
static LOADED: OnceCell<(Function, Controller)> = OnceCell::const_new();

async fn load() -> Result<(Function, Controller), StartError> {
    let function = Function::load().await?;
    let controller = Controller::new(&function)?;
    Ok((function, controller))
}

/// The event says only that it is time to look, or that a preflight is due; what counts is what is seen.
async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (function, controller) = LOADED.get_or_try_init(load).await?;
    if event.payload["preflight"] == json!(true) { preflight(function).await } else { tick(controller).await }
}

async fn preflight(function: &Function) -> Result<Value, Error> {
    let findings = aws::published_preflight(function).await?;
    for finding in findings.iter().filter(|finding| finding.status >= FindingStatus::Warn) {
        let (check, status) = (finding.check, finding.status);
        tracing::warn!(check, %status, detail = finding.detail, fix = finding.fix, "preflight");
    }
    Ok(json!(findings))
}

async fn tick(controller: &Controller) -> Result<Value, Error> {
    let mut failures = Vec::new();
    let mut services = Vec::new();
    let looks = controller.tick().await;
    controller.publish(&looks).await;
    for (service, look) in controller.services().iter().zip(looks) {
        match look {
            Ok(look) => {
                services.push(json!({ "service": service.name, "phase": look.state.phase, "epoch": look.state.epoch }));
            }
            Err(error) => {
                tracing::error!(service = %service.name, %error, "tick failed");
                failures.push(format!("{}: {error}", service.name));
            }
        }
    }
    if failures.is_empty() { Ok(json!(services)) } else { Err(failures.join("; ").into()) }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::init_log();
    run(service_fn(handle)).await
}
