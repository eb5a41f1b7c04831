//! A scenario on stage: a service of its own name, and its regions.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::Path,
};

use domain::{DnsName, RegionName};
use futures::future::try_join_all;
use route53::{Action, Change, RecordSet, RecordType, Routing, Target};
use toml::{Table, Value};

use super::StageError;
use crate::{
    processes::Marker,
    region::{Region, Spawn, free_port},
    rival::Rival,
    tls::Authority,
};
use scenario::{Scenario, Targets};

/// The label of a scenario that has the lab to itself.
const ALONE: &str = "api";

/// A scenario's service and its regions.
#[derive(Debug)]
pub struct Play {
    /// What is played.
    pub scenario: Scenario,
    /// The service's name.
    pub name: DnsName,
    /// Its regions.
    pub regions: BTreeMap<RegionName, Region>,
}

impl Play {
    /// A region's own name, by which it is probed.
    #[must_use]
    pub fn endpoint(&self, region: &RegionName) -> DnsName {
        format!("{region}.{}", self.name).parse().expect("a region's label below a service is a name")
    }

    /// The name of a rival's service beside this one.
    #[must_use]
    pub fn beside(&self, rival: Rival) -> DnsName {
        format!("{rival}-{}", self.name).parse().expect("a longer first label is still one")
    }

    /// Every name that clients or probes ask a region for.
    fn names(&self) -> Vec<DnsName> {
        let rivals = [Rival::Native, Rival::Threshold].map(|rival| self.beside(rival));
        let endpoints = self.scenario.regions.iter().map(|region| self.endpoint(region));
        std::iter::once(self.name.clone()).chain(rivals).chain(endpoints).collect()
    }

    /// The port that all regions listen on, since A records carry none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.regions.values().next().map_or(0, |region| region.address().port())
    }

    /// What the regions' own names answer with.
    pub(super) fn endpoints(&self) -> Vec<Change> {
        // Where users are led through these names, a client keeps them as long as the service's own.
        let ttl = self.scenario.ttl.scaled(self.scenario.speed).0.as_secs_f64().round().max(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
        let ttl = ttl as u32;
        let endpoint = |(name, region): (&RegionName, &Region)| RecordSet {
            name: self.endpoint(name).as_str().parse().expect("a name is a name"),
            kind: RecordType::A,
            routing: Routing::Simple,
            target: Target::Values { ttl, values: vec![region.address().ip().to_string()] },
            health_check: None,
        };
        self.regions.iter().map(endpoint).map(|set| Change { action: Action::Create, set }).collect()
    }

    pub(super) async fn stop(self) {
        for (_, region) in self.regions {
            region.stop().await;
        }
    }
}

/// What the regions' processes are made from.
pub(super) struct Processes<'a> {
    pub(super) program: &'a Path,
    /// A folder for the certificates.
    pub(super) tls: &'a Path,
    pub(super) marker: &'a Marker,
}

/// Starts the regions of every scenario, each in a process of its own, all on one port.
pub(super) async fn start(
    scenarios: &[Scenario],
    zone: &str,
    processes: &Processes<'_>,
) -> Result<Vec<Play>, StageError> {
    let address = |play: usize, region: usize| {
        let part = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        IpAddr::from([127, part(play), part(region + 1), 1])
    };
    let places = |play: usize| (0..scenarios[play].regions.len()).map(move |region| address(play, region));
    let port = free_port(&(0..scenarios.len()).flat_map(places).collect::<Vec<_>>()).map_err(StageError::Port)?;
    let mut plays = Vec::new();
    for scenario in scenarios {
        let label = if scenarios.len() == 1 { ALONE } else { &scenario.name };
        let name =
            format!("{label}.{zone}").parse().map_err(|source| StageError::Name { name: label.to_owned(), source })?;
        plays.push(Play { scenario: scenario.clone(), name, regions: BTreeMap::new() });
    }
    let names: Vec<_> = plays.iter().flat_map(Play::names).collect();
    Authority::new()?.write(&names, processes.tls)?;
    for (number, play) in plays.iter_mut().enumerate() {
        let started = play.scenario.regions.iter().enumerate().map(|(place, name)| {
            let settings = Spawn {
                name: name.clone(),
                address: SocketAddr::new(address(number, place), port),
                seed: play.scenario.seed.wrapping_add(place as u64),
                tls: Some(processes.tls.to_owned()),
                marker: processes.marker,
            };
            async { Ok::<_, StageError>((name.clone(), Region::spawn(processes.program, settings).await?)) }
        });
        play.regions = try_join_all(started).await?.into_iter().collect();
    }
    Ok(plays)
}

