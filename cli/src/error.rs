//! Errors as a person at a terminal sees them: what happened, why, what to try, and the exit code.

use std::path::PathBuf;

use anomaly::AnomalyError;
use aws::{
    AwsError, DeployError, DnsError, FORCEABLE, Left, OrderError, RegionsLeft, RemoteError, StackError, StartError,
    StoreError, SwitchError, TickError,
};
use domain::{ConfigError, HoldCode};
use lab::{drill::DrillError, package::PackageError, region::RegionError, stage::StageError};
use probe::ProbeError;
use scenario::catalog::FindError;
use simulation::SimulationError;

use crate::exit;

/// What a command can end with.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("failed to read {}: {source}", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("failed to write {}: {source}", .path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error("{} is there already", .path.display())]
    Exists { path: PathBuf },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("{0}")]
    Usage(String),
    #[error("not confirmed: nothing was changed")]
    NotConfirmed,
    #[error(transparent)]
    Aws(#[from] AwsError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Deploy(#[from] DeployError),
    #[error("stack {stack} would replace or remove the state bucket, with every service's state and the audit trail")]
    StateLost { stack: String },
    #[error(transparent)]
    Dns(#[from] DnsError),
    #[error(transparent)]
    Tick(#[from] TickError),
    #[error(transparent)]
    Order(#[from] OrderError),
    #[error(transparent)]
    Probe(#[from] ProbeError),
    #[error("no observer could look: {0}")]
    Remote(#[from] RemoteError),
    #[error(transparent)]
    Scenario(#[from] FindError),
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    #[error(transparent)]
    Package(#[from] PackageError),
    #[error(transparent)]
    Stage(#[from] StageError),
    #[error(transparent)]
    Drill(#[from] DrillError),
    #[error(transparent)]
    Region(#[from] RegionError),
    #[error("the lab ended as {status} while it was set up; its log is {}", .log.display())]
    LabFailed { status: String, log: PathBuf },
    #[error("the lab (process {pid}) does not end")]
    LabStuck { pid: i32 },
    #[error("plan {plan} was carried out, but is not verified: {seen}")]
    NotVerified { plan: String, seen: String },
    #[error(transparent)]
    Anomaly(#[from] AnomalyError),
    #[error("failed to read the table {}: {problem}", .path.display())]
    Table { path: PathBuf, problem: String },
    #[error("{}, line {line}, column `{column}`: `{cell}` is not {wanted}", .path.display())]
    Cell { path: PathBuf, line: u64, column: String, cell: String, wanted: &'static str },
    #[error("stopped by a signal")]
    Interrupted,
    /// The same in the middle of what several regions are changed by.
    #[error("stopped by a signal in the middle; not every region has to be at one version")]
    Halfway {
        /// What goes on from there.
        command: &'static str,
    },
}

impl CliError {
    pub(crate) fn code(&self) -> exit::Code {
        match self {
            Self::Read { .. }
            | Self::Exists { .. }
            | Self::Config(_)
            | Self::Usage(_)
            | Self::NotConfirmed
            | Self::Scenario(_)
            | Self::Simulation(_)
            | Self::Anomaly(_)
            | Self::Table { .. }
            | Self::Cell { .. }
            | Self::Drill(DrillError::Nothing(_)) => exit::USAGE,
            Self::Order(OrderError::Refused(_)) | Self::StateLost { .. } => exit::REFUSED,
            Self::NotVerified { .. } | Self::Drill(DrillError::NotSteady { .. }) => exit::UNHEALTHY,
            Self::Aws(_) | Self::Remote(_) | Self::Drill(DrillError::Switch(_)) => exit::AWS,
            Self::Start(error) | Self::Drill(DrillError::Start(error)) => start_code(error),
            Self::Deploy(error) => deploy_code(error),
            Self::Dns(error) => dns_code(error),
            Self::Tick(error) | Self::Order(OrderError::Tick(error)) => tick_code(error),
            Self::Stage(error) | Self::Drill(DrillError::Stage(error)) => stage_code(error),
            Self::Write { .. }
            | Self::Drill(DrillError::Stopped)
            | Self::Interrupted
            | Self::Halfway { .. }
            | Self::Probe(_)
            | Self::Package(_)
            | Self::Region(_)
            | Self::LabFailed { .. }
            | Self::LabStuck { .. } => exit::UNEXPECTED,
        }
    }

    pub(crate) fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Read { .. } => {
                "name the file with --config or POINTSMAN_CONFIG; `pointsman init` writes one to begin with"
            }
            Self::Exists { .. } => "--force overwrites it, --print shows what would be written",
            Self::Config(_)
            | Self::Stage(StageError::Config(_))
            | Self::Drill(DrillError::Stage(StageError::Config(_))) => {
                "`pointsman schema config` prints every key that there is"
            }
            Self::NotConfirmed => "answer `y`, or pass --yes where nobody can answer",
            Self::Order(OrderError::Refused(reasons)) if reasons.iter().any(|it| it.code == HoldCode::DataLoss) => {
                "--accept-data-loss overrides that rule. It is kept in the audit trail"
            }
            Self::Order(OrderError::Refused(reasons)) if reasons.iter().all(|it| decision::may_force(it.code)) => {
                "a rule can be overridden by its code in brackets: --force CODE. That is kept in the audit trail"
            }
            Self::Order(OrderError::Refused(_)) => {
                "no --force overrides all of these rules; `pointsman status --explain` shows where things stand"
            }
            Self::StateLost { .. } => {
                "nothing was changed; a stack of another name is another deployment: `stack` in pointsman.toml"
            }
            Self::NotVerified { .. } => "`pointsman status --explain` shows what answers now",
            Self::Aws(error) | Self::Start(StartError::Aws(error)) | Self::Remote(RemoteError::Aws(error)) => {
                error.hint()
            }
            Self::Start(StartError::NotDeployed { .. }) => {
                "deploy it first with `pointsman deploy`, or name another --config"
            }
            Self::Halfway { command } => {
                return Some(format!(
                    "CloudFormation ends by itself what it has begun; `pointsman {command}` run again goes on from there"
                ));
            }
            Self::Deploy(error) => return deploy_hint(error),
            Self::Dns(error) => return dns_hint(error),
            Self::Tick(error) | Self::Order(OrderError::Tick(error)) => return tick_hint(error),
            Self::Scenario(_) => "`pointsman schema scenario` prints every key that there is",
            Self::Table { .. } => "a line of names comes first, and every line has as many cells",
            Self::Cell { .. } => "--ignore COLUMN leaves a column out, --time-column COLUMN names the one with times",
            Self::LabStuck { .. } => "kill -9 it; nothing of it is left then but its folder under .pointsman/run",
            _ => return None,
        };
        Some(hint.to_owned())
    }
}

fn start_code(error: &StartError) -> exit::Code {
    match error {
        StartError::Aws(_) => exit::AWS,
        StartError::NotDeployed { .. } => exit::DRIFT,
        _ => exit::UNEXPECTED,
    }
}

fn deploy_code(error: &DeployError) -> exit::Code {
    match error {
        DeployError::ForeignRecords { .. } | DeployError::LabOnAws | DeployError::Records(_) => exit::USAGE,
        DeployError::Function { .. } | DeployError::Store(StoreError::State { .. }) => exit::UNEXPECTED,
        DeployError::OtherCode { .. } | DeployError::NoChecks(_) => exit::DRIFT,
        DeployError::Dns(error) => dns_code(error),
        DeployError::Halfway { source, .. } => deploy_code(source),
        DeployError::ControlElsewhere { .. } => exit::REFUSED,
        DeployError::Regions(RegionsLeft { regions, .. }) => {
            regions.iter().find_map(|it| it.failed.as_ref()).map_or(exit::AWS, deploy_code)
        }
        DeployError::Aws(_) | DeployError::Stack(_) | DeployError::Store(_) | DeployError::Switch(_) => exit::AWS,
    }
}

fn deploy_hint(error: &DeployError) -> Option<String> {
    let hint = match error {
        DeployError::Aws(error)
        | DeployError::Store(StoreError::Aws(error))
        | DeployError::Switch(SwitchError::Aws(error)) => error.hint(),
        DeployError::Stack(error) => stack_hint(error),
        // What could not be brought back comes first.
        DeployError::Regions(RegionsLeft { regions, .. }) => {
            let lost =
                regions.iter().find_map(|it| if let Left::Unknown(error) = &it.now { Some(&**error) } else { None });
            return deploy_hint(lost.or_else(|| regions.iter().find_map(|it| it.failed.as_ref()))?);
        }
        DeployError::ControlElsewhere { .. } => {
            "two failover functions would work against each other: `pointsman destroy` takes everything out, and the state \
             stays; then deploy again"
        }
        DeployError::Halfway { source, .. } => return deploy_hint(source),
        DeployError::NoChecks(_) => "`pointsman dns apply` makes them, after showing what it changes",
        DeployError::LabOnAws => "name the lab with --endpoint-url, or take the lab's exemption out",
        DeployError::ForeignRecords { .. } => {
            "`pointsman dns plan` shows whether they can be adopted in place, `pointsman dns apply` does it; then deploy again"
        }
        DeployError::Store(StoreError::State { .. }) => STATE_HINT,
        DeployError::Dns(error) => return dns_hint(error),
        DeployError::Records(_)
        | DeployError::Switch(_)
        | DeployError::Function { .. }
        | DeployError::OtherCode { .. } => return None,
    };
    Some(hint.to_owned())
}

/// The way out of what a stack has ended as.
fn stack_hint(error: &StackError) -> &'static str {
    match error {
        StackError::Aws(error) => error.hint(),
        StackError::Failed { status, .. } => match status.as_str() {
            "UPDATE_ROLLBACK_FAILED" => {
                "settle what CloudFormation names above and deploy again, which continues the rollback; what can't be \
                 settled is left out by `aws cloudformation continue-update-rollback --resources-to-skip`"
            }
            "DELETE_FAILED" | "ROLLBACK_FAILED" => {
                "settle what CloudFormation names above and deploy again, which deletes the stack and makes it anew; \
                 `pointsman destroy` empties the buckets that may stand in the way"
            }
            _ => "settle what CloudFormation names above and deploy again",
        },
    }
}

fn dns_code(error: &DnsError) -> exit::Code {
    match error {
        DnsError::Refused(_) | DnsError::Moved(_) => exit::REFUSED,
        DnsError::Records(_) | DnsError::NoApex(_) => exit::USAGE,
        DnsError::Store(StoreError::State { .. }) | DnsError::Probe(_) => exit::UNEXPECTED,
        DnsError::Aws(_) | DnsError::Store(_) | DnsError::Switch(_) => exit::AWS,
    }
}

fn dns_hint(error: &DnsError) -> Option<String> {
    let hint = match error {
        DnsError::Refused(remarks) if remarks.iter().all(|remark| remark.code == FORCEABLE) => {
            "a rule can be overridden by its code in brackets: --force CODE"
        }
        DnsError::Refused(_) => {
            "`pointsman dns plan` shows what is there; settle it there or in the configuration first"
        }
        DnsError::Moved(_) => "run it again; nothing of it was done but the health checks",
        DnsError::Store(StoreError::State { .. }) => STATE_HINT,
        DnsError::Aws(error) | DnsError::Store(StoreError::Aws(error)) | DnsError::Switch(SwitchError::Aws(error)) => {
            error.hint()
        }
        DnsError::NoApex(_) => "`hosted_zone` names the zone's id",
        DnsError::Switch(_) | DnsError::Records(_) | DnsError::Probe(_) => return None,
    };
    Some(hint.to_owned())
}

fn tick_code(error: &TickError) -> exit::Code {
    match error {
        TickError::Store(StoreError::State { .. }) | TickError::Raced(_) => exit::UNEXPECTED,
        TickError::NotDeployed(_) | TickError::Switch(SwitchError::Records(_)) => exit::DRIFT,
        TickError::Store(_) | TickError::Aws(_) | TickError::Switch(_) => exit::AWS,
    }
}

const STATE_HINT: &str = "it was left as it is; the bucket is versioned, so an earlier version can be restored, and a newer Pointsman \
                          can read a newer format";

fn tick_hint(error: &TickError) -> Option<String> {
    let hint = match error {
        TickError::Store(StoreError::State { .. }) => STATE_HINT,
        TickError::Store(StoreError::Aws(error))
        | TickError::Aws(error)
        | TickError::Switch(SwitchError::Aws(error)) => error.hint(),
        TickError::NotDeployed(_) => "run `pointsman deploy`",
        TickError::Raced(_) => "run it again",
        TickError::Switch(_) => return None,
    };
    Some(hint.to_owned())
}

fn stage_code(error: &StageError) -> exit::Code {
    match error {
        StageError::Config(_) => exit::USAGE,
        StageError::Deploy(error) => deploy_code(error),
        StageError::Aws(_) | StageError::Switch(_) => exit::AWS,
        _ => exit::UNEXPECTED,
    }
}
