//! A scenario as written: optional keys, then defaults, then checks, each error with its place.

use std::collections::BTreeSet;

use domain::{
    ConfigError, ObserverName, Period, RegionName, Share,
    place::{
        self, Problems,
        Segment::{self, Index, Key},
        at,
    },
};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;

mod aws;

use self::aws::AwsFile;
use super::{
    Command, Expect, Injection, Load, Must, Objectives, OnOff, Order, Scenario, Shape, Steady, Targets, Truth, What,
};
use crate::fault::{Checked, Kind, ObserverFault, Paths, Written};

/// Faster than this, rounds would be shorter than a scheduler's whims.
const FASTEST: f64 = 60.0;
/// Apart from the regions that serve in the scenarios that come with Pointsman, and from each other.
const OBSERVERS: [&str; 3] = ["us-west-2", "eu-central-1", "ap-southeast-2"];

pub(super) fn parse(file: &str, source: &str) -> Result<Scenario, ConfigError> {
    place::read(file, source, |written: ScenarioFile, problems| Some(written.resolve(source, problems)))
}

pub(super) fn schema() -> Schema {
    schema_for!(ScenarioFile)
}

/// A rehearsal: faults, the truth about each region, and what the drill must show. All times are those of life.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ScenarioFile {
    /// Names it.
    name: String,
    /// What it shows, in a line.
    title: String,
    /// Rules everything random. Default 1.
    seed: Option<u64>,
    /// How much faster than life it runs, above 0 and up to 60. Default 1.
    speed: Option<f64>,
    /// The record sets' TTL. Default 20s.
    ttl: Option<Period>,
    /// From Route 53's yes to a change until its servers answer by it. Default 10s.
    propagation: Option<Period>,
    /// From a health check's change of status until the answers follow. Default 5s.
    r29: Option<Period>,
    /// In order of preference; at least two.
    regions: Vec<RegionName>,
    /// AWS regions of the checkers; at least three. Default: three that serve in none of Pointsman's own scenarios.
    observers: Option<Vec<RegionName>>,
    /// What the records hold: the regions' `addresses`, or their `names`. Default `addresses`.
    #[serde(default)]
    targets: Targets,
    /// What an outage may cost at most; the report holds the drill against them.
    #[serde(default)]
    objectives: Objectives,
    /// How long it goes on after the last fault was cleared. Default 30s.
    ends_after: Option<Period>,
    /// Before the first fault.
    steady: Steady,
    /// What the clients do.
    #[serde(default)]
    load: Load,
    /// Keys of a service's `[policy]` in `pointsman.toml`.
    #[serde(default)]
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    policy: toml::Table,
    /// As in `pointsman.toml`; the regions' own port needs no mention.
    /// Default: `/health` over HTTP, a TCP connection, `/api/orders` over HTTP.
    #[schemars(with = "Option<Vec<serde_json::Map<String, serde_json::Value>>>")]
    probe: Option<Vec<toml::Table>>,
    /// What is done to regions, names and observers; at least one, or one to AWS.
    #[serde(default)]
    fault: Vec<FaultFile>,
    /// What is done to AWS.
    #[serde(default)]
    aws: Vec<AwsFile>,
    /// What a person orders meanwhile.
    #[serde(default)]
    order: Vec<OrderFile>,
    /// What is right for each region.
    truth: Vec<TruthFile>,
    /// What the drill must show besides the truth.
    #[serde(default)]
    expect: Expect,
}

/// A fault put on a region, its name or an observer for a while.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct FaultFile {
    /// What is done.
    kind: Kind,
    /// To which region; `observer-lies` and `observer-cut-off`: about which, by default every one.
    region: Option<RegionName>,
    /// `observer-*`: to which observer.
    observer: Option<ObserverName>,
    /// When, since the end of the steady state.
    at: Period,
    /// For how long.
    #[serde(rename = "for")]
    lasts: Period,
    /// Grows from nothing to all of it for this long.
    ramp: Option<Period>,
    /// Comes and goes, for these lengths.
    pulse: Option<OnOff>,
    /// Comes and goes, for lengths drawn at random; these are the means.
    random: Option<OnOff>,
    /// The answer must leave the region within this time, each time: for a fault that is not the region's first.
    leave_within: Option<Period>,
    /// `latency`, `dns-slow`: how late every answer is.
    delay: Option<Period>,
    /// `latency`: up to how much later at random. Default 0s.
    jitter: Option<Period>,
    /// `errors`: the share of answers that are 503. `reset`: of connections that are reset, default 1.
    share: Option<Share>,
    /// `errors`, `wrong-body`: `all` requests, or those of a `user`, which are all but `/health`. Default `all`.
    paths: Option<Paths>,
    /// `slow-body`: how long a body takes.
    over: Option<Period>,
    /// `dns-ttl`: the TTL that is answered.
    ttl: Option<Period>,
}

