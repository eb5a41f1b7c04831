//! The checker's baselines on endpoints of our own making: how soon they tell a latency that creeps up, and how often they tell
//! of nothing. No data was looked at for these.

use anomaly::{AnomalyError, Baseline};
use anyhow::Result;
use domain::{Config, Episode, Phases, ProbeReport, ProbeStatus, RegionName, Seen, Service};
use jiff::Timestamp;

use crate::draws::Gaussian;

const SEEDS: u64 = 60;
const OBSERVERS: [&str; 3] = ["us-west-2", "eu-central-1", "ap-southeast-2"];
const QUORUM: usize = 2;

/// How times vary.
#[derive(Debug, Clone, Copy)]
struct Noise {
    name: &'static str,
    /// Standard deviation of a time's logarithm, each time by itself.
    own: f64,
    /// Of what all times of a round share, and how much of it is left a round later.
    shared: f64,
    lasting: f64,
    /// The share of rounds in which the first byte takes 3 to 30 times as long.
    spikes: f64,
}

const NOISES: [Noise; 3] = [
    Noise { name: "calm", own: 0.15, shared: 0.0, lasting: 0.0, spikes: 0.0 },
    Noise { name: "single spikes", own: 0.2, shared: 0.1, lasting: 0.0, spikes: 0.03 },
    Noise { name: "busy machine", own: 0.3, shared: 0.4, lasting: 0.8, spikes: 0.03 },
];

/// What is asked, and of what.
#[derive(Debug, Clone, Copy)]
struct Setting {
    name: &'static str,
    interval_s: f64,
    learned: usize,
    false_alarms_per_day: f64,
    /// The first byte is so much later a second than the second before.
    creep_ms: f64,
    /// Where a limit would tell.
    limit_ms: f64,
}

const SETTINGS: [Setting; 3] = [
    // The scenario's: 1.5 s within two minutes, after 40 rounds.
    Setting {
        name: "slow-bleed: 1 s rounds, 47 learned, 300 a day",
        interval_s: 1.0,
        learned: 47,
        false_alarms_per_day: 300.0,
        creep_ms: 12.5,
        limit_ms: 300.0,
    },
    Setting {
        name: "10 s rounds, an hour learned, 0.1 a day",
        interval_s: 10.0,
        learned: 400,
        false_alarms_per_day: 0.1,
        creep_ms: 0.5,
        limit_ms: 300.0,
    },
    Setting {
        name: "1 s rounds, an hour learned, 0.1 a day",
        interval_s: 1.0,
        learned: 4_000,
        false_alarms_per_day: 0.1,
        creep_ms: 12.5,
        limit_ms: 300.0,
    },
];

/// A region behind a network.
struct Endpoint {
    random: Gaussian,
    noise: Noise,
    shared: f64,
    later_ms: f64,
}

impl Endpoint {
    fn new(seed: u64, noise: Noise) -> Self {
        Self { random: Gaussian::new(seed), noise, shared: 0.0, later_ms: 0.0 }
    }

    fn reports(&mut self) -> [ProbeReport; 2] {
        let Noise { own, shared, lasting, spikes, .. } = self.noise;
        let fresh = (1.0 - lasting * lasting).sqrt();
        self.shared = lasting * self.shared + fresh * shared * self.random.draw();
        ["health", "orders"].map(|probe| {
            let mut time = |median: f64| median * (self.shared + own * self.random.draw()).exp();
            let [dns, connect, mut first_byte] = [2.0, 3.0, 12.0].map(&mut time);
            if self.random.unit() < spikes {
                first_byte *= 3.0 * 10_f64.powf(self.random.unit());
            }
            first_byte += self.later_ms;
            ProbeReport {
                probe: probe.parse().expect("a probe's name"),
                status: ProbeStatus::Ok,
                fault: None,
                phases_ms: Phases {
                    dns: Some(dns),
                    connect: Some(connect),
                    tls: None,
                    first_byte: Some(first_byte),
                    total: Some(dns + connect + first_byte),
                },
                evidence: String::new(),
                seen: Seen {
                    addresses: ["192.0.2.1".parse().expect("an address")].into(),
                    ttl: Some(20),
                    body: Some(1_200),
                    ..Seen::default()
                },
            }
        })
    }
}

/// A baseline beside its endpoint.
struct Watch {
    baseline: Baseline,
    endpoint: Endpoint,
    setting: Setting,
    episode: Option<Episode>,
    round: usize,
}

/// What a round was.
#[derive(Debug, Clone, Copy)]
struct Told {
    unusual: bool,
    alert: bool,
    /// The limit told, as a threshold would.
    beyond: bool,
}

impl Watch {
    fn new(setting: Setting, noise: Noise, observer: &str, seed: u64) -> Self {
        let (service, region) = service(setting, seed);
        let baseline = Baseline::new(&service, &region, &observer.parse().expect("an observer's name"));
        let seed = seed * 16 + OBSERVERS.iter().position(|it| *it == observer).unwrap_or_default() as u64;
        Self { baseline, endpoint: Endpoint::new(seed, noise), setting, episode: None, round: 0 }
    }

    fn round(&mut self) -> Result<Told, AnomalyError> {
        #[allow(clippy::cast_possible_truncation, reason = "seconds of a few days")]
        let second = (self.round as f64 * self.setting.interval_s) as i64;
        let at = Timestamp::from_second(1_700_000_000 + second).expect("a moment of our days");
        self.round += 1;
        let reports = self.endpoint.reports();
        let slowest = reports.iter().filter_map(|report| report.phases_ms.total).fold(0.0, f64::max);
        let beyond = slowest > self.setting.limit_ms;
        let reading = self.baseline.observe(at, &reports, self.episode, !beyond)?;
        self.episode = reading.as_ref().and_then(|reading| reading.anomaly.episode());
        self.baseline.fit()?;
        let told = reading.map(|reading| Told { unusual: reading.unusual, alert: reading.anomaly.is_alert(), beyond });
        Ok(told.unwrap_or(Told { unusual: false, alert: false, beyond }))
    }
}

