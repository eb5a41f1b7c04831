//! `deploy` and `destroy`.

use aws::{Applied, Preview, Progress, Records, StackAction};
use domain::Config;
use lab::{
    package::{self, Origin, Source},
    stage::release,
};
use serde_json::json;

use crate::{
    args::{self, Global},
    error::CliError,
    exit,
    printer::{Activity, Printer},
    signals,
    target::{Target, confirm},
};

pub(crate) async fn run(global: &Global, args: &args::Deploy, printer: &Printer) -> Result<exit::Code, CliError> {
    let target = Target::load(global, printer).await?;
    let Target { config, session, names } = &target;
    printer.line(&format!("deploy stack {} to {}", config.stack, places(config)));
    if args.code_only {
        return code_only(&target, args, printer).await;
    }
    printer.line(&price(config));
    let source = source(args)?;
    let activity = printer.activity();
    let built = signals::or_interrupted(async {
        let built = package::locate(&source, &|line| activity.doing(line)).await?;
        activity.done(&format!("functions: {}", origin(&built.origin)));
        Ok(built)
    });
    let release = release(&built.await?)?;
    // Where nobody is asked, nobody reads what would change.
    if args.dry_run || !args.yes {
        activity.doing("asking CloudFormation what would change");
        let preview =
            signals::or_interrupted(async { Ok(aws::preview(session, names, config, &release).await?) }).await?;
        activity.finish();
        if args.dry_run {
            printer.result(&json!({ "applied": false, "stacks": preview.stacks }), || changes(&preview));
        } else {
            printer.line(&changes(&preview));
        }
        if let Some(stack) = preview.replacing_the_state().next() {
            return Err(CliError::StateLost { stack: stack.stack.clone() });
        }
        if args.dry_run {
            return Ok(if preview.is_needed() { exit::DRIFT } else { exit::DONE });
        }
    }
    confirm(args.yes, "Go on?", printer)?;
    let activity = printer.activity();
    let work = async {
        let progress = |progress| show(&activity, &progress);
        Ok(aws::deploy(session, names, config, &release, &progress).await?)
    };
    let deployment = signals::or_interrupted(work).await?;
    activity.finish();
    let result = json!({ "stack": config.stack, "config": deployment.config.hash(), "services": deployment.checks });
    printer.result(&result, || {
        format!("deployed; `pointsman status` shows what is seen (configuration {})", deployment.config.hash())
    });
    Ok(exit::DONE)
}

/// A preview in words: stacks that stay as they are aside.
fn changes(preview: &Preview) -> String {
    let mut lines = Vec::new();
    for stack in preview.stacks.iter().filter(|stack| stack.action != StackAction::Leave) {
        lines.push(format!("{} {} in {}", stack.action, stack.stack, stack.region));
        lines.extend(stack.changes.iter().map(|change| {
            let replaced = if change.replaces { ", which is replaced" } else { "" };
            format!("  {:<6} {} ({}){replaced}", change.action, change.resource, change.kind)
        }));
    }
    if lines.is_empty() {
        lines.push("no stack changes".to_owned());
    }
    lines.join("\n")
}

async fn code_only(target: &Target, args: &args::Deploy, printer: &Printer) -> Result<exit::Code, CliError> {
    let deployed = target.deployed().await?;
    confirm(args.yes, "Give the functions new code?", printer)?;
    let activity = printer.activity();
    let source = source(args)?;
    let work = async {
        let built = package::locate(&source, &|line| activity.doing(line)).await?;
        activity.done(&format!("functions: {}", origin(&built.origin)));
        let release = release(&built)?;
        aws::deploy_code(&deployed, &release, &|progress| show(&activity, &progress)).await?;
        Ok(release)
    };
    let release = signals::or_interrupted(work).await?;
    activity.finish();
    let result = json!({ "stack": target.config.stack, "config": deployed.hash,
                         "code": { "checker": release.checker.sha256, "failover": release.failover.sha256 } });
    printer.result(&result, || "every function runs the new code; the configuration is what it was".to_owned());
    Ok(exit::DONE)
}

