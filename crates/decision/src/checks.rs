//! Route 53's own checks as a configuration wants them.

use std::collections::BTreeMap;

use domain::{
    Alarm, CheckId, InsufficientData, NativeCheck, NativeChecks, Region, RegionCheck, RegionName, Service, StackName,
    sha256_hex,
};
use route53::{AlarmIdentifier, AlarmSettings, CheckSettings, Children, Regions};

use crate::zoning::Remark;

/// Characters of a caller reference that leave room for the number of a later attempt, of 64 in all.
const REFERENCE: usize = 60;

/// What a check stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum CheckOf {
    /// A region, as it is.
    Region(RegionName),
    /// A region that Route 53 must not return to: disabled and inverted (R27).
    AlwaysUnhealthy,
}

/// A check as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedCheck {
    /// What it stands for.
    pub of: CheckOf,
    /// Finds it again: all that can't be changed of a check is in it.
    pub reference: String,
    /// Its settings.
    pub settings: CheckSettings,
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
        let name = || match &self.wanted.of {
            CheckOf::Region(region) => format!("to-be-made-{region}"),
            CheckOf::AlwaysUnhealthy => "to-be-made-always-unhealthy".to_owned(),
        };
        let id = self.held.as_ref().map(|held| held.id.clone());
        id.unwrap_or_else(|| name().parse().expect("letters and hyphens make a check's id"))
    }
}

/// The checks that a service needs: each region's, and the one that is always unhealthy.
#[must_use]
pub fn wanted_checks(stack: &StackName, service: &Service) -> Vec<WantedCheck> {
    let always = WantedCheck {
        of: CheckOf::AlwaysUnhealthy,
        reference: reference(format!("{stack}:{}:always-unhealthy", service.name)),
        // Disabled counts as healthy, inverted turns it round (R27). It probes nothing, whatever it names.
        settings: CheckSettings {
            r#type: Some("TCP".to_owned()),
            fully_qualified_domain_name: Some(service.name.to_string()),
            port: Some(443),
            disabled: Some(true),
            inverted: Some(true),
            ..CheckSettings::default()
        },
    };
    service.regions.iter().map(|region| check_of(stack, service, region)).chain([always]).collect()
}

/// What there is of the checks wanted, found by their references.
#[must_use]
pub fn diff_checks(stack: &StackName, service: &Service, there: &HeldChecks) -> Vec<CheckDiff> {
    let diff = |wanted: WantedCheck| {
        let held = attempts(&wanted.reference).filter_map(|reference| there.by_reference.get(&reference)).next_back();
        let mut differing = held.map(|held| wanted.settings.drift(&held.settings)).unwrap_or_default();
        let own = match &wanted.of {
            CheckOf::Region(region) => service.region(region).and_then(|region| region.check.as_ref()),
            CheckOf::AlwaysUnhealthy => None,
        };
        let refusal = match own {
            Some(RegionCheck::Metric { alarm, .. }) => match there.alarms.get(alarm) {
                Some(Ok(now)) => {
                    let is_edited = held.is_some_and(|held| held.copied.as_ref() != Some(now));
                    differing.extend(is_edited.then_some("alarm"));
                    None
                }
                Some(Err(why)) => Some(Remark { code: "alarm", text: format!("{}: {alarm}: {why}", service.name) }),
                None => None,
            },
            Some(RegionCheck::Calculated { children, .. }) => children.iter().find_map(|child| unfit(child, there)),
            None => None,
        };
        CheckDiff { held: held.cloned(), wanted, differing, refusal }
    };
    wanted_checks(stack, service).into_iter().map(diff).collect()
}

