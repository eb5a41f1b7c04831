//! A world: a service as `pointsman.toml` would have it, who uses it, and what befalls it.

use domain::{Config, ConfigError, Endpoint, ProbeKind, Scheme, Service};
use scenario::{Must, Scenario, Targets};
use toml::{Table, Value};

use crate::{
    course::{Conditions, Course, Duty, MOST, Turn, ms},
    network::{Ask, Kind, Tls},
};

/// Where every region listens; nobody connects.
const PORT: i64 = 80;

/// Why a scenario can't be simulated.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// The scenario's policy or probes are wrong.
    #[error("the policy or the probes of `{name}` make no configuration: {source}")]
    Config {
        /// The scenario.
        name: String,
        /// What is wrong.
        source: ConfigError,
    },
    /// More regions or observers than a simulated world has.
    #[error("`{0}` has more than {MOST} regions or observers, which a simulated world has not")]
    TooMany(String),
}

/// A probe of every region, as an observer makes it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Probing {
    pub(crate) ask: Ask,
    pub(crate) samples: u16,
    pub(crate) max_failed: f64,
    /// Milliseconds above which it is degraded.
    pub(crate) degraded_above: u64,
}

/// A service, its users, and what befalls it.
#[derive(Debug, Clone)]
pub struct World {
    /// Names it.
    pub name: String,
    /// With one service.
    pub config: Config,
    /// What is wrong when.
    pub course: Course,
    /// Orders by hand: when, in milliseconds, and to which region.
    pub orders: Vec<(u64, usize)>,
    /// From Route 53's yes to a change until its servers answer by it; milliseconds.
    pub propagation: u64,
    /// From a check's change of status until the answers follow (R29); milliseconds.
    pub r29: u64,
    /// Clients, and how many of them ignore TTLs.
    pub clients: (usize, usize),
    /// Their patience; milliseconds.
    pub client_timeout: u64,
    /// They speak TLS.
    pub tls: bool,
    /// Records hold names: what befalls a region's name befalls its users and checkers.
    pub by_name: bool,
}

impl World {
    /// The world that a scenario describes, unscaled.
    pub fn of(scenario: &Scenario) -> Result<Self, SimulationError> {
        let mut scenario = scenario.clone();
        scenario.speed = 1.0;
        if scenario.regions.len() > MOST || scenario.observers.len() > MOST {
            return Err(SimulationError::TooMany(scenario.name));
        }
        let text = config_text(&scenario);
        let config = Config::parse(&scenario.name, &text)
            .map_err(|source| SimulationError::Config { name: scenario.name.clone(), source })?;
        let place = |region| scenario.regions.iter().position(|it| it == region).unwrap_or(0);
        let stale = scenario.load.stale.get() * f64::from(scenario.load.clients);
        let clients = usize::try_from(scenario.load.clients).unwrap_or(1).min(50);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small number")]
        let stale = (stale.round() as usize).min(clients);
        let orders = scenario.orders.iter().map(|order| match &order.command {
            scenario::Command::Failover(to) => (ms(order.at), place(to)),
            scenario::Command::Failback => (ms(order.at), 0),
        });
        Ok(Self {
            course: course(&scenario),
            orders: orders.collect(),
            propagation: ms(scenario.propagation),
            r29: ms(scenario.r29),
            clients: (clients, stale),
            client_timeout: ms(scenario.load.timeout),
            tls: scenario.load.tls,
            by_name: scenario.targets == Targets::Names,
            name: scenario.name,
            config,
        })
    }

    pub(crate) fn service(&self) -> &Service {
        &self.config.services[0]
    }

