//! `lab`: a lab of its own process, kept running to play with.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use lab::{
    drill::until_steady,
    emulator::EmulatorError,
    package::Source,
    stage::{Stage, StageOptions},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use scenario::catalog;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    args::{LabCommand, LabOptions, LabSettings},
    commands::{drill::show_setup, region},
    error::CliError,
    exit,
    printer::Printer,
    signals,
};

/// Git-ignored: everything that a lab keeps between runs.
const FOLDER: &str = ".pointsman";
const POLL: Duration = Duration::from_millis(100);
/// A lab that does not end in this time is not going to.
const DOWN_WITHIN: Duration = Duration::from_secs(20);

/// Where a running lab is.
#[derive(Debug, Serialize, Deserialize)]
struct Running {
    pid: i32,
    scenario: String,
    emulator: String,
    speed: f64,
    endpoint_url: String,
    config: PathBuf,
    ca: PathBuf,
    service: String,
    name_servers: Vec<String>,
    regions: BTreeMap<String, RegionAddresses>,
}

#[derive(Debug, Serialize, Deserialize)]
struct RegionAddresses {
    serves: String,
    faults: String,
}

pub(crate) async fn run(command: &LabCommand, printer: &Printer) -> Result<exit::Code, CliError> {
    match command {
        LabCommand::Up(options) => up(options, printer).await,
        LabCommand::Serve(options) => serve(options, printer).await,
        LabCommand::Down => down(printer).await,
        LabCommand::Status => Ok(status(printer)),
        LabCommand::Region(region) => region::run(region).await,
    }
}

/// What a lab is made from.
fn stage_options(options: &LabOptions) -> Result<StageOptions, CliError> {
    stage(std::slice::from_ref(&options.scenario), &options.settings)
}

/// What a drill of these scenarios is made from.
pub(crate) fn stage(scenarios: &[String], settings: &LabSettings) -> Result<StageOptions, CliError> {
    let emulator = settings
        .emulator
        .parse()
        .map_err(|error: EmulatorError| CliError::Usage(format!("--emulator {}: {error}", settings.emulator)))?;
    if let Some(speed) = settings.speed.filter(|speed| !(1.0..=20.0).contains(speed)) {
        return Err(CliError::Usage(format!("--speed {speed}: not between 1 and 20")));
    }
    let scenario = |name: &String| {
        let mut scenario = catalog::find(name)?;
        scenario.speed = settings.speed.unwrap_or(scenario.speed);
        scenario.seed = settings.seed.unwrap_or(scenario.seed);
        Ok::<_, CliError>(scenario)
    };
    let scenarios = scenarios.iter().map(scenario).collect::<Result<_, _>>()?;
    let source = match &settings.artifacts {
        Some(folder) => Source::Artifacts(folder.clone()),
        None => Source::find()?,
    };
    let folder = match &source {
        Source::Workspace(workspace) => workspace.join(FOLDER),
        Source::Artifacts(_) => PathBuf::from(FOLDER),
    };
    let program = std::env::current_exe().map_err(|source| CliError::Read { path: "/proc/self/exe".into(), source })?;
    Ok(StageOptions { scenarios, emulator, source, folder, program })
}

fn running_file(folder: &Path) -> PathBuf {
    folder.join("lab.json")
}

/// The lab that runs, if one does; a file left by a lab that was killed counts for nothing.
fn running() -> Option<Running> {
    let folders = [PathBuf::from(FOLDER)].into_iter().chain(match Source::find() {
        Ok(Source::Workspace(workspace)) => Some(workspace.join(FOLDER)),
        _ => None,
    });
    folders.into_iter().find_map(|folder| {
        let running: Running = serde_json::from_slice(&fs::read(running_file(&folder)).ok()?).ok()?;
        kill(Pid::from_raw(running.pid), None).is_ok().then_some(running)
    })
}

async fn up(options: &LabOptions, printer: &Printer) -> Result<exit::Code, CliError> {
    if let Some(running) = running() {
        return Err(CliError::Usage(format!(
            "a lab is up already (process {}); `pointsman lab down` ends it",
            running.pid
        )));
    }
    // Checked here, so that a mistake is told here and not in a log.
    let StageOptions { folder, .. } = stage_options(options)?;
    let log = folder.join("lab.log");
    let open = fs::create_dir_all(&folder).and_then(|()| File::create(&log));
    let out = open.map_err(|source| CliError::Write { path: log.clone(), source })?;
    let program = std::env::current_exe().map_err(|source| CliError::Read { path: "/proc/self/exe".into(), source })?;
    let mut command = Command::new(&program);
    command.args(["--no-progress", "lab", "serve", &options.scenario, "--emulator", &options.settings.emulator]);
    command.args(options.settings.speed.map(|speed| format!("--speed={speed}")));
    command.args(options.settings.seed.map(|seed| format!("--seed={seed}")));
    command.args(options.settings.artifacts.as_ref().map(|folder| format!("--artifacts={}", folder.display())));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(out).process_group(0);
    let mut child = command.spawn().map_err(|source| CliError::Read { path: program, source })?;
    let mut shown = 0;
    loop {
        shown = show_new_lines(&log, shown, printer);
        if let Some(running) = running().filter(|running| u32::try_from(running.pid) == Ok(child.id())) {
            printer.result(&running, || exports(&running));
            printer.line("the lab is up. To use it: eval \"$(pointsman lab up)\", or copy the lines above. `pointsman lab down` ends it.");
            return Ok(exit::DONE);
        }
        if let Ok(Some(status)) = child.try_wait() {
            show_new_lines(&log, shown, printer);
            return Err(CliError::LabFailed { status: status.to_string(), log });
        }
        tokio::select! {
            () = tokio::time::sleep(POLL) => {}
            () = signals::asked_to_stop() => {
                // It may be gone by itself.
                let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
                let _ = child.wait();
                return Err(CliError::Interrupted);
            }
        }
    }
}

