//! What holds of any deployment: alarms watch what is sent, and `CloudWatch` takes it all.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use decision::{Evidence, Sighting, decide};
use domain::{
    Answering, Config, Fault, MetricsBy, Observation, ObserverName, Period, Phase, Phases, ProbeReport, ProbeStatus,
    RegionView, Round, Seen, Service, ServiceState, Verdict,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use serde_json::Value;

use super::{alarm::Watched, *};

const OBSERVERS: [&str; 5] = ["us-west-2", "eu-central-1", "ap-southeast-2", "ca-central-1", "sa-east-1"];
const REGIONS: [&str; 4] = ["eu-west-1", "us-east-1", "ap-south-1", "af-south-1"];

/// So many services of so many regions, seen by so many observers.
fn config(services: usize, regions: usize, observers: usize) -> Config {
    let quoted: Vec<_> = OBSERVERS[..observers].iter().map(|it| format!("{it:?}")).collect();
    let mut text = format!("control_region = \"eu-north-1\"\nobservers = [{}]\n", quoted.join(", "));
    for service in 0..services {
        let places: Vec<_> = REGIONS[..regions]
            .iter()
            .enumerate()
            .map(|(at, it)| format!("{{ name = {it:?}, a = [\"52.95.{service}.{at}\"] }}"))
            .collect();
        // A `String` takes whatever is written to it.
        let _ = write!(
            text,
            "[[service]]\nname = \"service-{service}.shop.example.com\"\nhosted_zone = \"Z1\"\nregion = [{}]\n\
             probe = [{{ name = \"health\", kind = \"https\", path = \"/\" }}]\n",
            places.join(", ")
        );
    }
    Config::parse("pointsman.toml", &text).unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_790_000_000).unwrap()
}

fn observation(config: &Config, service: &Service, observer: &ObserverName, verdicts: &[Verdict]) -> Observation {
    let views = service.regions.iter().zip(verdicts).map(|(region, verdict)| {
        let down = *verdict == Verdict::Down;
        let probe = ProbeReport {
            probe: "health".parse().unwrap(),
            status: if down { ProbeStatus::Failed } else { ProbeStatus::Ok },
            fault: down.then_some(Fault::ConnectRefused),
            phases_ms: Phases { total: Some(42.0), ..Phases::default() },
            evidence: String::new(),
            seen: Seen { certificate_until: Some(now().as_second() + 86_400 * 9 + 7), ..Seen::default() },
        };
        let view = RegionView {
            verdict: *verdict,
            streak: 30,
            since: now() - SignedDuration::from_secs(25),
            anomalous: false,
            anomaly: Some(domain::Anomaly::Scored { score: 0.41, alert: false, episode: None, reasons: Vec::new() }),
            failing: BTreeMap::new(),
            silent: BTreeMap::new(),
            probes: vec![probe],
        };
        (region.name.clone(), view)
    });
    Observation {
        format: domain::OBSERVATION_FORMAT,
        service: service.name.clone(),
        observer: observer.clone(),
        config: config.hash(),
        invocation: "1".to_owned(),
        round: Round(1),
        at: now(),
        regions: views.collect(),
        answering: Answering::Region(service.preferred().name.clone()),
    }
}

/// What the observers say of each service, the failover function's view of it.
fn evidence(config: &Config, service: &Service, seen_by: usize, verdicts: &[Verdict]) -> Evidence {
    let observers: Vec<_> = config.observers.iter().map(ObserverName::from).collect();
    let sighting =
        |observer| Sighting { observation: observation(config, service, observer, verdicts), age: Period::seconds(5) };
    Evidence {
        config: config.hash(),
        observers: observers.iter().cloned().collect(),
        sightings: observers[..seen_by].iter().map(sighting).collect(),
        answering: Answering::Region(service.preferred().name.clone()),
        native: BTreeMap::new(),
        alarms: BTreeMap::new(),
        lag: BTreeMap::new(),
    }
}