/// What a person orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum OrderKind {
    /// As `pointsman failover --to`.
    Failover,
    /// As `pointsman failback`.
    Failback,
}

/// An order by hand.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OrderFile {
    /// What is ordered.
    kind: OrderKind,
    /// `failover`: where to.
    to: Option<RegionName>,
    /// When, since the end of the steady state.
    at: Period,
    /// Why. Default: the scenario's name.
    reason: Option<String>,
}

/// What is right for a region: either of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct TruthFile {
    /// The region.
    region: RegionName,
    /// The answer must leave it within this time of its first fault.
    must_leave_within: Option<Period>,
    /// The answer may not leave it.
    #[serde(default)]
    must_stay: bool,
}

impl ScenarioFile {
    fn resolve(self, source: &str, problems: &mut Problems) -> Scenario {
        let speed = self.speed.unwrap_or(1.0);
        let ttl = self.ttl.unwrap_or(Period::seconds(20));
        let ends_after = self.ends_after.unwrap_or(Period::seconds(30));
        let mut must = |holds: bool, path: &[Segment], message: &str| {
            if !holds {
                problems.add(path, message);
            }
        };
        must(!self.name.trim().is_empty(), &[Key("name")], "it needs one");
        must(speed > 0.0 && speed <= FASTEST, &[Key("speed")], "it must be above 0 and at most 60");
        must(
            ttl.0.subsec_nanos() == 0 && ttl.0.as_secs() > 0,
            &[Key("ttl")],
            "a TTL is a whole number of seconds, one or more",
        );
        must(self.regions.len() >= 2, &[Key("regions")], "at least two are needed: there must be somewhere to go");
        must(self.load.rate > 0.0 && self.load.rate.is_finite(), &[Key("load"), Key("rate")], "it must be above 0");
        must(self.load.clients > 0, &[Key("load"), Key("clients")], "at least one is needed");
        must(self.load.timeout > Period::default(), &[Key("load"), Key("timeout")], "nothing can answer in no time");
        must(
            self.steady.lasts > Period::default(),
            &[Key("steady"), Key("for")],
            "without a steady state there is nothing to compare with",
        );
        must(self.probe.as_ref().is_none_or(|probes| !probes.is_empty()), &[Key("probe")], "at least one is needed");
        must(
            !self.fault.is_empty() || !self.aws.is_empty(),
            &[Key("fault")],
            "at least one is needed, or an `[[aws]]`",
        );
        problems.unique(&[Key("regions")], "region", &self.regions, None);
        let observers = self.observers.unwrap_or_else(|| {
            OBSERVERS.iter().map(|name| name.parse().expect("the names above are regions' names")).collect()
        });
        problems.unique(&[Key("observers")], "observer", &observers, None);
        problems.unique(&[Key("truth")], "region", self.truth.iter().map(|truth| &truth.region), Some("region"));

        let regions = Regions(&self.regions);
        for (moment, wanted) in [("during", &self.expect.during), ("after", &self.expect.after)] {
            regions.check(wanted.active.as_ref(), &[Key("expect"), Key(moment), Key("active")], problems);
        }
        let mut faults = Vec::new();
        for (index, fault) in self.fault.into_iter().enumerate() {
            let path = [Key("fault"), Index(index)];
            regions.check(fault.region.as_ref(), &at(&path, &[Key("region")]), problems);
            if let Some(observer) =
                fault.observer.as_ref().filter(|it| !observers.iter().any(|o| ObserverName::from(o) == **it))
            {
                let known: Vec<_> = observers.iter().map(RegionName::as_str).collect();
                problems
                    .add(&at(&path, &[Key("observer")]), format!("`{observer}` is no observer: {}", known.join(", ")));
            }
            faults.extend(fault.resolve(&path, self.steady.lasts, problems));
        }
        for (index, rule) in self.aws.into_iter().enumerate() {
            faults.extend(rule.resolve(&[Key("aws"), Index(index)], self.steady.lasts, problems));
        }
        let orders = orders(self.order, &regions, &self.name, self.steady.lasts, problems);
        faults.sort_by_key(|fault| fault.begins);
        let lasts = faults.iter().map(|fault| fault.ends.0).max().unwrap_or_default() + ends_after.0;
        let mut truth = Vec::new();
        for (index, about) in self.truth.into_iter().enumerate() {
            let path = [Key("truth"), Index(index)];
            regions.check(Some(&about.region), &at(&path, &[Key("region")]), problems);
            truth.extend(about.resolve(&path, &faults, Period(lasts), problems));
        }
        let told: BTreeSet<_> = truth.iter().map(|truth| &truth.region).collect();
        for region in self.regions.iter().filter(|region| !told.contains(region)) {
            problems.add(
                &[Key("truth")],
                format!("nothing is said of `{region}`: `must_leave_within` or `must_stay = true`"),
            );
        }
        truth.sort_by_key(|truth| self.regions.iter().position(|region| *region == truth.region));
        Scenario {
            name: self.name,
            title: self.title,
            seed: self.seed.unwrap_or(1),
            speed,
            ttl,
            propagation: self.propagation.unwrap_or(Period::seconds(10)),
            r29: self.r29.unwrap_or(Period::seconds(5)),
            regions: self.regions,
            observers,
            targets: self.targets,
            objectives: self.objectives,
            load: self.load,
            policy: self.policy,
            probes: self.probe.unwrap_or_else(default_probes),
            steady: self.steady,
            faults,
            orders,
            truth,
            ends_after,
            expect: self.expect,
            source: source.to_owned(),
        }
    }
}

