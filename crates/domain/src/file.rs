//! `pointsman.toml` as written; `resolve.rs` fills in the defaults and checks what stands there.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;

mod check;

pub(crate) use check::{CheckFile, ChildFile, OwnCheckFile, OwnCheckKind, RegionCheckFile, RegionCheckKind};

use crate::{
    AnomalyUse, DnsName, Failback, HostedZoneId, Limits, MetricsBy, Mode, NativeReturn, Notify, Period, Preset,
    ProbeName, Rate, RegionName, RoutingPolicy, Share, StackName, Statistic, TimeUnit, VerdictAs, Vpc,
};

/// The JSON schema of `pointsman.toml`.
#[must_use]
pub fn config_schema() -> Schema {
    schema_for!(ConfigFile)
}

/// Multi-region failover for the services named here.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfigFile {
    /// Names everything that is deployed.
    #[serde(default = "default_stack")]
    pub(crate) stack: StackName,
    /// AWS region of the state and the failover Lambda. It may serve no service.
    pub(crate) control_region: RegionName,
    /// AWS regions of the checkers; at least three.
    pub(crate) observers: Vec<RegionName>,
    /// Subnets and security groups of observers that look from inside a VPC, by region. Default: none does.
    #[serde(default)]
    pub(crate) vpc: BTreeMap<RegionName, Vpc>,
    /// DNS servers that the probes ask, with or without a port. Default: the system's.
    #[serde(default)]
    pub(crate) resolvers: Vec<String>,
    /// How metrics get to `CloudWatch`: `api`, or `emf` in the functions' log lines. Default `api`.
    #[serde(default)]
    pub(crate) metrics: MetricsBy,
    /// Who is told.
    #[serde(default)]
    pub(crate) notify: Notify,
    /// The services.
    pub(crate) service: Vec<ServiceFile>,
    /// Written by a lab only: what AWS would not allow.
    pub(crate) lab: Option<LabFile>,
}

/// A lab's exemption: loopback may be probed, and time runs faster.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LabFile {
    /// How much faster than life.
    pub(crate) speed: f64,
    /// The zone's authoritative servers, with ports; they also resolve for the probes.
    pub(crate) name_servers: Vec<String>,
    /// Loopback addresses that observers probe from, so that one of them can be cut off.
    #[serde(default)]
    pub(crate) sources: BTreeMap<RegionName, IpAddr>,
    /// What every function's environment holds besides, where the emulator's own would lead past the lab.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
}

fn default_stack() -> StackName {
    "pointsman".parse().expect("`pointsman` is a label")
}

/// One DNS name and the regions that can serve it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceFile {
    /// The name that users reach.
    pub(crate) name: DnsName,
    /// The Route 53 zone that it is in.
    pub(crate) hosted_zone: HostedZoneId,
    /// The record sets' TTL. Default 20s.
    pub(crate) ttl: Option<Period>,
    /// `failover` pairs of record sets, or `weighted` ones of two regions. Default `failover`.
    #[serde(default)]
    pub(crate) routing: RoutingPolicy,
    /// How it is watched and moved.
    #[serde(default)]
    pub(crate) policy: PolicyFile,
    /// Route 53's own check of each region. Default: the first HTTP probe's port and path.
    pub(crate) check: Option<CheckFile>,
    /// In order of preference.
    pub(crate) region: Vec<RegionFile>,
    /// Made of each region in each round.
    pub(crate) probe: Vec<ProbeFile>,
}