/// Whatever is sent of a deployment to which everything happens that can.
fn sent(config: &Config) -> BTreeSet<Series> {
    use Verdict::{Down, Up};
    let mut batch = Batch::default();
    for service in &config.services {
        for observer in config.observers.iter().map(ObserverName::from) {
            for word in [Up, Down, Verdict::Degraded, Verdict::Unknown] {
                batch.observe(&observation(config, service, &observer, &vec![word; service.regions.len()]));
            }
        }
        let steady = ServiceState::new(service);
        let mut look = |state: &ServiceState, evidence: &Evidence| {
            let decision = decide(service, state, evidence, now());
            of_look(&mut batch, service, state, evidence, Some(&decision), now());
        };
        let mut down = vec![Up; service.regions.len()];
        down[0] = Down;
        // Nobody is heard; then all say that it is down; then so, twice too soon after a switch.
        look(&steady, &evidence(config, service, 0, &down));
        look(&steady, &evidence(config, service, config.observers.len(), &down));
        for phase in [Phase::FailedOver, Phase::Steady] {
            let unverified = Some("p1".parse().unwrap());
            let last_switch = Some(now() - SignedDuration::from_secs(20));
            let state = ServiceState { phase, last_switch, unverified, ..steady.clone() };
            look(&state, &evidence(config, service, config.observers.len(), &down));
        }
    }
    crate::of_preflight(&mut batch, config, 2, now());
    batch.take().into_iter().map(|datum| datum.series).collect()
}

#[test]
fn every_alarm_watches_what_is_sent() {
    let config = config(2, 3, 4);
    let sent = sent(&config);
    for alarm in alarms(&config) {
        match &alarm.watched {
            Watched::Ours(series) => assert!(sent.contains(series), "{} watches {series:?}", alarm.name()),
            Watched::Failover(metric) => assert!(["Errors", "Throttles"].contains(metric), "Lambda keeps no {metric}"),
        }
    }
}

#[test]
fn every_metric_is_sent_and_none_besides() {
    let config = config(2, 2, 3);
    let known: BTreeSet<_> = Metric::ALL
        .into_iter()
        .flat_map(|metric| metric.subjects(&config).into_iter().map(move |subject| Series { metric, subject }))
        .collect();
    assert_eq!(sent(&config), known);
}

#[test]
fn all_is_well_and_only_what_is_kept_is_sent() {
    let config = config(1, 2, 3);
    let service = &config.services[0];
    let mut batch = Batch::default();
    for observer in config.observers.iter().map(ObserverName::from) {
        let mut round = observation(&config, service, &observer, &[Verdict::Up; 2]);
        round.regions.values_mut().for_each(|view| view.probes[0].seen.certificate_until = None);
        batch.observe(&round);
    }
    let mut evidence = evidence(&config, service, 3, &[Verdict::Up; 2]);
    let views = evidence.sightings.iter_mut().flat_map(|sighting| sighting.observation.regions.values_mut());
    views.for_each(|view| view.probes[0].seen.certificate_until = None);
    let state = ServiceState::new(service);
    let decision = decide(service, &state, &evidence, now());
    of_look(&mut batch, service, &state, &evidence, Some(&decision), now());
    let sent: BTreeSet<_> = batch.take().into_iter().map(|datum| datum.series).collect();
    assert!(sent.iter().all(|series| series.metric.kept() == Kept::Always), "{sent:?}");
    assert_eq!(sent.len(), metrics_kept(&config, |_| true), "what the price counts is what is sent");
}

/// What a metric had in the one datum sent of it.
fn value(batch: &mut Batch, metric: Metric) -> Option<f64> {
    batch.take().into_iter().find(|datum| datum.series.metric == metric).map(|datum| datum.values[0].0)
}

