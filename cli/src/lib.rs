//! The command line: reads arguments, calls the crates, prints results and errors.

mod args;
mod commands;
mod error;
pub mod exit;
mod live;
mod printer;
mod signals;
mod target;

use std::process::ExitCode;

use clap::Parser;
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{
    args::{Args, Command},
    printer::Printer,
};

/// Runs the command line; the process's exit code.
#[must_use]
pub fn main() -> ExitCode {
    // clap prints its own errors, and exits with 2, which is ours for usage too.
    let args = Args::parse();
    let printer = Printer::new(args.global.output, args.global.no_progress);
    init_log(args.global.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            printer.line(&format!("error: failed to start: {error}"));
            return exit::UNEXPECTED.into();
        }
    };
    let code = match runtime.block_on(run(&args, &printer)) {
        Ok(code) => code,
        Err(error) => {
            printer.error(&error);
            error.code()
        }
    };
    // A thread that waits for standard input must not hold up the end.
    runtime.shutdown_background();
    code.into()
}

async fn run(args: &Args, printer: &Printer) -> Result<exit::Code, error::CliError> {
    let global = &args.global;
    match &args.command {
        Command::Drill(drill) => commands::drill::run(drill, printer).await,
        Command::Simulate(it) => commands::simulate::simulate(it, printer),
        Command::Lab(lab) => commands::lab::run(lab, printer).await,
        Command::Init(init) => commands::init::run(global, init, printer),
        Command::Check(check) => commands::check::run(global, check, printer).await,
        Command::Status(status) => commands::status::run(global, status, printer).await,
        Command::Deploy(deploy) => commands::deploy::run(global, deploy, printer).await,
        Command::Destroy(destroy) => commands::deploy::destroy(global, destroy, printer).await,
        Command::Dns(dns) => commands::dns::run(global, dns, printer).await,
        Command::Preflight(preflight) => commands::preflight::run(global, preflight, printer).await,
        Command::Failover(order) => commands::order::failover(global, order, printer).await,
        Command::Failback(order) => commands::order::failback(global, order, printer).await,
        Command::Approve(approve) => commands::order::approve(global, approve, printer).await,
        Command::Acknowledge(it) => commands::acknowledge::run(global, it, printer).await,
        Command::Pause(pause) => commands::pause::pause(global, pause, printer).await,
        Command::Resume(resume) => commands::pause::resume(global, resume, printer).await,
        Command::Anomaly(anomaly) => commands::anomaly::run(anomaly, printer),
        Command::Schema(schema) => Ok(commands::print::schema(schema, printer)),
        Command::Completions(shell) => Ok(commands::print::completions(shell, printer)),
    }
}

fn init_log(verbose: u8) {
    let ours = match verbose {
        0 => LevelFilter::OFF,
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    let targets = ["pointsman", "aws", "lab", "probe", "decision"].map(|crate_name| (crate_name, ours));
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    tracing_subscriber::registry().with(log.with_filter(Targets::new().with_targets(targets))).init();
}