fn source(args: &args::Deploy) -> Result<Source, CliError> {
    Ok(match &args.artifacts {
        Some(folder) => Source::Artifacts(folder.clone()),
        None => Source::find()?,
    })
}

pub(crate) async fn destroy(global: &Global, args: &args::Destroy, printer: &Printer) -> Result<exit::Code, CliError> {
    let target = Target::load(global, printer).await?;
    let Target { config, session, names } = &target;
    let state = if args.delete_state { "the state bucket goes too" } else { "the state bucket stays" };
    printer.line(&format!(
        "destroy stack {} in {}; {state}; records, checks and zone stay",
        config.stack,
        places(config)
    ));
    confirm(args.yes, "Go on?", printer)?;
    let how = if args.delete_state { aws::Destroy::DeleteState } else { aws::Destroy::KeepState };
    let activity = printer.activity();
    let work = async { Ok(aws::destroy(session, names, config, how, &|progress| show(&activity, &progress)).await?) };
    signals::or_interrupted(work).await?;
    activity.finish();
    printer.result(&json!({ "stack": config.stack, "destroyed": true }), || "destroyed".to_owned());
    Ok(exit::DONE)
}

/// What it will cost a month by list price, a line an item.
fn price(config: &Config) -> String {
    if config.speed() > 1.0 {
        return "in a lab that runs faster than life no list price applies".to_owned();
    }
    let cost = report::cost::of(config);
    let head = format!("a month by the list prices of {} in {}:", cost.as_of, cost.region);
    let item = |(name, monthly): (&str, report::cost::Usd)| format!("  {:>9}  {name}", monthly.to_string());
    let sums = [("all of it", cost.monthly), ("all of it with rounds of 1 s", cost.with_fast_rounds)];
    let items = cost.items.iter().map(|it| (it.name.as_str(), it.monthly)).chain(sums);
    [head].into_iter().chain(items.map(item)).collect::<Vec<_>>().join("\n")
}

fn places(config: &Config) -> String {
    let observers: Vec<_> = config.observers.iter().map(ToString::to_string).collect();
    format!("{} (control) and {} (observers)", config.control_region, observers.join(", "))
}

/// Where functions came from, in words.
pub(crate) fn origin(origin: &Origin) -> &'static str {
    match origin {
        Origin::Given => "as given with --artifacts",
        Origin::CargoLambda => "as `cargo lambda build` left them",
        Origin::Built => "built by cargo for this machine",
    }
}

/// Shows what a deployment has just done.
pub(crate) fn show(activity: &Activity, progress: &Progress) {
    match progress {
        Progress::Resource(event) => {
            let text = format!("{} {} {}: {}", event.region, event.stack, event.resource, event.status);
            match &event.reason {
                Some(reason) if event.status.ends_with("_FAILED") => activity.done(&format!("{text}: {reason}")),
                _ => activity.doing(&text),
            }
        }
        Progress::Stack { region, stack, applied } => {
            let word = match applied {
                Applied::Created => "created",
                Applied::Updated => "updated",
                Applied::Unchanged => "no changes",
            };
            activity.done(&format!("{region} {stack}: {word}"));
        }
        Progress::Checks(count) => activity.done(&format!("route 53: {count} health checks")),
        Progress::Records { service, found } => {
            let word = match found {
                Records::Made => "made",
                Records::There => "are there",
                Records::Differ => "differ from the configuration, and stay as they are; see `pointsman dns plan`",
            };
            activity.done(&format!("route 53: records of {service} {word}"));
        }
        Progress::Code { region, function } => activity.done(&format!("{region} {function}: runs the new code")),
        Progress::Invoked { region, function } => activity.done(&format!("{region} {function}: runs")),
    }
}
