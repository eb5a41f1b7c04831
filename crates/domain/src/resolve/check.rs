//! Route 53's own checks.

use route53::limits;

use crate::{
    Child, InsufficientData, MetricCheck, NativeCheck, Period, Probe, ProbeKind, RegionCheck, RegionName, Scheme,
    file::{AlarmFile, CheckFile, ChildFile, Kind, OwnCheckFile, OwnCheckKind, RegionCheckFile, RegionCheckKind},
    place::{
        Problems,
        Segment::{self, Index, Key},
        at,
    },
};

const MEANINGLESS: &str = "has no meaning for this kind of check";

/// The first HTTP probe's port and path, else the first TCP probe's port.
pub(super) fn default(probes: &[Probe]) -> Option<NativeCheck> {
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

impl CheckFile {
    pub(super) fn resolve(self, path: &[Segment], problems: &mut Problems) -> Option<NativeCheck> {
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

impl RegionCheckFile {
    pub(super) fn resolve(self, region: &RegionName, path: &[Segment], problems: &mut Problems) -> Option<RegionCheck> {
        let Self { kind, alarm, insufficient_data, children, at_least } = self;
        let given = [
            ("alarm", alarm.is_some(), RegionCheckKind::Metric),
            ("insufficient_data", insufficient_data.is_some(), RegionCheckKind::Metric),
            ("children", children.is_some(), RegionCheckKind::Calculated),
            ("at_least", at_least.is_some(), RegionCheckKind::Calculated),
        ];
        for (key, _, _) in given.into_iter().filter(|(_, given, of)| *given && *of != kind) {
            problems.add(&at(path, &[Key(key)]), MEANINGLESS);
        }
        match kind {
            RegionCheckKind::Metric => {
                metric(alarm, insufficient_data, region, path, problems).map(RegionCheck::Metric)
            }
            RegionCheckKind::Calculated => {
                let given = children.unwrap_or_default();
                let all = u16::try_from(given.len()).unwrap_or(u16::MAX);
                let at_least = at_least.unwrap_or(all);
                if !(1..=limits::CHILDREN).contains(&given.len()) {
                    problems.add(path, format!("a `calculated` check has 1 to {} `children`", limits::CHILDREN));
                } else if !(1..=all).contains(&at_least) {
                    let why = format!("{at_least} of {all} would make the check always healthy, or never");
                    problems.add(&at(path, &[Key("at_least")]), why);
                }
                let path = at(path, &[Key("children")]);
                let before = problems.len();
                let mut children = Vec::new();
                for (index, child) in given.into_iter().enumerate() {
                    children.extend(child.resolve(region, &at(&path, &[Index(index)]), problems));
                }
                if problems.len() == before {
                    problems.unique(&path, "check", &children, None);
                }
                Some(RegionCheck::Calculated { children, at_least })
            }
        }
    }
}

fn metric(
    alarm: Option<AlarmFile>,
    insufficient_data: Option<InsufficientData>,
    region: &RegionName,
    path: &[Segment],
    problems: &mut Problems,
) -> Option<MetricCheck> {
    let Some(alarm) = alarm else {
        problems.add(path, "a `metric` check needs an `alarm`");
        return None;
    };
    let alarm = alarm.resolve(&at(path, &[Key("alarm")]), problems)?;
    // A region that is gone sends no data, and its last known status would be healthy for ever.
    let by_default =
        if alarm.region == *region { InsufficientData::Unhealthy } else { InsufficientData::LastKnownStatus };
    Some(MetricCheck { alarm, insufficient_data: insufficient_data.unwrap_or(by_default) })
}

impl ChildFile {
    fn resolve(self, region: &RegionName, path: &[Segment], problems: &mut Problems) -> Option<Child> {
        match self {
            Self::There(id) => Some(Child::There(id)),
            Self::Own(check) => check.resolve(region, path, problems),
        }
    }
}

impl OwnCheckFile {
    fn resolve(self, region: &RegionName, path: &[Segment], problems: &mut Problems) -> Option<Child> {
        let follows = self.kind == OwnCheckKind::Metric;
        let given = [
            ("port", self.port.is_some(), !follows),
            ("path", self.path.is_some(), !follows),
            ("interval", self.interval.is_some(), !follows),
            ("threshold", self.threshold.is_some(), !follows),
            ("search", self.search.is_some(), !follows),
            ("checkers", !self.checkers.is_empty(), !follows),
            ("alarm", self.alarm.is_some(), follows),
            ("insufficient_data", self.insufficient_data.is_some(), follows),
        ];
        for (key, _, _) in given.into_iter().filter(|(_, given, has_meaning)| *given && !has_meaning) {
            problems.add(&at(path, &[Key(key)]), MEANINGLESS);
        }
        let kind = match self.kind {
            OwnCheckKind::Metric => {
                return metric(self.alarm, self.insufficient_data, region, path, problems).map(Child::Metric);
            }
            OwnCheckKind::Http => Kind::Http,
            OwnCheckKind::Https => Kind::Https,
            OwnCheckKind::Tcp => Kind::Tcp,
        };
        let Some(port) = self.port else {
            problems.add(path, "a check that asks needs a `port`");
            return None;
        };
        let Self { path: asked, interval, threshold, search, checkers, .. } = self;
        let check = CheckFile { kind, port, path: asked, interval, threshold, search, checkers };
        check.resolve(path, problems).map(Child::Endpoint)
    }
}
