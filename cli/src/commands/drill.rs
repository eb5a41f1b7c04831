//! `drill`: rehearse an outage, show it as it happens, leave a report.

use std::{fmt::Write as _, fs, path::Path};

use lab::{
    drill::{self, Progress},
    emulator,
    scenario::Scenario,
    stage::{Setup, StageOptions},
    timeline::Event,
};
use owo_colors::OwoColorize;

use crate::{
    args::{self, Output},
    commands::{deploy, lab::stage_options},
    error::CliError,
    exit,
    printer::{Activity, Printer},
    signals,
};

pub(crate) async fn run(args: &args::Drill, printer: &Printer) -> Result<exit::Code, CliError> {
    let options = stage_options(&args.lab)?;
    printer.line(&format!("{}: {}", options.scenario.name.bold(), options.scenario.title));
    let activity = printer.activity();
    let progress = |progress| show(&activity, &options, &progress);
    let report = signals::or_interrupted(async { Ok(drill::drill(&options, &progress).await?) }).await?;
    activity.finish();
    let json = serde_json::to_string_pretty(&report).expect("a report is plain data");
    let file = write(&args.report, "report.json", &json)?;
    match printer.output() {
        Output::Text => printer.raw(&format!("\n{}\n", report.summary())),
        Output::Json => printer.raw(&format!("{json}\n")),
    }
    printer.line(&format!("report: {}", file.display()));
    Ok(if report.met() { exit::DONE } else { exit::UNHEALTHY })
}

fn write(folder: &Path, name: &str, text: &str) -> Result<std::path::PathBuf, CliError> {
    let file = folder.join(name);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&file, text))
        .map_err(|source| CliError::Write { path: file.clone(), source })?;
    Ok(file)
}

fn show(activity: &Activity, options: &StageOptions, progress: &Progress) {
    match progress {
        Progress::Setup(setup) => show_setup(activity, setup),
        Progress::Steady => {
            let Scenario { load, speed, .. } = &options.scenario;
            activity.done(&format!(
                "steady: every observer sees every region up; {} clients send {} requests a second ({speed} × life)",
                load.clients, load.rate
            ));
        }
        Progress::Happened(event) => activity.done(&line(event)),
        Progress::Stands(_) => {}
    }
}

/// A line of the timeline; what a decision rests on follows, a reason a line.
fn line(event: &Event) -> String {
    let kind = serde_json::to_value(event.event).ok().and_then(|kind| kind.as_str().map(str::to_owned));
    let kind = kind.unwrap_or_default().replace('_', " ");
    let region = event.region.as_ref().map_or("no region", |region| region.as_str());
    let observer = event.observer.as_ref().map(|observer| format!(" by {observer}")).unwrap_or_default();
    let mut details = event.detail.iter().flat_map(|detail| detail.lines());
    let first = details.next().map(|detail| format!("  {detail}")).unwrap_or_default();
    let mut text = format!("{:>7.1} s  {} {region}{observer}{}", event.t, format!("{kind:<18}").bold(), first.dimmed());
    for detail in details {
        // A `String` takes whatever is written to it.
        let _ = write!(text, "\n{:>31}{}", "", detail.dimmed());
    }
    text
}

/// Shows how a lab is being set up.
pub(crate) fn show_setup(activity: &Activity, setup: &Setup) {
    match setup {
        Setup::Emulator(progress) => match progress {
            emulator::Progress::WaitingForInstall => activity.done("ministack: another process installs it, waiting"),
            emulator::Progress::CreatingEnvironment(path) => {
                activity.done(&format!("ministack: installing into {}", path.display()));
            }
            emulator::Progress::Installing(line) => activity.doing(&format!("ministack: {line}")),
            emulator::Progress::Starting => activity.doing("ministack: starting"),
        },
        Setup::Build(line) => activity.doing(&format!("cargo: {}", line.trim())),
        Setup::Functions(origin) => activity.done(&format!("functions: {}", deploy::origin(origin))),
        Setup::Deploy(progress) => deploy::show(activity, progress),
    }
}