/// Why a check can't be counted by another one (R25).
fn unfit(child: &CheckId, there: &HeldChecks) -> Option<Remark> {
    let why = match there.by_reference.values().find(|held| held.id == *child) {
        None => "is not there",
        Some(held) if held.settings.r#type.as_deref() == Some("CALCULATED") => "is a calculated one itself",
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

/// The ids that record sets name.
#[must_use]
pub fn ids(checks: &[CheckDiff]) -> NativeChecks {
    let mut own = BTreeMap::new();
    let mut always = None;
    for check in checks {
        match &check.wanted.of {
            CheckOf::Region(region) => {
                own.insert(region.clone(), check.id());
            }
            CheckOf::AlwaysUnhealthy => always = Some(check.id()),
        }
    }
    NativeChecks { own, always_unhealthy: always.expect("every service wants the one that is always unhealthy") }
}

fn check_of(stack: &StackName, service: &Service, region: &Region) -> WantedCheck {
    let Some(check) = &region.check else { return endpoint_check(stack, service, region) };
    let settings = match check {
        RegionCheck::Metric { alarm, insufficient_data } => CheckSettings {
            r#type: Some("CLOUDWATCH_METRIC".to_owned()),
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
        },
        RegionCheck::Calculated { children, at_least } => CheckSettings {
            r#type: Some("CALCULATED".to_owned()),
            child_health_checks: Some(Children {
                child_health_check: children.iter().map(ToString::to_string).collect(),
            }),
            health_threshold: Some((*at_least).into()),
            ..CheckSettings::default()
        },
    };
    let kind = settings.r#type.as_deref().unwrap_or_default();
    WantedCheck {
        of: CheckOf::Region(region.name.clone()),
        reference: reference(format!("{stack}:{}:{}:{kind}", service.name, region.name)),
        settings,
    }
}

fn endpoint_check(stack: &StackName, service: &Service, region: &Region) -> WantedCheck {
    let NativeCheck { https, port, path, interval_s, threshold, search, checkers } = &service.check;
    let kind = match (path, https, search) {
        (None, ..) => "TCP",
        (Some(_), false, None) => "HTTP",
        (Some(_), true, None) => "HTTPS",
        (Some(_), false, Some(_)) => "HTTP_STR_MATCH",
        (Some(_), true, Some(_)) => "HTTPS_STR_MATCH",
    };
    let targets = &region.targets;
    let address = targets.a.first().map(ToString::to_string).or(targets.aaaa.first().map(ToString::to_string));
    let named = targets.name().map(ToString::to_string);
    // Where there is an address the name is only sent, as host and for SNI; TCP sends none.
    let name = if address.is_some() { path.as_ref().map(|_| service.name.to_string()) } else { named };
    let checkers = checkers.iter().map(ToString::to_string).collect::<Vec<_>>();
    let how = if address.is_some() { "address" } else { "name" };
    WantedCheck {
        of: CheckOf::Region(region.name.clone()),
        reference: reference(format!("{stack}:{}:{}:{kind}:{how}:{interval_s}", service.name, region.name)),
        settings: CheckSettings {
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
        },
    }
}

fn reference(text: String) -> String {
    if text.len() <= REFERENCE { text } else { sha256_hex(text.as_bytes())[..REFERENCE].to_owned() }
}

#[cfg(test)]
mod tests {
    use domain::Config;

    use super::*;

    fn config(check: &str) -> Config {
        let source = format!(
            "control_region = \"eu-central-1\"\nobservers = [\"ca-central-1\", \"us-east-2\", \"us-west-2\"]\n\
             [[service]]\nname = \"api.example.com\"\nhosted_zone = \"Z1\"\n[service.check]\n{check}\n\
             [[service.region]]\nname = \"eu-west-1\"\na = [\"192.0.2.1\"]\n\
             [[service.region]]\nname = \"us-east-1\"\na = [\"192.0.2.2\"]\n\
             [[service.probe]]\nname = \"http\"\nkind = \"http\"\n"
        );
        Config::parse("t.toml", &source).unwrap_or_else(|error| panic!("{error}"))
    }

    fn wanted(check: &str) -> Vec<WantedCheck> {
        let config = config(check);
        wanted_checks(&config.stack, &config.services[0])
    }

    fn held(wanted: &WantedCheck) -> HeldCheck {
        HeldCheck { id: "c1".parse().unwrap(), settings: wanted.settings.clone().with_defaults(), copied: None }
    }

    /// Route 53's own judgement needs public addresses.
    fn public(mut settings: CheckSettings) -> CheckSettings {
        settings.ip_address = settings.ip_address.map(|_| "203.0.114.1".to_owned());
        settings
    }

    #[test]
    fn every_kind_of_check_is_one_that_route_53_takes() {
        for check in [
            "kind = \"tcp\"\nport = 5432",
            "kind = \"http\"\nport = 80\npath = \"/health\"\ninterval = \"30s\"\nthreshold = 1",
            "kind = \"https\"\nport = 443\ncheckers = [\"us-east-1\", \"eu-west-1\", \"sa-east-1\"]",
            "kind = \"https\"\nport = 443\nsearch = \"all is well\"",
        ] {
            for wanted in wanted(check) {
                let judged = public(wanted.settings.clone().with_defaults()).judge();
                assert!(judged.is_ok(), "{check}: {wanted:?}: {judged:?}");
                assert!(wanted.reference.len() <= REFERENCE);
            }
        }
        let https = &wanted("kind = \"https\"\nport = 443\nsearch = \"ok\"")[0].settings;
        assert_eq!((https.r#type.as_deref(), https.enable_sni), (Some("HTTPS_STR_MATCH"), Some(true)));
        assert_eq!(https.fully_qualified_domain_name.as_deref(), Some("api.example.com"));
    }

    #[test]
    fn a_check_is_found_again_and_what_was_edited_is_named() {
        let config = config("kind = \"http\"\nport = 80\npath = \"/health\"");
        let service = &config.services[0];
        let all = wanted_checks(&config.stack, service);
        let mut there = HeldChecks::default();
        there.by_reference.extend(all.iter().map(|it| (it.reference.clone(), held(it))));
        let diffs = diff_checks(&config.stack, service, &there);
        assert!(diffs.iter().all(|diff| diff.held.is_some() && diff.differing.is_empty()), "{diffs:?}");

        let edited = there.by_reference.get_mut(&all[0].reference).unwrap();
        edited.settings.disabled = Some(true);
        edited.settings.resource_path = Some("/".to_owned());
        there.by_reference.remove(&all[1].reference);
        let diffs = diff_checks(&config.stack, service, &there);
        assert_eq!(diffs[0].differing, ["resource_path", "disabled"]);
        assert_eq!((&diffs[1].held, diffs[1].id().as_str()), (&None, "to-be-made-us-east-1"));

        // Made again after it was deleted.
        there.by_reference.insert(format!("{}#2", all[1].reference), held(&all[1]));
        assert!(diff_checks(&config.stack, service, &there)[1].held.is_some());
    }

    /// With this check of the first region, whatever the service's is.
    fn own(check: &str) -> Config {
        let mut config = config("kind = \"tcp\"\nport = 443");
        let source = format!(
            "control_region = \"eu-central-1\"\nobservers = [\"ca-central-1\", \"us-east-2\", \"us-west-2\"]\n\
             [[service]]\nname = \"api.example.com\"\nhosted_zone = \"Z1\"\n\
             region = [{{ name = \"eu-west-1\", a = [\"192.0.2.1\"], check = {check} }}, {{ name = \"us-east-1\", a = [\"192.0.2.2\"] }}]\n\
             probe = [{{ name = \"http\", kind = \"http\" }}]\n"
        );
        config.services = Config::parse("t.toml", &source).unwrap_or_else(|error| panic!("{error}")).services;
        config
    }

    #[test]
    fn every_setting_is_as_configured() {
        let text = |text: &str| Some(text.to_owned());
        let settings = |config: &Config, place: usize| {
            wanted_checks(&config.stack, &config.services[0]).swap_remove(place).settings
        };
        let https = config(
            "kind = \"https\"\nport = 8443\npath = \"/up\"\nsearch = \"well\"\ninterval = \"30s\"\nthreshold = 5\n\
             checkers = [\"us-east-1\", \"eu-west-1\", \"sa-east-1\"]",
        );
        let checkers = ["us-east-1", "eu-west-1", "sa-east-1"].map(str::to_owned);
        let expected = CheckSettings {
            r#type: text("HTTPS_STR_MATCH"),
            ip_address: text("192.0.2.2"),
            port: Some(8443),
            resource_path: text("/up"),
            fully_qualified_domain_name: text("api.example.com"),
            search_string: text("well"),
            request_interval: Some(30),
            failure_threshold: Some(5),
            enable_sni: Some(true),
            regions: Some(Regions { region: checkers.into() }),
            ..CheckSettings::default()
        };
        assert_eq!(settings(&https, 1), expected);
        let never_healthy = CheckSettings {
            r#type: text("TCP"),
            fully_qualified_domain_name: text("api.example.com"),
            port: Some(443),
            disabled: Some(true),
            inverted: Some(true),
            ..CheckSettings::default()
        };
        assert_eq!(settings(&https, 2), never_healthy);
        let metric = own("{ kind = \"metric\", alarm = { region = \"us-west-2\", name = \"errors\" } }");
        let expected = CheckSettings {
            r#type: text("CLOUDWATCH_METRIC"),
            alarm_identifier: Some(AlarmIdentifier { region: "us-west-2".to_owned(), name: "errors".to_owned() }),
            insufficient_data_health_status: text("LastKnownStatus"),
            ..CheckSettings::default()
        };
        assert_eq!(settings(&metric, 0), expected);
        let calculated = own("{ kind = \"calculated\", children = [\"c1\", \"c2\"], at_least = 1 }");
        let expected = CheckSettings {
            r#type: text("CALCULATED"),
            child_health_checks: Some(Children { child_health_check: vec!["c1".to_owned(), "c2".to_owned()] }),
            health_threshold: Some(1),
            ..CheckSettings::default()
        };
        assert_eq!(settings(&calculated, 0), expected);
    }

    #[test]
    fn r26_an_alarm_edited_after_it_was_copied_is_drift() {
        let config = own("{ kind = \"metric\", alarm = { region = \"eu-west-1\", name = \"errors\" } }");
        let service = &config.services[0];
        let wanted = wanted_checks(&config.stack, service).remove(0);
        assert_eq!(wanted.settings.insufficient_data_health_status.as_deref(), Some("Unhealthy"), "it lives there");
        assert!(wanted.settings.clone().with_defaults().judge().is_ok(), "{wanted:?}");
        let alarm = |threshold| route53::Alarm {
            namespace: Some("Shop".to_owned()),
            metric: Some("Errors".to_owned()),
            statistic: Some("Sum".to_owned()),
            period_s: 60,
            evaluation_periods: 2,
            threshold,
            comparison: "GreaterThanThreshold".to_owned(),
            ..route53::Alarm::default()
        };
        let settings = |threshold| AlarmSettings::try_from(alarm(threshold)).unwrap();
        let copied = HeldCheck { copied: Some(settings(5.0)), ..held(&wanted) };
        let name = Alarm { region: "eu-west-1".parse().unwrap(), name: "errors".to_owned() };
        let diff = |now: Result<AlarmSettings, String>| {
            let there = HeldChecks {
                by_reference: [(wanted.reference.clone(), copied.clone())].into(),
                alarms: [(name.clone(), now)].into(),
            };
            let diff = diff_checks(&config.stack, service, &there).remove(0);
            (diff.differing, diff.refusal.map(|refusal| refusal.code))
        };
        assert_eq!(diff(Ok(settings(5.0))), (vec![], None));
        assert_eq!(diff(Ok(settings(9.0))), (vec!["alarm"], None));
        assert_eq!(diff(Err("there is no such alarm".to_owned())), (vec![], Some("alarm")));
    }

    #[test]
    fn r25_a_calculated_check_counts_checks_that_are_there() {
        let config = own("{ kind = \"calculated\", children = [\"c1\", \"c2\"], at_least = 1 }");
        let service = &config.services[0];
        let wanted = wanted_checks(&config.stack, service);
        assert!(wanted[0].settings.clone().with_defaults().judge().is_ok(), "{wanted:?}");
        assert_eq!(wanted[0].settings.health_threshold, Some(1));
        assert_eq!(wanted[1].settings.r#type.as_deref(), Some("HTTP"), "the other's is the service's");
        let refusal = |others: &[(&str, &WantedCheck)]| {
            let other =
                |(id, of): &(&str, &WantedCheck)| ((*id).to_owned(), HeldCheck { id: id.parse().unwrap(), ..held(of) });
            let there = HeldChecks { by_reference: others.iter().map(other).collect(), alarms: BTreeMap::new() };
            diff_checks(&config.stack, service, &there).remove(0).refusal.map(|refusal| refusal.text)
        };
        let (calculated, http) = (&wanted[0], &wanted[1]);
        assert_eq!(refusal(&[("c1", http), ("c2", http)]), None);
        assert!(refusal(&[("c1", http)]).unwrap().contains("c2 is not there"));
        assert!(refusal(&[("c1", calculated), ("c2", http)]).unwrap().contains("c1 is a calculated one itself"));
    }

    #[test]
    fn what_can_be_changed_of_a_check_makes_no_new_one() {
        let reference = |check: &str| wanted(check)[0].reference.clone();
        let first = reference("kind = \"http\"\nport = 80\npath = \"/a\"");
        assert_eq!(reference("kind = \"http\"\nport = 81\npath = \"/b\"\nthreshold = 5"), first);
        assert_ne!(reference("kind = \"http\"\nport = 80\npath = \"/a\"\ninterval = \"30s\""), first);
        assert_ne!(reference("kind = \"http\"\nport = 80\npath = \"/a\"\nsearch = \"x\""), first);
    }
}
