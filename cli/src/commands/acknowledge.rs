//! `acknowledge`: a person has seen what happened by itself.

use serde_json::json;

use crate::{
    args::{Acknowledge, Global},
    error::CliError,
    exit,
    printer::Printer,
    target::{Target, services, who},
};

pub(crate) async fn run(global: &Global, args: &Acknowledge, printer: &Printer) -> Result<exit::Code, CliError> {
    let target = Target::load(global, printer).await?;
    let (_, controller) = target.controller().await?;
    let (mut results, mut lines) = (Vec::new(), Vec::new());
    for service in services(controller.services(), args.service.as_ref())? {
        let (state, seen) = controller.acknowledge(service, &who()).await?;
        let word =
            if seen { "acknowledged: automatic failovers may follow" } else { "there is nothing to acknowledge" };
        lines.push(format!("{}: {word}", state.service));
        results.push(json!({ "service": state.service, "acknowledged": seen }));
    }
    printer.result(&results, || lines.join("\n"));
    Ok(exit::DONE)
}
