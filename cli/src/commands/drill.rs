//! `drill`: rehearse an outage, show it as it happens, leave a report.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::OnceLock,
};

use ::lab::{
    drill::{self, DrillError, Happened, Progress},
    emulator,
    stage::{Setup, StageOptions},
};
use owo_colors::OwoColorize;
use report::{
    Report, page,
    timeline::{Event, EventKind},
};
use scenario::{Scenario, catalog};
use serde::Serialize;

use crate::{
    args::{self, Output},
    commands::{deploy, lab},
    error::CliError,
    exit,
    live::Live,
    printer::{Activity, Printer},
    signals,
};

pub(crate) async fn run(args: &args::Drill, printer: &Printer) -> Result<exit::Code, CliError> {
    if args.list {
        return list(printer);
    }
    let options = lab::stage(&args.scenarios, &args.settings)?;
    for scenario in &options.scenarios {
        printer.line(&format!("{}: {}", scenario.name.bold(), scenario.title));
    }
    let rivals: BTreeSet<_> = args.compare.iter().copied().collect();
    let stop = signals::first_then_abort();
    let mut reports = Vec::new();
    for run in 0..args.seeds {
        let options = seeded(&options, run);
        let screen = Screen::new(printer, &options);
        let progress = |progress| screen.show(&progress);
        let drill = drill::drill(&options, &rivals, &progress, &stop.asked);
        let drilled = match signals::or_aborted(&stop, async { Ok(drill.await) }).await? {
            Err(DrillError::Stopped | DrillError::Nothing(_)) if stop.asked.is_cancelled() => {
                Err(CliError::Interrupted)
            }
            drilled => Ok(drilled?),
        }?;
        drop(screen);
        for report in drilled {
            let folder = folder(args, &report);
            write(&folder, &report)?;
            printer.line(&format!("report: {}", folder.join("report.html").display()));
            reports.push(report);
        }
        if stop.asked.is_cancelled() {
            break;
        }
    }
    match printer.output() {
        Output::Text => printer.raw(&format!("\n{}\n", summary(args, &reports))),
        Output::Json if args.seeds == 1 && args.scenarios.len() == 1 => {
            printer.raw(&format!("{}\n", json(&reports[0])));
        }
        Output::Json => printer.raw(&format!("{}\n", json(&reports))),
    }
    Ok(if reports.iter().all(Report::met) { exit::DONE } else { exit::UNHEALTHY })
}

fn list(printer: &Printer) -> Result<exit::Code, CliError> {
    let all = catalog::all()?;
    let named: Vec<_> = all.iter().map(|it| serde_json::json!({ "name": it.name, "title": it.title })).collect();
    let width = all.iter().map(|it| it.name.len()).max().unwrap_or(0);
    printer.result(&named, || {
        all.iter().map(|it| format!("{:width$}  {}", it.name.bold(), it.title)).collect::<Vec<_>>().join("\n")
    });
    Ok(exit::DONE)
}

/// The same with seeds that are `by` higher.
fn seeded(options: &StageOptions, by: u64) -> StageOptions {
    let mut options = options.clone();
    options.scenarios.iter_mut().for_each(|scenario| scenario.seed = scenario.seed.wrapping_add(by));
    options
}

/// The tables of each report; of several seeds the medians.
fn summary(args: &args::Drill, reports: &[Report]) -> String {
    if args.seeds == 1 {
        return reports.iter().map(Report::summary).collect::<Vec<_>>().join("\n");
    }
    let names: BTreeSet<_> = reports.iter().map(|report| report.scenario.as_str()).collect();
    let of = |name: &&str| report::medians(reports.iter().filter(|report| report.scenario == *name));
    names.iter().map(of).collect::<Vec<_>>().join("\n")
}

/// A report's own folder where there are several.
fn folder(args: &args::Drill, report: &Report) -> PathBuf {
    let mut folder = args.report.clone();
    if args.scenarios.len() > 1 {
        folder.push(&report.scenario);
    }
    if args.seeds > 1 {
        folder.push(format!("seed-{}", report.seed));
    }
    folder
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).expect("a report is plain data")
}

