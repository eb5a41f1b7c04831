//! `pause` and `resume`: through the fenced state, so that every executor sees it.

use domain::Paused;
use jiff::Timestamp;
use serde_json::json;

use crate::{
    args::{self, Global},
    error::CliError,
    exit,
    printer::Printer,
    target::{Target, who},
};

pub(crate) async fn pause(global: &Global, args: &args::Pause, printer: &Printer) -> Result<exit::Code, CliError> {
    let paused = Paused { by: who(), at: Timestamp::now(), reason: args.reason.clone() };
    set(global, Some(paused), printer).await?;
    printer.line("Route 53's own health checks are not stopped by this: they may still move traffic.");
    Ok(exit::DONE)
}

pub(crate) async fn resume(global: &Global, _: &args::Resume, printer: &Printer) -> Result<exit::Code, CliError> {
    set(global, None, printer).await?;
    Ok(exit::DONE)
}

async fn set(global: &Global, paused: Option<Paused>, printer: &Printer) -> Result<(), CliError> {
    let target = Target::load(global, printer).await?;
    let (_, controller) = target.controller().await?;
    let mut results = Vec::new();
    for service in controller.services() {
        let state = controller.set_paused(service, paused.clone(), &who()).await?;
        results.push(json!({ "service": state.service, "paused": state.paused }));
    }
    printer.result(&results, || {
        let word = if paused.is_some() { "paused: decisions are stopped" } else { "resumed: decisions go on" };
        controller.services().iter().map(|s| format!("{} {word}", s.name)).collect::<Vec<_>>().join("\n")
    });
    Ok(())
}