fn default_probes() -> Vec<toml::Table> {
    toml::toml! {
        [[probe]]
        name = "health"
        kind = "http"
        path = "/health"

        [[probe]]
        name = "tcp"
        kind = "tcp"

        [[probe]]
        name = "orders"
        kind = "http"
        path = "/api/orders"
    }
    .remove("probe")
    .and_then(|probes| probes.try_into().ok())
    .expect("the table above is a list of tables")
}

struct Regions<'a>(&'a [RegionName]);

impl Regions<'_> {
    fn check(&self, named: Option<&RegionName>, path: &[Segment], problems: &mut Problems) {
        if let Some(named) = named.filter(|named| !self.0.contains(named)) {
            let known: Vec<_> = self.0.iter().map(RegionName::as_str).collect();
            problems.add(path, format!("`{named}` is none of `regions`: {}", known.join(", ")));
        }
    }
}

impl FaultFile {
    fn resolve(self, path: &[Segment], steady: Period, problems: &mut Problems) -> Option<Injection> {
        if self.lasts == Period::default() {
            problems.add(&at(path, &[Key("for")]), "a fault that lasts no time is none");
        }
        let Self { kind, region, observer, at: after, lasts, ramp, pulse, random, leave_within, .. } = self;
        let Self { delay, jitter, share, paths, over, ttl, .. } = self;
        let written = Written { kind, delay, jitter, share, paths, over, ttl };
        let fault = written.check(|key, message| problems.add(&at(path, &[Key(key)]), message))?;
        let mut missing = |key, what: &str| problems.add(&at(path, &[Key(key)]), format!("`{kind}` needs it: {what}"));
        if region.is_none() && !matches!(fault, Checked::Observer(ObserverFault::Lost | ObserverFault::CutOff)) {
            missing("region", "which one");
        }
        if observer.is_none() && matches!(fault, Checked::Observer(_)) {
            missing("observer", "which one");
        }
        let mut meaningless = |given: bool, key| {
            if given {
                problems.add(&at(path, &[Key(key)]), format!("has no meaning for `{kind}`"));
            }
        };
        meaningless(observer.is_some() && !matches!(fault, Checked::Observer(_)), "observer");
        meaningless(region.is_some() && matches!(fault, Checked::Observer(ObserverFault::Lost)), "region");
        meaningless(leave_within.is_some() && matches!(fault, Checked::Observer(_)), "leave_within");
        let graded = matches!(&fault, Checked::Region(fault) if fault.at(Share::ALL).is_some());
        meaningless(ramp.is_some() && !graded, "ramp");
        let shape = shape(ramp, pulse, random, path, problems)?;
        let what = match fault {
            Checked::Region(fault) => What::Region { fault, region: region? },
            Checked::Name(fault) => What::Name { fault, region: region? },
            Checked::Observer(fault) => What::Observer { fault, observer: observer?, about: region },
        };
        let begins = Period(steady.0 + after.0);
        Some(Injection { what, shape, begins, ends: Period(begins.0 + lasts.0), leave_within })
    }
}

