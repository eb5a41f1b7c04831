//! The alarms of a deployment: what each watches, when it speaks, and the line of the runbook for whoever it wakes.

use std::fmt;

use domain::{Config, ObserverName, Policy, ProbeKind, Scheme, Service, sha256_hex};

use crate::metric::{Metric, NAMESPACE, Series, Subject};

/// `CloudWatch` evaluates a composite of no more alarms, and a rule of no more characters.
const CHILDREN: usize = 100;
const RULE: usize = 10_240;
/// A certificate is renewed when it is valid for fewer days.
const CERTIFICATE_DAYS: f64 = 14.0;

/// What an alarm is about. Each has a section of its name in `docs/runbook.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmKind {
    /// A quorum says that a region is down.
    RegionDown,
    /// A region has not been well for long enough since: its OK is the news.
    RegionRecovery,
    /// An observer is not heard.
    ObserverSilent,
    /// The failover function fails.
    FailoverErrors,
    /// Lambda does not start the failover function.
    FailoverThrottled,
    /// What decisions rest on is old, or nobody decides.
    StateStale,
    /// Traffic has left the preferred region.
    FailoverHappened,
    /// A failover is due and is not made.
    FailoverBlocked,
    /// A switch has not been seen in DNS.
    NotVerified,
    /// A certificate expires.
    CertificateExpiring,
    /// A failover might not work if it had to.
    PreflightFailing,
}

impl AlarmKind {
    /// All of them, as the runbook lists them.
    pub const ALL: [Self; 11] = [
        Self::RegionDown,
        Self::RegionRecovery,
        Self::FailoverHappened,
        Self::FailoverBlocked,
        Self::NotVerified,
        Self::StateStale,
        Self::FailoverErrors,
        Self::FailoverThrottled,
        Self::ObserverSilent,
        Self::CertificateExpiring,
        Self::PreflightFailing,
    ];

    /// Its name, which is the runbook's section too.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RegionDown => "region-down",
            Self::RegionRecovery => "region-recovery",
            Self::ObserverSilent => "observer-silent",
            Self::FailoverErrors => "failover-errors",
            Self::FailoverThrottled => "failover-throttled",
            Self::StateStale => "state-stale",
            Self::FailoverHappened => "failover-happened",
            Self::FailoverBlocked => "failover-blocked",
            Self::NotVerified => "not-verified",
            Self::CertificateExpiring => "certificate-expiring",
            Self::PreflightFailing => "preflight-failing",
        }
    }

    /// Whether somebody has to get up for it.
    #[must_use]
    pub const fn pages(self) -> bool {
        !matches!(
            self,
            Self::RegionRecovery | Self::ObserverSilent | Self::CertificateExpiring | Self::PreflightFailing
        )
    }
}

impl fmt::Display for AlarmKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What an alarm watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// A metric of ours.
    Ours(Series),
    /// A metric that Lambda keeps of the failover function.
    Failover(&'static str),
}

/// When data count as a breach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Breach {
    /// At this value and above.
    AtLeast(f64),
    /// At this value and below.
    AtMost(f64),
    /// Below this value.
    Below(f64),
}

/// What a period without data says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// That all is well: the metric is sent only when it is not.
    Well,
    /// That something is wrong.
    Breach,
    /// Nothing: the alarm stays as it is.
    Nothing,
}

/// An alarm of a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// What it is about.
    pub kind: AlarmKind,
    /// Of which deployment.
    stack: String,
    /// Of what, in words: `api.example.com eu-west-1`; none: of the deployment as a whole.
    pub about: Option<String>,
    /// Its metric.
    pub watched: Watched,
    /// Which of a period's values counts: `Maximum`, `Minimum` or `Sum`.
    pub statistic: &'static str,
    /// When they are a breach.
    pub breach: Breach,
    /// Seconds.
    pub period_s: u32,
    /// Of so many periods …
    pub periods: u32,
    /// … so many are a breach.
    pub breaches: u32,
    /// What a period without data says.
    pub missing: Missing,
    /// What has happened, in words.
    says: String,
}

impl Alarm {
    /// Unique in an account and region.
    #[must_use]
    pub fn name(&self) -> String {
        let about = self.about.iter().map(|about| about.replace(' ', "-"));
        let parts = [self.stack.clone()].into_iter().chain(about).chain([self.kind.to_string()]);
        parts.collect::<Vec<_>>().join("-")
    }

    /// Its name in a template: letters and digits, the same whatever else is in the configuration.
    #[must_use]
    pub fn logical_id(&self) -> String {
        let kind: String = self.kind.as_str().split('-').map(capitalised).collect();
        let about = self.about.as_deref().map(|about| sha256_hex(about.as_bytes())[..10].to_owned());
        kind + about.as_deref().unwrap_or_default()
    }

