//! What can be typed.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use domain::{DnsName, RegionName};

/// Multi-region failover for AWS that you can rehearse on a laptop.
#[derive(Debug, Parser)]
#[command(name = "pointsman", version, max_term_width = 100)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options of every command.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Global {
    /// The configuration
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "POINTSMAN_CONFIG",
        hide_env_values = true,
        default_value = "pointsman.toml"
    )]
    pub(crate) config: PathBuf,
    /// The AWS profile
    #[arg(long, global = true, value_name = "NAME", env = "AWS_PROFILE", hide_env_values = true)]
    pub(crate) profile: Option<String>,
    /// The AWS region of calls that belong to none
    #[arg(long, global = true, value_name = "NAME", env = "AWS_REGION", hide_env_values = true)]
    pub(crate) region: Option<String>,
    /// What stands in for AWS
    #[arg(long, global = true, value_name = "URL", env = "AWS_ENDPOINT_URL", hide_env_values = true)]
    pub(crate) endpoint_url: Option<String>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub(crate) output: Output,
    /// No spinners, even on a terminal
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// More of what happens; twice for all of it
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// For machines
    Json,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Rehearse an outage on this machine: real functions, emulated AWS, real DNS answers, real clients
    Drill(Drill),
    /// Keep a lab running to play with
    #[command(subcommand)]
    Lab(LabCommand),
    /// Where things stand, and why
    Status(Status),
    /// Deploy checkers and the failover function
    Deploy(Deploy),
    /// Take the deployment away; records, checks and zone stay
    Destroy(Destroy),
    /// Move a service's traffic to another region by hand
    Failover(Failover),
    /// Move a service's traffic back to its preferred region by hand
    Failback(Failback),
    /// Stop decisions everywhere at once; probing goes on
    Pause(Pause),
    /// Let decisions go on
    Resume(Resume),
    /// Print a file format's JSON schema
    Schema(Schema),
    /// Print a shell's completions
    Completions(Completions),
}

/// Options of the lab that a drill runs in.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct LabOptions {
    /// A scenario's name or file
    #[arg(value_name = "SCENARIO", default_value = "region-outage")]
    pub(crate) scenario: String,
    /// What stands in for AWS; this version knows ministack
    #[arg(long, value_name = "EMULATOR", default_value = "ministack")]
    pub(crate) emulator: String,
    /// How much faster than life [default: the scenario's]
    #[arg(long, value_name = "X")]
    pub(crate) speed: Option<f64>,
    /// The seed of everything random [default: the scenario's]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Functions built elsewhere: DIR/checker/bootstrap and DIR/failover/bootstrap
    #[arg(long, value_name = "DIR")]
    pub(crate) artifacts: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Drill {
    #[command(flatten)]
    pub(crate) lab: LabOptions,
    /// Where report.json goes
    #[arg(long, value_name = "DIR", default_value = ".pointsman/report")]
    pub(crate) report: PathBuf,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Start it, and print what to put into the environment
    Up(LabOptions),
    /// End it
    Down,
    /// Whether it runs, and where
    Status,
    /// Run it in the foreground; `up` starts this
    #[command(hide = true)]
    Serve(LabOptions),
    /// Serve as one of its regions until standard input ends; a lab starts this
    #[command(hide = true)]
    Region(RegionServer),
}

#[derive(Debug, clap::Args)]
pub(crate) struct RegionServer {
    /// The region
    pub(crate) name: RegionName,
    /// Where it serves
    pub(crate) address: SocketAddr,
    /// The seed of everything random
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
    /// Certificates, as the lab's authority writes them
    #[arg(long, value_name = "DIR")]
    pub(crate) tls: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    /// Every reason in words: what is seen, by whom, what is still missing
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Deploy {
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Functions built elsewhere: DIR/checker/bootstrap and DIR/failover/bootstrap
    #[arg(long, value_name = "DIR")]
    pub(crate) artifacts: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Destroy {
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Delete the state bucket with its audit trail too
    #[arg(long)]
    pub(crate) delete_state: bool,
}

/// What an order by hand has in common.
#[derive(Debug, clap::Args)]
pub(crate) struct OrderOptions {
    /// The service, where there are several
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<DnsName>,
    /// Why; it is kept in the audit trail
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
    /// Show the plan, change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// A safety rule to override, by its code; may be given several times
    #[arg(long, value_name = "RULE")]
    pub(crate) force: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Failover {
    /// Where to
    #[arg(long, value_name = "REGION")]
    pub(crate) to: RegionName,
    #[command(flatten)]
    pub(crate) order: OrderOptions,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Failback {
    #[command(flatten)]
    pub(crate) order: OrderOptions,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Pause {
    /// Why; it is kept in the audit trail
    #[arg(long, value_name = "TEXT", default_value = "by hand")]
    pub(crate) reason: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Resume {}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// pointsman.toml
    Config,
    /// A scenario
    Scenario,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Schema {
    /// Which
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// Which
    pub(crate) shell: Shell,
}