#[test]
fn the_margin_is_what_is_left_of_the_quorum() {
    let config = config(1, 2, 3);
    let service = &config.services[0];
    for (down, margin) in [(0, 2.0), (1, 1.0), (2, 0.0), (3, -1.0)] {
        let mut evidence = evidence(&config, service, 3, &[Verdict::Up; 2]);
        for sighting in &mut evidence.sightings[..down] {
            sighting.observation =
                observation(&config, service, &sighting.observation.observer, &[Verdict::Down, Verdict::Up]);
        }
        let mut batch = Batch::default();
        of_look(&mut batch, service, &ServiceState::new(service), &evidence, None, now());
        assert_eq!(value(&mut batch, Metric::QuorumMargin), Some(margin), "{down} say down");
    }
}

#[test]
fn a_decision_s_time_begins_with_the_first_bad_round() {
    let config = config(1, 2, 3);
    let service = &config.services[0];
    let evidence = evidence(&config, service, 3, &[Verdict::Down, Verdict::Up]);
    let state = ServiceState::new(service);
    let decision = decide(service, &state, &evidence, now());
    let mut batch = Batch::default();
    of_look(&mut batch, service, &state, &evidence, Some(&decision), now());
    assert_eq!(value(&mut batch, Metric::DecisionTime), Some(25.0));
}

/// Every metric of ours in a dashboard's graphs.
fn shown(config: &Config) -> BTreeSet<(String, Vec<String>)> {
    let widgets = dashboards(config, "arn:").into_iter().flat_map(|dashboard| dashboard.widgets);
    let lines = widgets.flat_map(|widget| widget.properties["metrics"].as_array().cloned().unwrap_or_default());
    let words = lines.map(|line| {
        let words = line.as_array().unwrap().iter().filter_map(Value::as_str).map(str::to_owned);
        words.collect::<Vec<_>>()
    });
    let ours = words.filter(|words| words.first().is_some_and(|it| it == NAMESPACE));
    ours.map(|words| (words[1].clone(), words[2..].to_vec())).collect()
}

#[test]
fn the_dashboard_shows_what_is_sent_and_all_of_it() {
    for by in [MetricsBy::Api, MetricsBy::Emf] {
        let config = Config { metrics: by, ..config(1, 3, 4) };
        let sent = sent(&config).into_iter().map(|series| {
            let dimensions = series.subject.dimensions();
            let words = dimensions.iter().flat_map(|(name, value)| [(*name).to_owned(), (*value).to_owned()]);
            (series.metric.name().to_owned(), words.collect())
        });
        // That it is blocked, or not verified, its alarms show.
        let by_alarm = [Metric::Blocked.name(), Metric::Unverified.name()];
        let sent: BTreeSet<_> = sent.filter(|(name, _): &(_, Vec<_>)| !by_alarm.contains(&name.as_str())).collect();
        assert_eq!(shown(&config), sent, "{by:?}");
    }
}

fn takes_it(config: &Config) {
    for dashboard in dashboards(config, "arn:") {
        let widgets = &dashboard.widgets;
        assert!(widgets.len() <= 500, "{} widgets", widgets.len());
        let metrics: Vec<_> =
            widgets.iter().map(|it| it.properties["metrics"].as_array().map_or(0, Vec::len)).collect();
        assert!(metrics.iter().all(|count| *count <= 500), "{metrics:?}");
        assert!(metrics.iter().sum::<usize>() <= 2_500, "{} metrics", metrics.iter().sum::<usize>());
        let mut taken = BTreeSet::new();
        for widget in widgets {
            assert!(widget.width >= 4 && widget.x + widget.width <= 24, "{widget:?}");
            for (x, y) in (0..widget.width).flat_map(|x| (0..widget.height).map(move |y| (x, y))) {
                assert!(taken.insert((widget.x + x, widget.y + y)), "{widget:?} lies over another");
            }
            let alarms = widget.properties["alarms"].as_array().map_or(0, Vec::len);
            assert!(alarms <= 100, "{alarms} alarms in a widget");
        }
    }
    let alarms = alarms(config);
    let names: BTreeSet<_> = alarms.iter().map(Alarm::name).collect();
    let ids: BTreeSet<_> = alarms.iter().map(Alarm::logical_id).collect();
    assert_eq!((names.len(), ids.len()), (alarms.len(), alarms.len()), "each alarm has names of its own");
    let composites = composites(config, &alarms);
    for composite in &composites {
        let (Children::Alarms(children) | Children::Composites(children)) = &composite.children;
        assert!(children.len() <= 100, "{} children", children.len());
        assert!(composite.rule().len() <= 10_240, "a rule of {} characters", composite.rule().len());
    }
    let paged: usize =
        composites.iter().map(|it| if let Children::Alarms(it) = &it.children { it.len() } else { 0 }).sum();
    assert_eq!(paged, alarms.iter().filter(|alarm| alarm.kind.pages()).count());
    let template = template(config, Composites::Made);
    let resources = template["Resources"].as_object().unwrap();
    assert!(resources.len() <= 500, "{} resources", resources.len());
    assert!(template.to_string().len() <= 1_000_000, "{} bytes", template.to_string().len());
}

