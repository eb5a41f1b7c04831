//! Baselines of a region from outside.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

use anomaly::{BASELINE_VERSION, Baseline, BaselineError, Reading};
use domain::{Anomaly, Config, Episode, Fault, Phases, ProbeReport, ProbeStatus, Seen, Sign};
use jiff::Timestamp;
use proptest::prelude::*;
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

const CONFIG: &str = r#"
control_region = "eu-north-1"
observers = ["us-west-2", "eu-central-1", "ap-southeast-2"]

[[service]]
name = "api.example.com"
hosted_zone = "Z0123456789ABC"

[[service.region]]
name = "eu-west-1"
a = ["192.0.2.1"]

[[service.region]]
name = "us-east-1"
a = ["192.0.2.2"]

[[service.probe]]
name = "health"
kind = "https"
path = "/health"

[[service.probe]]
name = "orders"
kind = "https"
path = "/orders"
"#;

/// Ten seconds a round, an hour to learn.
fn config() -> Config {
    Config::parse("pointsman.toml", CONFIG).unwrap()
}

fn baseline(config: &Config) -> Baseline {
    Baseline::new(&config.services[0], &"eu-west-1".parse().unwrap(), &"us-west-2".parse().unwrap())
}

fn reread(config: &Config, bytes: &[u8]) -> Result<Baseline, BaselineError> {
    Baseline::from_bytes(bytes, &config.services[0], &"eu-west-1".parse().unwrap(), &"us-west-2".parse().unwrap())
}

/// A region with noise, and with what a test does to it.
struct Region {
    random: ChaCha8Rng,
    slower: f64,
    failed: f64,
    address: &'static str,
    ttl: u32,
    days: i64,
    body: u64,
}

impl Region {
    fn new(seed: u64) -> Self {
        let random = ChaCha8Rng::seed_from_u64(seed);
        Self { random, slower: 1.0, failed: 0.0, address: "192.0.2.1", ttl: 60, days: 80, body: 1200 }
    }

    fn unit(&mut self) -> f64 {
        (f64::from(self.random.next_u32()) + 0.5) / 4_294_967_296.0
    }

    /// Log-normal around a median.
    fn time(&mut self, median: f64) -> f64 {
        let normal = (-2.0 * self.unit().ln()).sqrt() * (std::f64::consts::TAU * self.unit()).cos();
        median * (0.15 * normal).exp()
    }

    fn reports(&mut self, at: Timestamp) -> Vec<ProbeReport> {
        ["health", "orders"]
            .map(|probe| {
                let times = [2.0, 20.0, 25.0, 40.0 * self.slower].map(|median| self.time(median));
                let failed = self.failed > 0.0;
                ProbeReport {
                    probe: probe.parse().unwrap(),
                    status: if failed { ProbeStatus::Failed } else { ProbeStatus::Ok },
                    fault: failed.then_some(Fault::HttpStatus),
                    phases_ms: Phases {
                        dns: Some(times[0]),
                        connect: Some(times[1]),
                        tls: Some(times[2]),
                        first_byte: Some(times[3]),
                        total: Some(times.iter().sum()),
                    },
                    evidence: String::new(),
                    seen: Seen {
                        failed: self.failed,
                        addresses: [self.address.parse().unwrap()].into(),
                        ttl: Some(self.ttl),
                        certificate_until: Some(at.as_second() + self.days * 86_400 + 3_600),
                        body: Some(self.body),
                    },
                }
            })
            .into()
    }
}

/// A baseline, and the time that goes on beside it.
struct Watch {
    baseline: Baseline,
    region: Region,
    episode: Option<Episode>,
    round: i64,
}

impl Watch {
    fn new(seed: u64) -> Self {
        Self { baseline: baseline(&config()), region: Region::new(seed), episode: None, round: 0 }
    }

    /// Of so many usual rounds.
    fn after(seed: u64, rounds: usize) -> Self {
        let mut watch = Self::new(seed);
        watch.rounds(rounds);
        watch
    }

    fn round_of(&mut self, usual: bool) -> Reading {
        let at = Timestamp::from_second(1_700_000_000 + self.round * 10).unwrap();
        self.round += 1;
        let reports = self.region.reports(at);
        let reading = self.baseline.observe(at, &reports, self.episode, usual).unwrap().unwrap();
        self.episode = reading.anomaly.episode();
        self.baseline.fit().unwrap();
        reading
    }

    fn rounds(&mut self, rounds: usize) -> Vec<Reading> {
        (0..rounds).map(|_| self.round_of(true)).collect()
    }
}

fn alerts(readings: &[Reading]) -> usize {
    readings.iter().filter(|reading| reading.anomaly.is_alert()).count()
}

fn first_sign(reading: &Reading) -> Sign {
    reading.anomaly.reasons()[0].sign
}

#[test]
fn it_learns_before_it_scores() {
    let mut watch = Watch::new(1);
    let first = watch.rounds(360);
    assert_eq!(first[0].anomaly, Anomaly::Learning { rounds: 0, needed: 360 });
    assert!(first.iter().all(|reading| reading.anomaly.score().is_none() && !reading.unusual));
    assert!(watch.round_of(true).anomaly.score().is_some());
}