fn shape(
    ramp: Option<Period>,
    pulse: Option<OnOff>,
    random: Option<OnOff>,
    path: &[Segment],
    problems: &mut Problems,
) -> Option<Shape> {
    for (key, lengths) in [("pulse", pulse), ("random", random)] {
        if lengths.is_some_and(|lengths| lengths.on == Period::default() || lengths.off == Period::default()) {
            problems.add(&at(path, &[Key(key)]), "it must be there for a time, and away for a time");
            return None;
        }
    }
    match (ramp, pulse, random) {
        (None, None, None) => Some(Shape::Constant),
        (Some(over), None, None) => Some(Shape::Ramp(over)),
        (None, Some(lengths), None) => Some(Shape::Pulse(lengths)),
        (None, None, Some(lengths)) => Some(Shape::Random(lengths)),
        _ => {
            problems.add(path, "say one of `ramp`, `pulse` and `random`");
            None
        }
    }
}

impl OrderFile {
    fn resolve(self, path: &[Segment], scenario: &str, steady: Period, problems: &mut Problems) -> Option<Order> {
        let command = match (self.kind, self.to) {
            (OrderKind::Failover, Some(to)) => Command::Failover(to),
            (OrderKind::Failback, None) => Command::Failback,
            (OrderKind::Failover, None) => {
                problems.add(&at(path, &[Key("to")]), "a failover needs it: where to");
                return None;
            }
            (OrderKind::Failback, Some(_)) => {
                problems.add(&at(path, &[Key("to")]), "a failback goes to the preferred region");
                return None;
            }
        };
        let reason = self.reason.unwrap_or_else(|| format!("ordered by the scenario {scenario}"));
        Some(Order { at: Period(steady.0 + self.at.0), command, reason })
    }
}

/// In the order of their times.
fn orders(
    written: Vec<OrderFile>,
    regions: &Regions<'_>,
    scenario: &str,
    steady: Period,
    problems: &mut Problems,
) -> Vec<Order> {
    let mut orders = Vec::new();
    for (index, order) in written.into_iter().enumerate() {
        let path = [Key("order"), Index(index)];
        regions.check(order.to.as_ref(), &at(&path, &[Key("to")]), problems);
        orders.extend(order.resolve(&path, scenario, steady, problems));
    }
    orders.sort_by_key(|order| order.at);
    orders
}

impl TruthFile {
    fn resolve(self, path: &[Segment], faults: &[Injection], end: Period, problems: &mut Problems) -> Option<Truth> {
        let must = match (self.must_leave_within, self.must_stay) {
            (Some(within), false) => {
                let place = at(path, &[Key("must_leave_within")]);
                match faults.iter().find(|fault| fault.what.region() == Some(&self.region)) {
                    None => problems
                        .add(&place, format!("no fault touches `{}`: there is no reason to leave it", self.region)),
                    Some(fault) if fault.begins.0 + within.0 > end.0 => {
                        problems.add(&place, "the scenario is over before: see `ends_after`");
                    }
                    Some(_) => {}
                }
                Must::LeaveWithin(within)
            }
            (None, true) => Must::Stay,
            (Some(_), true) | (None, false) => {
                problems.add(path, "say either `must_leave_within` or `must_stay = true`");
                return None;
            }
        };
        Some(Truth { region: self.region, must })
    }
}