fn write(folder: &Path, report: &Report) -> Result<(), CliError> {
    fs::create_dir_all(folder).map_err(|source| CliError::Write { path: folder.to_owned(), source })?;
    let files = [("report.html", page::html(report)), ("report.md", report.markdown()), ("report.json", json(report))];
    for (name, text) in files {
        let path = folder.join(name);
        fs::write(&path, text).map_err(|source| CliError::Write { path, source })?;
    }
    Ok(())
}

/// Where a drill is watched: lines, with a spinner below them while it is set up and a live view while it runs.
struct Screen<'a> {
    printer: Printer,
    options: &'a StageOptions,
    activity: Activity,
    live: OnceLock<Option<Live>>,
}

impl<'a> Screen<'a> {
    fn new(printer: &Printer, options: &'a StageOptions) -> Self {
        Self { printer: *printer, options, activity: printer.activity(), live: OnceLock::new() }
    }

    fn show(&self, progress: &Progress) {
        match progress {
            Progress::Setup(setup) => show_setup(&self.activity, setup),
            Progress::Steady => {
                let Scenario { load, speed, .. } = &self.options.scenarios[0];
                self.activity.done(&format!(
                    "steady: every observer sees every region up; {} clients send {} requests a second ({speed} × life)",
                    load.clients, load.rate
                ));
                self.activity.finish();
                self.live.get_or_init(|| match self.options.scenarios.as_slice() {
                    [only] if self.printer.has_progress() => Live::new(only),
                    _ => None,
                });
            }
            Progress::Happened(Happened { scenario, rival, event }) => {
                let whose = match rival {
                    Some(rival) => rival.to_string(),
                    None if self.options.scenarios.len() > 1 => scenario.clone(),
                    None => String::new(),
                };
                let text = line(event, &whose);
                match self.live.get() {
                    Some(Some(live)) => live.event(&text),
                    _ => self.activity.done(&text),
                }
            }
            Progress::Stands(snapshot) => {
                if let Some(Some(live)) = self.live.get() {
                    live.show(snapshot);
                }
            }
        }
    }
}

/// A line of the timeline; what a decision rests on follows, a reason a line.
fn line(event: &Event, whose: &str) -> String {
    let kind = serde_json::to_value(event.event).ok().and_then(|kind| kind.as_str().map(str::to_owned));
    let kind = kind.unwrap_or_default().replace('_', " ");
    let region = match (&event.region, &event.observer) {
        (Some(region), _) => region.as_str(),
        (None, Some(observer)) => observer.as_str(),
        (None, None) => match event.event {
            EventKind::Alarm => "people",
            EventKind::FaultInjected | EventKind::FaultCleared => "AWS",
            _ => "no region",
        },
    };
    let observer = event.observer.as_ref().filter(|_| event.region.is_some());
    let observer = observer.map(|observer| format!(" by {observer}")).unwrap_or_default();
    let whose = if whose.is_empty() { String::new() } else { format!("[{whose}] ") };
    let mut details = event.detail.iter().flat_map(|detail| detail.lines());
    let first = details.next().map(|detail| format!("  {detail}")).unwrap_or_default();
    let mut text = format!(
        "{:>7.1} s  {}{} {region}{observer}{}",
        event.t,
        whose.dimmed(),
        format!("{kind:<18}").bold(),
        first.dimmed()
    );
    for detail in details {
        // A `String` takes whatever is written to it.
        let _ = write!(text, "\n{:>31}{}", "", detail.dimmed());
    }
    text
}

/// Shows how a lab is being set up.
pub(crate) fn show_setup(activity: &Activity, setup: &Setup) {
    match setup {
        Setup::Emulator(kind, progress) => {
            let name = kind.word();
            match progress {
                emulator::Progress::WaitingForInstall => {
                    activity.done(&format!("{name}: another process installs it, waiting"));
                }
                emulator::Progress::CreatingEnvironment(path) => {
                    activity.done(&format!("{name}: installing into {}", path.display()));
                }
                emulator::Progress::Installing(line) => activity.doing(&format!("{name}: {line}")),
                emulator::Progress::Starting => activity.doing(&format!("{name}: starting")),
            }
        }
        Setup::Build(line) => activity.doing(&format!("cargo: {}", line.trim())),
        Setup::Functions(origin) => activity.done(&format!("functions: {}", deploy::origin(origin))),
        Setup::Deploy(progress) => deploy::show(activity, progress),
    }
}
