//! Reports for tests: a plausible outage of the preferred region under three controllers, and one with nothing measured.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Config, HoldCode, ObserverName, RegionName, Verdict};
use report::{
    Comparison, Controller, Expectation, LOOPBACK_EXEMPTION, Objectives, Report, Said, Schedule, Series,
    anomaly::Track,
    calls::{AwsCalls, Price},
    cost,
    metrics::{LatencyMs, Lived, Measured, Metrics, Percentiles},
    timeline::{Event, EventKind},
};
use scenario::{What, fault::Fault};

const LASTED: u32 = 140;
const INJECTED: f64 = 10.0;
const CLEARED: f64 = 50.0;
const TTL: f64 = 20.0;
const OBSERVERS: [&str; 3] = ["us-west-2", "eu-central-1", "ap-southeast-2"];
const CONFIG: &str = r#"control_region = "eu-north-1"
observers = ["us-west-2", "eu-central-1", "ap-southeast-2"]

[[service]]
name = "api.example.com"
hosted_zone = "Z0123456789ABC"
ttl = "20s"
policy.interval = "1s"
policy.timeout = "800ms"
region = [
  { name = "eu-west-1", a = ["203.0.114.1"] },
  { name = "us-east-1", a = ["203.0.114.2"] },
]
probe = [
  { name = "health", kind = "https", path = "/health" },
  { name = "orders", kind = "https", path = "/api/orders", samples = 10, max_failed = 0.1 },
]
"#;

fn eu() -> RegionName {
    "eu-west-1".parse().unwrap()
}

fn us() -> RegionName {
    "us-east-1".parse().unwrap()
}

/// Numbers from 0 to 1 that look random and are always the same.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// When the answer left the preferred region, and when it returned.
type Away = Option<(f64, f64)>;

