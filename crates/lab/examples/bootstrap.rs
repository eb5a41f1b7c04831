//! A function that does as its event says, for the tests of what runs functions.
#![allow(clippy::print_stdout, reason = "what a function prints is its log")]

use std::{collections::BTreeMap, env, process, time::Duration};

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Event {
    /// Tells what it sees of its surroundings.
    Tell,
    /// Prints this.
    Print(String),
    /// Takes so many milliseconds.
    Sleep(u64),
    /// Answers with this error.
    Fail(String),
    Panic,
    /// Ends with this status instead of answering.
    Exit(i32),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    if env::var_os("EXIT_AT_ONCE").is_some() {
        println!("nothing to run on");
        process::exit(9);
    }
    run(service_fn(handle)).await
}

async fn handle(event: LambdaEvent<Event>) -> Result<Value, Error> {
    match event.payload {
        Event::Tell => {}
        Event::Print(text) => println!("{text}"),
        Event::Sleep(milliseconds) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
        Event::Fail(text) => return Err(text.into()),
        Event::Panic => panic!("as asked"),
        Event::Exit(status) => process::exit(status),
    }
    let environment: BTreeMap<_, _> = env::vars().collect();
    let arn = event.context.invoked_function_arn;
    Ok(json!({ "process": process::id(), "arn": arn, "environment": environment }))
}
