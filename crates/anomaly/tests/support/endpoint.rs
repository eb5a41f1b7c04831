//! Endpoints of our own making, and a baseline that watches one. No data was looked at for these.

use anomaly::{AnomalyError, Baseline, Reading};
use domain::{Config, Episode, Fault, Phases, ProbeReport, ProbeStatus, RegionName, Seen, Service};
use jiff::Timestamp;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// How an endpoint's times vary when nothing is wrong, and what else happens there. All in shares and standard deviations of
/// logarithms; nothing of it unless said.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Nature {
    /// What it is called.
    pub(crate) name: &'static str,
    /// Of each time by itself.
    pub(crate) own: f64,
    /// Of what all times of a round share, and how much of it is left a round later.
    pub(crate) shared: f64,
    /// See `shared`.
    pub(crate) lasting: f64,
    /// The share of probes in which the first byte takes 3 to 30 times as long.
    pub(crate) spikes: f64,
    /// By how much the afternoon is slower than the mean of a day.
    pub(crate) daily: f64,
    /// The share of rounds in which a pause of a minute on average begins: three times as slow.
    pub(crate) pauses: f64,
    /// The share of probes that fail, each by itself.
    pub(crate) errors: f64,
    /// The share of rounds in which the answer set changes, as a load balancer's does.
    pub(crate) moves: f64,
}

const NATURE: Nature = Nature {
    name: "calm",
    own: 0.15,
    shared: 0.0,
    lasting: 0.0,
    spikes: 0.0,
    daily: 0.0,
    pauses: 0.0,
    errors: 0.0,
    moves: 0.0,
};

/// Usual ones.
pub(crate) const NATURES: [Nature; 8] = [
    NATURE,
    Nature { name: "single spikes", own: 0.2, shared: 0.1, spikes: 0.03, ..NATURE },
    Nature { name: "busy machine", own: 0.3, shared: 0.4, lasting: 0.8, spikes: 0.03, ..NATURE },
    Nature { name: "a level that wanders", own: 0.2, shared: 0.2, lasting: 0.998, ..NATURE },
    Nature { name: "days and nights", own: 0.2, daily: 0.4, ..NATURE },
    Nature { name: "pauses", own: 0.2, pauses: 0.001, ..NATURE },
    Nature { name: "single errors", own: 0.2, errors: 0.0005, ..NATURE },
    Nature { name: "moving addresses", own: 0.3, moves: 0.005, ..NATURE },
];

/// A region behind a network.
#[derive(Debug)]
pub(crate) struct Endpoint {
    random: ChaCha8Rng,
    nature: Nature,
    shared: f64,
    pausing: bool,
    address: u8,
    /// What a test adds to the first byte.
    pub(crate) later_ms: f64,
    /// Whether a test lets every probe fail, at no other time than else.
    pub(crate) fails: bool,
    /// By how much the endpoint's day is ahead of the sun.
    pub(crate) hours_ahead: f64,
}