/// The share of clients that the standby serves: each follows when its TTL is over.
fn moved(t: f64, away: Away) -> f64 {
    let Some((left, back)) = away else { return 0.0 };
    ((t - left) / TTL).clamp(0.0, 1.0) - ((t - back) / TTL).clamp(0.0, 1.0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most fifty requests a second")]
fn series(seed: u64, away: Away) -> Series {
    let mut noise = Noise(seed);
    let mut series = Series::default();
    for second in 0..LASTED {
        let t = f64::from(second);
        let sent = 49.0 + (noise.next() * 3.0).floor();
        let there = (sent * moved(t, away)).round();
        let down = (INJECTED..CLEARED).contains(&t);
        let here = if down { 0.0 } else { sent - there };
        series.requests.push(sent as u32);
        series.succeeded.push((here + there) as u32);
        series.reached.entry(eu()).or_default().push(here as u32);
        series.reached.entry(us()).or_default().push(there as u32);
        let answered = here + there > 0.0;
        let far = if answered { there / (here + there) } else { 0.0 };
        let p50 = if far > 0.5 { 96.0 } else { 41.0 } + 4.0 * noise.next();
        let p95 = if far > 0.05 { 118.0 } else { 58.0 } + 12.0 * noise.next();
        let p99 = if far > 0.01 { 140.0 } else { 74.0 } + 40.0 * noise.next().powi(3);
        let waited = |value: f64| answered.then_some((value * 10.0).round() / 10.0);
        series.p50_ms.push(waited(p50));
        series.p95_ms.push(waited(p95));
        series.p99_ms.push(waited(p99));
    }
    series
}

fn availability(series: &Series) -> f64 {
    let good = series
        .requests
        .iter()
        .zip(&series.succeeded)
        .filter(|(sent, succeeded)| f64::from(**succeeded) >= 0.99 * f64::from(**sent));
    good.count() as f64 / f64::from(LASTED)
}

fn metrics(series: &Series) -> Metrics {
    let requests: u32 = series.requests.iter().sum();
    let succeeded: u32 = series.succeeded.iter().sum();
    let of = |p50, p95, p99| Percentiles { p50: Some(p50), p95: Some(p95), p99: Some(p99) };
    Metrics {
        detection_s: None,
        decision_s: None,
        answer_s: None,
        failover_s: None,
        mttr_s: Some(CLEARED - INJECTED),
        failback_s: None,
        requests: requests.into(),
        throughput_rps: Some((f64::from(succeeded) / f64::from(LASTED) * 1e3).round() / 1e3),
        success_rate: Some(f64::from(succeeded) / f64::from(requests)),
        availability: Some(availability(series)),
        latency_ms: LatencyMs {
            before: of(42.9, 66.2, 89.4),
            during: of(98.1, 126.4, 158.3),
            after: of(61.7, 121.9, 149.0),
        },
        false_failovers: 0,
        missed: 0,
        switches: 0,
    }
}

fn reasons<const N: usize>(of: [(&str, &str); N]) -> BTreeMap<String, String> {
    of.into_iter().map(|(metric, why)| (metric.to_owned(), why.to_owned())).collect()
}

fn event(t: f64, kind: EventKind, region: &RegionName, detail: &str) -> Event {
    Event { detail: Some(detail.to_owned()), ..Event::new(t, kind, region) }
}

fn pointsman() -> Controller {
    use EventKind::{
        ClientsMoved, Decision, DnsAnswerChanged, FailbackApplied, FailbackDecision, FailbackDone, FaultCleared,
        FaultInjected, FirstBadProbe, Quorum, SwitchApplied,
    };
    let series = series(1, Some((24.1, 96.4)));
    let bad = |observer: &str, t| Event {
        observer: Some(observer.parse().unwrap()),
        ..event(t, FirstBadProbe, &eu(), "health: connect_refused")
    };
    let timeline = vec![
        event(10.0, FaultInjected, &eu(), "connections are refused"),
        bad(OBSERVERS[0], 10.4),
        bad(OBSERVERS[1], 10.9),
        bad(OBSERVERS[2], 11.2),
        Event::new(13.2, Quorum, &eu()),
        event(
            13.4,
            Decision,
            &us(),
            "eu-west-1 is down for 3 of 3 observers, 3 rounds in a row\norders fails too\nus-east-1 is up for 3 of 3",
        ),
        event(13.9, SwitchApplied, &us(), "epoch 1"),
        Event::new(24.1, DnsAnswerChanged, &us()),
        Event::new(42.6, ClientsMoved, &us()),
        event(50.0, FaultCleared, &eu(), "connections are refused"),
        event(84.8, FailbackDecision, &eu(), "eu-west-1 is up for 3 of 3 observers, 20 rounds in a row"),
        event(86.2, FailbackApplied, &eu(), "epoch 3"),
        Event::new(96.4, DnsAnswerChanged, &eu()),
        Event::new(115.0, FailbackDone, &eu()),
    ];
    let metrics = Metrics {
        detection_s: Some(3.2),
        decision_s: Some(3.4),
        answer_s: Some(14.1),
        failover_s: Some(32.6),
        mttr_s: Some(34.1),
        failback_s: Some(65.0),
        switches: 2,
        ..metrics(&series)
    };
    Controller { metrics, unmeasured: BTreeMap::new(), timeline, series }
}

fn native() -> Controller {
    use EventKind::{ClientsMoved, DnsAnswerChanged, FailbackDone, FaultCleared, FaultInjected};
    let series = series(2, Some((43.7, 85.2)));
    let metrics = Metrics {
        answer_s: Some(33.7),
        failover_s: Some(52.4),
        failback_s: Some(54.0),
        switches: 2,
        ..metrics(&series)
    };
    let why = "Route 53's checks leave no record of it";
    let timeline = vec![
        Event::new(10.0, FaultInjected, &eu()),
        Event::new(43.7, DnsAnswerChanged, &us()),
        Event::new(50.0, FaultCleared, &eu()),
        Event::new(62.4, ClientsMoved, &us()),
        Event::new(85.2, DnsAnswerChanged, &eu()),
        Event::new(104.0, FailbackDone, &eu()),
    ];
    Controller { metrics, unmeasured: reasons([("detection_s", why), ("decision_s", why)]), timeline, series }
}

/// The single prober's third failure would have come after the fault was over.
fn never_left(seed: u64) -> Controller {
    let series = series(seed, None);
    let stayed = "the answer never left the region";
    Controller {
        metrics: metrics(&series),
        unmeasured: reasons([
            ("detection_s", "no quorum saw the region down"),
            ("decision_s", "no plan was taken to leave the region"),
            ("answer_s", stayed),
            ("failover_s", stayed),
            ("failback_s", "the preferred region was never left"),
        ]),
        timeline: vec![
            Event::new(10.0, EventKind::FaultInjected, &eu()),
            Event::new(50.0, EventKind::FaultCleared, &eu()),
        ],
        series,
    }
}

fn verdicts() -> Vec<Said> {
    let said = |t, observer: &str, region: RegionName, verdict| Said {
        t,
        observer: observer.parse().unwrap(),
        region,
        verdict,
    };
    let mut all = Vec::new();
    for (observer, late) in OBSERVERS.into_iter().zip([0.4, 0.9, 1.2]) {
        all.push(said(0.0, observer, eu(), Verdict::Up));
        all.push(said(0.0, observer, us(), Verdict::Up));
        all.push(said(INJECTED + late, observer, eu(), Verdict::Down));
        all.push(said(CLEARED + late, observer, eu(), Verdict::Degraded));
        all.push(said(CLEARED + late + 5.0, observer, eu(), Verdict::Up));
    }
    all.push(said(70.2, OBSERVERS[2], us(), Verdict::Unknown));
    all.push(said(74.2, OBSERVERS[2], us(), Verdict::Up));
    all.sort_by(|one, other| one.t.total_cmp(&other.t));
    all
}

fn calls() -> Vec<AwsCalls> {
    let call = |service: &str, region: &str, operation: &str, count: u32, millionth: f64| AwsCalls {
        service: service.to_owned(),
        region: region.to_owned(),
        operation: operation.to_owned(),
        count: count.into(),
        failed: u64::from(operation == "GetObject"),
        injected: 0,
        usd: Some(Price::from(f64::from(count) * millionth / 1e6)),
    };
    vec![
        call("events", "eu-north-1", "PutEvents", 126, 1.0),
        call("monitoring", "ap-southeast-2", "PutMetricData", 3, 10.0),
        call("monitoring", "eu-central-1", "PutMetricData", 3, 10.0),
        call("monitoring", "us-west-2", "PutMetricData", 3, 10.0),
        call("route53", "us-east-1", "ChangeResourceRecordSets", 3, 0.0),
        call("route53", "us-east-1", "GetChange", 9, 0.0),
        call("route53", "us-east-1", "GetHealthCheckStatus", 41, 0.0),
        call("s3", "eu-north-1", "GetObject", 611, 0.4),
        call("s3", "eu-north-1", "PutObject", 158, 5.0),
    ]
}

fn expectations() -> Vec<Expectation> {
    let expect = |text: &str, met, seen: &str| Expectation { text: text.to_owned(), met, seen: seen.to_owned() };
    vec![
        expect("success rate of 0.999 or more in the steady 8s before", true, "1"),
        expect("eu-west-1 is left within 30s", true, "left after 14.1s"),
        expect("us-east-1 is not left", true, "not left"),
        expect("us-east-1 answers when the first fault is cleared", true, "us-east-1"),
        expect("eu-west-1 answers at the end", true, "eu-west-1"),
        expect("decision_s at most 5", true, "3.4"),
        expect("failover_s at most 38", true, "32.6"),
        expect("failback_s at most 85", true, "65"),
        expect("availability at least 0.65", true, "0.764"),
        expect("false_failovers at most 0", true, "0"),
        expect("missed at most 0", true, "0"),
    ]
}

/// Three controllers and nobody, 140 s, the preferred region away for 40 of them.
pub(crate) fn outage() -> Report {
    let ours = pointsman();
    let lived =
        Lived { what: What::Region { fault: Fault::Down, region: eu() }, injected: INJECTED, cleared: Some(CLEARED) };
    Report {
        scenario: "region-outage".to_owned(),
        title: "The preferred region refuses every connection for 40 s; traffic moves, and returns by itself"
            .to_owned(),
        seed: 1,
        emulator: "ministack".to_owned(),
        speed: 4.0,
        propagation_s: 10.0,
        ttl_s: TTL,
        r29_s: 5.0,
        regions: vec![eu(), us()],
        observers: OBSERVERS.iter().map(|name| name.parse::<ObserverName>().unwrap()).collect(),
        objectives: Objectives { rto_s: Some(45.0), rpo_s: Some(0.0) },
        lasted_s: f64::from(LASTED),
        partial: false,
        timeline: ours.timeline.clone(),
        verdicts: verdicts(),
        anomaly: Track::default(),
        faults: vec![Measured {
            lived,
            metrics: ours.metrics.clone(),
            unmeasured: BTreeMap::new(),
            target: Some(us()),
        }],
        metrics: ours.metrics.clone(),
        comparison: Comparison {
            pointsman: ours,
            native: Some(native()),
            threshold: Some(never_left(3)),
            no_failover: Some(never_left(4)),
        },
        unmeasured: BTreeMap::new(),
        exemptions: vec![LOOPBACK_EXEMPTION.to_owned()],
        holds: BTreeSet::from([HoldCode::Counting, HoldCode::Healthy, HoldCode::HoldDown, HoldCode::Returning]),
        aws_calls: calls(),
        function_calls: BTreeMap::new(),
        aws_faults: Vec::new(),
        fleet: Schedule { late_p99_ms: Some(1.8), kept: true },
        expectations: expectations(),
        cost: Some(cost::of(&Config::parse("pointsman.toml", CONFIG).unwrap())),
        source: include_str!("../../../../scenarios/region-outage.toml").to_owned(),
        config: CONFIG.to_owned(),
    }
}

/// The same, interrupted before anything could be measured, ours alone.
pub(crate) fn unmeasured() -> Report {
    let mut report = outage();
    let why = "the drill was interrupted";
    let metrics = Metrics {
        detection_s: None,
        decision_s: None,
        answer_s: None,
        failover_s: None,
        mttr_s: None,
        failback_s: None,
        requests: 0,
        throughput_rps: None,
        success_rate: None,
        availability: None,
        latency_ms: LatencyMs {
            before: Percentiles::default(),
            during: Percentiles::default(),
            after: Percentiles::default(),
        },
        ..report.metrics.clone()
    };
    let unmeasured = reasons([
        ("detection_s", why),
        ("decision_s", why),
        ("answer_s", why),
        ("failover_s", why),
        ("mttr_s", why),
        ("failback_s", why),
        ("requests", "no request was sent"),
        ("availability", "no request was sent"),
        ("success_rate", "no request was sent"),
        ("throughput_rps", "no request was sent"),
        ("latency_ms.before", why),
        ("latency_ms.during", why),
        ("latency_ms.after", why),
    ]);
    let timeline = vec![Event::new(2.0, EventKind::FaultInjected, &eu())];
    let lived = Lived { injected: 2.0, cleared: None, ..report.faults[0].lived.clone() };
    report.comparison = Comparison {
        pointsman: Controller {
            metrics: metrics.clone(),
            unmeasured: unmeasured.clone(),
            timeline: timeline.clone(),
            series: Series::default(),
        },
        native: None,
        threshold: None,
        no_failover: None,
    };
    report.faults = vec![Measured { lived, metrics: metrics.clone(), unmeasured: unmeasured.clone(), target: None }];
    Report {
        partial: true,
        lasted_s: 2.4,
        timeline,
        verdicts: Vec::new(),
        metrics,
        unmeasured,
        objectives: Objectives::default(),
        holds: BTreeSet::new(),
        aws_calls: Vec::new(),
        function_calls: BTreeMap::new(),
        fleet: Schedule { late_p99_ms: None, kept: false },
        expectations: report
            .expectations
            .iter()
            .map(|it| Expectation { met: false, seen: "not measured".to_owned(), ..it.clone() })
            .collect(),
        cost: None,
        ..report
    }
}