#[test]
fn usual_days_give_few_alerts() {
    let alerts: usize = (0..4).map(|seed| alerts(&Watch::after(seed, 400).rounds(8_640))).sum();
    assert!(alerts <= 4, "{alerts} in four days");
}

#[test]
fn errors_are_seen_in_their_first_round_and_once() {
    let mut watch = Watch::after(2, 1_000);
    watch.region.failed = 0.4;
    let readings: Vec<_> = (0..10).map(|_| watch.round_of(false)).collect();
    assert!(readings.iter().all(|reading| reading.unusual), "{readings:?}");
    assert_eq!((alerts(&readings), alerts(&readings[..1])), (1, 1));
    assert_eq!(first_sign(&readings[0]), Sign::HttpErrors);
}

#[test]
fn a_change_in_what_never_changed_is_seen_at_once() {
    for (change, sign) in [
        ((|region| region.address = "192.0.2.9") as fn(&mut Region), Sign::Answers),
        (|region| region.ttl = 5, Sign::Ttl),
        (|region| region.days = 6, Sign::Certificate),
        (|region| region.body = 90, Sign::Body),
    ] {
        let mut watch = Watch::after(3, 1_000);
        change(&mut watch.region);
        let reading = watch.round_of(true);
        assert!(reading.unusual && reading.anomaly.is_alert(), "{sign:?}: {reading:?}");
        assert_eq!(first_sign(&reading), sign, "{reading:?}");
    }
}

#[test]
fn a_latency_that_creeps_up_is_seen_before_it_has_doubled() {
    for seed in 0..5 {
        let mut watch = Watch::after(seed, 1_000);
        let mut seen = None;
        for step in 0..180 {
            watch.region.slower = 1.0 + f64::from(step) / 90.0;
            let reading = watch.round_of(true);
            if reading.anomaly.is_alert() && seen.is_none() {
                assert!([Sign::FirstByteTime, Sign::TotalTime].contains(&first_sign(&reading)), "{reading:?}");
                assert!(reading.anomaly.reasons()[0].times.unwrap() > 1.1, "{reading:?}");
                seen = Some(watch.region.slower);
            }
        }
        assert!(seen.is_some_and(|slower| slower < 2.0), "{seed}: {seen:?}");
    }
}

#[test]
fn what_is_known_to_be_an_incident_is_not_learned() {
    let mut watch = Watch::after(4, 1_000);
    let (revision, written) = (watch.baseline.revision(), watch.baseline.to_bytes());
    watch.region.failed = 1.0;
    watch.region.slower = 3.0;
    (0..2_000).for_each(|_| drop(watch.round_of(false)));
    assert_eq!((watch.baseline.revision(), watch.baseline.to_bytes()), (revision, written));
    assert!(watch.round_of(false).unusual, "it is as unusual as at first");
}

#[test]
fn a_new_normal_is_learned_after_an_hour() {
    let mut watch = Watch::after(5, 1_000);
    watch.region.body = 4_000;
    let revision = watch.baseline.revision();
    let readings = watch.rounds(360);
    assert!(readings.iter().all(|reading| reading.unusual));
    assert_eq!(watch.baseline.revision(), revision);
    let readings = watch.rounds(1_500);
    assert_eq!(alerts(&readings), 0);
    assert!(!readings[1_499].unusual);
}

#[test]
fn what_passes_by_itself_is_learned_and_an_incident_never_is() {
    let alerts_of_six = |incident: bool| {
        let mut watch = Watch::after(11, 1_000);
        let mut alerts = Vec::new();
        for _ in 0..6 {
            watch.region.failed = 0.4;
            alerts.push(watch.round_of(true).anomaly.is_alert());
            watch.region.failed = 0.0;
            watch.round_of(!incident);
            // Long enough for a new forest.
            watch.rounds(400);
        }
        let written = watch.baseline.to_bytes();
        assert_eq!(reread(&config(), &written).unwrap().to_bytes(), written);
        alerts
    };
    assert_eq!(alerts_of_six(true), [true; 6]);
    let passed = alerts_of_six(false);
    assert_eq!((passed[0], passed[5]), (true, false), "{passed:?}");
}

#[test]
fn an_observers_own_failures_say_nothing() {
    let mut baseline = baseline(&config());
    let at = Timestamp::from_second(1_700_000_000).unwrap();
    let mut reports = Region::new(1).reports(at);
    for report in &mut reports {
        report.fault = Some(Fault::Observer);
    }
    assert_eq!(baseline.observe(at, &reports, None, true).unwrap(), None);
}

#[test]
fn the_same_rounds_give_the_same_bits_and_another_observer_draws_otherwise() {
    let (one, other) = (Watch::after(6, 500).rounds(200), Watch::after(6, 500).rounds(200));
    assert_eq!(one, other);
    let mut elsewhere = Watch::new(6);
    let config = config();
    elsewhere.baseline =
        Baseline::new(&config.services[0], &"eu-west-1".parse().unwrap(), &"eu-central-1".parse().unwrap());
    elsewhere.rounds(500);
    assert_ne!(elsewhere.rounds(200), one);
}

