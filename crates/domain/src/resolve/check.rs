//! Route 53's own check of a region.

use route53::limits;

use crate::{
    NativeCheck, Period, Probe, ProbeKind, RegionName, Scheme,
    file::{CheckFile, Kind},
    place::{
        Problems,
        Segment::{self, Key},
        at,
    },
};

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
