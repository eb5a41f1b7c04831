//! The configuration, complete and checked; `file.rs` reads it from `pointsman.toml`.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};

use route53::RecordType;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    Backup, CheckId, ConfigError, DnsName, Endpoint, HostedZoneId, Metric, MetricsBy, NativeCheck, Notify, Period,
    Policy, Probe, RegionCheck, RegionName, ReplicationLag, StackName, Vpc,
    place::{
        Problems,
        Segment::{Index, Key},
    },
    resolve,
};

/// What a region's record sets answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// A records.
    pub a: Vec<Ipv4Addr>,
    /// AAAA records.
    pub aaaa: Vec<Ipv6Addr>,
    /// A CNAME record, instead of addresses.
    pub cname: Option<DnsName>,
    /// The addresses of another name, instead of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<AliasTarget>,
}

impl Targets {
    /// The types of record sets that answer it, in the order A, AAAA, CNAME.
    #[must_use]
    pub fn record_types(&self) -> Vec<RecordType> {
        let Self { a, aaaa, cname, alias } = self;
        let alias_v6 = alias.as_ref().is_some_and(|alias| alias.ipv6);
        let has = [
            (RecordType::A, !a.is_empty() || alias.is_some()),
            (RecordType::Aaaa, !aaaa.is_empty() || alias_v6),
            (RecordType::Cname, cname.is_some()),
        ];
        has.into_iter().filter_map(|(kind, has)| has.then_some(kind)).collect()
    }

    /// The name that answers in its stead, where it is one.
    #[must_use]
    pub fn name(&self) -> Option<&DnsName> {
        self.cname.as_ref().or(self.alias.as_ref().map(|alias| &alias.name))
    }
}

/// What an alias leads to: a load balancer, a distribution, a record of the same zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasTarget {
    /// Whose addresses are answered.
    pub name: DnsName,
    /// The zone that this name is in: of a load balancer, the one that AWS names beside it.
    pub zone: HostedZoneId,
    /// Whether Route 53 holds the region unhealthy also while what it leads to is (R9).
    pub evaluate_target_health: bool,
    /// AAAA beside A.
    pub ipv6: bool,
}

/// One place that can serve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Region {
    /// Its name.
    pub name: RegionName,
    /// What its record sets answer.
    pub targets: Targets,
    /// Where it is probed.
    pub endpoint: Endpoint,
    /// Speaks of it from another region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<Alarm>,
    /// What tells how far its data are behind; of several, the greatest counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub replication_lag: Vec<ReplicationLag>,
    /// What tells how much it can carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity: Option<Metric>,
    /// Its buckets, each the mirror of the one in the same place in the other regions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub buckets: Vec<String>,
    /// The secrets that it needs to serve, each the counterpart of the one in the same place in the other regions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// The backups that it is restored from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backups: Vec<Backup>,
    /// Its own check, instead of one as the service's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub check: Option<RegionCheck>,
}

/// A `CloudWatch` alarm that is an independent signal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Alarm {
    /// Where it lives.
    pub region: RegionName,
    /// Its name there.
    pub name: String,
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} in {}", self.name, self.region)
    }
}

/// One DNS name and the regions that can serve it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// The name that users reach.
    pub name: DnsName,
    /// The zone it is in.
    pub hosted_zone: HostedZoneId,
    /// The record sets' TTL in seconds.
    pub ttl_s: u32,
    /// How its record sets say which region is answered.
    #[serde(default, skip_serializing_if = "RoutingPolicy::is_default")]
    pub routing: RoutingPolicy,
    /// How it is watched and moved.
    pub policy: Policy,
    /// In order of preference; at least two.
    pub regions: Vec<Region>,
    /// Made of each region in each round; at least one.
    pub probes: Vec<Probe>,
    /// Route 53's own check of each region that has none of its own.
    pub check: NativeCheck,
}

/// How record sets say which region is answered, in Route 53's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RoutingPolicy {
    /// Failover pairs, one below the other where there are more than two regions.
    #[default]
    Failover,
    /// Of two regions: one has all the weight, the other none, and is answered when the first is unhealthy (R8).
    Weighted,
}

impl RoutingPolicy {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Service {
    /// The region that serves when all is well.
    #[must_use]
    pub fn preferred(&self) -> &Region {
        &self.regions[0]
    }

    /// The region of that name.
    #[must_use]
    pub fn region(&self, name: &RegionName) -> Option<&Region> {
        self.regions.iter().find(|region| region.name == *name)
    }

    /// The regions of whose data nothing tells how far they are behind.
    pub fn unmeasured(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter().filter(|region| region.replication_lag.is_empty())
    }

    /// The name of the TXT record that holds the epoch.
    #[must_use]
    pub fn fence_name(&self) -> DnsName {
        format!("_pointsman.{}", self.name)
            .parse()
            .expect("a service's name leaves room for the label; checked when read")
    }

    /// The service's name where dots are not allowed.
    #[must_use]
    pub fn slug(&self) -> String {
        self.name.as_str().replace('.', "-")
    }
}

/// The SHA-256 of bytes in sixty-four hexadecimal digits: what content is named by.
#[must_use]
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // A `String` takes whatever is written to it.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Lets a lab do what AWS would not: the one named exemption.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LabExemption {
    /// How much faster than life; every period below is scaled already.
    pub speed: f64,
    /// The zone's authoritative servers, which a delegation can't name by port.
    pub name_servers: Vec<SocketAddr>,
    /// Loopback addresses that observers probe from, so that one of them can be cut off.
    pub sources: BTreeMap<RegionName, IpAddr>,
    /// What every function's environment holds besides, where the emulator's own would lead past the lab.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub environment: BTreeMap<String, String>,
}

