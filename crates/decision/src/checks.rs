//! Route 53's own checks as a configuration wants them.

use std::collections::BTreeMap;

use domain::{
    Alarm, CheckId, Child, InsufficientData, MetricCheck, NativeCheck, NativeChecks, Region, RegionCheck, RegionName,
    Service, StackName, sha256_hex,
};
use route53::{AlarmIdentifier, AlarmSettings, CheckSettings, Children, Regions};

use crate::zoning::Remark;

/// Characters of a caller reference that leave room for the number of a later attempt, of 64 in all.
const REFERENCE: usize = 60;

const CALCULATED: &str = "CALCULATED";

/// What a check stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckOf {
    /// A region, as it is.
    Region(RegionName),
    /// What the check of a region counts of it, and is made to be counted.
    Child {
        /// Which region.
        of: RegionName,
        /// Which one it is of those that are made to be counted, from 1.
        place: usize,
    },
    /// A region that Route 53 must not return to: disabled and inverted (R27).
    AlwaysUnhealthy,
}

impl CheckOf {
    /// A word that stands for the check before it is made.
    fn stand_in(&self) -> CheckId {
        let word = match self {
            Self::Region(region) => format!("to-be-made-{region}"),
            Self::Child { of, place } => format!("to-be-made-{place}-of-{of}"),
            Self::AlwaysUnhealthy => "to-be-made-always-unhealthy".to_owned(),
        };
        within(word).parse().expect("letters, digits and hyphens, few enough, make a check's id")
    }
}

/// A check as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedCheck {
    /// What it stands for.
    pub of: CheckOf,
    /// Finds it again: all that can't be changed of a check is in it.
    pub reference: String,
    /// Its settings. Children that are to be made stand there by a word, until `counts` names them.
    pub settings: CheckSettings,
    /// The alarm that it follows, where it follows one.
    pub alarm: Option<Alarm>,
}

impl WantedCheck {
    /// From now on counts `child` by its id, if it counts it at all.
    pub fn counts(&mut self, child: &CheckDiff) {
        let (stand_in, id) = (child.wanted.of.stand_in(), child.id());
        let children =
            self.settings.child_health_checks.iter_mut().flat_map(|children| &mut children.child_health_check);
        for counted in children.filter(|counted| **counted == stand_in.as_str()) {
            *counted = id.to_string();
        }
    }
}

/// A check as AWS has it.
#[derive(Debug, Clone, PartialEq)]
pub struct HeldCheck {
    /// Its id.
    pub id: CheckId,
    /// Its settings.
    pub settings: CheckSettings,
    /// What it copied of its alarm (R26), where it follows one.
    pub copied: Option<AlarmSettings>,
}

/// The checks that AWS has, and the alarms that some are to follow.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HeldChecks {
    /// By their caller references.
    pub by_reference: BTreeMap<String, HeldCheck>,
    /// Alarms as they are; or why no check can follow one.
    pub alarms: BTreeMap<Alarm, Result<AlarmSettings, String>>,
}

/// A wanted check and what there is of it.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckDiff {
    /// As it should be.
    pub wanted: WantedCheck,
    /// As it is, where there is one.
    pub held: Option<HeldCheck>,
    /// The settings in which the two differ; `alarm` where that was edited after it was copied.
    pub differing: Vec<&'static str>,
    /// Why Route 53 would not take it as it should be.
    pub refusal: Option<Remark>,
}

impl CheckDiff {
    /// Its id; before it is made, a word that stands for it.
    #[must_use]
    pub fn id(&self) -> CheckId {
        self.held.as_ref().map_or_else(|| self.wanted.of.stand_in(), |held| held.id.clone())
    }
}

/// The checks that a service needs: each region's, after those that it counts, and the one that is always unhealthy.
#[must_use]
pub fn wanted_checks(stack: &StackName, service: &Service) -> Vec<WantedCheck> {
    let always = WantedCheck {
        of: CheckOf::AlwaysUnhealthy,
        reference: within(format!("{stack}:{}:always-unhealthy", service.name)),
        // Disabled counts as healthy, inverted turns it round (R27). It probes nothing, whatever it names.
        settings: CheckSettings {
            r#type: Some("TCP".to_owned()),
            fully_qualified_domain_name: Some(service.name.to_string()),
            port: Some(443),
            disabled: Some(true),
            inverted: Some(true),
            ..CheckSettings::default()
        },
        alarm: None,
    };
    service.regions.iter().flat_map(|region| Wanting { stack, service, region }.checks()).chain([always]).collect()
}