fn service(setting: Setting, seed: u64) -> (Service, RegionName) {
    let Setting { interval_s, false_alarms_per_day, .. } = setting;
    let learn = if setting.learned < 100 { 40.0 } else { 3600.0 };
    let text = format!(
        r#"
control_region = "eu-north-1"
observers = ["us-west-2", "eu-central-1", "ap-southeast-2"]
[[service]]
name = "api-{seed}.example.com"
hosted_zone = "Z0123456789ABC"
[service.policy]
interval = "{interval_s}s"
timeout = "800ms"
learn = "{learn}s"
false_alarms_per_day = {false_alarms_per_day}
[[service.region]]
name = "eu-west-1"
a = ["192.0.2.1"]
[[service.region]]
name = "us-east-1"
a = ["192.0.2.2"]
[[service.probe]]
name = "health"
kind = "http"
path = "/health"
[[service.probe]]
name = "orders"
kind = "http"
path = "/api/orders"
"#
    );
    let config = Config::parse("pointsman.toml", &text).expect("a valid configuration");
    let service = config.services[0].clone();
    (service, "eu-west-1".parse().expect("a region's name"))
}

/// Seconds from the creep's beginning to the first word of each observer, with the score and by the limit.
fn creep(setting: Setting, noise: Noise, seed: u64) -> Result<[Vec<f64>; 2], AnomalyError> {
    let most = (setting.limit_ms * 4.0 / setting.creep_ms / setting.interval_s).ceil();
    let mut times = [Vec::new(), Vec::new()];
    for observer in OBSERVERS {
        let mut watch = Watch::new(setting, noise, observer, seed);
        for _ in 0..setting.learned {
            watch.round()?;
        }
        let mut first = [None; 2];
        let mut round = 0.0;
        while round < most && first.iter().any(Option::is_none) {
            round += 1.0;
            let t = round * setting.interval_s;
            watch.endpoint.later_ms = t * setting.creep_ms;
            let told = watch.round()?;
            for (first, told) in first.iter_mut().zip([told.unusual, told.beyond]) {
                *first = first.or(told.then_some(t));
            }
        }
        for (times, first) in times.iter_mut().zip(first) {
            times.push(first.unwrap_or(f64::INFINITY));
        }
    }
    for times in &mut times {
        times.sort_by(f64::total_cmp);
    }
    Ok(times)
}

/// How soon a latency that creeps up is told, over many seeds.
pub(crate) fn bleed() -> Result<()> {
    for setting in SETTINGS {
        println!(
            "\n{}: {} ms more a second, {SEEDS} seeds; seconds to a quorum of {QUORUM}, with the score and by a limit of {} ms",
            setting.name, setting.creep_ms, setting.limit_ms
        );
        println!("{:16} {:>28} {:>28} {:>10}", "noise", "score p10 p50 p90 max", "limit p10 p50 p90 max", "sooner");
        for noise in NOISES {
            let seeds = if setting.learned > 1000 { SEEDS / 6 } else { SEEDS };
            let all = (0..seeds).map(|seed| creep(setting, noise, seed)).collect::<Result<Vec<_>, _>>()?;
            let pairs: Vec<_> = all.iter().map(|[with, without]| (with[QUORUM - 1], without[QUORUM - 1])).collect();
            let sooner = pairs.iter().filter(|(with, without)| with < without).count();
            let of = |mut times: Vec<f64>| {
                times.sort_by(f64::total_cmp);
                let at = |percent: usize| times[((times.len() - 1) * percent + 50) / 100];
                [10, 50, 90, 100].map(|percent| format!("{:>6.0}", at(percent))).concat()
            };
            let (with, without) = pairs.iter().copied().unzip();
            println!("{:16} {:>28} {:>28} {:>5} / {seeds}", noise.name, of(with), of(without), sooner);
        }
    }
    Ok(())
}

/// How often a usual endpoint is told of.
pub(crate) fn alarms() -> Result<()> {
    println!("\nalerts, and unusual rounds, of usual endpoints against what was configured");
    for (rate, interval_s, learned, rounds, seeds) in
        [(300.0, 1.0, 47, 600, 60_u32), (10.0, 10.0, 400, 8_640, 12), (0.1, 10.0, 400, 3 * 8_640, 10)]
    {
        let setting =
            Setting { name: "", interval_s, learned, false_alarms_per_day: rate, creep_ms: 0.0, limit_ms: 3_000.0 };
        for noise in NOISES {
            let (mut alerts, mut unusual) = (0_u32, 0_u32);
            for seed in 0..seeds {
                let mut watch = Watch::new(setting, noise, OBSERVERS[0], seed.into());
                for _ in 0..learned {
                    watch.round()?;
                }
                for _ in 0..rounds {
                    let told = watch.round()?;
                    alerts += u32::from(told.alert);
                    unusual += u32::from(told.unusual);
                }
            }
            let days = f64::from(seeds) * f64::from(rounds) * interval_s / 86_400.0;
            println!(
                "{rate:>6} a day, {learned} learned, {rounds} rounds, {:16} {:>8.2} alerts a day {:>8.2} unusual a day",
                noise.name,
                f64::from(alerts) / days,
                f64::from(unusual) / days
            );
        }
    }
    Ok(())
}
