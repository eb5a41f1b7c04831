//! What can be typed.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use domain::{DnsName, RegionName};
use lab::rival::Rival;

const FIRST_STEPS: &str = "\
Begin with `pointsman drill`, which needs no set-up of any kind. For a service of your own: `pointsman init`, edit \
pointsman.toml, `pointsman check`, `pointsman deploy`, `pointsman status`.

Results go to standard output, all else to standard error. Exit codes: 0 done; 1 unexpected; 2 usage or \
configuration; 3 unhealthy, or a drill's expectations not met; 4 refused by a safety rule; 5 not what is deployed; \
6 AWS refused or unreachable.";

/// Multi-region failover for AWS that you can rehearse on a laptop.
#[derive(Debug, Parser)]
#[command(name = "pointsman", version, max_term_width = 100, after_help = FIRST_STEPS)]
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
    /// The configuration file
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "POINTSMAN_CONFIG",
        hide_env_values = true,
        default_value = "pointsman.toml"
    )]
    pub(crate) config: PathBuf,
    /// The AWS profile whose credentials are used
    #[arg(long, global = true, value_name = "NAME", env = "AWS_PROFILE", hide_env_values = true)]
    pub(crate) profile: Option<String>,
    /// The AWS region for calls that are not about a particular one
    #[arg(long, global = true, value_name = "NAME", env = "AWS_REGION", hide_env_values = true)]
    pub(crate) region: Option<String>,
    /// An emulator's address, to use it instead of AWS
    #[arg(long, global = true, value_name = "URL", env = "AWS_ENDPOINT_URL", hide_env_values = true)]
    pub(crate) endpoint_url: Option<String>,
    /// How results are printed
    #[arg(long, global = true, value_enum, default_value = "text")]
    pub(crate) output: Output,
    /// Plain lines, even on a terminal
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// Log what happens; -vv logs more of it
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
    /// Rehearse in virtual time: the same decisions, a world of faults for each seed, or days of bad weather
    Simulate(Simulate),
    /// Keep a lab running to play with
    #[command(subcommand)]
    Lab(LabCommand),
    /// Write a configuration to begin with; each key is explained in it
    Init(Init),
    /// Probe every region now, from here or from where the observers are
    Check(Check),
    /// Where things stand, and why
    Status(Status),
    /// Deploy checkers and the failover function
    Deploy(Deploy),
    /// Take the deployment away; records, checks and zone stay
    Destroy(Destroy),
    /// The records and health checks that the services need of Route 53
    #[command(subcommand)]
    Dns(DnsCommand),
    /// Whether a failover would work if it had to: exit code 3 when it may not
    Preflight(Preflight),
    /// Move a service's traffic to another region by hand
    Failover(Failover),
    /// Move a service's traffic back to its preferred region by hand
    Failback(Failback),
    /// Carry out the plan that is recommended under an epoch
    Approve(Approve),
    /// Say that you have seen the last automatic failover, or the alarm: others may follow
    Acknowledge(Acknowledge),
    /// Stop decisions everywhere at once; probing goes on
    Pause(Pause),
    /// Let decisions, and probing, go on
    Resume(Resume),
    /// Find what is unusual in a table of one's own, as the checkers do in their measurements
    #[command(subcommand)]
    Anomaly(AnomalyCommand),
    /// Print a file format's JSON schema
    Schema(Schema),
    /// Print a shell's completions
    Completions(Completions),
}

/// A lab to play with.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct LabOptions {
    /// A scenario's name or file
    #[arg(value_name = "SCENARIO", default_value = "region-outage")]
    pub(crate) scenario: String,
    #[command(flatten)]
    pub(crate) settings: LabSettings,
}