/// How a service is watched and when it may be moved.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PolicyFile {
    /// Who decides. Default `auto`.
    pub(crate) mode: Option<Mode>,
    /// `steady` 10 s × 3, `brisk` 3 s × 4, `fast` 1 s × 5. Default `steady`.
    pub(crate) preset: Option<Preset>,
    /// Time between rounds. Default: the preset's.
    pub(crate) interval: Option<Period>,
    /// A probe that takes longer has failed. Default: four fifths of the interval, at most 4s.
    pub(crate) timeout: Option<Period>,
    /// Rounds in a row until a region is down. Default: the preset's.
    pub(crate) down_after: Option<u32>,
    /// Rounds in a row until a region that was left is up again. Default 20.
    pub(crate) up_after: Option<u32>,
    /// Observers that must agree. Default 2.
    pub(crate) quorum: Option<usize>,
    /// Observers that must know anything at all. Default 2.
    pub(crate) min_observers: Option<usize>,
    /// Whether a quorum also needs an independent signal. Default true.
    pub(crate) corroborate: Option<bool>,
    /// An older observation is unknown. Default: 3 intervals, at least 45s.
    pub(crate) stale_after: Option<Period>,
    /// A region that was left stays left at least this long. Default 5m.
    pub(crate) hold_down: Option<Period>,
    /// No automatic failover sooner after the last switch. Default 10m.
    pub(crate) cooldown: Option<Period>,
    /// Budget of automatic failovers. Default 1.
    pub(crate) max_auto_failovers_per_hour: Option<u32>,
    /// Whether a second automatic failover waits for `pointsman acknowledge`. Default false.
    pub(crate) acknowledge: Option<bool>,
    /// How traffic returns. Default `manual`.
    pub(crate) failback: Option<Failback>,
    /// Whether Route 53 may return by itself to a region that was left. Default `forbid`.
    pub(crate) native_return: Option<NativeReturn>,
    /// How far a region's data may be behind for the policy to move there. Where nothing measures it, it moves by
    /// hand only. Default: it does not matter.
    pub(crate) rpo: Option<Period>,
    /// The share of what observers probe of a region that must be well for traffic to go there. Default 0.5.
    pub(crate) panic_threshold: Option<Share>,
    /// What a degraded region counts as. Default `up`.
    pub(crate) degraded_counts_as: Option<VerdictAs>,
    /// What the anomaly score is used for: `off`, `watch` it, or let it `shorten` `down_after` by a round. Default `watch`.
    pub(crate) anomaly: Option<AnomalyUse>,
    /// How many false alarms of each observer about each region are accepted. Default 0.1.
    pub(crate) false_alarms_per_day: Option<Rate>,
    /// For how long usual rounds are watched before there is an anomaly score, 40 of them at least. Default 1h.
    pub(crate) learn: Option<Period>,
    /// A switch not verified within this raises the alarm. Default 120s.
    pub(crate) verify_within: Option<Period>,
}

/// One place that can serve.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RegionFile {
    /// An AWS region's name, or your own for an external target.
    pub(crate) name: RegionName,
    /// What the name answers with while this region is active.
    #[serde(default)]
    pub(crate) a: Vec<Ipv4Addr>,
    /// The same for IPv6.
    #[serde(default)]
    pub(crate) aaaa: Vec<Ipv6Addr>,
    /// The same as a name, instead of addresses.
    pub(crate) cname: Option<DnsName>,
    /// The addresses of another name, as an alias has them: a load balancer's, or a record's of the same zone.
    pub(crate) alias: Option<AliasFile>,
    /// Where it is probed: a name or an address. Default: the first of `a`, `aaaa`, `cname`, `alias`.
    pub(crate) endpoint: Option<String>,
    /// An alarm of yours that speaks of this region and lives in another: one more independent signal.
    pub(crate) alarm: Option<AlarmFile>,
    /// What tells how far its data are behind, a table a store of data: the one furthest behind counts.
    #[serde(default)]
    pub(crate) replication_lag: Vec<LagFile>,
    /// What tells how much it can carry, in the same measure as the other regions': for `preflight`.
    pub(crate) capacity: Option<CapacityFile>,
    /// Its buckets, each the mirror of the one in the same place in the other regions: for `preflight`.
    #[serde(default)]
    pub(crate) buckets: Vec<String>,
    /// Names of the Secrets Manager secrets that it needs to serve, each the counterpart of the one in the same place in the
    /// other regions: for `preflight`.
    #[serde(default)]
    pub(crate) secrets: Vec<String>,
    /// Where the backups are that it is restored from, a table a vault and resource: for `preflight`.
    #[serde(default)]
    pub(crate) backups: Vec<BackupFile>,
    /// Route 53's own check of this region where it asks no endpoint. Default: as the service's `check`.
    pub(crate) check: Option<RegionCheckFile>,
}