/// What there is of the checks wanted, found by their references.
#[must_use]
pub fn diff_checks(stack: &StackName, service: &Service, there: &HeldChecks) -> Vec<CheckDiff> {
    let mut diffs = Vec::new();
    for mut wanted in wanted_checks(stack, service) {
        for child in &diffs {
            wanted.counts(child);
        }
        let held = attempts(&wanted.reference).filter_map(|reference| there.by_reference.get(&reference)).next_back();
        let mut differing = held.map(|held| wanted.settings.drift(&held.settings)).unwrap_or_default();
        let alarm = wanted.alarm.as_ref().and_then(|alarm| Some((alarm, there.alarms.get(alarm)?)));
        let refusal = match alarm {
            Some((_, Ok(now))) => {
                let is_edited = held.is_some_and(|held| held.copied.as_ref() != Some(now));
                differing.extend(is_edited.then_some("alarm"));
                None
            }
            Some((alarm, Err(why))) => {
                Some(Remark { code: "alarm", text: format!("{}: {alarm}: {why}", service.name) })
            }
            None => given_children(service, &wanted.of).find_map(|child| unfit(child, there)),
        };
        diffs.push(CheckDiff { held: held.cloned(), wanted, differing, refusal });
    }
    diffs
}

/// The checks that a region's own counts and that are there already.
fn given_children<'a>(service: &'a Service, of: &CheckOf) -> impl Iterator<Item = &'a CheckId> {
    let check = match of {
        CheckOf::Region(region) => service.region(region).and_then(|region| region.check.as_ref()),
        CheckOf::Child { .. } | CheckOf::AlwaysUnhealthy => None,
    };
    let children = match check {
        Some(RegionCheck::Calculated { children, .. }) => children.as_slice(),
        Some(RegionCheck::Metric(_)) | None => &[],
    };
    children.iter().filter_map(|child| match child {
        Child::There(id) => Some(id),
        Child::Metric(_) | Child::Endpoint(_) => None,
    })
}

/// Why a check can't be counted by another one (R25).
fn unfit(child: &CheckId, there: &HeldChecks) -> Option<Remark> {
    let why = match there.by_reference.values().find(|held| held.id == *child) {
        None => "is not there",
        Some(held) if held.settings.r#type.as_deref() == Some(CALCULATED) => "is a calculated one itself",
        Some(_) => return None,
    };
    Some(Remark { code: "child_check", text: format!("health check {child} {why}, and can't be counted") })
}

/// The references that a check may have been made under: Route 53 never takes that of a deleted check again.
#[must_use]
pub fn attempts(reference: &str) -> impl DoubleEndedIterator<Item = String> {
    let numbered = (2..=9).map(move |attempt| format!("{reference}#{attempt}"));
    [reference.to_owned()].into_iter().chain(numbered)
}

/// The ids that record sets name, and those that are asked.
#[must_use]
pub fn ids(checks: &[CheckDiff]) -> NativeChecks {
    let mut own = BTreeMap::new();
    let mut children = BTreeMap::<_, Vec<_>>::new();
    let mut always = None;
    for check in checks {
        match &check.wanted.of {
            CheckOf::Region(region) => {
                own.insert(region.clone(), check.id());
            }
            CheckOf::Child { of, .. } => children.entry(of.clone()).or_default().push(check.id()),
            CheckOf::AlwaysUnhealthy => always = Some(check.id()),
        }
    }
    let always_unhealthy = always.expect("every service wants the one that is always unhealthy");
    NativeChecks { own, children, always_unhealthy }
}

/// Whose checks are wanted.
#[derive(Clone, Copy)]
struct Wanting<'a> {
    stack: &'a StackName,
    service: &'a Service,
    region: &'a Region,
}

