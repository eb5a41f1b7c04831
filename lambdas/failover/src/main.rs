//! The failover function: a tick, which advances every service by at most one step.

use aws::{Controller, Function, StartError};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

// Read at the first invocation, not before: a cold start is counted to the first call for work.
static CONTROLLER: OnceCell<Controller> = OnceCell::const_new();

async fn load() -> Result<Controller, StartError> {
    Controller::new(&Function::load().await?)
}

/// The event says only that it is time to look; what counts is what is seen.
async fn handle(_: LambdaEvent<Value>) -> Result<Value, Error> {
    let controller = CONTROLLER.get_or_try_init(load).await?;
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