fn show_new_lines(log: &Path, from: u64, printer: &Printer) -> u64 {
    let read = || -> io::Result<String> {
        let mut file = File::open(log)?;
        file.seek(SeekFrom::Start(from))?;
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        Ok(text)
    };
    let text = read().unwrap_or_default();
    let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
    for line in whole.lines() {
        printer.detail(line);
    }
    from + whole.len() as u64
}

/// What a shell needs to work on the lab.
fn exports(running: &Running) -> String {
    let mut lines = vec![
        format!("export AWS_ENDPOINT_URL={}", running.endpoint_url),
        format!("export POINTSMAN_CONFIG={}", running.config.display()),
        format!("export SSL_CERT_FILE={}", running.ca.display()),
        "export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_REGION=us-east-1".to_owned(),
    ];
    if let Some((host, port)) = running.name_servers.first().and_then(|server| server.rsplit_once(':')) {
        lines.push(format!("# dig @{host} -p {port} {}", running.service));
    }
    for (name, region) in &running.regions {
        lines.push(format!(
            "# {name} serves at {}; curl -X PUT -d '{{\"kind\":\"down\"}}' {}",
            region.serves, region.faults
        ));
    }
    lines.join("\n")
}

/// Runs until a signal asks to stop.
async fn serve(options: &LabOptions, printer: &Printer) -> Result<exit::Code, CliError> {
    let options = stage_options(options)?;
    let activity = printer.activity();
    let up = async {
        let stage = Stage::up(&options, &|setup| show_setup(&activity, &setup)).await?;
        activity.done("deployed; waiting until every observer sees every region up");
        until_steady(&stage).await?;
        Ok(stage)
    };
    let stage = signals::or_interrupted(up).await?;
    let file = running_file(&options.folder);
    write_running(&file, &stage).map_err(|source| CliError::Write { path: file.clone(), source })?;
    signals::asked_to_stop().await;
    let ended = stage.down().await;
    // Gone already is as good.
    let _ = fs::remove_file(&file);
    ended?;
    Ok(exit::DONE)
}

fn write_running(file: &Path, stage: &Stage) -> io::Result<()> {
    let play = &stage.plays[0];
    let regions = play.regions.iter().map(|(name, region)| {
        let addresses = RegionAddresses {
            serves: region.address().to_string(),
            faults: format!("http://{}/faults", region.admin()),
        };
        (name.to_string(), addresses)
    });
    let running = Running {
        pid: Pid::this().as_raw(),
        scenario: play.scenario.name.clone(),
        emulator: stage.emulator(),
        speed: play.scenario.speed,
        endpoint_url: stage.proxy.endpoint(),
        config: stage.config_file.clone(),
        ca: stage.ca.clone(),
        service: play.name.to_string(),
        name_servers: stage.name_servers.addresses().iter().map(ToString::to_string).collect(),
        regions: regions.collect(),
    };
    let json = serde_json::to_vec_pretty(&running).expect("addresses are plain data");
    let whole = file.with_extension("json.new");
    fs::write(&whole, json)?;
    fs::rename(whole, file)
}

async fn down(printer: &Printer) -> Result<exit::Code, CliError> {
    let Some(running) = running() else {
        printer.line("no lab is up");
        printer.machine(&json!({ "ended": null }));
        return Ok(exit::DONE);
    };
    let pid = Pid::from_raw(running.pid);
    // Gone in the meantime is as good.
    let _ = kill(pid, Signal::SIGTERM);
    let deadline = Instant::now() + DOWN_WITHIN;
    while kill(pid, None).is_ok() {
        if Instant::now() > deadline {
            return Err(CliError::LabStuck { pid: running.pid });
        }
        tokio::time::sleep(POLL).await;
    }
    printer.line("the lab is down");
    printer.machine(&json!({ "ended": running.pid }));
    Ok(exit::DONE)
}

fn status(printer: &Printer) -> exit::Code {
    if let Some(running) = running() {
        printer.result(&running, || exports(&running));
        return exit::DONE;
    }
    printer.line("no lab is up");
    printer.machine(&None::<Running>);
    exit::UNHEALTHY
}
