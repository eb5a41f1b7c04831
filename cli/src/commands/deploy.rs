//! `deploy` and `destroy`.

mod said;

use std::{collections::BTreeSet, fs, path::Path};

use aws::{Preview, Release};
use domain::{Config, RegionName};
use lab::{
    package::{self, Origin, Source},
    stage::release,
};
use serde_json::{Value, json};

use crate::{
    args::{self, Global},
    error::CliError,
    exit,
    printer::Printer,
    signals,
    target::{Target, confirm},
};
pub(crate) use said::show;

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
        activity.doing("packing the functions");
        Ok(built)
    });
    let release = release(&built.await?)?;
    if let Some(folder) = &args.export {
        activity.finish();
        return export(&target, &release, folder, printer).await;
    }
    activity.doing("asking CloudFormation what would change");
    let preview = signals::or_interrupted(async { Ok(aws::preview(session, names, config, &release).await?) }).await?;
    activity.finish();
    if !args.dry_run {
        printer.line(&said::changes(&preview));
    }
    if let Some(stack) = preview.replacing_the_state().next() {
        return Err(CliError::StateLost { stack: stack.stack.clone() });
    }
    if args.dry_run {
        printer.result(&as_data(config, &preview, false), || said::changes(&preview));
        return Ok(if preview.is_needed() { exit::DRIFT } else { exit::DONE });
    }
    confirm(args.yes || !preview.is_needed(), "Go on?", printer)?;
    let all = config.observers.iter().chain([&config.control_region]).cloned().collect::<BTreeSet<_>>();
    let changing = preview.changing().map(|(stack, change)| said::thing(&stack.region, &stack.stack, &change.resource));
    let regions = printer.regions(all, changing.collect());
    let work = async {
        let progress = |progress| said::show_regions(&regions, &progress);
        Ok(aws::deploy(session, names, config, &release, Some(&preview), &progress).await?)
    };
    let deployed = signals::or_stopped(work, CliError::Halfway { command: "deploy" }).await;
    drop(regions);
    let deployment = deployed?;
    let preview = Preview { services: deployment.checks, ..preview };
    printer.result(&as_data(config, &preview, true), || {
        format!("deployed; `pointsman status` shows what is seen (configuration {})", deployment.config.hash())
    });
    Ok(exit::DONE)
}

/// The changes as data, of the same shape before they are made and afterwards.
fn as_data(config: &Config, preview: &Preview, applied: bool) -> Value {
    let mut data = json!(preview);
    data["applied"] = json!(applied);
    data["stack"] = json!(config.stack);
    data["config"] = json!(config.hash());
    data
}

async fn export(
    Target { config, session, names }: &Target,
    release: &Release,
    folder: &Path,
    printer: &Printer,
) -> Result<exit::Code, CliError> {
    let files = signals::or_interrupted(async { Ok(aws::export(session, names, config, release).await?) }).await?;
    for file in &files {
        let path = folder.join(&file.path);
        let written = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(&path, &file.body));
        written.map_err(|source| CliError::Write { path: path.clone(), source })?;
    }
    let paths: Vec<_> = files.iter().map(|file| &file.path).collect();
    printer.result(&paths, || {
        format!("{} files in {}; docs/deploy.md tells what to do with them", paths.len(), folder.display())
    });
    Ok(exit::DONE)
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
    let release = signals::or_stopped(work, CliError::Halfway { command: "deploy --code-only" }).await?;
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
    let found = aws::places(session, names, &config.control_region).await?;
    let is_named = |region| config.observers.contains(region) || config.control_region == *region;
    let others: Vec<_> = found.iter().filter(|region| !is_named(region)).map(RegionName::as_str).collect();
    let others = match others[..] {
        [] => String::new(),
        _ => format!(", and what an earlier configuration has left in {}", others.join(", ")),
    };
    printer.line(&format!(
        "destroy stack {} in {}{others}; {state}; records, checks and zone stay",
        config.stack,
        places(config)
    ));
    confirm(args.yes, "Go on?", printer)?;
    let how = if args.delete_state { aws::Destroy::DeleteState } else { aws::Destroy::KeepState };
    let activity = printer.activity();
    let work = async { Ok(aws::destroy(session, names, config, how, &|progress| show(&activity, &progress)).await?) };
    signals::or_stopped(work, CliError::Halfway { command: "destroy" }).await?;
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
