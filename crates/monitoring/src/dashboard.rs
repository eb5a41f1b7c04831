//! The dashboard: what an engineer sees first, top to bottom in the order of the questions.
//!
//! Does traffic flow, and where? Who says so? Has anything moved? Is what watches well itself?

use std::fmt::Write as _;

use domain::{Config, ObserverName, Service};
use serde_json::{Value, json};

use crate::{
    alarm::{Alarm, alarms, has_certificate},
    lines::Graph,
    metric::{Metric, Subject},
};

/// Columns of `CloudWatch`'s grid.
const COLUMNS: u32 = 24;
/// What `CloudWatch` takes of one dashboard.
const WIDGETS: usize = 500;
const METRICS: usize = 2_500;
/// With more services each has one row rather than three.
const IN_FULL: usize = 5;
/// An alarm widget shows no more.
const ALARMS_SHOWN: usize = 100;

const RED: &str = "#d62728";
const GREEN: &str = "#2ca02c";

/// A dashboard.
#[derive(Debug, Clone, PartialEq)]
pub struct Dashboard {
    /// Unique in an account.
    pub name: String,
    /// Its widgets, as they stand in its body.
    pub widgets: Vec<Widget>,
}

/// A widget and its place.
#[derive(Debug, Clone, PartialEq)]
pub struct Widget {
    /// `metric`, `text`, `alarm` or `log`.
    pub kind: &'static str,
    /// Columns from the left.
    pub x: u32,
    /// Rows from the top.
    pub y: u32,
    /// In columns.
    pub width: u32,
    /// In rows.
    pub height: u32,
    /// The rest, by kind.
    pub properties: Value,
}

impl Widget {
    /// How many of the metrics that `CloudWatch` allows it takes.
    fn metrics(&self) -> usize {
        self.properties["metrics"].as_array().map_or(0, Vec::len)
    }
}

impl Dashboard {
    /// As `CloudWatch` reads it.
    #[must_use]
    pub fn body(&self) -> Value {
        let widgets = self.widgets.iter().map(|widget| {
            let Widget { kind, x, y, width, height, properties } = widget;
            json!({ "type": kind, "x": x, "y": y, "width": width, "height": height, "properties": properties })
        });
        json!({ "start": "-PT3H", "periodOverride": "inherit", "widgets": widgets.collect::<Vec<_>>() })
    }
}

/// Widgets in rows, from left to right.
#[derive(Debug, Clone, Default)]
struct Rows {
    widgets: Vec<Widget>,
    height: u32,
}

