//! `simulate`: the same decisions in virtual time, on all cores.

use std::{fmt::Write as _, num::NonZero, thread};

use comfy_table::{Table, presets::UTF8_BORDERS_ONLY};
use scenario::{Scenario, catalog};
use simulation::{Controller, DAY_HOURS, Options, SERVICE, Summary, World, day, lives, run};

use crate::{args, error::CliError, exit, printer::Printer};

pub(crate) fn simulate(args: &args::Simulate, printer: &Printer) -> Result<exit::Code, CliError> {
    let mut summaries = Vec::new();
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    let mut met = true;
    for (scenario, shown) in scenarios(args)? {
        let world = World::of(&scenario)?;
        let seed = args.seed.unwrap_or(scenario.seed);
        let tally = match args.hours {
            Some(hours) => lives(hours.div_ceil(DAY_HOURS), threads, |number| {
                let seed = seed.wrapping_add(number);
                run(&day(&world, seed), seed, Options { skip: true, uncorroborated: true })
            }),
            None => lives(args.seeds, threads, |number| {
                run(&world, seed.wrapping_add(number), Options { skip: true, uncorroborated: false })
            }),
        };
        let ours = &tally.records[&Controller::Pointsman];
        met &= ours.false_failovers == 0 && ours.missed == 0;
        summaries.push(tally.summary(&shown));
    }
    let text = || summaries.iter().map(text).collect::<Vec<_>>().join("\n\n");
    match summaries.as_slice() {
        [only] => printer.result(only, text),
        all => printer.result(&all, text),
    }
    Ok(if met { exit::DONE } else { exit::UNHEALTHY })
}

/// What is meant by the argument, and what it is called in the result.
fn scenarios(args: &args::Simulate) -> Result<Vec<(Scenario, String)>, CliError> {
    let named = |scenario: Scenario| {
        let shown =
            if args.hours.is_some() { format!("weather over {}", scenario.name) } else { scenario.name.clone() };
        (scenario, shown)
    };
    match args.scenario.as_deref() {
        None if args.hours.is_some() => Ok(vec![(Scenario::parse("weather", SERVICE)?, "weather".to_owned())]),
        None => Ok(vec![named(catalog::find("region-outage")?)]),
        Some("all") => {
            let all = catalog::all()?.into_iter().chain(catalog::incidents()?);
            Ok(all.map(named).collect())
        }
        Some(name) => Ok(vec![named(catalog::find(name)?)]),
    }
}

fn text(summary: &Summary) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_header(["", "false", "missed", "of", "detected", "accepted", "answer", "clients", "available"]);
    for (controller, figures) in &summary.controllers {
        let name = match controller {
            Controller::Pointsman => "pointsman",
            Controller::PointsmanUncorroborated => "without corroboration",
            Controller::NativeFast => "Route 53, 10 s checks",
            Controller::NativeStandard => "Route 53, 30 s checks",
            Controller::Threshold => "a single prober",
        };
        let seconds = |figure: Option<f64>| figure.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1}"));
        let times = |of: &simulation::Percentiles| match of.p50 {
            None => "-".to_owned(),
            Some(_) => format!("{} / {} s", seconds(of.p50), seconds(of.p95)),
        };
        table.add_row([
            name.to_owned(),
            figures.false_failovers.to_string(),
            figures.missed.to_string(),
            figures.duties.to_string(),
            times(&figures.detection_s),
            times(&figures.accepted_s),
            times(&figures.answer_s),
            times(&figures.failover_s),
            figures.availability.map_or_else(|| "-".to_owned(), |share| format!("{:.3} %", share * 100.0)),
        ]);
    }
    let lives = if summary.seeds == 1 { "life" } else { "lives" };
    let mut text = format!("{}: {} {lives}, {:.1} hours", summary.scenario, summary.seeds, summary.hours);
    // A `String` takes whatever is written to it.
    let _ = write!(
        text,
        "; {} rounds lived and {} skipped, {:.2} % of the probes failed\n{table}\nseconds: half of them / 95 % of them at most",
        summary.rounds_run,
        summary.rounds_skipped,
        summary.probe_failure_rate * 100.0
    );
    text
}
