//! Fills in the defaults of `pointsman.toml` and checks what stands there, each error with its place.

mod check;
mod data;
mod region;

use std::net::{IpAddr, SocketAddr};

use crate::{
    Config, DnsName, Endpoint, Failback, HttpProbe, LabExemption, Mode, NativeReturn, Period, Policy, Preset, Probe,
    ProbeKind, Region, RegionName, RoutingPolicy, Scheme, Service, Share, VerdictAs,
    file::{ConfigFile, Kind, LabFile, PolicyFile, ProbeFile, ServiceFile},
    place::{
        self, ConfigError, Problems,
        Segment::{self, Index, Key},
        at,
    },
    policy::{an_hour, half, silence_after},
    vpc,
};

pub(crate) fn parse(file: &str, source: &str) -> Result<Config, ConfigError> {
    place::read(file, source, ConfigFile::resolve)
}

impl ConfigFile {
    fn resolve(self, problems: &mut Problems) -> Option<Config> {
        if self.observers.len() < 3 {
            problems.add(&[Key("observers")], format!("{} given; a quorum needs at least 3", self.observers.len()));
        }
        problems.unique(&[Key("observers")], "observer", &self.observers, None);
        vpc::check(&self.vpc, &self.observers, problems);
        if self.service.is_empty() {
            problems.add(&[Key("service")], "at least one is needed");
        }
        problems.unique(&[Key("service")], "service", self.service.iter().map(|s| &s.name), Some("name"));
        let resolvers = addresses(&[Key("resolvers")], &self.resolvers, problems);
        let observers = self.observers.len();
        let mut services = Vec::new();
        for (index, service) in self.service.into_iter().enumerate() {
            let path = [Key("service"), Index(index)];
            for (place, region) in service.region.iter().enumerate() {
                if region.name == self.control_region {
                    problems.add(
                        &at(&path, &[Key("region"), Index(place), Key("name")]),
                        format!(
                            "`{}` is the control region, which may serve nothing: leaving a region must never need it",
                            region.name
                        ),
                    );
                }
            }
            services.extend(service.resolve(&path, observers, problems));
        }
        let lab = self.lab.map(|lab| lab.resolve(&self.observers, problems));
        let config = Config {
            stack: self.stack,
            control_region: self.control_region,
            observers: self.observers,
            vpc: self.vpc,
            resolvers,
            minute: Period::seconds(60),
            services,
            metrics: self.metrics,
            notify: self.notify,
            lab: None,
        };
        Some(match lab {
            Some(exemption) => config.in_lab(exemption?),
            None => config,
        })
    }
}

impl LabFile {
    fn resolve(self, observers: &[RegionName], problems: &mut Problems) -> Option<LabExemption> {
        if !(1.0..=20.0).contains(&self.speed) {
            problems.add(&[Key("lab"), Key("speed")], format!("{} is not between 1 and 20", self.speed));
            return None;
        }
        let name_servers = addresses(&[Key("lab"), Key("name_servers")], &self.name_servers, problems);
        for (observer, source) in &self.sources {
            if !observers.contains(observer) || !source.is_loopback() {
                let problem = format!("{observer} = {source}: a source is an observer's, and a loopback address");
                problems.add(&[Key("lab"), Key("sources")], problem);
            }
        }
        let LabFile { speed, sources, environment, .. } = self;
        Some(LabExemption { speed, name_servers, sources, environment })
    }
}

fn addresses(path: &[Segment], texts: &[String], problems: &mut Problems) -> Vec<SocketAddr> {
    let mut addresses = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        match text.parse().or_else(|_| text.parse().map(|ip: IpAddr| SocketAddr::new(ip, 53))) {
            Ok(address) => addresses.push(address),
            Err(_) => problems
                .add(&at(path, &[Index(index)]), format!("`{text}` is neither an address nor an address with a port")),
        }
    }
    addresses
}

impl ServiceFile {
    fn resolve(self, path: &[Segment], observers: usize, problems: &mut Problems) -> Option<Service> {
        if self.name.as_str().len() > 240 {
            problems.add(
                &at(path, &[Key("name")]),
                "longer than 240 characters, which leaves no room for the record that holds the epoch",
            );
        }
        if self.region.len() < 2 {
            problems.add(&at(path, &[Key("region")]), "at least two are needed: there must be somewhere to go");
        }
        problems.unique(&at(path, &[Key("region")]), "region", self.region.iter().map(|r| &r.name), Some("name"));
        if self.probe.is_empty() {
            problems.add(&at(path, &[Key("probe")]), "at least one is needed");
        }
        problems.unique(&at(path, &[Key("probe")]), "probe", self.probe.iter().map(|p| &p.name), Some("name"));
        let ttl = self.ttl.unwrap_or(Period::seconds(20)).0;
        if ttl.subsec_nanos() != 0 || ttl.as_secs() == 0 {
            problems.add(&at(path, &[Key("ttl")]), "a TTL is a whole number of seconds, one or more");
        }
        if self.routing == RoutingPolicy::Weighted && self.region.len() > 2 {
            let why = "`weighted` is for two regions: of more, Route 53 would share the traffic out among those without weight";
            problems.add(&at(path, &[Key("routing")]), why);
        }
        let policy = self.policy.resolve(&at(path, &[Key("policy")]), observers, Period(ttl), problems);
        let names: Vec<_> = self.region.iter().map(|region| region.name.clone()).collect();
        let mut regions = Vec::new();
        for (index, region) in self.region.into_iter().enumerate() {
            regions.extend(region.resolve(&names, &at(path, &[Key("region"), Index(index)]), problems));
        }
        region::tell_apart(&regions, &at(path, &[Key("region")]), problems);
        data::check_counterparts(&regions, path, problems);
        let mut probes = Vec::new();
        for (index, probe) in self.probe.into_iter().enumerate() {
            let path = at(path, &[Key("probe"), Index(index)]);
            probes.extend(probe.resolve(&path, &self.name, &regions, problems));
        }
        let check = match self.check {
            Some(check) => check.resolve(&at(path, &[Key("check")]), problems),
            None => check::default(&probes),
        };
        if check.is_none() {
            problems.add(&at(path, &[Key("check")]), "say what Route 53's own check asks: no HTTP or TCP probe tells");
        }
        Some(Service {
            name: self.name,
            hosted_zone: self.hosted_zone,
            ttl_s: u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX),
            routing: self.routing,
            policy,
            regions,
            probes,
            check: check?,
        })
    }
}

