//! Adapters over the AWS SDK: state, records, events, metrics, notifications, stacks.

mod alarms;
mod baselines;
mod controller;
mod deploy;
mod destroy;
mod error;
mod function;
mod names;
mod native;
mod notify;
mod pace;
mod remote;
mod report;
mod session;
mod stacks;
mod store;
mod switch;

pub use alarms::Alarms;
pub use baselines::{Baselines, Readings};
pub use controller::{Controller, Look, OrderError, TickError};
pub use deploy::{Architecture, Code, DeployError, Progress, Release, Schedule, deploy, invoke, start};
pub use destroy::{Destroy, destroy};
pub use error::AwsError;
pub use function::{Function, StartError, init_log};
pub use names::Names;
pub use notify::Notifier;
pub use remote::{RemoteError, check_remote};
pub use report::{Bus, Cloudwatch, Metrics};
pub use session::{Session, SessionOptions};
pub use stacks::{Applied, ResourceEvent, StackError};
pub use store::{Store, StoreError, Version, Write};
pub use switch::{Switch, SwitchError};
