//! Puts a deployment into an account: checks, artifacts, functions, records, state.

mod code;
mod export;
mod invoke;
mod left;
mod preview;
mod records;
mod regions;
mod release;
mod standing;
mod wanted;

use bytes::Bytes;
use decision::RecordsError;
use domain::{Config, Deployment, DnsName, RegionName, Service};

use crate::{
    Session,
    dns::DnsError,
    error::{AwsError, failed},
    names::Names,
    stacks::{Applied, Recovery, ResourceEvent, StackError, StackNews, Stacks},
    store::{Store, StoreError},
    switch::{Switch, SwitchError},
};

pub use code::deploy_code;
pub use export::{Exported, export};
use invoke::invoke_each;
pub use invoke::{invoke, start};
pub(crate) use left::Step;
pub use left::{Left, RegionLeft, RegionsLeft};
pub use preview::{Preview, StackPreview, preview};
pub use records::Records;
pub use release::{Architecture, Code, Release, Schedule};
pub use standing::places;
pub(crate) use standing::{Part, Standing};
use wanted::Wanted;

/// Why a deployment is not whole. Running it again goes on from where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// AWS refused or is away.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// A stack failed.
    #[error(transparent)]
    Stack(#[from] StackError),
    /// Some regions did not take a step.
    #[error("{0}")]
    Regions(RegionsLeft),
    /// A later step failed.
    #[error("{source}\n  {done}; deployed again, it goes on from there")]
    Halfway {
        /// What has been done by then.
        done: String,
        /// Why it stopped.
        source: Box<DeployError>,
    },
    /// The store refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The records were refused.
    #[error(transparent)]
    Switch(#[from] SwitchError),
    /// The records can't be made from the configuration.
    #[error(transparent)]
    Records(#[from] RecordsError),
    /// The zone can't be read.
    #[error(transparent)]
    Dns(#[from] DnsError),
    /// Somebody else's records stand under the service's name.
    #[error("{service} already has records in zone {zone} that Pointsman did not make")]
    ForeignRecords {
        /// The service.
        service: DnsName,
        /// The zone.
        zone: String,
    },
    /// The configuration names checks that are not there.
    #[error("the health checks of {0} are not all there yet")]
    NoChecks(DnsName),
    /// A function does not run.
    #[error("{function} in {region} was deployed, but fails: {why}")]
    Function {
        /// Its name.
        function: String,
        /// Where.
        region: RegionName,
        /// What it says.
        why: String,
    },
    /// It does not run the code that it was given.
    #[error("{function} in {region} runs other code than it was given: {found} rather than {wanted}")]
    OtherCode {
        /// Its name.
        function: String,
        /// Where.
        region: RegionName,
        /// The code's hash as Lambda has it, base64.
        found: String,
        /// As it should be.
        wanted: String,
    },
    /// Another region's failover function would go on beside the new one.
    #[error("the control region is {wanted} by the configuration, and {found} by what is deployed")]
    ControlElsewhere {
        /// By the configuration.
        wanted: RegionName,
        /// Where its stack is.
        found: RegionName,
    },
    /// A lab's configuration is not for AWS.
    #[error("the configuration has a lab's exemption, and there is no --endpoint-url: loopback is not probed from AWS")]
    LabOnAws,
}

/// What has just been done.
#[derive(Debug, Clone)]
pub enum Progress {
    /// A resource of a stack changed.
    Resource(ResourceEvent),
    /// What an earlier run left of a stack is dealt with.
    Recovery {
        /// Where.
        region: RegionName,
        /// Which.
        stack: String,
        /// What, and how.
        recovery: Recovery,
    },
    /// A region failed, and the others are brought back to what they were.
    GoesBack,
    /// A stack that the configuration does not name any more is gone.
    Removed {
        /// Where.
        region: RegionName,
        /// Which.
        stack: String,
    },
    /// A stack is as it should be.
    Stack {
        /// Where.
        region: RegionName,
        /// Which.
        stack: String,
        /// What that took.
        applied: Applied,
    },
    /// Route 53's checks are there.
    Checks(usize),
    /// A service's record sets and fence are there.
    Records {
        /// Which.
        service: DnsName,
        /// What they were found to be.
        found: Records,
    },
    /// A function runs new code.
    Code {
        /// Where.
        region: RegionName,
        /// Which.
        function: String,
    },
    /// A function was invoked once and answered.
    Invoked {
        /// Where.
        region: RegionName,
        /// Which.
        function: String,
    },
}

impl From<StackNews> for Progress {
    fn from(news: StackNews) -> Self {
        match news {
            StackNews::Resource(event) => Self::Resource(event),
            StackNews::Recovery { region, stack, recovery } => Self::Recovery { region, stack, recovery },
        }
    }
}

/// Deploys `config`. What is as it should be stays untouched; where the stack of one region fails, those of the others are
/// brought back to what they were. Stacks in which a preview has just `seen` nothing to change are not asked again.
pub async fn deploy(
    session: &Session,
    names: &Names,
    config: &Config,
    release: &Release,
    seen: Option<&Preview>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Deployment, DeployError> {
    if config.lab.is_some() && session.endpoint_url().is_none() {
        return Err(DeployError::LabOnAws);
    }
    let obsolete = Standing::obsolete(session, names, config).await?;
    let switch = Switch::new(session, config.speed());
    let zones = records::read(&switch, config).await?;
    let checks = records::checks(&switch, config).await?;
    progress(Progress::Checks(checks.values().map(|checks| checks.own.len() + 1).sum()));
    let deployment = Deployment { config: config.clone(), checks };

    let checked = || "the health checks are there, and nothing else was touched".to_owned();
    let mut wanted = wanted(session, names, &deployment, release, progress).await.map_err(halfway(checked))?;
    if let Some(seen) = seen.filter(|seen| seen.services == deployment.checks) {
        wanted.leave(seen);
    }
    wanted.upload(session, names, progress).await?;
    regions::apply(session, names, &wanted.functions, progress).await?;
    wanted.watch(session, progress).await?;

    let store = Store::new(session, names, &config.control_region);
    for (before, service) in config.services.iter().enumerate() {
        let zone = &zones[&service.hosted_zone];
        let found = records::ensure(&switch, &store, &deployment, service, zone).await;
        let found = found.map_err(halfway(|| {
            let (done, missed) = config.services.split_at(before);
            format!(
                "every region has the new version; records and state are there of {}, and were not looked after of {}",
                listed(done),
                listed(missed)
            )
        }))?;
        progress(Progress::Records { service: service.name.clone(), found });
    }
    let after =
        "every region has the new version, and every service its records and its state; deployed again, it goes on";
    invoke_each(session, names, config, after, progress).await?;
    let step = Step {
        after: "every region that the configuration names has the new version; deployed again, it goes on from there",
        taken: "it is gone",
        missed: "the configuration does not name it any more, and it may be there still",
    };
    obsolete.remove(Part::Observer, &step, progress).await?;
    obsolete.remove(Part::Artifacts, &step, progress).await?;
    Ok(deployment)
}

fn listed(services: &[Service]) -> String {
    if services.is_empty() {
        return "none".to_owned();
    }
    services.iter().map(|service| service.name.to_string()).collect::<Vec<_>>().join(", ")
}

fn halfway<E: Into<DeployError>>(done: impl FnOnce() -> String) -> impl FnOnce(E) -> DeployError {
    move |source| DeployError::Halfway { done: done(), source: Box::new(source.into()) }
}

/// All that a deployment should be, once what an earlier run left of the control stack is out of the way: the state bucket
/// outlives a stack that was rolled back, and the next one takes it over.
async fn wanted(
    session: &Session,
    names: &Names,
    deployment: &Deployment,
    release: &Release,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Wanted, DeployError> {
    let watch = |news| progress(Progress::from(news));
    Stacks::new(session, &deployment.config.control_region, &watch).ready(&names.stack("control")).await?;
    Wanted::of(session, names, deployment, release).await
}

fn regions(config: &Config) -> impl Iterator<Item = &RegionName> {
    let control = Some(&config.control_region).filter(|control| !config.observers.contains(control));
    config.observers.iter().chain(control)
}

/// Puts an object into a region's artifact bucket, unless what is named by its content is there already; whether it was put.
async fn put_once(
    session: &Session,
    names: &Names,
    region: &RegionName,
    key: String,
    body: Bytes,
) -> Result<bool, AwsError> {
    let (s3, bucket) = (session.s3(region), names.artifacts(region));
    if s3.head_object().bucket(&bucket).key(&key).send().await.is_ok() {
        return Ok(false);
    }
    let put = s3.put_object().bucket(bucket).key(key).body(body.into());
    put.send().await.map_err(failed("PutObject"))?;
    Ok(true)
}
