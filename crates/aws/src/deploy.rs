//! Puts a deployment into an account: checks, artifacts, functions, records, state.

mod code;
mod records;

use bytes::Bytes;
use decision::RecordsError;
use domain::{Config, Deployment, DnsName, RegionName, sha256_hex};
use futures::future::{join_all, try_join_all};

use crate::{
    Session,
    dns::DnsError,
    error::{AwsError, failed},
    names::Names,
    stacks::{Applied, ResourceEvent, StackError, Stacks},
    store::{Store, StoreError},
    switch::{Switch, SwitchError},
};

pub use code::deploy_code;
pub use records::Records;

const ARTIFACTS: &str = include_str!("../../../infra/artifacts.yaml");
const OBSERVER: &str = include_str!("../../../infra/observer.yaml");
const CONTROL: &str = include_str!("../../../infra/control.yaml");

/// Why a deployment is not whole. Running it again goes on from where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// AWS refused or is away.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// A stack failed.
    #[error(transparent)]
    Stack(#[from] StackError),
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

/// A function's template, with what a lab adds to its environment.
fn template(template: &str, config: &Config) -> String {
    const VARIABLES: &str = "        Variables:\n";
    // A JSON string is a YAML string too.
    let line = |(name, value): (&String, &String)| format!("          {name}: {}\n", serde_json::json!(value));
    let added = config.lab.iter().flat_map(|lab| lab.environment.iter().map(line));
    let variables: String = [VARIABLES.to_owned()].into_iter().chain(added).collect();
    template.replace(VARIABLES, &variables)
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

/// Deploys `config`. What is as it should be stays untouched.
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
    let checks = switch.ensure_checks(config).await?;
    progress(Progress::Checks(checks.values().map(|checks| checks.own.len() + 1).sum()));
    let deployment = Deployment { config: config.clone(), checks };

    let artifacts = Artifacts::of(&deployment, release);
    try_join_all(regions(config).map(|region| {
        let artifacts = &artifacts;
        async move { artifacts.put(session, names, config, region, progress).await }
    }))
    .await?;
    let control = async { control_stack(session, names, config, release, &artifacts, progress).await };
    let observers = try_join_all(config.observers.iter().map(|region| {
        let artifacts = &artifacts;
        async move { observer_stack(session, names, config, region, release, artifacts, progress).await }
    }));
    tokio::try_join!(control, observers)?;

    let store = Store::new(session, names, &config.control_region);
    for service in &config.services {
        let found = records::ensure(&switch, &store, &deployment, service, &zones[&service.hosted_zone]).await?;
        progress(Progress::Records { service: service.name.clone(), found });
    }
    invoke_each(session, names, config, progress).await?;
    Ok(deployment)
}

fn regions(config: &Config) -> impl Iterator<Item = &RegionName> {
    let control = Some(&config.control_region).filter(|control| !config.observers.contains(control));
    config.observers.iter().chain(control)
}

/// What lies in each region's artifact bucket, by content hash.
struct Artifacts<'a> {
    config: Bytes,
    config_key: String,
    release: &'a Release,
}

impl<'a> Artifacts<'a> {
    fn of(deployment: &Deployment, release: &'a Release) -> Self {
        let config = serde_json::to_vec(deployment).expect("a deployment is plain data");
        let config_key = format!("config/{}.json", &sha256_hex(&config)[..32]);
        Self { config: config.into(), config_key, release }
    }

    fn checker_key(&self) -> String {
        self.release.checker.key("checker")
    }

    fn failover_key(&self) -> String {
        self.release.failover.key("failover")
    }

    /// Each region gets what runs there.
    async fn put(
        &self,
        session: &Session,
        names: &Names,
        config: &Config,
        region: &RegionName,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(), DeployError> {
        let stack = names.stack("artifacts");
        let watch = |event| progress(Progress::Resource(event));
        let stacks = Stacks::new(session, region, &watch);
        let applied = stacks.apply(&stack, ARTIFACTS, &[("Stack", names.bus())]).await?;
        progress(Progress::Stack { region: region.clone(), stack, applied });
        let put = |key, body| put_once(session, names, region, key, body);
        put(self.config_key.clone(), self.config.clone()).await?;
        if config.observers.contains(region) {
            put(self.checker_key(), self.release.checker.zip.clone()).await?;
        }
        if config.control_region == *region {
            put(self.failover_key(), self.release.failover.zip.clone()).await?;
        }
        Ok(())
    }
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

async fn observer_stack(
    session: &Session,
    names: &Names,
    config: &Config,
    region: &RegionName,
    release: &Release,
    artifacts: &Artifacts<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(), DeployError> {
    let stack = names.stack("observer");
    let watch = |event| progress(Progress::Resource(event));
    let parameters = [
        ("Stack", names.bus()),
        ("ControlRegion", config.control_region.to_string()),
        ("CodeKey", artifacts.checker_key()),
        ("ConfigKey", artifacts.config_key.clone()),
        ("Architecture", release.architecture.as_str().to_owned()),
        ("Schedule", Schedule::of(config).as_str().to_owned()),
    ];
    let applied = Stacks::new(session, region, &watch).apply(&stack, &template(OBSERVER, config), &parameters).await?;
    progress(Progress::Stack { region: region.clone(), stack, applied });
    Ok(())
}

async fn control_stack(
    session: &Session,
    names: &Names,
    config: &Config,
    release: &Release,
    artifacts: &Artifacts<'_>,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(), DeployError> {
    let stack = names.stack("control");
    let region = &config.control_region;
    let watch = |event| progress(Progress::Resource(event));
    let mut zones: Vec<_> =
        config.services.iter().map(|s| format!("arn:aws:route53:::hostedzone/{}", s.hosted_zone)).collect();
    zones.sort();
    zones.dedup();
    let records: Vec<_> = config
        .services
        .iter()
        .flat_map(decision::names)
        .map(|name| name.to_api().trim_end_matches('.').to_owned())
        .collect();
    let parameters = [
        ("Stack", names.bus()),
        ("CodeKey", artifacts.failover_key()),
        ("ConfigKey", artifacts.config_key.clone()),
        ("HostedZones", zones.join(",")),
        ("RecordNames", records.join(",")),
        ("Architecture", release.architecture.as_str().to_owned()),
        ("Schedule", Schedule::of(config).as_str().to_owned()),
        ("StateBucket", state_bucket(session, names, region).await?.to_owned()),
    ];
    let applied = Stacks::new(session, region, &watch).apply(&stack, &template(CONTROL, config), &parameters).await?;
    progress(Progress::Stack { region: region.clone(), stack, applied });
    Ok(())
}

/// A state bucket that an earlier deployment left behind is taken over, not made again.
async fn state_bucket(session: &Session, names: &Names, region: &RegionName) -> Result<&'static str, DeployError> {
    let bucket = names.state(region);
    let exists = session.s3(region).head_bucket().bucket(&bucket).send().await.is_ok();
    let watch = |_| ();
    let owned = Stacks::new(session, region, &watch).owns(&names.stack("control"), "State").await?;
    Ok(if exists && !owned { "existing" } else { "create" })
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