    /// Whether it is about this service, or about all of them.
    #[must_use]
    pub fn concerns(&self, service: &Service) -> bool {
        match &self.watched {
            Watched::Ours(series) => match &series.subject {
                Subject::Service(name) | Subject::Region(name, _) | Subject::Sight(name, ..) => *name == service.name,
                Subject::Observer(_) | Subject::Deployment(_) => true,
            },
            Watched::Failover(_) => true,
        }
    }

    /// What it means and where to read on.
    #[must_use]
    pub fn description(&self) -> String {
        format!("{} Runbook: docs/runbook.md#{}", self.says, self.kind)
    }

    /// Which changes people are told of: a trigger alarm's beginning, a recovery alarm's end.
    #[must_use]
    pub fn speaks_of(&self) -> &'static [&'static str] {
        match self.kind {
            AlarmKind::RegionDown => &["AlarmActions"],
            AlarmKind::RegionRecovery => &["OKActions"],
            _ => &["AlarmActions", "OKActions"],
        }
    }

    /// Namespace, metric and dimensions; `failover` is the function's name.
    #[must_use]
    pub fn metric<'a>(&'a self, failover: &'a str) -> (&'static str, &'static str, Vec<(&'static str, &'a str)>) {
        match &self.watched {
            Watched::Ours(series) => (NAMESPACE, series.metric.name(), series.subject.dimensions()),
            Watched::Failover(metric) => ("AWS/Lambda", metric, vec![("FunctionName", failover)]),
        }
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect()
}

/// Every alarm of a deployment, in the order of the configuration.
#[must_use]
pub fn alarms(config: &Config) -> Vec<Alarm> {
    let stack = config.stack.to_string();
    let of_services = config.services.iter().flat_map(of_service);
    let of_observers = config.observers.iter().map(|region| observer_silent(&ObserverName::from(region)));
    let mut alarms: Vec<_> =
        of_services.chain(of_functions()).chain([preflight_failing(config)]).chain(of_observers).collect();
    for alarm in &mut alarms {
        alarm.stack.clone_from(&stack);
    }
    alarms
}

/// One of a minute, sent only while something is wrong.
fn sparse(kind: AlarmKind, metric: Metric, subject: Subject, about: String, says: String) -> Alarm {
    Alarm {
        kind,
        stack: String::new(),
        about: Some(about),
        watched: Watched::Ours(Series { metric, subject }),
        statistic: "Maximum",
        breach: Breach::AtLeast(1.0),
        period_s: 60,
        periods: 1,
        breaches: 1,
        missing: Missing::Well,
        says,
    }
}

fn of_service(service: &Service) -> Vec<Alarm> {
    use AlarmKind::{
        CertificateExpiring, FailoverBlocked, FailoverHappened, NotVerified, RegionDown, RegionRecovery, StateStale,
    };
    let Service { name, policy, regions, .. } = service;
    let alarm =
        |kind, metric, says: String| sparse(kind, metric, Subject::Service(name.clone()), name.to_string(), says);
    let mut alarms = Vec::new();
    for region in regions {
        let of_region = |kind, says| Alarm {
            breach: Breach::AtMost(0.0),
            statistic: "Minimum",
            missing: Missing::Nothing,
            ..sparse(
                kind,
                Metric::QuorumMargin,
                Subject::Region(name.clone(), region.name.clone()),
                format!("{name} {}", region.name),
                says,
            )
        };
        let region = &region.name;
        let down = format!("{name}: {region} is down by quorum.");
        alarms.push(of_region(RegionDown, down));
        let minutes = recovery_minutes(policy);
        let recovered = format!("{name}: OK again once no quorum has said for {minutes} min that {region} is down.");
        alarms.push(Alarm { periods: minutes, ..of_region(RegionRecovery, recovered) });
    }
    let left = format!("{name}: traffic has left {}.", service.preferred().name);
    alarms.push(alarm(FailoverHappened, Metric::Failovers, left));
    let blocked = format!("{name}: a failover is due, or can't be decided, and is not made.");
    alarms.push(Alarm { periods: 3, breaches: 2, ..alarm(FailoverBlocked, Metric::Blocked, blocked) });
    let verified = format!("{name}: a switch has not been seen in DNS within {}.", policy.verify_within);
    alarms.push(alarm(NotVerified, Metric::Unverified, verified));
    let stale = format!("{name}: what decisions rest on is older than {}, or nobody decides.", policy.stale_after);
    alarms.push(Alarm {
        breach: Breach::AtLeast(policy.stale_after.as_secs_f64()),
        periods: 3,
        breaches: 3,
        missing: Missing::Breach,
        ..alarm(StateStale, Metric::StateAge, stale)
    });
    if has_certificate(service) {
        let expiring = format!("{name}: a certificate is valid for fewer than {CERTIFICATE_DAYS} days.");
        alarms.push(Alarm {
            breach: Breach::Below(CERTIFICATE_DAYS),
            statistic: "Minimum",
            period_s: 3_600,
            ..alarm(CertificateExpiring, Metric::CertificateDays, expiring)
        });
    }
    alarms
}

