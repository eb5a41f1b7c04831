//! `pause` and `resume`: through the fenced state, so that every executor sees it.

use aws::{Probing, Schedule, set_probing};
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
    let target = set(global, Some(paused), printer).await?;
    if args.stop_probing {
        probing(&target, Probing::Stopped, printer).await?;
    }
    printer.line("Route 53's own health checks are not stopped by this: they may still move traffic.");
    Ok(exit::DONE)
}

pub(crate) async fn resume(global: &Global, _: &args::Resume, printer: &Printer) -> Result<exit::Code, CliError> {
    let target = set(global, None, printer).await?;
    probing(&target, Probing::Started, printer).await?;
    Ok(exit::DONE)
}

async fn set(global: &Global, paused: Option<Paused>, printer: &Printer) -> Result<Target, CliError> {
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
    Ok(target)
}

async fn probing(target: &Target, probing: Probing, printer: &Printer) -> Result<(), CliError> {
    let deployed = target.deployed().await?;
    if Schedule::of(&deployed.deployment.config) == Schedule::Lab {
        if probing == Probing::Stopped {
            printer.line("the lab plays the checkers' schedule, and goes on with it");
        }
        return Ok(());
    }
    for (region, rule) in set_probing(&deployed, probing).await? {
        let word = if probing == Probing::Stopped { "off: nobody probes from there" } else { "on" };
        printer.line(&format!("{region} {rule} is {word}"));
    }
    Ok(())
}
