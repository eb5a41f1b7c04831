//! The lab set up: emulated AWS, a Route 53 that answers, regions, and the stack deployed into it.

use std::{
    collections::BTreeMap,
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use aws::{AwsError, Code, DeployError, Names, Release, Schedule, Session, SessionOptions, Switch, SwitchError};
use domain::{Config, ConfigError, Deployment, DnsName, RegionName, Service};
use route53::{Action, Change, RecordSet, RecordType, Routing, Target};
use tokio_util::task::AbortOnDropHandle;

use crate::{
    dns::{DnsError, NameServers},
    emulator::{self, Emulator, EmulatorError, Ministack},
    health::{HealthCheckers, Pace},
    hosted::{Delays, Route53},
    package::{self, Artifacts, Origin, PackageError, Source},
    processes::Marker,
    proxy::{Proxy, ProxyError},
    region::{Region, free_port},
    scenario::Scenario,
};

/// The name that users of the rehearsed service reach.
const SERVICE: &str = "api.pointsman.test";
/// The zone that it is in.
const ZONE: &str = "pointsman.test";
/// Serves nothing, so that leaving any serving region never needs it.
const CONTROL_REGION: &str = "ca-central-1";
/// Apart from the regions that serve, and from each other.
const OBSERVERS: [&str; 3] = ["us-west-2", "eu-central-1", "ap-southeast-2"];
/// Name servers of the zone, each on an address of its own.
const NAME_SERVERS: u8 = 4;

/// Why there is no lab.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// A folder can't be made or written.
    #[error("failed to write {}: {source}", .path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A region can't listen.
    #[error("failed to start the region servers: {0}")]
    Regions(#[source] io::Error),
    /// The name servers can't listen.
    #[error(transparent)]
    Dns(#[from] DnsError),
    /// The proxy can't listen.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The emulator does not run.
    #[error(transparent)]
    Emulator(#[from] EmulatorError),
    /// The functions can't be had.
    #[error(transparent)]
    Package(#[from] PackageError),
    /// The scenario's policy or probes are wrong.
    #[error("the scenario's policy or probes make no configuration: {0}")]
    Config(#[from] ConfigError),
    /// The emulator refused.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The zone can't be filled.
    #[error(transparent)]
    Switch(#[from] SwitchError),
    /// The stack can't be deployed.
    #[error(transparent)]
    Deploy(#[from] DeployError),
}

/// What is going on while a lab is set up.
#[derive(Debug, Clone)]
pub enum Setup {
    /// The emulator.
    Emulator(emulator::Progress),
    /// A line of cargo's.
    Build(String),
    /// Where the functions came from.
    Functions(Origin),
    /// The stack.
    Deploy(aws::Progress),
}

/// What a lab is made from.
#[derive(Debug, Clone)]
pub struct StageOptions {
    /// The scenario: regions, policy, probes, delays.
    pub scenario: Scenario,
    /// Where the functions come from.
    pub source: Source,
    /// Git-ignored, kept between runs: `.pointsman`.
    pub folder: PathBuf,
}

/// A running lab. Dropped, everything that it started ends.
pub struct Stage {
    /// The configuration as deployed: scaled, with the lab's exemption.
    pub config: Config,
    /// The same as a file, for the command line.
    pub config_file: PathBuf,
    /// The regions.
    pub regions: BTreeMap<RegionName, Region>,
    /// The proxy: the one way into the emulated AWS.
    pub proxy: Proxy,
    /// The name servers.
    pub name_servers: NameServers,
    session: Session,
    names: Names,
    emulator: Emulator,
    _health: HealthCheckers,
    schedule: Option<AbortOnDropHandle<()>>,
    // Last, so that it is removed when all that writes into it has ended.
    _run: tempfile::TempDir,
}

impl Stage {
    /// Sets a lab up. Dropping the future ends what it had started.
    pub async fn up(options: &StageOptions, on: &(dyn Fn(Setup) + Send + Sync)) -> Result<Self, StageError> {
        let StageOptions { scenario, source, folder } = options;
        let run = run_folder(folder)?;
        let speed = scenario.speed;
        let route53 = Route53::new(Delays {
            propagation: scenario.propagation.scaled(speed).0,
            status: scenario.r29.scaled(speed).0,
        });
        let name_servers = NameServers::start(Arc::clone(&route53), &name_server_addresses(), 0, scenario.seed).await?;
        let health = HealthCheckers::start(Arc::clone(&route53), Pace { speed, seed: scenario.seed });
        let regions = start_regions(scenario).await?;
        // What is wrong with it is told before anything slow; the zone's id, not known yet, changes nothing about that.
        Config::parse("pointsman.toml", &config_text(scenario, "Z0", &regions, name_servers.addresses()))?;

        let upstream = SocketAddr::from((
            Ipv4Addr::LOCALHOST,
            free_port(&[IpAddr::V4(Ipv4Addr::LOCALHOST)]).map_err(StageError::Regions)?,
        ));
        let proxy = Proxy::start(upstream, Arc::clone(&route53)).await?;
        let settings = Ministack {
            folder,
            run: run.path(),
            marker: Marker::fresh(),
            environment: vec![("AWS_ENDPOINT_URL".to_owned(), proxy.endpoint())],
            port: Some(upstream.port()),
        };
        // Side by side: one waits for the network, the other for the compiler.
        let (emulator, artifacts) = tokio::try_join!(
            async {
                Ok::<_, StageError>(Emulator::ministack(&settings, &|progress| on(Setup::Emulator(progress))).await?)
            },
            async { Ok(package::locate(source, &|line| on(Setup::Build(line.to_owned()))).await?) },
        )?;
        on(Setup::Functions(artifacts.origin.clone()));

        let session = Session::load(SessionOptions {
            profile: None,
            region: Some(CONTROL_REGION.to_owned()),
            endpoint_url: Some(proxy.endpoint()),
        })
        .await
        .with_test_credentials();
        let (config, config_file) =
            Self::zone_and_config(scenario, &session, &regions, name_servers.addresses(), run.path()).await?;
        let names = Names::new(config.stack.clone(), session.account(&config.control_region).await?);
        let deployment =
            aws::deploy(&session, &names, &config, &release(&artifacts)?, &|progress| on(Setup::Deploy(progress)))
                .await?;
        let schedule = (Schedule::of(&config) == Schedule::Lab).then(|| play_schedule(&session, &names, &deployment));
        Ok(Self {
            config,
            config_file,
            regions,
            proxy,
            name_servers,
            session,
            names,
            emulator,
            _health: health,
            schedule,
            _run: run,
        })
    }

    async fn zone_and_config(
        scenario: &Scenario,
        session: &Session,
        regions: &BTreeMap<RegionName, Region>,
        name_servers: &[SocketAddr],
        run: &Path,
    ) -> Result<(Config, PathBuf), StageError> {
        let switch = Switch::new(session);
        let zone: DnsName = ZONE.parse().expect("the lab's zone is a DNS name");
        let zone = switch.create_zone(&zone, "pointsman-lab").await?;
        let endpoints: Vec<_> = regions
            .iter()
            .map(|(name, region)| Change { action: Action::Create, set: endpoint(name, region) })
            .collect();
        switch.change(&zone, &endpoints, "pointsman lab").await?;
        let text = config_text(scenario, zone.as_str(), regions, name_servers);
        let file = run.join("pointsman.toml");
        fs::write(&file, &text).map_err(|source| StageError::Folder { path: file.clone(), source })?;
        Ok((Config::parse(&file.display().to_string(), &text)?, file))
    }

    /// The one service of a lab.
    #[must_use]
    pub fn service(&self) -> &Service {
        &self.config.services[0]
    }

    /// How the lab's AWS is reached.
    #[must_use]
    pub fn session(&self) -> (&Session, &Names) {
        (&self.session, &self.names)
    }

    /// Ends it, and waits until every process is gone.
    pub async fn down(self) -> Result<(), StageError> {
        drop(self.schedule);
        self.emulator.stop().await?;
        for (_, region) in self.regions {
            region.stop().await;
        }
        Ok(())
    }
}

/// What is deployed of both functions.
pub fn release(artifacts: &Artifacts) -> Result<Release, PackageError> {
    let code = |binary: &package::Binary| {
        let zip = binary.zip()?;
        Ok(Code { zip: zip.bytes.into(), sha256: zip.sha256 })
    };
    Ok(Release {
        checker: code(&artifacts.checker)?,
        failover: code(&artifacts.failover)?,
        architecture: match artifacts.checker.architecture() {
            package::Architecture::Arm64 => aws::Architecture::Arm64,
            package::Architecture::X86_64 => aws::Architecture::X86_64,
        },
    })
}

fn run_folder(folder: &Path) -> Result<tempfile::TempDir, StageError> {
    let path = folder.join("run");
    let made = fs::create_dir_all(&path)
        .and_then(|()| path.canonicalize())
        .and_then(|path| tempfile::Builder::new().prefix("lab-").tempdir_in(path));
    made.map_err(|source| StageError::Folder { path, source })
}

fn name_server_addresses() -> Vec<IpAddr> {
    (1..=NAME_SERVERS).map(|last| IpAddr::from([127, 0, 53, last])).collect()
}

async fn start_regions(scenario: &Scenario) -> Result<BTreeMap<RegionName, Region>, StageError> {
    let addresses: Vec<_> = (1..=scenario.regions.len())
        .map(|place| IpAddr::from([127, 0, u8::try_from(place).unwrap_or(u8::MAX), 1]))
        .collect();
    // A records carry no port, so all regions listen on the same one.
    let port = free_port(&addresses).map_err(StageError::Regions)?;
    let mut regions = BTreeMap::new();
    for (place, (name, address)) in scenario.regions.iter().zip(addresses).enumerate() {
        let seed = scenario.seed.wrapping_add(place as u64);
        let region =
            Region::start(name.clone(), SocketAddr::new(address, port), seed).await.map_err(StageError::Regions)?;
        regions.insert(name.clone(), region);
    }
    Ok(regions)
}

/// A region's own name, by which it is probed.
fn endpoint_name(region: &RegionName) -> String {
    format!("{region}.{SERVICE}")
}

fn endpoint(name: &RegionName, region: &Region) -> RecordSet {
    RecordSet {
        name: endpoint_name(name).parse().expect("a region's label below the service is a name"),
        kind: RecordType::A,
        routing: Routing::Simple,
        target: Target::Values { ttl: 1, values: vec![region.address().ip().to_string()] },
        health_check: None,
    }
}

/// `pointsman.toml` as the scenario has it, in life's time; the exemption scales it.
fn config_text(
    scenario: &Scenario,
    zone: &str,
    regions: &BTreeMap<RegionName, Region>,
    name_servers: &[SocketAddr],
) -> String {
    use toml::{Table, Value};
    let table = |entries: Vec<(&str, Value)>| -> Table {
        entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    };
    let strings = |texts: Vec<String>| Value::Array(texts.into_iter().map(Value::String).collect());
    let port = regions.values().next().map_or(0, |region| region.address().port());
    let places = scenario.regions.iter().filter_map(|name| {
        let region = regions.get(name)?;
        Some(Value::Table(table(vec![
            ("name", name.to_string().into()),
            ("a", strings(vec![region.address().ip().to_string()])),
            ("endpoint", endpoint_name(name).into()),
        ])))
    });
    let probes = scenario.probes.iter().map(|probe| {
        let mut probe = probe.clone();
        if probe.get("kind").and_then(Value::as_str) != Some("dns") {
            probe.entry("port").or_insert(i64::from(port).into());
        }
        Value::Table(probe)
    });
    let service = table(vec![
        ("name", SERVICE.into()),
        ("hosted_zone", zone.into()),
        ("ttl", scenario.ttl.to_string().into()),
        ("policy", Value::Table(scenario.policy.clone())),
        ("region", Value::Array(places.collect())),
        ("probe", Value::Array(probes.collect())),
    ]);
    let config = table(vec![
        ("control_region", CONTROL_REGION.into()),
        ("observers", strings(OBSERVERS.map(str::to_owned).to_vec())),
        ("service", Value::Array(vec![Value::Table(service)])),
        (
            "lab",
            Value::Table(table(vec![
                ("speed", scenario.speed.into()),
                ("name_servers", strings(name_servers.iter().map(ToString::to_string).collect())),
            ])),
        ),
    ]);
    toml::to_string(&config).expect("tables of plain values are TOML")
}

/// Starts every function at the scaled minute, as EventBridge does at the real one.
fn play_schedule(session: &Session, names: &Names, deployment: &Deployment) -> AbortOnDropHandle<()> {
    let (session, names, config) = (session.clone(), names.clone(), deployment.config.clone());
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut minute = tokio::time::interval(config.minute.0.max(Duration::from_millis(100)));
        loop {
            minute.tick().await;
            let checkers = config.observers.iter().map(|region| (region, names.checker()));
            let all = checkers.chain([(&config.control_region, names.failover())]);
            let started = all.map(|(region, function)| {
                let session = &session;
                async move {
                    if let Err(error) = aws::start(session, region, &function, b"{}").await {
                        tracing::warn!(%region, function, %error, "the schedule could not start a function");
                    }
                }
            });
            futures::future::join_all(started).await;
        }
    }))
}