#[test]
fn two_weeks_fit_into_what_may_be_written_and_cover_one() {
    let mut watch = Watch::new(7);
    // One round a minute, so that two weeks pass quickly.
    for _ in 0..14 * 1_440 {
        watch.round += 5;
        let at = Timestamp::from_second(1_700_000_000 + watch.round * 10).unwrap();
        watch.round += 1;
        let reports = watch.region.reports(at);
        watch.baseline.observe(at, &reports, None, true).unwrap();
    }
    let bytes = watch.baseline.to_bytes();
    assert!(bytes.len() <= 200_000, "{}", bytes.len());
    // The history is full, and goes on.
    assert!(bytes.len() > 70_000, "{}", bytes.len());
}

#[test]
fn what_was_written_goes_on_elsewhere() {
    let config = config();
    let mut watch = Watch::after(8, 1_000);
    let mut again = reread(&config, &watch.baseline.to_bytes()).unwrap();
    assert!(again.is_due() && !again.is_fitted());
    again.fit().unwrap();
    watch.baseline = again;
    watch.region.failed = 0.4;
    assert!(watch.round_of(false).unusual);
}

#[test]
fn an_environment_that_was_away_takes_what_the_other_learned() {
    let config = config();
    let mut watch = Watch::after(10, 1_000);
    let early = watch.baseline.clone();
    watch.rounds(6);
    let written = watch.baseline.to_bytes();
    let mut away = early.clone();
    away.adopt(reread(&config, &written).unwrap());
    assert_eq!(away.to_bytes(), written);
    away.adopt(early);
    assert_eq!(away.to_bytes(), written, "older than its own");
    assert!(away.is_fitted());
}

#[test]
fn an_episode_goes_on_in_another_environment_until_it_is_over() {
    let mut watch = Watch::after(10, 1_000);
    let other = watch.baseline.clone();
    watch.region.failed = 0.4;
    assert!(watch.round_of(false).anomaly.is_alert());
    watch.baseline = other;
    watch.region.failed = 0.0;
    let calm: Vec<_> = (0..20).map(|_| watch.round_of(false)).collect();
    assert!(!calm[19].unusual && watch.episode.is_some(), "{calm:?}");
    watch.region.failed = 0.4;
    let reading = watch.round_of(false);
    assert!(reading.unusual && !reading.anomaly.is_alert(), "{reading:?}");
    // However long it was away.
    watch.round += 31;
    assert!(watch.round_of(false).anomaly.is_alert());
}

#[test]
fn what_cannot_be_read_is_named() {
    let config = config();
    let written = Watch::after(9, 50).baseline.to_bytes();
    let mut newer = written.clone();
    newer[4] = BASELINE_VERSION + 1;
    assert_eq!(reread(&config, &newer).unwrap_err(), BaselineError::Version(BASELINE_VERSION + 1));
    let other = Config::parse("pointsman.toml", &CONFIG.replace("/orders", "/users")).unwrap();
    assert_eq!(reread(&other, &written).unwrap_err(), BaselineError::OtherProbes);
    for damaged in [&b""[..], b"PMBL", b"nonsense", &written[..written.len() - 1], &[&written[..], b"x"].concat()] {
        assert_eq!(reread(&config, damaged).unwrap_err(), BaselineError::Damaged, "{} bytes", damaged.len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn writing_and_reading_changes_nothing(seed in any::<u64>(), rounds in 0_usize..400, incident in 0_usize..50) {
        let mut watch = Watch::after(seed, rounds);
        (0..incident).for_each(|_| drop(watch.round_of(false)));
        let written = watch.baseline.to_bytes();
        prop_assert_eq!(reread(&config(), &written).unwrap().to_bytes(), written);
    }

    #[test]
    fn whatever_is_read_is_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), place in 0_usize..300) {
        let mut written = Watch::after(1, 3).baseline.to_bytes();
        for (at, byte) in bytes.iter().enumerate().take(3) {
            let at = (place + at) % written.len();
            written[at] = *byte;
        }
        let _ = reread(&config(), &bytes);
        if let Ok(mut read) = reread(&config(), &written) {
            let at = Timestamp::from_second(1_700_000_000).unwrap();
            let _ = read.fit();
            prop_assert!(read.observe(at, &Region::new(1).reports(at), None, true).unwrap().is_some());
        }
    }

    #[test]
    fn scores_stay_in_their_bounds_and_an_episode_alerts_once(seed in any::<u64>(), slower in 0.01_f64..100.0, failed in 0.0_f64..=1.0) {
        let mut watch = Watch::after(seed, 400);
        watch.region.slower = slower;
        watch.region.failed = failed;
        let readings: Vec<_> = (0..40).map(|_| watch.round_of(false)).collect();
        for reading in &readings {
            let score = reading.anomaly.score().unwrap();
            prop_assert!(score > 0.0 && score <= 1.0);
            prop_assert!(!reading.anomaly.is_alert() || reading.unusual);
            prop_assert!(reading.anomaly.reasons().len() <= 2);
        }
        // Between two alerts lie 30 usual rounds.
        prop_assert!(alerts(&readings) <= 2);
    }
}
