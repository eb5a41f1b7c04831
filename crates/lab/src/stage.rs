//! The lab set up: emulated AWS, a Route 53 that answers, the regions of every scenario, and the stack deployed into it.

mod play;
mod schedule;

use std::{
    collections::BTreeSet,
    fs, io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    panic,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use aws::{
    AwsError, Code, DeployError, Destroy, Names, Release, Schedule, Session, SessionOptions, Switch, SwitchError,
};
use domain::{Config, ConfigError, DnsName, ObserverName, Period, RegionName, Service};

use crate::{
    dns::{DnsError, NameServers},
    emulator::{self, Choice, Embedded, Emulator, EmulatorError},
    health::{HealthCheckers, Pace},
    hosted::{Delays, Route53},
    package::{self, Artifacts, Origin, PackageError, Source},
    processes::Marker,
    proxy::{Proxy, ProxyError},
    region::{RegionError, free_port},
    tls::{CA_FILE, TlsError},
};
pub use play::Play;
use scenario::{Injection, Scenario, Shape};
use schedule::Player;

/// The zone that every service is in.
const ZONE: &str = "pointsman.test";
/// Serves nothing, so that leaving any serving region never needs it.
const CONTROL_REGION: &str = "ca-central-1";
/// Name servers of the zone, each on an address of its own.
const NAME_SERVERS: u8 = 4;
/// An emulator that runs already answers at once.
const RUNNING_WITHIN: Duration = Duration::from_secs(5);

/// Why there is no lab.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// Scenarios side by side share a lab.
    #[error("scenarios side by side need the same {what}: `{one}` has {ones}, `{other}` has {others}")]
    Differ {
        /// Of what.
        what: &'static str,
        /// The first scenario.
        one: String,
        /// What it has.
        ones: String,
        /// Another.
        other: String,
        /// What that has.
        others: String,
    },
    /// A scenario's name becomes a label of its service's name.
    #[error("scenarios side by side need names that are DNS labels: `{name}`: {source}")]
    Name {
        /// The scenario's.
        name: String,
        /// What is wrong with it.
        source: domain::NameError,
    },
    /// There is nothing to play.
    #[error("a lab needs a scenario")]
    NoScenario,
    /// A folder can't be made or written.
    #[error("failed to write {}: {source}", .path.display())]
    Folder {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No port is free.
    #[error("failed to find a free port on loopback: {0}")]
    Port(#[source] io::Error),
    /// A region does not serve.
    #[error(transparent)]
    Region(#[from] RegionError),
    /// There are no certificates for the regions.
    #[error(transparent)]
    Tls(#[from] TlsError),
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
    /// The emulator, an embedded one.
    Emulator(emulator::Kind, emulator::Progress),
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
    /// Played side by side, each a service of its own; at least one.
    pub scenarios: Vec<Scenario>,
    /// What stands in for AWS.
    pub emulator: Choice,
    /// Where the functions come from.
    pub source: Source,
    /// Git-ignored, kept between runs: `.pointsman`.
    pub folder: PathBuf,
    /// `pointsman` itself, which runs each region in a process of its own.
    pub program: PathBuf,
}

/// A running lab. Dropped, everything that it started ends.
pub struct Stage {
    /// The configuration as deployed: scaled, with the lab's exemption.
    pub config: Config,
    /// The same as a file, for the command line.
    pub config_file: PathBuf,
    /// The text of that file.
    pub config_text: String,
    /// The certificate of the authority that the regions' certificates are from.
    pub ca: PathBuf,
    /// A service and its regions for each scenario.
    pub plays: Vec<Play>,
    /// The lab's Route 53.
    pub route53: Arc<Route53>,
    /// The proxy: the one way into the emulated AWS.
    pub proxy: Proxy,
    /// The name servers.
    pub name_servers: NameServers,
    session: Session,
    names: Names,
    emulator: Emulator,
    _health: HealthCheckers,
    schedule: Player,
    marker: Marker,
    // Last, so that it is removed when all that writes into it has ended.
    _run: tempfile::TempDir,
}

impl Stage {
    /// Sets a lab up. Dropping the future ends what it had started.
    pub async fn up(options: &StageOptions, on: &(dyn Fn(Setup) + Send + Sync)) -> Result<Self, StageError> {
        let StageOptions { scenarios, emulator: choice, source, folder, program } = options;
        let first = shared(scenarios)?;
        let run = run_folder(folder)?;
        let route53 = Route53::new(Delays {
            propagation: first.propagation.scaled(first.speed).0,
            status: first.r29.scaled(first.speed).0,
            second: Period::seconds(1).scaled(first.speed).0,
        });
        let name_servers = NameServers::start(Arc::clone(&route53), &name_server_addresses(), 0, first.seed).await?;
        let servers = name_servers.addresses();
        let health = HealthCheckers::start(Arc::clone(&route53), Pace { speed: first.speed, seed: first.seed });
        let marker = Marker::fresh();
        let tls = run.path().join("tls");
        fs::create_dir(&tls).map_err(|source| StageError::Folder { path: tls.clone(), source })?;
        let plays = play::start(scenarios, ZONE, &play::Processes { program, tls: &tls, marker: &marker }).await?;
        // What is wrong with it is told before anything slow; the zone's id, not known yet, changes nothing about that.
        Config::parse("pointsman.toml", &play::config_text(&plays, "Z0", CONTROL_REGION, servers, Vec::new()))?;

        let upstream = match choice {
            Choice::Embedded(_) => {
                let free = free_port(&[IpAddr::V4(Ipv4Addr::LOCALHOST)]).map_err(StageError::Port)?;
                SocketAddr::from((Ipv4Addr::LOCALHOST, free))
            }
            Choice::Running(url) => emulator::address(url).await?,
        };
        let ca = tls.join(CA_FILE);
        let proxy = Proxy::start(upstream, Arc::clone(&route53)).await?;
        let functions = vec![
            ("AWS_ENDPOINT_URL".to_owned(), proxy.endpoint()),
            // Their probes trust the lab's certificates, and nothing else is spoken to by TLS.
            ("SSL_CERT_FILE".to_owned(), ca.display().to_string()),
        ];
        // Side by side: one waits for the network, the other for the compiler.
        let (emulator, artifacts) = tokio::try_join!(
            async {
                let started = match choice {
                    Choice::Embedded(kind) => {
                        let settings = Embedded {
                            kind: *kind,
                            folder,
                            run: run.path(),
                            marker: marker.clone(),
                            functions: functions.clone(),
                            port: Some(upstream.port()),
                        };
                        Emulator::start(&settings, &|progress| on(Setup::Emulator(*kind, progress))).await
                    }
                    Choice::Running(url) => Emulator::running(url, RUNNING_WITHIN).await,
                };
                Ok::<_, StageError>(started?)
            },
            async { Ok(package::locate(source, &|line| on(Setup::Build(line.to_owned()))).await?) },
        )?;
        on(Setup::Functions(artifacts.origin.clone()));

        let session = Session::load(SessionOptions {
            profile: None,
            region: Some(CONTROL_REGION.to_owned()),
            endpoint_url: Some(proxy.endpoint()),
            caller: None,
        })
        .await
        .with_test_credentials();
        let switch = Switch::new(&session, first.speed);
        let zone: DnsName = ZONE.parse().expect("the lab's zone is a DNS name");
        let zone = switch.create_zone(&zone, &marker.to_string()).await?;
        let endpoints: Vec<_> = plays.iter().flat_map(Play::endpoints).collect();
        switch.change(&zone, &endpoints, "pointsman lab").await?;
        let environment = environment(choice, &functions, &marker);
        let config_text = play::config_text(&plays, zone.as_str(), CONTROL_REGION, servers, environment);
        let config_file = run.path().join("pointsman.toml");
        fs::write(&config_file, &config_text)
            .map_err(|source| StageError::Folder { path: config_file.clone(), source })?;
        let config = Config::parse(&config_file.display().to_string(), &config_text)?;
        let names = Names::new(config.stack.clone(), session.account(&config.control_region).await?);
        let release = release(&artifacts)?;
        if let Choice::Running(_) = choice {
            // What an interrupted lab has left there would be taken for this one's.
            aws::destroy(&session, &names, &config, Destroy::DeleteState, &|progress| on(Setup::Deploy(progress)))
                .await?;
        }
        aws::deploy(&session, &names, &config, &release, None, &|progress| on(Setup::Deploy(progress))).await?;
        let schedule = match Schedule::of(&config) {
            Schedule::Lab => Player::play(&session, &names, &config),
            Schedule::EventBridge => Player::silent(),
        };
        Ok(Self {
            config,
            config_file,
            config_text,
            ca,
            plays,
            route53,
            proxy,
            name_servers,
            session,
            names,
            emulator,
            _health: health,
            schedule,
            marker,
            _run: run,
        })
    }

    /// The service of a play.
    #[must_use]
    pub fn service(&self, play: &Play) -> &Service {
        self.config.service(&play.name).expect("the configuration was made from the plays")
    }

    /// What stands in for AWS, with its version.
    #[must_use]
    pub fn emulator(&self) -> String {
        self.emulator.name()
    }

    /// How the lab's AWS is reached.
    #[must_use]
    pub fn session(&self) -> (&Session, &Names) {
        (&self.session, &self.names)
    }

    /// Kills these observers; they are not started again while some service has them among its lost ones.
    pub fn lose(&self, service: &DnsName, observers: &BTreeSet<ObserverName>) {
        self.schedule.leave_out(service, observers);
        for observer in observers {
            let region = RegionName::from(observer);
            self.marker.kill(&[("AWS_REGION", region.as_str()), ("AWS_LAMBDA_FUNCTION_NAME", &self.names.checker())]);
        }
    }

    /// Kills the failover function where it runs. Whoever starts it again calls the control region.
    pub fn kill_failover(&self) {
        let region = self.config.control_region.as_str();
        self.marker.kill(&[("AWS_REGION", region), ("AWS_LAMBDA_FUNCTION_NAME", &self.names.failover())]);
    }

    /// Ends it, and waits until every process is gone.
    pub async fn down(self) -> Result<(), StageError> {
        drop(self.schedule);
        if self.emulator.outlives_the_lab() {
            aws::destroy(&self.session, &self.names, &self.config, Destroy::DeleteState, &|_| ()).await?;
        }
        self.emulator.stop().await?;
        for play in self.plays {
            play.stop().await;
        }
        Ok(())
    }
}

/// What the deployment has to put into the functions' environment: an emulator that runs already can't be told to.
fn environment(choice: &Choice, functions: &[(String, String)], marker: &Marker) -> Vec<(String, String)> {
    match choice {
        Choice::Embedded(_) => Vec::new(),
        Choice::Running(_) => {
            let (name, value) = marker.variable();
            functions.iter().cloned().chain([(name.to_owned(), value.to_owned())]).collect()
        }
    }
}

/// The first scenario, once all share what a lab has one of.
fn shared(scenarios: &[Scenario]) -> Result<&Scenario, StageError> {
    let first = scenarios.first().ok_or(StageError::NoScenario)?;
    let words = |it: &Scenario| {
        let observers: Vec<_> = it.observers.iter().map(RegionName::as_str).collect();
        [
            // AWS fails for the whole lab, so that one scenario's rules would be everybody's.
            ("[[aws]] rules", rules(it)),
            ("speed", it.speed.to_string()),
            ("propagation", it.propagation.to_string()),
            ("r29", it.r29.to_string()),
            ("observers", observers.join(", ")),
        ]
    };
    for other in scenarios {
        for ((what, ones), (_, others)) in words(first).into_iter().zip(words(other)) {
            if ones != others {
                let (one, other) = (first.name.clone(), other.name.clone());
                return Err(StageError::Differ { what, one, ones, other, others });
            }
        }
    }
    Ok(first)
}

/// By what AWS fails in a scenario, and when.
fn rules(scenario: &Scenario) -> String {
    let one = |fault: &Injection| {
        let Injection { what, shape, begins, ends, .. } = fault;
        let when = if *shape == Shape::Constant { String::new() } else { format!(", {shape:?}") };
        format!("`{what}` from {begins} to {ends}{when}")
    };
    let all: Vec<_> = scenario.aws_faults().map(one).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}

/// What is deployed of both functions.
pub fn release(artifacts: &Artifacts) -> Result<Release, PackageError> {
    let code = |binary: &package::Binary| {
        let zip = binary.zip()?;
        Ok(Code { zip: zip.bytes.into(), sha256: zip.sha256 })
    };
    // Packing is most of what a deployment that changes nothing takes.
    let (checker, failover) = thread::scope(|scope| {
        let checker = scope.spawn(|| code(&artifacts.checker));
        let failover = code(&artifacts.failover);
        (checker.join().unwrap_or_else(|panic| panic::resume_unwind(panic)), failover)
    });
    Ok(Release {
        checker: checker?,
        failover: failover?,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_fails_for_the_whole_lab() {
        let [gone, other] = ["control-plane-down", "region-outage"].map(|name| scenario::catalog::find(name).unwrap());
        let told = shared(&[gone.clone(), other]).unwrap_err().to_string();
        let wanted = "scenarios side by side need the same [[aws]] rules: `control-plane-down` has `Route 53's control plane: \
                      unreachable, while answers and checks go on` from 9s to 1m14s, `region-outage` has none";
        assert_eq!(told, wanted);
        let same = Scenario { name: "another".to_owned(), ..gone.clone() };
        assert_eq!(shared(&[gone, same]).unwrap().name, "control-plane-down");
    }
}