    /// What each observer asks of each region in a round.
    pub(crate) fn probing(&self) -> Vec<Probing> {
        let service = self.service();
        let limit = ms(service.policy.timeout);
        let by_name = service.regions.iter().any(|region| matches!(region.endpoint, Endpoint::Name(_)));
        let probing = |probe: &domain::Probe| {
            let (kind, samples, max_failed) = match &probe.kind {
                ProbeKind::Dns { .. } => (Kind::Dns, 1, 0.0),
                ProbeKind::Tcp { .. } => (Kind::Tcp, 1, 0.0),
                ProbeKind::Http(http) => {
                    let tls = if http.scheme == Scheme::Https { Tls::Valid } else { Tls::None };
                    let kind =
                        Kind::Http { tls, path: usize::from(http.path != "/health"), body: http.expect_body.is_some() };
                    (kind, http.samples, http.max_failed.get())
                }
            };
            let limits = [probe.degraded_above.total, probe.degraded_above.first_byte];
            let degraded_above = limits.into_iter().flatten().map(ms).min().unwrap_or(u64::MAX);
            Probing { ask: Ask { kind, by_name, limit }, samples, max_failed, degraded_above }
        };
        service.probes.iter().map(probing).collect()
    }

    /// What Route 53's checkers ask of a region, and how patient they are (R23).
    pub(crate) fn checking(&self) -> Ask {
        let check = &self.service().check;
        let (kind, limit) = match &check.path {
            None => (Kind::Tcp, 10_000),
            Some(path) => {
                let tls = if check.https { Tls::Any } else { Tls::None };
                (Kind::Http { tls, path: usize::from(path != "/health"), body: false }, 6_000)
            }
        };
        Ask { kind, by_name: self.by_name, limit }
    }
}

fn course(scenario: &Scenario) -> Course {
    let mut turns = vec![Turn { at: 0, conditions: Conditions::clear() }];
    turns.extend(
        scenario
            .turns()
            .iter()
            .map(|turn| Turn { at: ms(turn.at), conditions: Conditions::of(&turn.in_force, scenario) }),
    );
    let mut duties = Vec::new();
    for (place, truth) in scenario.truth.iter().enumerate() {
        let Must::LeaveWithin(within) = truth.must else { continue };
        let faults = scenario.faults.iter().filter(|fault| fault.what.region() == Some(&truth.region));
        for (number, fault) in faults.enumerate() {
            // A later fault of the same region is a duty where the scenario says so.
            let within = if number == 0 { Some(within) } else { fault.leave_within };
            let (from, until) = (ms(fault.begins), ms(fault.ends));
            duties.extend(within.map(|within| Duty { region: place, from, until, deadline: from + ms(within) }));
        }
    }
    Course { turns, duties, ends: ms(scenario.ends()) }
}

/// `pointsman.toml` as the scenario has it.
fn config_text(scenario: &Scenario) -> String {
    let names = |names: &[domain::RegionName]| Value::Array(names.iter().map(|name| name.to_string().into()).collect());
    let region = |(number, name): (usize, &domain::RegionName)| {
        let endpoint = format!("{name}.api.example.com");
        let target = match scenario.targets {
            // An alias answers with addresses too.
            Targets::Addresses | Targets::Aliases => {
                ("a", Value::Array(vec![format!("198.51.100.{}", number + 1).into()]))
            }
            Targets::Names => ("cname", endpoint.clone().into()),
        };
        Value::Table(table([("name", name.to_string().into()), target, ("endpoint", endpoint.into())]))
    };
    let probe = |probe: &Table| {
        let mut probe = probe.clone();
        if probe.get("kind").and_then(Value::as_str) != Some("dns") {
            probe.entry("port").or_insert(PORT.into());
        }
        Value::Table(probe)
    };
    let service = table([
        ("name", "api.example.com".into()),
        ("hosted_zone", "Z1".into()),
        ("ttl", scenario.ttl.to_string().into()),
        ("policy", Value::Table(scenario.policy.clone())),
        ("region", Value::Array(scenario.regions.iter().enumerate().map(region).collect())),
        ("probe", Value::Array(scenario.probes.iter().map(probe).collect())),
    ]);
    // Serves nothing, whatever the scenario's regions are called.
    let config = table([
        ("control_region", "control".into()),
        ("observers", names(&scenario.observers)),
        ("service", Value::Array(vec![Value::Table(service)])),
    ]);
    config.to_string()
}

fn table<const N: usize>(fields: [(&str, Value); N]) -> Table {
    fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
