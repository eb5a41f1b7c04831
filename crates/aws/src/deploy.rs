//! Puts a deployment into an account: checks, artifacts, functions, records, state.

mod code;
mod export;
mod preview;
mod records;
mod regions;
mod wanted;

use bytes::Bytes;
use decision::RecordsError;
use domain::{Config, Deployment, DnsName, RegionName};
use futures::future::join_all;

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
pub use preview::{Preview, StackPreview, preview};
pub use records::Records;
pub use regions::{Left, RegionLeft, RegionsLeft};
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
    /// The stacks of some regions failed, and the others were brought back.
    #[error("{0}")]
    Regions(RegionsLeft),
    /// A later step failed.
    #[error("{source}\n  {done}; deployed again, it goes on from there")]
    Halfway {
        /// What has been done by then.
        done: &'static str,
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
    /// A lab's configuration is not for AWS.
    #[error("the configuration has a lab's exemption, and there is no --endpoint-url: loopback is not probed from AWS")]
    LabOnAws,
}

/// A function's code: a zip with `bootstrap` in it.
#[derive(Debug, Clone)]
pub struct Code {
    /// The zip.
    pub zip: Bytes,
    /// Its SHA-256, hexadecimal.
    pub sha256: String,
}

impl Code {
    /// Where it lies in a region's artifact bucket.
    fn key(&self, function: &str) -> String {
        format!("code/{function}-{}.zip", &self.sha256[..32])
    }
}

/// What to deploy.
#[derive(Debug, Clone)]
pub struct Release {
    /// The checker.
    pub checker: Code,
    /// The failover function.
    pub failover: Code,
    /// What both are compiled for.
    pub architecture: Architecture,
}

/// What a function is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// 64-bit ARM.
    Arm64,
    /// 64-bit x86.
    X86_64,
}

impl Architecture {
    /// This machine's.
    #[must_use]
    pub const fn host() -> Self {
        if cfg!(target_arch = "aarch64") { Self::Arm64 } else { Self::X86_64 }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        }
    }
}

/// Who starts the functions once a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schedule {
    /// EventBridge.
    EventBridge,
    /// The lab, at the scaled minute.
    Lab,
}

impl Schedule {
    /// EventBridge's minute cannot be scaled, so a lab that runs faster than life plays the schedule itself.
    #[must_use]
    pub fn of(config: &Config) -> Self {
        match &config.lab {
            Some(lab) if lab.speed > 1.0 => Self::Lab,
            _ => Self::EventBridge,
        }
    }

    const fn as_str(self) -> &'static str {
        match self {
            Self::EventBridge => "ENABLED",
            Self::Lab => "DISABLED",
        }
    }
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
/// brought back to what they were.
pub async fn deploy(
    session: &Session,
    names: &Names,
    config: &Config,
    release: &Release,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Deployment, DeployError> {
    if config.lab.is_some() && session.endpoint_url().is_none() {
        return Err(DeployError::LabOnAws);
    }
    let switch = Switch::new(session, config.speed());
    let zones = records::read(&switch, config).await?;
    let checks =
        switch.ensure_checks(config).await.map_err(halfway("no stack was touched; health checks may be new"))?;
    progress(Progress::Checks(checks.values().map(|checks| checks.own.len() + 1).sum()));
    let deployment = Deployment { config: config.clone(), checks };

    let checked = "the health checks are there, and no function was touched";
    let wanted = wanted(session, names, &deployment, release, progress).await.map_err(halfway(checked))?;
    let uploaded = join_all(wanted.artifacts.iter().map(|stack| {
        let wanted = &wanted;
        async move {
            stack.apply(session, progress).await?;
            wanted.put(session, names, &stack.region).await
        }
    }));
    uploaded.await.into_iter().collect::<Result<(), _>>().map_err(halfway(checked))?;
    regions::apply(session, names, &wanted.functions, progress).await?;
    let watched = wanted.watch.apply(session, progress).await;
    watched
        .map_err(halfway("every region has the new version; alarms, dashboard and subscriptions are what they were"))?;

    let store = Store::new(session, names, &config.control_region);
    let records = async {
        for service in &config.services {
            let found = records::ensure(&switch, &store, &deployment, service, &zones[&service.hosted_zone]).await?;
            progress(Progress::Records { service: service.name.clone(), found });
        }
        Ok::<_, DeployError>(())
    };
    records
        .await
        .map_err(halfway("every region has the new version; not every service has its records and its state"))?;
    let invoked = invoke_each(session, names, config, progress).await;
    invoked.map_err(halfway("every region has the new version, and every service its records and its state"))?;
    Ok(deployment)
}

fn halfway<E: Into<DeployError>>(done: &'static str) -> impl FnOnce(E) -> DeployError {
    move |source| DeployError::Halfway { done, source: Box::new(source.into()) }
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

/// Puts an object into a region's artifact bucket, unless what is named by its content is there already.
async fn put_once(
    session: &Session,
    names: &Names,
    region: &RegionName,
    key: String,
    body: Bytes,
) -> Result<(), AwsError> {
    let (s3, bucket) = (session.s3(region), names.artifacts(region));
    if s3.head_object().bucket(&bucket).key(&key).send().await.is_err() {
        let put = s3.put_object().bucket(bucket).key(key).body(body.into());
        put.send().await.map_err(failed("PutObject"))?;
    }
    Ok(())
}

/// Starts each function once: a function that can't read its configuration says so now, not at 3 a.m.
async fn invoke_each(
    session: &Session,
    names: &Names,
    config: &Config,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(), DeployError> {
    let checker = names.checker();
    let failover = names.failover();
    let all = config.observers.iter().map(|region| (region, &checker)).chain([(&config.control_region, &failover)]);
    let answers = join_all(all.map(|(region, function)| async move {
        invoke(session, region, function, br#"{"once":true}"#).await?;
        progress(Progress::Invoked { region: region.clone(), function: function.clone() });
        Ok::<_, DeployError>(())
    }));
    answers.await.into_iter().collect()
}

/// Invokes a function and waits for its answer.
pub async fn invoke(
    session: &Session,
    region: &RegionName,
    function: &str,
    payload: &[u8],
) -> Result<Vec<u8>, DeployError> {
    let answer = session
        .lambda(region)
        .invoke()
        .function_name(function)
        .payload(payload.to_vec().into())
        .send()
        .await
        .map_err(failed("Invoke"))?;
    let body = answer.payload.map(aws_sdk_lambda::primitives::Blob::into_inner).unwrap_or_default();
    match answer.function_error {
        None => Ok(body),
        Some(_) => Err(DeployError::Function {
            function: function.to_owned(),
            region: region.clone(),
            why: String::from_utf8_lossy(&body).into_owned(),
        }),
    }
}

/// Starts a function and does not wait for its answer, as a schedule does.
pub async fn start(session: &Session, region: &RegionName, function: &str, payload: &[u8]) -> Result<(), AwsError> {
    session
        .lambda(region)
        .invoke()
        .function_name(function)
        .invocation_type(aws_sdk_lambda::types::InvocationType::Event)
        .payload(payload.to_vec().into())
        .send()
        .await
        .map_err(failed("Invoke"))?;
    Ok(())
}