#[test]
fn cloudwatch_takes_one_service_and_twenty() {
    takes_it(&config(1, 2, 3));
    takes_it(&config(20, 2, 3));
    assert_eq!(dashboards(&config(20, 2, 3), "arn:").len(), 1);
    let many = dashboards(&config(40, 4, 5), "arn:").len();
    assert!(many >= 1, "a second dashboard where one is too small");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn cloudwatch_takes_whatever_is_configured(services in 1_usize..30, regions in 2_usize..=4, observers in 3_usize..=5) {
        takes_it(&config(services, regions, observers));
    }
}

fn documented(name: &str) -> String {
    let path = format!("{}/../../docs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_documented_table_is_what_is_sent() {
    let text = documented("metrics.md");
    let rows: Vec<_> = text.lines().filter(|line| line.starts_with("| `")).collect();
    let expected = Metric::ALL.map(|metric| {
        let subject = metric.subjects(&config(1, 2, 3)).remove(0);
        let dimensions: Vec<_> = subject.dimensions().iter().map(|(name, _)| *name).collect();
        let publisher = if metric.publisher() == Publisher::Checker { "checker" } else { "failover" };
        let price = if metric.kept() == Kept::Always { "$0.30" } else { "while sent" };
        let unit = metric.unit().as_str();
        format!("| `{}` | {} | {unit} | {publisher} | {price} |", metric.name(), dimensions.join(", "))
    });
    assert_eq!(rows.len(), expected.len(), "a row a metric");
    for (row, expected) in rows.iter().zip(&expected) {
        assert!(row.starts_with(expected.as_str()), "{row}\nshould begin with\n{expected}");
    }
}

#[test]
fn every_alarm_has_its_section_in_the_runbook() {
    let text = documented("runbook.md");
    let sections: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let kinds = AlarmKind::ALL.iter().map(|kind| kind.as_str());
    assert_eq!(sections, ["page"].into_iter().chain(kinds).collect::<Vec<_>>());
    for alarm in alarms(&config(1, 2, 3)) {
        let section = format!("## {}\n", alarm.kind);
        assert!(text.contains(&section) && alarm.description().ends_with(&format!("#{}", alarm.kind)));
    }
}

/// `infra/watch.json` is what is deployed for the configuration that `pointsman init` writes.
#[test]
fn the_template_in_infra_is_what_is_made() {
    let path = format!("{}/../../infra/watch.json", env!("CARGO_MANIFEST_DIR"));
    let example = include_str!("../../../cli/src/commands/init.toml");
    let config = Config::parse("init.toml", example).unwrap();
    let made = serde_json::to_string_pretty(&template(&config, Composites::Made)).unwrap() + "\n";
    if std::env::var_os("POINTSMAN_BLESS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == made, "infra/watch.json is not what is made: run this test with POINTSMAN_BLESS=1");
}