/// What an alias leads to.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AliasFile {
    /// Whose addresses are answered.
    pub(crate) name: DnsName,
    /// The hosted zone that this name is in: for a load balancer, the one that AWS shows beside its name.
    pub(crate) zone: HostedZoneId,
    /// Whether Route 53 leaves the region also while what it leads to is unhealthy. Default true, false for `CloudFront`.
    pub(crate) evaluate_target_health: Option<bool>,
    /// AAAA beside A. Default true.
    pub(crate) ipv6: Option<bool>,
}

/// A `CloudWatch` alarm, of a metric or composite.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AlarmFile {
    /// AWS region that it lives in; not the one that it speaks of.
    pub(crate) region: RegionName,
    /// Its name there.
    pub(crate) name: String,
}

/// A `CloudWatch` metric of how far data are behind.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LagFile {
    /// AWS region that it lives in; no other that serves. Default: the region that it speaks of.
    pub(crate) region: Option<RegionName>,
    /// Its namespace, such as `AWS/RDS`.
    pub(crate) namespace: String,
    /// Its name, such as `AuroraGlobalDBReplicationLag`.
    pub(crate) metric: String,
    /// All of its dimensions.
    #[serde(default)]
    pub(crate) dimensions: BTreeMap<String, String>,
    /// What of each minute counts. Default `Maximum`.
    pub(crate) statistic: Option<Statistic>,
    /// What it counts in. Default: what AWS documents of its own.
    pub(crate) unit: Option<TimeUnit>,
    /// An older value is unknown. Default 5m.
    pub(crate) stale_after: Option<Period>,
}

/// A `CloudWatch` metric of how much a region can carry.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CapacityFile {
    /// AWS region that it lives in. Default: the region that it speaks of.
    pub(crate) region: Option<RegionName>,
    /// Its namespace, such as `AWS/AutoScaling`.
    pub(crate) namespace: String,
    /// Its name, such as `GroupInServiceInstances`.
    pub(crate) metric: String,
    /// All of its dimensions.
    #[serde(default)]
    pub(crate) dimensions: BTreeMap<String, String>,
    /// What of each minute counts. Default `Minimum`.
    pub(crate) statistic: Option<Statistic>,
}

/// Recovery points of AWS Backup.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct BackupFile {
    /// AWS region that the vault is in. Default: the region that is restored from it.
    pub(crate) region: Option<RegionName>,
    /// The vault's name.
    pub(crate) vault: String,
    /// The ARN of what is backed up. Default: whatever is in the vault.
    pub(crate) resource: Option<String>,
    /// How old the newest recovery point may be.
    pub(crate) max_age: Period,
}

/// What a probe does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Http,
    Https,
    Tcp,
    Dns,
}

/// One measurement.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProbeFile {
    /// Unique within the service.
    pub(crate) name: ProbeName,
    /// What it does.
    pub(crate) kind: Kind,
    /// TCP port; `http` 80, `https` 443.
    pub(crate) port: Option<u16>,
    /// The path asked for. Default `/`.
    pub(crate) path: Option<String>,
    /// Host header and certificate name. Default: the service's name.
    pub(crate) host: Option<DnsName>,
    /// Statuses that are good. Default [200].
    pub(crate) expect_status: Option<Vec<u16>>,
    /// A text that the body's first 64 KiB must hold.
    pub(crate) expect_body: Option<String>,
    /// Requests a round. Default 1.
    pub(crate) samples: Option<u16>,
    /// The share of them that may fail. Default 0.
    pub(crate) max_failed: Option<Share>,
    /// Slower than this on a phase is degraded.
    #[serde(default)]
    pub(crate) degraded_above: Limits,
}