/// Where an observer probes from: its place in the list of observers.
pub(crate) fn source(place: usize) -> IpAddr {
    IpAddr::from([127, 0, 100, u8::try_from(place + 1).unwrap_or(u8::MAX)])
}

/// `pointsman.toml` as the scenarios have it, in life's time; the exemption scales it.
pub(super) fn config_text(
    plays: &[Play],
    zone: &str,
    control: &str,
    name_servers: &[SocketAddr],
    environment: Vec<(String, String)>,
) -> String {
    let Some(first) = plays.first().map(|play| &play.scenario) else { return String::new() };
    let sources =
        first.observers.iter().enumerate().map(|(place, it)| (it.to_string(), source(place).to_string().into()));
    let config = table([
        ("control_region", control.into()),
        ("observers", strings(&first.observers)),
        ("service", Value::Array(plays.iter().map(|play| Value::Table(service(play, zone))).collect())),
        (
            "lab",
            Value::Table(table([
                ("speed", first.speed.into()),
                ("name_servers", strings(name_servers)),
                ("sources", Value::Table(sources.collect())),
                (
                    "environment",
                    Value::Table(environment.into_iter().map(|(name, value)| (name, value.into())).collect()),
                ),
            ])),
        ),
    ]);
    toml::to_string(&config).expect("tables of plain values are TOML")
}

fn service(play: &Play, zone: &str) -> Table {
    let scenario = &play.scenario;
    let region = |name: &RegionName| {
        let address = play.regions.get(name).map(|region| region.address().ip().to_string());
        let target = match scenario.targets {
            Targets::Addresses => ("a", strings(address)),
            Targets::Names => ("cname", play.endpoint(name).to_string().into()),
            // A region's own name has an A record alone.
            Targets::Aliases => {
                let target =
                    [("name", play.endpoint(name).to_string().into()), ("zone", zone.into()), ("ipv6", false.into())];
                ("alias", Value::Table(table(target)))
            }
        };
        Value::Table(table([
            ("name", name.to_string().into()),
            target,
            ("endpoint", play.endpoint(name).to_string().into()),
        ]))
    };
    let probe = |probe: &Table| {
        let mut probe = probe.clone();
        if probe.get("kind").and_then(Value::as_str) != Some("dns") {
            probe.entry("port").or_insert(i64::from(play.port()).into());
        }
        Value::Table(probe)
    };
    let mut policy = scenario.policy.clone();
    // An hour of learning is longer than a rehearsal: whoever rehearses with the score says how soon it is learned.
    policy.entry("anomaly").or_insert("off".into());
    table([
        ("name", play.name.to_string().into()),
        ("hosted_zone", zone.into()),
        ("ttl", scenario.ttl.to_string().into()),
        ("policy", Value::Table(policy)),
        ("region", Value::Array(scenario.regions.iter().map(region).collect())),
        ("probe", Value::Array(scenario.probes.iter().map(probe).collect())),
    ])
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn strings<T: ToString>(texts: impl IntoIterator<Item = T>) -> Value {
    Value::Array(texts.into_iter().map(|text| Value::String(text.to_string())).collect())
}