impl Endpoint {
    /// With draws of its own.
    pub(crate) fn new(seed: u64, nature: Nature) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed);
        Self { random, nature, shared: 0.0, pausing: false, address: 1, later_ms: 0.0, fails: false, hours_ahead: 0.0 }
    }

    /// Uniform in (0, 1).
    fn unit(&mut self) -> f64 {
        (f64::from(self.random.next_u32()) + 0.5) / 4_294_967_296.0
    }

    /// Mean 0, standard deviation 1 (Box and Muller).
    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos()
    }

    fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && self.unit() < share
    }

    fn time(&mut self, median: f64, level: f64) -> f64 {
        median * (level + self.nature.own * self.normal()).exp()
    }

    /// A round, so many seconds after the last.
    pub(crate) fn reports(&mut self, at: Timestamp, interval_s: f64) -> [ProbeReport; 2] {
        let Nature { shared, lasting, daily, pauses, moves, .. } = self.nature;
        self.shared = lasting * self.shared + (1.0 - lasting * lasting).sqrt() * shared * self.normal();
        // Slowest at three in the afternoon.
        let hour = at.as_second().rem_euclid(86_400) as f64 / 3_600.0 + self.hours_ahead;
        let level = self.shared + daily * ((hour - 9.0) / 24.0 * std::f64::consts::TAU).sin();
        let goes_on = if self.pausing { 1.0 - interval_s / 60.0 } else { pauses };
        self.pausing = self.chance(goes_on);
        if self.chance(moves) {
            self.address = self.address % 200 + 1;
        }
        ["health", "orders"].map(|probe| self.report(probe, level))
    }

    fn report(&mut self, probe: &str, level: f64) -> ProbeReport {
        let [dns, connect, mut first_byte] = [2.0, 3.0, 12.0].map(|median| self.time(median, level));
        if self.chance(self.nature.spikes) {
            first_byte *= 3.0 * 10_f64.powf(self.unit());
        }
        if self.pausing {
            first_byte *= 3.0;
        }
        first_byte += self.later_ms;
        let failed = self.fails || self.chance(self.nature.errors);
        ProbeReport {
            probe: probe.parse().expect("a probe's name"),
            status: if failed { ProbeStatus::Failed } else { ProbeStatus::Ok },
            fault: failed.then_some(Fault::HttpStatus),
            phases_ms: Phases {
                dns: Some(dns),
                connect: Some(connect),
                tls: None,
                first_byte: Some(first_byte),
                total: Some(dns + connect + first_byte),
            },
            evidence: String::new(),
            seen: Seen {
                addresses: [format!("192.0.2.{}", self.address).parse().expect("an address")].into(),
                ttl: Some(20),
                body: Some(1_200),
                ..Seen::default()
            },
        }
    }
}

/// A baseline beside its endpoint.
#[derive(Debug)]
pub(crate) struct Watch {
    /// The baseline.
    pub(crate) baseline: Baseline,
    /// What it watches.
    pub(crate) endpoint: Endpoint,
    interval_s: f64,
    episode: Option<Episode>,
    round: u32,
}

impl Watch {
    /// By an observer's baseline; endpoint and service are of the seed's making.
    pub(crate) fn new(nature: Nature, observer: &str, seed: u64, interval_s: f64, learn_s: f64, per_day: f64) -> Self {
        let (service, region) = service(seed, interval_s, learn_s, per_day);
        let baseline = Baseline::new(&service, &region, &observer.parse().expect("an observer's name"));
        let seed = observer.bytes().fold(seed, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
        Self { baseline, endpoint: Endpoint::new(seed, nature), interval_s, episode: None, round: 0 }
    }

    /// A round, and the slowest probe's time; it is known to be an incident where that is beyond a limit.
    pub(crate) fn round(&mut self, limit_ms: f64) -> Result<(Option<Reading>, f64), AnomalyError> {
        #[allow(clippy::cast_possible_truncation, reason = "milliseconds of a few days")]
        let milliseconds = (f64::from(self.round) * self.interval_s * 1e3) as i64;
        let at = Timestamp::from_millisecond(1_700_000_000_000 + milliseconds).expect("a moment of our days");
        self.round += 1;
        let reports = self.endpoint.reports(at, self.interval_s);
        let slowest = reports.iter().filter_map(|report| report.phases_ms.total).fold(0.0, f64::max);
        let reading = self.baseline.observe(at, &reports, self.episode, slowest <= limit_ms)?;
        self.episode = reading.as_ref().and_then(|reading| reading.anomaly.episode());
        self.baseline.fit()?;
        Ok((reading, slowest))
    }
}

fn service(seed: u64, interval_s: f64, learn_s: f64, per_day: f64) -> (Service, RegionName) {
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
learn = "{learn_s}s"
false_alarms_per_day = {per_day}
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
    (config.services[0].clone(), "eu-west-1".parse().expect("a region's name"))
}
