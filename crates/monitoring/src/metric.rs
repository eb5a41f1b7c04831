//! The metrics: what each is called, what it speaks of, who sends it and when.

use domain::{AnomalyUse, Config, DnsName, MetricsBy, ObserverName, RegionName, StackName};

/// All of them are in it.
pub const NAMESPACE: &str = "Pointsman";

/// A metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// What a whole probe that succeeds takes.
    Latency,
    /// 1 for a probe that is as expected, else 0.
    Success,
    /// How unusual a round is, from 0 to 1.
    AnomalyScore,
    /// An observer's word, while it is not up: 2 down, 1 degraded, 0.5 unknown.
    Verdict,
    /// The quorum less the observers that say down: at 0 the region is down by quorum.
    QuorumMargin,
    /// How old the evidence is that a decision needs at least.
    StateAge,
    /// The place, in the order of preference, of the region that DNS points to; 0 is the preferred one.
    Answering,
    /// From the first round in which the region was seen down until the plan to leave it was made.
    DecisionTime,
    /// 1 at the moment at which traffic left the preferred region.
    Failovers,
    /// 1 at the moment at which traffic returned to it.
    Failbacks,
    /// 1 while a failover is due, or can't be decided, and is not made.
    Blocked,
    /// 1 while the last switch has not been seen in DNS in time.
    Unverified,
    /// How long the first certificate to expire is still valid.
    CertificateDays,
    /// 1 while an observer is not heard.
    ObserverSilent,
    /// How many checks of the preflight fail.
    PreflightFailures,
}

/// As `CloudWatch` calls them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Thousandths of a second.
    Milliseconds,
    /// Seconds.
    Seconds,
    /// So many.
    Count,
    /// A share, a score or a place.
    None,
}

impl Unit {
    /// `CloudWatch`'s word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Milliseconds => "Milliseconds",
            Self::Seconds => "Seconds",
            Self::Count => "Count",
            Self::None => "None",
        }
    }
}

/// Who sends a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publisher {
    /// Every observer's checker.
    Checker,
    /// The failover function.
    Failover,
}

/// When a metric is sent. `CloudWatch` charges for the hours in which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// All the time.
    Always,
    /// Only while there is something to tell, so that it costs next to nothing.
    Sparsely,
}

/// What one series of a metric speaks of: its dimensions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A service.
    Service(DnsName),
    /// A region of a service.
    Region(DnsName, RegionName),
    /// A region of a service as one observer sees it.
    Sight(DnsName, RegionName, ObserverName),
    /// An observer.
    Observer(ObserverName),
    /// The deployment.
    Deployment(StackName),
}

impl Subject {
    /// Names and values, in order.
    #[must_use]
    pub fn dimensions(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Service(service) => vec![("Service", service.as_str())],
            Self::Region(service, region) => vec![("Service", service.as_str()), ("Region", region.as_str())],
            Self::Sight(service, region, observer) => {
                vec![("Service", service.as_str()), ("Region", region.as_str()), ("Observer", observer.as_str())]
            }
            Self::Observer(observer) => vec![("Observer", observer.as_str())],
            Self::Deployment(stack) => vec![("Stack", stack.as_str())],
        }
    }
}

/// A metric of one subject.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// Which metric.
    pub metric: Metric,
    /// Of what.
    pub subject: Subject,
}

impl Metric {
    /// All of them, as the documentation lists them.
    pub const ALL: [Self; 15] = [
        Self::Latency,
        Self::Success,
        Self::AnomalyScore,
        Self::Verdict,
        Self::QuorumMargin,
        Self::StateAge,
        Self::Answering,
        Self::DecisionTime,
        Self::Failovers,
        Self::Failbacks,
        Self::Blocked,
        Self::Unverified,
        Self::CertificateDays,
        Self::ObserverSilent,
        Self::PreflightFailures,
    ];

    /// Its name in `CloudWatch`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Latency => "Latency",
            Self::Success => "Success",
            Self::AnomalyScore => "AnomalyScore",
            Self::Verdict => "Verdict",
            Self::QuorumMargin => "QuorumMargin",
            Self::StateAge => "StateAge",
            Self::Answering => "Answering",
            Self::DecisionTime => "DecisionTime",
            Self::Failovers => "Failovers",
            Self::Failbacks => "Failbacks",
            Self::Blocked => "Blocked",
            Self::Unverified => "Unverified",
            Self::CertificateDays => "CertificateDays",
            Self::ObserverSilent => "ObserverSilent",
            Self::PreflightFailures => "PreflightFailures",
        }
    }

    /// What it counts in.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Latency => Unit::Milliseconds,
            Self::StateAge | Self::DecisionTime => Unit::Seconds,
            Self::QuorumMargin
            | Self::Failovers
            | Self::Failbacks
            | Self::Blocked
            | Self::Unverified
            | Self::CertificateDays
            | Self::ObserverSilent
            | Self::PreflightFailures => Unit::Count,
            Self::Success | Self::AnomalyScore | Self::Verdict | Self::Answering => Unit::None,
        }
    }

    /// Who sends it.
    #[must_use]
    pub const fn publisher(self) -> Publisher {
        match self {
            Self::Latency | Self::Success | Self::AnomalyScore | Self::Verdict => Publisher::Checker,
            _ => Publisher::Failover,
        }
    }

    /// When it is sent.
    #[must_use]
    pub const fn kept(self) -> Kept {
        match self {
            Self::Latency
            | Self::Success
            | Self::AnomalyScore
            | Self::QuorumMargin
            | Self::StateAge
            | Self::Answering => Kept::Always,
            _ => Kept::Sparsely,
        }
    }

    /// Its series in a deployment, in the order of the configuration.
    #[must_use]
    pub fn subjects(self, config: &Config) -> Vec<Subject> {
        let observers = || config.observers.iter().map(ObserverName::from);
        let services = config.services.iter();
        match self {
            Self::ObserverSilent => observers().map(Subject::Observer).collect(),
            Self::PreflightFailures => vec![Subject::Deployment(config.stack.clone())],
            Self::Latency | Self::Success | Self::QuorumMargin | Self::AnomalyScore => services
                .filter(|service| self != Self::AnomalyScore || service.policy.anomaly != AnomalyUse::Off)
                .flat_map(|service| service.regions.iter().map(|it| (service.name.clone(), it.name.clone())))
                .map(|(service, region)| Subject::Region(service, region))
                .collect(),
            Self::Verdict => services
                .flat_map(|service| service.regions.iter().map(move |region| (service, region)))
                .flat_map(|(service, region)| {
                    observers().map(|it| Subject::Sight(service.name.clone(), region.name.clone(), it))
                })
                .collect(),
            _ => services.map(|service| Subject::Service(service.name.clone())).collect(),
        }
    }
}

/// How many metrics `CloudWatch` charges for all the time, of those that are asked for; what lies in several regions counts
/// in each.
#[must_use]
pub fn metrics_kept(config: &Config, of: impl Fn(Metric) -> bool) -> usize {
    let always = Metric::ALL.into_iter().filter(|metric| metric.kept() == Kept::Always && of(*metric));
    always.map(|metric| metric.subjects(config).len() * places(metric, config).len()).sum()
}

/// The regions whose `CloudWatch` holds a metric: the control region's, but for what checkers write into their own logs.
pub(crate) fn places(metric: Metric, config: &Config) -> &[RegionName] {
    match (metric.publisher(), config.metrics) {
        (Publisher::Checker, MetricsBy::Emf) => &config.observers,
        _ => std::slice::from_ref(&config.control_region),
    }
}
