//! Adapters over the AWS SDK: state, records, events, metrics, notifications, stacks.

mod alarm_states;
mod alarms;
mod baselines;
mod checks;
mod controller;
mod deploy;
mod destroy;
mod dns;
mod error;
mod function;
mod gathering;
mod lags;
mod names;
mod native;
mod notify;
mod pace;
mod point;
mod preflight;
mod recent;
mod remote;
mod report;
mod schedules;
mod session;
mod stacks;
mod store;
mod switch;

pub use alarms::{Alarms, Standing};
pub use baselines::{Baselines, Readings};
pub use controller::{Controller, Look, OrderError, TickError};
pub use deploy::{
    Architecture, Code, DeployError, Exported, Left, Preview, Progress, Records, RegionLeft, RegionsLeft, Release,
    Schedule, StackPreview, deploy, deploy_code, export, invoke, places, preview, start,
};
pub use destroy::{Destroy, destroy};
pub use dns::{AppliedDns, DnsError, DnsPlan, FORCEABLE, ServiceDns, apply_dns, plan_dns};
pub use error::AwsError;
pub use function::{Function, StartError, init_log};
pub use names::Names;
pub use notify::Notifier;
pub use preflight::{
    Finding, FindingStatus, TestMessage, data_preflight, preflight, published_preflight, quick_preflight,
};
pub use remote::{RemoteError, check_remote};
pub use report::{Bus, Cloudwatch};
pub use schedules::{Probing, set_probing};
pub use session::{Session, SessionOptions};
pub use stacks::{Applied, Recovery, ResourceChange, ResourceEvent, StackAction, StackError, Way};
pub use store::{Store, StoreError, Version, Write};
pub use switch::{Switch, SwitchError};
