//! The checker: probes every region of every service in rounds, and reports what it sees.

mod rounds;

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use rounds::Checker;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

/// What it is invoked with: nothing that matters from a schedule, `once` by `deploy` and `check`.
#[derive(Debug, Deserialize)]
struct Invocation {
    #[serde(default)]
    once: bool,
}

// Read at the first invocation, not before: a cold start is counted to the first call for work.
static CHECKER: OnceCell<Checker> = OnceCell::const_new();

async fn handle(event: LambdaEvent<Invocation>) -> Result<Value, Error> {
    let checker = CHECKER.get_or_try_init(Checker::load).await?;
    let id = &event.context.request_id;
    if event.payload.once {
        return Ok(serde_json::to_value(checker.once(id).await)?);
    }
    checker.watch(id).await;
    Ok(json!({ "observer": checker.observer() }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    aws::init_log();
    run(service_fn(handle)).await
}
