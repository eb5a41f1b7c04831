//! What both functions do first: find out who they are and read their configuration.

use std::env;

use decision::{diff_checks, ids};
use domain::{Config, ConfigHash, Deployment, DnsName, RegionName};
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use crate::{Session, SessionOptions, error::AwsError, names::Names, stacks::Stacks, store::get, switch::Switch};

/// Why a function can't begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The template sets it; somebody removed it.
    #[error("environment variable {0} is not set, or is not what it should be")]
    Environment(&'static str),
    /// The configuration can't be fetched.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// There is none where the template says.
    #[error("there is no configuration at s3://{bucket}/{key}; `pointsman deploy` puts it there")]
    NoConfig {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
    },
    /// It is not this build's.
    #[error("the configuration at s3://{bucket}/{key} can't be read: {why}")]
    BadConfig {
        /// The bucket.
        bucket: String,
        /// The key.
        key: String,
        /// What the parser says.
        why: String,
    },
    /// There is no such deployment in the account.
    #[error("stack {stack} in {region} does not exist: nothing is deployed")]
    NotDeployed {
        /// The stack looked for.
        stack: String,
        /// Where.
        region: RegionName,
    },
    /// Route 53 has none of the checks that it wants.
    #[error("Route 53 does not have the health checks of {0}")]
    NoChecks(DnsName),
    /// The probes can't be set up.
    #[error(transparent)]
    Probe(#[from] probe::ProbeError),
}

/// A function's place: its region, its deployment and how to reach AWS.
#[derive(Debug, Clone)]
pub struct Function {
    /// How to reach AWS.
    pub session: Session,
    /// The region it runs in.
    pub region: RegionName,
    /// What is called how.
    pub names: Names,
    /// What it runs by.
    pub deployment: Deployment,
    /// Where the configuration lies in the region's artifact bucket; none: what is deployed could not be read.
    pub key: Option<String>,
    /// The hash that observations carry.
    pub hash: ConfigHash,
    /// Where people are told.
    pub topic: Option<String>,
}

impl Function {
    /// Reads the environment and the configuration in the region's artifact bucket.
    pub async fn load() -> Result<Self, StartError> {
        fn variable<T: std::str::FromStr>(name: &'static str) -> Result<T, StartError> {
            let value = env::var(name).ok().and_then(|value| value.parse().ok());
            value.ok_or(StartError::Environment(name))
        }
        let caller = env::var("AWS_LAMBDA_FUNCTION_NAME").ok();
        let session = Session::load(SessionOptions { caller, ..SessionOptions::default() }).await;
        let region: RegionName = variable("AWS_REGION")?;
        let names = Names::new(variable("POINTSMAN_STACK")?, variable("POINTSMAN_ACCOUNT")?);
        let key: String = variable("POINTSMAN_CONFIG")?;
        let topic = env::var("POINTSMAN_TOPIC").ok();
        Self::read(session, names, region, key, topic).await
    }

    /// What is deployed in an account, seen from outside: its stack tells.
    pub async fn deployed(session: &Session, names: &Names, control: &RegionName) -> Result<Self, StartError> {
        let watch = |_| ();
        let stack = names.stack("control");
        let found = Stacks::new(session, control, &watch).describe(&stack).await?;
        let Some(found) = found else {
            return Err(StartError::NotDeployed { stack, region: control.clone() });
        };
        let key = found.parameter("ConfigKey").unwrap_or_default();
        Self::read(session.clone(), names.clone(), control.clone(), key, found.output("Topic")).await
    }

    /// What a configuration describes, while what is deployed can't be read: the checks are those that Route 53 has for it.
    pub async fn by_zone(session: &Session, names: &Names, config: &Config) -> Result<Self, StartError> {
        let held = Switch::new(session, config.speed()).checks_held().await?;
        let checks = config.services.iter().map(|service| {
            let checks = diff_checks(&config.stack, service, &held);
            let missing = checks.iter().any(|check| check.held.is_none());
            if missing {
                Err(StartError::NoChecks(service.name.clone()))
            } else {
                Ok((service.name.clone(), ids(&checks)))
            }
        });
        Ok(Self {
            session: session.clone().at_speed(config.speed()),
            region: config.control_region.clone(),
            names: names.clone(),
            key: None,
            hash: config.hash(),
            topic: Some(names.topic(&config.control_region)),
            deployment: Deployment { checks: checks.collect::<Result<_, _>>()?, config: config.clone() },
        })
    }

    async fn read(
        session: Session,
        names: Names,
        region: RegionName,
        key: String,
        topic: Option<String>,
    ) -> Result<Self, StartError> {
        let bucket = names.artifacts(&region);
        let object = get(&session.s3(&region), &bucket, &key).await?;
        let Some(object) = object else {
            return Err(StartError::NoConfig { bucket, key });
        };
        let deployment: Deployment = serde_json::from_slice(&object.body).map_err(|error| StartError::BadConfig {
            bucket,
            key: key.clone(),
            why: error.to_string(),
        })?;
        let hash = deployment.config.hash();
        let session = session.at_speed(deployment.config.speed());
        Ok(Self { session, region, names, deployment, key: Some(key), hash, topic })
    }
}

/// Logs as JSON lines, as Lambda's log groups are searched: ours from `info` on, everybody's from `warn` on.
pub fn init_log() {
    let ours = ["aws", "checker", "decision", "failover", "probe"].map(|name| (name, LevelFilter::INFO));
    let targets = Targets::new().with_default(LevelFilter::WARN).with_targets(ours);
    let lines = tracing_subscriber::fmt::layer().json().with_writer(std::io::stdout);
    tracing_subscriber::registry().with(lines.with_filter(targets)).init();
}
