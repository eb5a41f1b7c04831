//! `failover`, `failback` and `approve`: the same plan, fences and checks as the failover Lambda's.

use std::{collections::BTreeSet, time::Duration};

use aws::{Controller, OrderError, StartError};
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
    let (deployed, controller, mut known) = match target.controller().await {
        Err(CliError::Start(StartError::Aws(error))) => {
            printer.line(&format!("warning: {error}"));
            let file = global.config.display();
            printer.line(&format!("warning: what is deployed can't be read: going by {file} and the zone's records"));
            let (deployed, controller) = target.controller_by_zone().await?;
            (deployed, controller, KnownBy::Zone)
        }
        found => {
            let (deployed, controller) = found?;
            (deployed, controller, KnownBy::State)
        }
    };
    let service = service(controller.services(), options.service.as_ref())?;
    let to = to.unwrap_or(&service.preferred().name).clone();
    let by = Actor::Human { name: who(), reason: options.reason.clone() };
    let order = Order { to, by, forced };
    let plan = async {
        if known == KnownBy::State {
            match controller.plan(service, &order).await {
                Err(OrderError::Tick(error)) if error.is_without_state() => {
                    printer.line(&format!("warning: {error}"));
                    printer.line("warning: the state can't be read: going by the zone's records, of which its fence is the only guard");
                    known = KnownBy::Zone;
                }
                planned => return planned,
            }
        }
        controller.plan_by_zone(service, &order).await
    };
    // While the plan is made: nobody waits for it longer.
    let (plan, ()) = tokio::join!(plan, preflight::warn(&deployed, &order.to, printer));
    let plan = plan?;
    if options.dry_run {
        printer.result(&plan, || show(&plan));
        return Ok(exit::DONE);
    }
    printer.line(&show(&plan));
    confirm(options.yes, "Carry it out?", printer)?;
    match known {
        KnownBy::State => {
            let (plan, state) = controller.carry_out(service, &order).await?;
            finish(&controller, service, &plan, state, printer).await
        }
        KnownBy::Zone => {
            let plan = controller.carry_out_by_zone(service, &order).await?;
            finish_by_zone(&controller, service, &plan, printer).await
        }
    }
}

/// What tells how things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum KnownBy {
    State,
    /// The state can't be had; the records of the zone can.
    Zone,
}

/// Waits until the name servers answer with the plan's target. What observers see can't be had, nor is there a state to note it.
async fn finish_by_zone(
    controller: &Controller,
    service: &Service,
    plan: &Plan,
    printer: &Printer,
) -> Result<exit::Code, CliError> {
    let answers = async {
        let activity = printer.activity();
        activity.doing("applied; waiting until every name server answers with it");
        while controller.answering(service).await.region() != Some(&plan.to) {
            tokio::time::sleep(pace(service)).await;
        }
    };
    let answers = tokio::time::timeout(service.policy.verify_within.0, answers);
    let work = async { Ok(tokio::join!(answers, controller.tell_by_zone(plan))) };
    let (answers, told) = signals::or_interrupted(work).await?;
    if let Err(error) = &told {
        printer.line(&format!("warning: {error}: keep what is printed here, the audit trail lacks it"));
    }
    if answers.is_err() {
        let seen = format!("not every name server answers with {} after {}", plan.to, service.policy.verify_within);
        return Err(CliError::NotVerified { plan: plan.id.to_string(), seen });
    }
    let result = json!({ "plan": plan, "active": plan.to, "verified": false, "audited": told.is_ok() });
    printer.result(&result, || {
        format!(
            "{}: {} answers on every name server; no observer was asked. The failover function finds plan {} in the zone",
            service.name, plan.to, plan.id
        )
    });
    Ok(exit::DONE)
}

fn pace(service: &Service) -> Duration {
    (service.policy.ask_every.0 / 5).max(Duration::from_millis(200))
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
            () = tokio::time::sleep(pace(service)) => {}
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
