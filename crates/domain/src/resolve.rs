//! Fills in the defaults of `pointsman.toml` and checks what stands there, each error with its place.

use std::net::{IpAddr, SocketAddr};

use route53::limits;

use crate::{
    Alarm, Config, DnsName, Endpoint, Failback, HttpProbe, LabExemption, Mode, NativeReturn, Period, Policy, Preset,
    Probe, ProbeKind, Region, RegionName, Scheme, Service, Share, Targets, VerdictAs,
    config::NativeCheck,
    file::{AlarmFile, CheckFile, ConfigFile, Kind, LabFile, PolicyFile, ProbeFile, RegionFile, ServiceFile},
    place::{
        self, ConfigError, Problems,
        Segment::{self, Index, Key},
        at,
    },
    policy::{an_hour, half, silence_after},
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
        let policy = self.policy.resolve(&at(path, &[Key("policy")]), observers, Period(ttl), problems);
        let mut regions = Vec::new();
        for (index, region) in self.region.into_iter().enumerate() {
            regions.extend(region.resolve(&at(path, &[Key("region"), Index(index)]), problems));
        }
        let first = regions.first().map(kinds);
        for (index, region) in regions.iter().enumerate().skip(1) {
            if Some(kinds(region)) != first {
                problems.add(
                    &at(path, &[Key("region"), Index(index)]),
                    "answers other record types than the first region: a switch would leave the missing type behind",
                );
            }
        }
        let mut probes = Vec::new();
        for (index, probe) in self.probe.into_iter().enumerate() {
            let path = at(path, &[Key("probe"), Index(index)]);
            probes.extend(probe.resolve(&path, &self.name, &regions, problems));
        }
        let check = match self.check {
            Some(check) => check.resolve(&at(path, &[Key("check")]), problems),
            None => default_check(&probes),
        };
        if check.is_none() {
            problems.add(&at(path, &[Key("check")]), "say what Route 53's own check asks: no HTTP or TCP probe tells");
        }
        Some(Service {
            name: self.name,
            hosted_zone: self.hosted_zone,
            ttl_s: u32::try_from(ttl.as_secs()).unwrap_or(u32::MAX),
            policy,
            regions,
            probes,
            check: check?,
        })
    }
}

/// Which types a region answers: A, AAAA, CNAME.
fn kinds(region: &Region) -> [bool; 3] {
    let Targets { a, aaaa, cname } = &region.targets;
    [!a.is_empty(), !aaaa.is_empty(), cname.is_some()]
}

fn default_check(probes: &[Probe]) -> Option<NativeCheck> {
    let check = |https, port, path| NativeCheck {
        https,
        port,
        path,
        interval_s: 10,
        threshold: 3,
        search: None,
        checkers: Vec::new(),
    };
    let http = probes.iter().find_map(|probe| match &probe.kind {
        ProbeKind::Http(http) => Some(check(http.scheme == Scheme::Https, http.port, Some(http.path.clone()))),
        ProbeKind::Tcp { .. } | ProbeKind::Dns { .. } => None,
    });
    http.or_else(|| {
        probes.iter().find_map(|probe| match probe.kind {
            ProbeKind::Tcp { port } => Some(check(false, port, None)),
            ProbeKind::Http(_) | ProbeKind::Dns { .. } => None,
        })
    })
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

impl CheckFile {
    fn resolve(self, path: &[Segment], problems: &mut Problems) -> Option<NativeCheck> {
        let interval = self.interval.unwrap_or(Period::seconds(10));
        let interval_s = match interval.0.as_secs() {
            10 => 10,
            30 => 30,
            _ => {
                problems
                    .add(&at(path, &[Key("interval")]), format!("{interval}: Route 53 checks every 10s or every 30s"));
                return None;
            }
        };
        let threshold = self.threshold.unwrap_or(3);
        if !(1..=10).contains(&threshold) {
            problems.add(&at(path, &[Key("threshold")]), format!("{threshold} is not between 1 and 10"));
        }
        self.check_checkers(path, problems);
        if let Some(search) = &self.search {
            if self.kind == Kind::Tcp {
                problems.add(&at(path, &[Key("search")]), "has no meaning for `tcp`");
            }
            if search.is_empty() || search.chars().count() > 255 {
                problems.add(&at(path, &[Key("search")]), "a text that is searched has 1 to 255 characters");
            }
        }
        let path = match (self.kind, self.path) {
            (Kind::Dns, _) => {
                problems.add(&at(path, &[Key("kind")]), "Route 53 has no DNS check: `http`, `https` or `tcp`");
                return None;
            }
            (Kind::Tcp, Some(_)) => {
                problems.add(&at(path, &[Key("path")]), "has no meaning for `tcp`");
                return None;
            }
            (Kind::Tcp, None) => None,
            (Kind::Http | Kind::Https, path) => Some(path.unwrap_or_else(|| "/".to_owned())),
        };
        let CheckFile { kind, port, search, checkers, .. } = self;
        Some(NativeCheck { https: kind == Kind::Https, port, path, interval_s, threshold, search, checkers })
    }

    fn check_checkers(&self, path: &[Segment], problems: &mut Problems) {
        let path = at(path, &[Key("checkers")]);
        let unknown = |checker: &&RegionName| !limits::REGIONS.contains(&checker.as_str());
        if let Some(unknown) = self.checkers.iter().find(unknown) {
            problems.add(&path, format!("Route 53 has no checkers in `{unknown}`: {}", limits::REGIONS.join(", ")));
        }
        if (1..3).contains(&self.checkers.len()) {
            problems.add(&path, "Route 53 wants three regions or more");
        }
        problems.unique(&path, "region", &self.checkers, None);
    }
}

impl RegionFile {
    fn resolve(self, path: &[Segment], problems: &mut Problems) -> Option<Region> {
        let addresses = !self.a.is_empty() || !self.aaaa.is_empty();
        if addresses == self.cname.is_some() {
            problems.add(path, "give either addresses (`a`, `aaaa`) or a `cname`");
            return None;
        }
        let first = self.a.first().map(|a| IpAddr::V4(*a)).or(self.aaaa.first().map(|a| IpAddr::V6(*a)));
        let endpoint = match (self.endpoint, first, &self.cname) {
            (Some(text), _, _) => match (text.parse(), text.parse()) {
                (Ok(address), _) => Endpoint::Address(address),
                (_, Ok(name)) => Endpoint::Name(name),
                (_, Err(error)) => {
                    problems.add(&at(path, &[Key("endpoint")]), error.to_string());
                    return None;
                }
            },
            (None, Some(address), _) => Endpoint::Address(address),
            (None, None, cname) => Endpoint::Name(cname.clone()?),
        };
        let targets = Targets { a: self.a, aaaa: self.aaaa, cname: self.cname };
        let alarm = self.alarm.and_then(|alarm| alarm.resolve(&self.name, &at(path, &[Key("alarm")]), problems));
        Some(Region { name: self.name, targets, endpoint, alarm })
    }
}

impl AlarmFile {
    fn resolve(self, speaks_of: &RegionName, path: &[Segment], problems: &mut Problems) -> Option<Alarm> {
        let Self { region, name } = self;
        if region == *speaks_of {
            let why = format!("{region} is the region that the alarm speaks of: while that is down, nobody hears it");
            problems.add(&at(path, &[Key("region")]), why);
            return None;
        }
        if !(1..=255).contains(&name.chars().count()) {
            problems.add(&at(path, &[Key("name")]), "an alarm's name has 1 to 255 characters");
            return None;
        }
        Some(Alarm { region, name })
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