/// Options of the lab that a drill runs in.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct LabSettings {
    /// What stands in for AWS: ministack, localstack, or http://HOST:PORT of one that runs
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
    /// Names or files of scenarios; several run side by side in one lab
    #[arg(value_name = "SCENARIO", default_value = "region-outage")]
    pub(crate) scenarios: Vec<String>,
    /// Show the scenarios that come with Pointsman, and run none
    #[arg(long)]
    pub(crate) list: bool,
    /// Run these beside ours, with the same faults: native (Route 53's checks alone), threshold (a single prober)
    #[arg(long, value_name = "CONTROLLER", value_delimiter = ',')]
    pub(crate) compare: Vec<Rival>,
    /// Run it this often, with a seed more each time, and show the medians
    #[arg(long, value_name = "K", default_value = "1", value_parser = clap::value_parser!(u64).range(1..=99))]
    pub(crate) seeds: u64,
    #[command(flatten)]
    pub(crate) settings: LabSettings,
    /// Where report.html, report.md and report.json go
    #[arg(long, value_name = "DIR", default_value = ".pointsman/report")]
    pub(crate) report: PathBuf,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Simulate {
    /// A scenario's or an incident's name or file, or `all` [default: region-outage]
    #[arg(value_name = "SCENARIO")]
    pub(crate) scenario: Option<String>,
    /// The first seed [default: the scenario's]
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    /// Live through it this often, with a seed more each time
    #[arg(long, value_name = "K", default_value = "1", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "hours")]
    pub(crate) seeds: u64,
    /// Live through so many hours of flapping, lost packets, failing observers and outages instead, in whole days
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) hours: Option<u64>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Start a lab, and print what a shell needs to work on it
    Up(LabOptions),
    /// End the lab
    Down,
    /// Whether a lab runs, and where
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
pub(crate) struct Init {
    /// Overwrite a file that is there
    #[arg(long, conflicts_with = "print")]
    pub(crate) force: bool,
    /// Print it instead of writing a file
    #[arg(long)]
    pub(crate) print: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Check {
    /// One round, and no more: what it does anyway
    #[arg(long)]
    pub(crate) once: bool,
    /// A round each interval, until Ctrl-C; after the first only what changes is shown
    #[arg(long, conflicts_with = "once")]
    pub(crate) watch: bool,
    /// Have the deployed checkers look, each from its own region
    #[arg(long)]
    pub(crate) remote: bool,
    /// This service only
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<DnsName>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Status {
    /// Every reason in words: what is seen, by whom, what is still missing
    #[arg(long)]
    pub(crate) explain: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Deploy {
    /// Do not ask before going on
    #[arg(long)]
    pub(crate) yes: bool,
    /// Show what would change, change nothing: exit code 5 when something would
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// New code for the functions that are deployed, and nothing else
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) code_only: bool,
    /// Change nothing, and write templates, parameters and what is uploaded into a folder, for `aws cloudformation deploy`
    #[arg(long, value_name = "DIR", conflicts_with_all = ["dry_run", "code_only"])]
    pub(crate) export: Option<PathBuf>,
    /// Functions built elsewhere: DIR/checker/bootstrap and DIR/failover/bootstrap
    #[arg(long, value_name = "DIR")]
    pub(crate) artifacts: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Destroy {
    /// Do not ask before going on
    #[arg(long)]
    pub(crate) yes: bool,
    /// Delete the state bucket with its audit trail too
    #[arg(long)]
    pub(crate) delete_state: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DnsCommand {
    /// Show what differs from the configuration, change nothing: exit code 5 when something does, 4 when it may not be changed
    Plan,
    /// Make, adopt and mend records and checks, after showing how
    Apply(DnsApply),
}

#[derive(Debug, clap::Args)]
pub(crate) struct DnsApply {
    /// Do not ask before going on
    #[arg(long)]
    pub(crate) yes: bool,
    /// A safety rule to override, by the code in brackets that a refusal names
    #[arg(long, value_name = "RULE")]
    pub(crate) force: Vec<String>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Preflight {
    /// Also write the findings as continuous integration reads test results
    #[arg(long, value_name = "FILE")]
    pub(crate) junit: Option<PathBuf>,
    /// Also send a test message to whoever is told of failovers, and to whoever is paged
    #[arg(long)]
    pub(crate) notify: bool,
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
    /// Do not ask before going on
    #[arg(long)]
    pub(crate) yes: bool,
    /// A safety rule to override, by its code; may be given several times
    #[arg(long, value_name = "RULE")]
    pub(crate) force: Vec<String>,
    /// Move although the target's data are further behind than the RPO allows, or nobody knows how far
    #[arg(long)]
    pub(crate) accept_data_loss: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Approve {
    /// The epoch, as the recommendation gave it
    #[arg(value_name = "EPOCH")]
    pub(crate) epoch: u64,
    /// The service, where there are several
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<DnsName>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Acknowledge {
    /// This service only
    #[arg(long, value_name = "NAME")]
    pub(crate) service: Option<DnsName>,
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
    /// Stop the checkers as well, until `pointsman resume`: nobody watches then
    #[arg(long)]
    pub(crate) stop_probing: bool,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Resume {}

#[derive(Debug, Subcommand)]
pub(crate) enum AnomalyCommand {
    /// Score every row
    #[command(after_help = SCORES)]
    Score(AnomalyOptions),
    /// Show what makes rows unusual, column by column
    Explain(Explain),
}

const SCORES: &str = "\
Prints CSV: row (from 0), score (towards 1 is unusual), alert, and the two strongest reasons; with --output json a line \
of JSON a row. With --time-column the rows are scored one after the other by those before them, and one alert stands for \
an episode.";

/// What is scored, and by what forest.
#[derive(Debug, clap::Args)]
pub(crate) struct AnomalyOptions {
    /// A CSV file with a line of names first; an empty cell is a missing value
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// The seed of everything random
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// How many trees the forest has
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(crate) trees: usize,
    /// How many rows each tree is grown on
    #[arg(long, value_name = "N", default_value_t = 256)]
    pub(crate) sample: usize,
    /// Fit on the first N rows [default: all; with --time-column, the first score comes after 600]
    #[arg(long, value_name = "N")]
    pub(crate) fit_rows: Option<usize>,
    /// The rows are a series, and this column is their time: RFC 3339, `2026-11-25 14:31:00`, or seconds since 1970
    #[arg(long, value_name = "COLUMN")]
    pub(crate) time_column: Option<String>,
    /// Leave a column out, such as a label; may be given several times
    #[arg(long, value_name = "COLUMN")]
    pub(crate) ignore: Vec<String>,
    /// How much values outside what was fitted count, from 0 (a plain forest) to 1 [default: 0.5; with --time-column,
    /// 0.8]
    #[arg(long, value_name = "SHARE")]
    pub(crate) range_weight: Option<f64>,
    /// How many false alarms are accepted: a day with --time-column, else among as many rows as were fitted [default:
    /// 0.1 a day; else 1]
    #[arg(long, value_name = "RATE")]
    pub(crate) false_alarms: Option<f64>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) options: AnomalyOptions,
    /// A row to explain, counted from 0; may be given several times [default: the ten most unusual]
    #[arg(long, value_name = "N")]
    pub(crate) row: Vec<usize>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Format {
    /// pointsman.toml
    Config,
    /// A scenario
    Scenario,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "An editor that knows TOML schemas takes it: `pointsman schema config > pointsman.schema.json`, and \
                        `#:schema ./pointsman.schema.json` as the first line of pointsman.toml."
)]
pub(crate) struct Schema {
    /// The format
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "For this session: `source <(pointsman completions bash)`. For good: write it where your shell looks, \
                        such as ~/.local/share/bash-completion/completions/pointsman."
)]
pub(crate) struct Completions {
    /// The shell
    pub(crate) shell: Shell,
}