impl Wanting<'_> {
    /// The region's own last, after those that it counts.
    fn checks(self) -> Vec<WantedCheck> {
        let of = CheckOf::Region(self.region.name.clone());
        match &self.region.check {
            None => vec![self.endpoint(of, &self.service.check)],
            Some(RegionCheck::Metric(check)) => vec![self.metric(of, check)],
            Some(RegionCheck::Calculated { children, at_least }) => {
                let mut checks = Vec::new();
                let mut ids = Vec::new();
                for child in children {
                    let of = CheckOf::Child { of: self.region.name.clone(), place: checks.len() + 1 };
                    let wanted = match child {
                        Child::There(id) => {
                            ids.push(id.to_string());
                            continue;
                        }
                        Child::Metric(check) => self.metric(of, check),
                        Child::Endpoint(check) => self.endpoint(of, check),
                    };
                    ids.push(wanted.of.stand_in().to_string());
                    checks.push(wanted);
                }
                let settings = CheckSettings {
                    r#type: Some(CALCULATED.to_owned()),
                    child_health_checks: Some(Children { child_health_check: ids }),
                    health_threshold: Some((*at_least).into()),
                    ..CheckSettings::default()
                };
                checks.push(self.check(of, CALCULATED, settings, None));
                checks
            }
        }
    }

    fn metric(self, of: CheckOf, check: &MetricCheck) -> WantedCheck {
        const KIND: &str = "CLOUDWATCH_METRIC";
        let MetricCheck { alarm, insufficient_data } = check;
        let settings = CheckSettings {
            r#type: Some(KIND.to_owned()),
            alarm_identifier: Some(AlarmIdentifier { region: alarm.region.to_string(), name: alarm.name.clone() }),
            insufficient_data_health_status: Some(
                match insufficient_data {
                    InsufficientData::Healthy => "Healthy",
                    InsufficientData::Unhealthy => "Unhealthy",
                    InsufficientData::LastKnownStatus => "LastKnownStatus",
                }
                .to_owned(),
            ),
            ..CheckSettings::default()
        };
        self.check(of, KIND, settings, Some(alarm.clone()))
    }

    fn endpoint(self, of: CheckOf, check: &NativeCheck) -> WantedCheck {
        let NativeCheck { https, port, path, interval_s, threshold, search, checkers } = check;
        let kind = match (path, https, search) {
            (None, ..) => "TCP",
            (Some(_), false, None) => "HTTP",
            (Some(_), true, None) => "HTTPS",
            (Some(_), false, Some(_)) => "HTTP_STR_MATCH",
            (Some(_), true, Some(_)) => "HTTPS_STR_MATCH",
        };
        let targets = &self.region.targets;
        let address = targets.a.first().map(ToString::to_string).or(targets.aaaa.first().map(ToString::to_string));
        let named = targets.name().map(ToString::to_string);
        // Where there is an address the name is only sent, as host and for SNI; TCP sends none.
        let name = if address.is_some() { path.as_ref().map(|_| self.service.name.to_string()) } else { named };
        let checkers = checkers.iter().map(ToString::to_string).collect::<Vec<_>>();
        let how = if address.is_some() { "address" } else { "name" };
        let settings = CheckSettings {
            r#type: Some(kind.to_owned()),
            ip_address: address,
            port: Some((*port).into()),
            resource_path: path.clone(),
            fully_qualified_domain_name: name,
            search_string: path.as_ref().and(search.clone()),
            request_interval: Some((*interval_s).into()),
            failure_threshold: Some((*threshold).into()),
            enable_sni: https.then_some(true).filter(|_| path.is_some()),
            regions: (!checkers.is_empty()).then_some(Regions { region: checkers }),
            ..CheckSettings::default()
        };
        self.check(of, &format!("{kind}:{how}:{interval_s}"), settings, None)
    }

    /// `fixed` is what can't be changed of it once it is made.
    fn check(self, of: CheckOf, fixed: &str, settings: CheckSettings, alarm: Option<Alarm>) -> WantedCheck {
        let Self { stack, service, region } = self;
        let part = if let CheckOf::Child { place, .. } = &of { format!("{place}:") } else { String::new() };
        let reference = within(format!("{stack}:{}:{}:{part}{fixed}", service.name, region.name));
        WantedCheck { of, reference, settings, alarm }
    }
}

/// A text, or a digest of one that is too long.
fn within(text: String) -> String {
    if text.len() <= REFERENCE { text } else { sha256_hex(text.as_bytes())[..REFERENCE].to_owned() }
}

#[cfg(test)]
mod tests;
