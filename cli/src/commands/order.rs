//! `failover`, `failback` and `approve`: the same plan, fences and checks as the failover Lambda's.

use std::{collections::BTreeSet, time::Duration};

use aws::Controller;
use decision::Order;
use domain::{Actor, Epoch, HoldCode, Plan, RegionName, Service, ServiceState};
use serde_json::json;

use crate::{
    args::{Approve, Failback, Failover, Global, OrderOptions},
    commands::preflight,
    error::CliError,
    exit,
    printer::Printer,
    signals,
    target::{Target, confirm, service, who},
};

pub(crate) async fn failover(global: &Global, args: &Failover, printer: &Printer) -> Result<exit::Code, CliError> {
    run(global, Some(&args.to), &args.order, printer).await
}

pub(crate) async fn failback(global: &Global, args: &Failback, printer: &Printer) -> Result<exit::Code, CliError> {
    run(global, None, &args.order, printer).await
}

async fn run(
    global: &Global,
    to: Option<&RegionName>,
    options: &OrderOptions,
    printer: &Printer,
) -> Result<exit::Code, CliError> {
    let mut forced = forced(&options.force)?;
    if options.accept_data_loss {
        forced.insert(HoldCode::DataLoss);
    }
    let target = Target::load(global, printer).await?;
    let (deployed, controller) = target.controller().await?;
    let service = service(controller.services(), options.service.as_ref())?;
    let to = to.unwrap_or(&service.preferred().name).clone();
    let by = Actor::Human { name: who(), reason: options.reason.clone() };
    let order = Order { to, by, forced };
    // While the plan is made: nobody waits for it longer.
    let (plan, ()) = tokio::join!(controller.plan(service, &order), preflight::warn(&deployed, &order.to, printer));
    let plan = plan?;
    if options.dry_run {
        printer.result(&plan, || show(&plan));
        return Ok(exit::DONE);
    }
    printer.line(&show(&plan));
    confirm(options.yes, "Carry it out?", printer)?;
    let (plan, state) = controller.carry_out(service, &order).await?;
    finish(&controller, service, &plan, state, printer).await
}

pub(crate) async fn approve(global: &Global, args: &Approve, printer: &Printer) -> Result<exit::Code, CliError> {
    let target = Target::load(global, printer).await?;
    let (_, controller) = target.controller().await?;
    let service = service(controller.services(), args.service.as_ref())?;
    let (plan, state) = controller.approve(service, Epoch(args.epoch), &who()).await?;
    printer.line(&show(&plan));
    finish(&controller, service, &plan, state, printer).await
}

async fn finish(
    controller: &Controller,
    service: &Service,
    plan: &Plan,
    state: ServiceState,
    printer: &Printer,
) -> Result<exit::Code, CliError> {
    let state = follow(controller, service, plan, state, printer).await?;
    let result = json!({ "plan": plan, "phase": state.phase, "active": state.active, "verified": true });
    printer.result(&result, || {
        format!("{}: {} answers on every name server; plan {} is verified", service.name, state.active, plan.id)
    });
    Ok(exit::DONE)
}

fn forced(codes: &[String]) -> Result<BTreeSet<HoldCode>, CliError> {
    if codes.iter().any(|code| code == HoldCode::DataLoss.as_str()) {
        return Err(CliError::Usage("--force: data loss is accepted with `--accept-data-loss`".to_owned()));
    }
    let parse = |code: &String| {
        serde_json::from_value(json!(code)).map_err(|_| {
            CliError::Usage(format!("--force: there is no rule `{code}`; a refusal names its rules in brackets"))
        })
    };
    codes.iter().map(parse).collect()
}

fn show(plan: &Plan) -> String {
    let because: Vec<_> = plan.because.iter().map(|reason| format!("  {reason}")).collect();
    format!(
        "{}: {} from {} to {}, epoch {}\n{}",
        plan.service,
        plan.kind,
        plan.from,
        plan.to,
        plan.epoch,
        because.join("\n")
    )
}

/// Looks again until the plan has ended, verified; the failover Lambda does so too, and either may be first.
async fn follow(
    controller: &Controller,
    service: &Service,
    plan: &Plan,
    mut state: ServiceState,
    printer: &Printer,
) -> Result<ServiceState, CliError> {
    let activity = printer.activity();
    let pace = (service.policy.ask_every.0 / 5).max(Duration::from_millis(200));
    while let Some(flight) = state.in_flight.as_ref().filter(|flight| flight.plan.id == plan.id) {
        if flight.alarmed {
            let seen = format!("not every name server answers with {} after {}", plan.to, service.policy.verify_within);
            return Err(CliError::NotVerified { plan: plan.id.to_string(), seen });
        }
        activity.doing(match flight.applied_at {
            None => "applying the change batch",
            Some(_) => "applied; waiting until every name server and an observer see it",
        });
        tokio::select! {
            () = tokio::time::sleep(pace) => {}
            () = signals::asked_to_stop() => return Err(CliError::Interrupted),
        }
        state = controller.advance(service).await?.state;
    }
    if state.active == plan.to {
        Ok(state)
    } else {
        Err(CliError::NotVerified { plan: plan.id.to_string(), seen: format!("{} answers", state.active) })
    }
}