/// Returning is slow: for how long a region must not be down before it counts as well again.
fn recovery_minutes(policy: &Policy) -> u32 {
    let rounds = policy.interval.as_secs_f64() * f64::from(policy.up_after);
    let seconds = rounds.max(policy.hold_down.as_secs_f64());
    // A day is the longest that an alarm looks back.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 5 and 1,440")]
    let minutes = (seconds / 60.0).ceil().clamp(5.0, 1_440.0) as u32;
    minutes
}

/// Whether anything is probed that has a certificate.
pub(crate) fn has_certificate(service: &Service) -> bool {
    let is_https = |kind: &ProbeKind| matches!(kind, ProbeKind::Http(http) if http.scheme == Scheme::Https);
    service.probes.iter().any(|probe| is_https(&probe.kind))
}

fn of_functions() -> [Alarm; 2] {
    let alarm = |kind, metric, says: &str| Alarm {
        kind,
        stack: String::new(),
        about: None,
        watched: Watched::Failover(metric),
        statistic: "Sum",
        breach: Breach::AtLeast(1.0),
        period_s: 60,
        periods: 5,
        breaches: 3,
        missing: Missing::Well,
        says: says.to_owned(),
    };
    [
        alarm(AlarmKind::FailoverErrors, "Errors", "The failover function fails in three of five minutes."),
        alarm(
            AlarmKind::FailoverThrottled,
            "Throttles",
            "Lambda does not start the failover function: too many at once.",
        ),
    ]
}

/// It is made every half hour.
fn preflight_failing(config: &Config) -> Alarm {
    let says = "A check of the preflight fails: a failover might not work if it had to.".to_owned();
    let subject = Subject::Deployment(config.stack.clone());
    let alarm = sparse(AlarmKind::PreflightFailing, Metric::PreflightFailures, subject, String::new(), says);
    Alarm { about: None, period_s: 1_800, ..alarm }
}

fn observer_silent(observer: &ObserverName) -> Alarm {
    let says = format!("The observer in {observer} has not been heard for three minutes, so that others must agree.");
    let subject = Subject::Observer(observer.clone());
    let alarm = sparse(AlarmKind::ObserverSilent, Metric::ObserverSilent, subject, observer.to_string(), says);
    Alarm { periods: 3, breaches: 3, ..alarm }
}

/// What a composite is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Children {
    /// Names of alarms.
    Alarms(Vec<String>),
    /// Names of composites, where one can't hold all alarms.
    Composites(Vec<String>),
}

/// An alarm that is in ALARM while any of its children is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composite {
    /// Unique in an account and region.
    pub name: String,
    /// Of what.
    pub children: Children,
}

impl Composite {
    /// Its rule, as `CloudWatch` reads it.
    #[must_use]
    pub fn rule(&self) -> String {
        let (Children::Alarms(names) | Children::Composites(names)) = &self.children;
        names.iter().map(|name| alarm_of(name)).collect::<Vec<_>>().join(OR)
    }
}

const OR: &str = " OR ";

fn alarm_of(name: &str) -> String {
    format!("ALARM(\"{name}\")")
}

/// The one that pages, last; before it the parts that it is made of, where `CloudWatch` takes no rule of that size.
#[must_use]
pub fn composites(config: &Config, alarms: &[Alarm]) -> Vec<Composite> {
    let page = format!("{}-page", config.stack);
    let mut parts: Vec<Vec<String>> = vec![Vec::new()];
    let mut length = 0;
    for alarm in alarms.iter().filter(|alarm| alarm.kind.pages()) {
        let name = alarm.name();
        let added = alarm_of(&name).len() + OR.len();
        if parts.last().is_some_and(|part| part.len() == CHILDREN) || length + added > RULE {
            parts.push(Vec::new());
            length = 0;
        }
        length += added;
        parts.last_mut().expect("there is a first part").push(name);
    }
    if parts.len() == 1 {
        return parts
            .into_iter()
            .map(|part| Composite { name: page.clone(), children: Children::Alarms(part) })
            .collect();
    }
    let part = |(at, part): (usize, Vec<String>)| Composite {
        name: format!("{page}-{}", at + 1),
        children: Children::Alarms(part),
    };
    let mut all: Vec<_> = parts.into_iter().enumerate().map(part).collect();
    let names = all.iter().map(|part| part.name.clone()).collect();
    all.push(Composite { name: page, children: Children::Composites(names) });
    all
}