/// The whole configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Names everything.
    pub stack: StackName,
    /// Holds the state and the failover Lambda.
    pub control_region: RegionName,
    /// Where the checkers run; at least three.
    pub observers: Vec<RegionName>,
    /// Where observers look from, those that do not look from the internet.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub vpc: BTreeMap<RegionName, Vpc>,
    /// Asked by the probes; none: the system's.
    pub resolvers: Vec<SocketAddr>,
    /// The schedule's period: one minute.
    pub minute: Period,
    /// The services.
    pub services: Vec<Service>,
    /// How metrics get to `CloudWatch`.
    #[serde(default, skip_serializing_if = "MetricsBy::is_api")]
    pub metrics: MetricsBy,
    /// Who is told.
    #[serde(default, skip_serializing_if = "Notify::is_nobody")]
    pub notify: Notify,
    /// Set in a lab only: loopback may be probed, and time is scaled.
    pub lab: Option<LabExemption>,
}

impl Config {
    /// Reads `pointsman.toml`; `name` is what errors call the file.
    pub fn parse(name: &str, source: &str) -> Result<Self, ConfigError> {
        resolve::parse(name, source)
    }

    /// The hash of its content, comments and layout apart.
    #[must_use]
    pub fn hash(&self) -> ConfigHash {
        let canonical = serde_json::to_vec(self).expect("the configuration is plain data");
        ConfigHash(sha256_hex(&canonical)[..16].to_owned())
    }

    /// What is allowed and seldom meant, with its place.
    #[must_use]
    pub fn warnings(&self) -> Problems {
        let mut warnings = Problems::default();
        for (place, service) in self.services.iter().enumerate() {
            let Some(rpo) = service.policy.rpo else { continue };
            for region in service.unmeasured() {
                let why = format!(
                    "nothing measures how far the data of {} are behind (`replication_lag`): under an RPO of {rpo} only a person moves traffic there",
                    region.name
                );
                warnings.add(&[Key("service"), Index(place), Key("policy"), Key("rpo")], why);
            }
        }
        warnings
    }

    /// The service of that name.
    #[must_use]
    pub fn service(&self, name: &DnsName) -> Option<&Service> {
        self.services.iter().find(|service| service.name == *name)
    }

    /// The configuration as a lab lives it: every period and TTL divided by `speed`.
    /// DNS counts in whole seconds, so a TTL is rounded, and is at least one.
    #[must_use]
    pub fn in_lab(mut self, exemption: LabExemption) -> Self {
        let speed = exemption.speed;
        self.minute = self.minute.scaled(speed);
        for service in &mut self.services {
            service.policy = service.policy.scaled(speed);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small positive number")]
            let ttl = (f64::from(service.ttl_s) / speed).round() as u32;
            service.ttl_s = ttl.max(1);
            for probe in &mut service.probes {
                probe.degraded_above = probe.degraded_above.scaled(speed);
            }
        }
        self.resolvers.clone_from(&exemption.name_servers);
        self.lab = Some(exemption);
        self
    }

    /// How much faster than life it all goes: 1 but in a lab.
    #[must_use]
    pub fn speed(&self) -> f64 {
        self.lab.as_ref().map_or(1.0, |lab| lab.speed)
    }

    /// The address that an observer probes from; none: the system's choice, as everywhere but in a lab.
    #[must_use]
    pub fn source(&self, observer: &RegionName) -> Option<IpAddr> {
        self.lab.as_ref()?.sources.get(observer).copied()
    }

    /// Whether an address may be probed: public ones, and loopback under the lab's exemption.
    #[must_use]
    pub fn may_probe(&self, address: IpAddr) -> bool {
        (self.lab.is_some() && address.is_loopback()) || is_public(address)
    }
}

/// Not private, reserved, shared, link-local, loopback, multicast or a documentation range.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_documentation()
                || a == 0
                || a >= 240
                || (a == 100 && (64..128).contains(&b))
                || (a == 192 && b == 0 && c == 0)
                || (a == 198 && (b == 18 || b == 19)))
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_public(IpAddr::V4(v4)),
            None => (v6.segments()[0] & 0xe000) == 0x2000 && v6.segments()[..2] != [0x2001, 0x0db8],
        },
    }
}

/// The hash of a configuration's content; sixteen hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ConfigHash(String);

impl fmt::Display for ConfigHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The checks that Route 53 knows for a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NativeChecks {
    /// Each region's own.
    pub own: BTreeMap<RegionName, CheckId>,
    /// Those that were made for a region's own to count, in the configuration's order.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub children: BTreeMap<RegionName, Vec<CheckId>>,
    /// Disabled and inverted (R27).
    pub always_unhealthy: CheckId,
}

/// What the functions run by: the configuration and the ids that only AWS could give.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    /// The configuration.
    pub config: Config,
    /// Each service's checks.
    pub checks: BTreeMap<DnsName, NativeChecks>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_may_be_probed() {
        for address in [
            "127.0.0.1",
            "10.1.2.3",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "::1",
            "fd00::1",
            "::ffff:10.0.0.1",
            "192.0.2.1",
        ] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        for address in ["1.1.1.1", "52.95.110.1", "2606:4700::1111"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
    }
}