impl Rows {
    /// A row of that height whose widgets share the width, as many lines as it takes.
    fn row(&mut self, height: u32, most: usize, cells: &[(&'static str, Value)]) {
        for line in cells.chunks(most) {
            // 24 is divided by all but 5, 7 and what no row has; what remains is the last one's.
            let count = u32::try_from(line.len()).unwrap_or(1).max(1);
            let width = COLUMNS / count;
            for (x, (kind, properties)) in (0..).step_by(width as usize).zip(line) {
                let rest = COLUMNS - x;
                let width = if rest < 2 * width { rest } else { width };
                let (y, properties) = (self.height, properties.clone());
                self.widgets.push(Widget { kind, x, y, width, height, properties });
            }
            self.height += height;
        }
    }

    fn heading(&mut self, markdown: &str, height: u32) {
        let heading = json!({ "markdown": markdown, "background": "transparent" });
        self.row(height, 1, &[("text", heading)]);
    }

    /// These below those.
    fn add(&mut self, below: Self) {
        self.widgets.extend(below.widgets.into_iter().map(|widget| Widget { y: widget.y + self.height, ..widget }));
        self.height += below.height;
    }

    fn fits(&self, more: &Self) -> bool {
        let metrics = |rows: &Self| rows.widgets.iter().map(Widget::metrics).sum::<usize>();
        self.widgets.len() + more.widgets.len() <= WIDGETS && metrics(self) + metrics(more) <= METRICS
    }
}

/// The dashboards of a deployment: one, and more only where `CloudWatch` takes no larger one. `arn` is the beginning of an
/// alarm's ARN, up to its name.
#[must_use]
pub fn dashboards(config: &Config, arn: &str) -> Vec<Dashboard> {
    let alarms = alarms(config);
    let mut first = overview(config, &alarms, arn);
    let in_full = config.services.len() <= IN_FULL;
    let mut all = Vec::new();
    let health = own_health(config);
    for service in &config.services {
        let rows = if in_full { in_detail(config, service) } else { in_brief(config, service) };
        if !first.fits(&rows) {
            all.push(std::mem::take(&mut first));
        }
        first.add(rows);
    }
    if !first.fits(&health) {
        all.push(std::mem::take(&mut first));
    }
    first.add(health);
    all.push(first);
    let name = |at| if at == 0 { config.stack.to_string() } else { format!("{}-{}", config.stack, at + 1) };
    all.into_iter().enumerate().map(|(at, rows)| Dashboard { name: name(at), widgets: rows.widgets }).collect()
}

fn overview(config: &Config, alarms: &[Alarm], arn: &str) -> Rows {
    let mut rows = Rows::default();
    let mut about = format!("# {}: ", config.stack);
    // A `String` takes whatever is written to it.
    let _ = match config.services.as_slice() {
        [service] => write!(about, "{}", service.name),
        services => write!(about, "{} services", services.len()),
    };
    about.push_str(
        "\nWhat an alarm means, and what to do: `docs/runbook.md`. Now, in a terminal: `pointsman status --explain`.",
    );
    rows.heading(&about, 2);
    let arns: Vec<_> = alarms.iter().map(|alarm| format!("{arn}{}", alarm.name())).collect();
    let one = arns.len() <= ALARMS_SHOWN && config.services.len() == 1;
    let shown = arns.chunks(ALARMS_SHOWN).map(|arns| {
        // Of many only those that are raised: nobody reads a hundred that are not.
        let properties = if one {
            json!({ "title": "Alarms", "alarms": arns })
        } else {
            json!({ "title": "Alarms that are raised", "alarms": arns, "states": ["ALARM"] })
        };
        ("alarm", properties)
    });
    rows.row(4, 3, &shown.collect::<Vec<_>>());
    if config.services.len() > 1 {
        let answering = config
            .services
            .iter()
            .fold(Graph::new("Where DNS points: 0 the preferred region, 1 the next", config), |graph, service| {
                graph.ours(config, Metric::Answering, &of(service), "Maximum", service.name.as_str())
            });
        rows.row(6, 2, &[("metric", answering.properties()), ("metric", switches(config))]);
    }
    rows
}

fn of(service: &Service) -> Subject {
    Subject::Service(service.name.clone())
}

fn switches(config: &Config) -> Value {
    let graph = Graph::new("Failovers and failbacks", config).every(300).stacked();
    let graph = config.services.iter().fold(graph, |graph, service| {
        let (to, back) = (format!("{} left", service.name), format!("{} returned", service.name));
        graph.ours(config, Metric::Failovers, &of(service), "Maximum", &to).ours(
            config,
            Metric::Failbacks,
            &of(service),
            "Maximum",
            &back,
        )
    });
    graph.properties()
}

/// What an observer says, a graph a region: as many bands as observers.
fn health(config: &Config, service: &Service, only: Option<usize>) -> Vec<Value> {
    let regions = service.regions.iter().enumerate().filter(|(place, _)| only.is_none_or(|only| only == *place));
    regions
        .map(|(_, region)| {
            let title = format!("{} by observer: 2 is down", region.name);
            let (most, quorum) = (2 * config.observers.len(), 2.0 * service.policy.quorum as f64);
            let graph = Graph::new(title, config).stacked().left(json!({ "min": 0, "max": most, "showUnits": false }));
            let graph = graph.level(quorum, "a quorum says down", Some(RED));
            let graph = config.observers.iter().fold(graph, |graph, place| {
                let observer = ObserverName::from(place);
                let sight = Subject::Sight(service.name.clone(), region.name.clone(), observer.clone());
                graph.ours_or_zero(config, Metric::Verdict, &sight, observer.as_str(), None)
            });
            graph.properties()
        })
        .collect()
}

fn by_region(config: &Config, service: &Service, title: &str, lines: &[(Metric, &str, &str)]) -> Graph {
    service.regions.iter().fold(Graph::new(title, config), |graph, region| {
        let subject = Subject::Region(service.name.clone(), region.name.clone());
        lines.iter().fold(graph, |graph, (metric, stat, word)| {
            graph.ours(config, *metric, &subject, stat, format!("{} {word}", region.name).trim_end())
        })
    })
}

/// Where DNS points, with the regions' names as levels, and a mark at each switch.
fn answering(config: &Config, service: &Service, title: &str) -> Value {
    let top = service.regions.len().saturating_sub(1).max(1);
    let graph = Graph::new(title, config).left(json!({ "min": 0, "max": top, "showUnits": false }));
    let graph = service
        .regions
        .iter()
        .enumerate()
        .fold(graph, |graph, (place, region)| graph.level(place as f64, region.name.as_str(), None));
    let service = of(service);
    graph
        .ours(config, Metric::Answering, &service, "Maximum", "DNS points to")
        .ours_or_zero(config, Metric::Failovers, &service, "failover", Some(RED))
        .ours_or_zero(config, Metric::Failbacks, &service, "failback", Some(GREEN))
        .properties()
}

fn latency(config: &Config, service: &Service, title: &str) -> Value {
    by_region(config, service, title, &[(Metric::Latency, "p50", "p50"), (Metric::Latency, "p99", "p99")]).properties()
}

fn margin(config: &Config, service: &Service) -> Value {
    by_region(config, service, "Quorum margin", &[(Metric::QuorumMargin, "Minimum", "")])
        .left(json!({ "showUnits": false }))
        .level(0.0, "down by quorum", Some(RED))
        .properties()
}

fn in_detail(config: &Config, service: &Service) -> Rows {
    let mut rows = Rows::default();
    if config.services.len() > 1 {
        rows.heading(&format!("## {}", service.name), 1);
    }
    let metric = |properties| ("metric", properties);
    let mut moved = vec![metric(answering(config, service, "Where DNS points, and each switch"))];
    moved.push(metric(margin(config, service)));
    if config.services.len() == 1 {
        moved.push(metric(switches(config)));
    }
    rows.row(6, 3, &moved);
    rows.row(6, 3, &health(config, service, None).into_iter().map(metric).collect::<Vec<_>>());
    let success = by_region(config, service, "Success: share of the probes", &[(Metric::Success, "Average", "")]);
    let anomaly = by_region(config, service, "Anomaly score, the highest", &[(Metric::AnomalyScore, "Maximum", "")]);
    rows.row(
        6,
        3,
        &[
            metric(latency(config, service, "Latency of probes that succeed")),
            metric(success.left(json!({ "min": 0, "max": 1, "showUnits": false })).properties()),
            metric(anomaly.left(json!({ "min": 0, "max": 1, "showUnits": false })).properties()),
        ],
    );
    rows
}

/// One row: where it points, who says what of the preferred region, how quick it is.
fn in_brief(config: &Config, service: &Service) -> Rows {
    let mut rows = Rows::default();
    let metric = |properties| ("metric", properties);
    let mut cells = vec![metric(answering(config, service, service.name.as_str())), metric(margin(config, service))];
    cells.extend(health(config, service, Some(0)).into_iter().map(metric));
    cells.push(metric(latency(config, service, "Latency")));
    rows.row(5, 4, &cells);
    rows
}

fn own_health(config: &Config) -> Rows {
    let mut rows = Rows::default();
    rows.heading("## Pointsman itself", 1);
    let (control, stack) = (&config.control_region, &config.stack);
    let (failover, checker) = (format!("{stack}-failover"), format!("{stack}-checker"));
    let lambda = |graph: Graph, metric: &str, stat: &str, label: &str| {
        graph.of_aws(control, ("AWS/Lambda", metric), &[("FunctionName", &failover)], stat, label)
    };
    let ticks = [("Invocations", "Sum"), ("Errors", "Sum"), ("Throttles", "Sum")]
        .into_iter()
        .fold(Graph::new("Failover function", config), |graph, (metric, stat)| lambda(graph, metric, stat, metric));
    let checkers = config.observers.iter().fold(Graph::new("Checkers: errors", config).stacked(), |graph, region| {
        graph.of_aws(region, ("AWS/Lambda", "Errors"), &[("FunctionName", &checker)], "Sum", region.as_str())
    });
    let silent = Graph::new("Observers not heard, preflight failing", config).stacked();
    let silent = config.observers.iter().fold(silent, |graph, region| {
        let observer = ObserverName::from(region);
        let label = observer.to_string();
        graph.ours(config, Metric::ObserverSilent, &Subject::Observer(observer), "Maximum", &label)
    });
    let stack = Subject::Deployment(config.stack.clone());
    let silent = silent.ours(config, Metric::PreflightFailures, &stack, "Maximum", "preflight");
    let of_services = |title: &str, metric, stat: &str| {
        let graph = config.services.iter().fold(Graph::new(title, config), |graph, service| {
            graph.ours(config, metric, &of(service), stat, service.name.as_str())
        });
        graph.properties()
    };
    let queues = config
        .observers
        .iter()
        .map(|region| (region, format!("{checker}-failures")))
        .chain([(control, format!("{failover}-failures"))]);
    let queues = queues.fold(Graph::new("Given up: messages in the queues", config), |graph, (region, queue)| {
        let metric = ("AWS/SQS", "ApproximateNumberOfMessagesVisible");
        graph.of_aws(region, metric, &[("QueueName", &queue)], "Maximum", &format!("{region} {queue}"))
    });
    let duration = lambda(Graph::new("Duration of a tick", config), "Duration", "p50", "p50");
    let duration = lambda(duration, "Duration", "Maximum", "longest");
    let metric = |properties| ("metric", properties);
    let mut cells = vec![
        metric(ticks.properties()),
        metric(duration.properties()),
        metric(checkers.properties()),
        metric(silent.properties()),
        metric(of_services("Age of the evidence that decisions rest on", Metric::StateAge, "Maximum")),
        metric(of_services("From first seen down to the plan", Metric::DecisionTime, "Maximum")),
        metric(queues.properties()),
    ];
    if config.services.iter().any(has_certificate) {
        let title = "Certificates valid for fewer than 30 days";
        cells.push(metric(of_services(title, Metric::CertificateDays, "Minimum")));
    }
    rows.row(5, 4, &cells);
    let query = format!(
        "SOURCE '/aws/lambda/{failover}' | fields @timestamp, fields.service as service, fields.epoch as epoch, \
         fields.entry as what | filter fields.message = 'audit' and fields.entry not like /^Held/ | sort @timestamp desc \
         | limit 50"
    );
    let history = json!({
        "title": "Failover history: the audit trail", "region": control.as_str(), "view": "table", "query": query,
    });
    rows.row(7, 1, &[("log", history)]);
    rows
}