impl PolicyFile {
    fn resolve(self, path: &[Segment], observers: usize, ttl: Period, problems: &mut Problems) -> Policy {
        let preset = self.preset.unwrap_or(Preset::Steady);
        let interval = self.interval.unwrap_or(preset.interval());
        let timeout = self.timeout.unwrap_or_else(|| Period(interval.0 * 4 / 5).min(Period::seconds(4)));
        let down_after = self.down_after.unwrap_or(preset.down_after());
        let policy = Policy {
            mode: self.mode.unwrap_or(Mode::Auto),
            interval,
            timeout,
            down_after,
            silence_after: silence_after(timeout, down_after),
            up_after: self.up_after.unwrap_or(20),
            quorum: self.quorum.unwrap_or(2),
            min_observers: self.min_observers.unwrap_or(2),
            corroborate: self.corroborate.unwrap_or(true),
            stale_after: self.stale_after.unwrap_or_else(|| Period(interval.0 * 3).max(Period::seconds(45))),
            hold_down: self.hold_down.unwrap_or(Period::seconds(300)),
            cooldown: self.cooldown.unwrap_or(Period::seconds(600)),
            max_auto_failovers_per_hour: self.max_auto_failovers_per_hour.unwrap_or(1),
            acknowledge: self.acknowledge.unwrap_or(false),
            budget_window: Period::seconds(3_600),
            failback: self.failback.unwrap_or(Failback::Manual),
            native_return: self.native_return.unwrap_or(NativeReturn::Forbid),
            rpo: self.rpo,
            panic_threshold: self.panic_threshold.unwrap_or_else(half),
            degraded_counts_as: self.degraded_counts_as.unwrap_or(VerdictAs::Up),
            anomaly: self.anomaly.unwrap_or_default(),
            false_alarms_per_day: self.false_alarms_per_day.unwrap_or_default(),
            learn: self.learn.unwrap_or(an_hour()),
            verify_within: self.verify_within.unwrap_or(Period::seconds(120)),
            ask_every: Period::seconds(5),
        };
        policy.check(observers, ttl, |key, message| problems.add(&at(path, &[Key(key)]), message));
        policy
    }
}

impl ProbeFile {
    fn resolve(
        self,
        path: &[Segment],
        service: &DnsName,
        regions: &[Region],
        problems: &mut Problems,
    ) -> Option<Probe> {
        let before = problems.len();
        let mut meaningless = |given: bool, key, kind: &str| {
            if given {
                problems.add(&at(path, &[Key(key)]), format!("has no meaning for `{kind}`"));
            }
        };
        let kind = match self.kind {
            Kind::Http | Kind::Https => {
                let scheme = if self.kind == Kind::Https { Scheme::Https } else { Scheme::Http };
                let asked = self.path.unwrap_or_else(|| "/".to_owned());
                let samples = self.samples.unwrap_or(1);
                if !asked.starts_with('/') || !asked.bytes().all(|byte| byte.is_ascii_graphic()) {
                    let what =
                        "is not a path: it begins with `/`, and anything but letters, digits and signs is escaped";
                    problems.add(&at(path, &[Key("path")]), format!("`{asked}` {what}"));
                }
                if samples == 0 || samples > 100 {
                    problems.add(&at(path, &[Key("samples")]), format!("{samples} is not between 1 and 100"));
                }
                ProbeKind::Http(HttpProbe {
                    scheme,
                    port: self.port.unwrap_or(if scheme == Scheme::Https { 443 } else { 80 }),
                    path: asked,
                    host: self.host.unwrap_or_else(|| service.clone()),
                    expect_status: self.expect_status.unwrap_or_else(|| vec![200]),
                    expect_body: self.expect_body,
                    samples,
                    max_failed: self.max_failed.unwrap_or(Share::NONE),
                })
            }
            Kind::Tcp | Kind::Dns => {
                let kind = if self.kind == Kind::Tcp { "tcp" } else { "dns" };
                meaningless(self.path.is_some(), "path", kind);
                meaningless(self.host.is_some() && self.kind == Kind::Tcp, "host", kind);
                meaningless(self.expect_status.is_some(), "expect_status", kind);
                meaningless(self.expect_body.is_some(), "expect_body", kind);
                meaningless(self.samples.is_some(), "samples", kind);
                meaningless(self.max_failed.is_some(), "max_failed", kind);
                meaningless(self.port.is_some() && self.kind == Kind::Dns, "port", kind);
                if self.kind == Kind::Tcp {
                    if self.port.is_none() {
                        problems.add(path, "a `tcp` probe needs a `port`");
                    }
                    ProbeKind::Tcp { port: self.port? }
                } else {
                    if self.host.is_none() && regions.iter().any(|r| matches!(r.endpoint, Endpoint::Address(_))) {
                        problems.add(path, "a `dns` probe needs a `host`, or regions whose `endpoint` is a name");
                    }
                    ProbeKind::Dns { name: self.host }
                }
            }
        };
        (problems.len() == before).then_some(Probe { name: self.name, kind, degraded_above: self.degraded_above })
    }
}
