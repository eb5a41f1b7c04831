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
    let settings =
        |config: &Config, place: usize| wanted_checks(&config.stack, &config.services[0]).swap_remove(place).settings;
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

/// Nobody has made any of it before.
#[test]
fn r25_what_a_calculated_check_counts_is_made_before_it() {
    let children = "\"c1\", { kind = \"tcp\", port = 5432 }, { kind = \"https\", port = 443, path = \"/deep\" }, \
                    { kind = \"metric\", alarm = { region = \"eu-west-1\", name = \"errors\" } }";
    let config = own(&format!("{{ kind = \"calculated\", children = [{children}], at_least = 2 }}"));
    let service = &config.services[0];
    let child = |place| CheckOf::Child { of: "eu-west-1".parse().unwrap(), place };
    let wanted = wanted_checks(&config.stack, service);
    let of: Vec<_> = wanted.iter().map(|check| check.of.clone()).collect();
    let region = |name: &str| CheckOf::Region(name.parse().unwrap());
    assert_eq!(of, [child(1), child(2), child(3), region("eu-west-1"), region("us-east-1"), CheckOf::AlwaysUnhealthy]);
    let kinds: Vec<_> = wanted[..4].iter().map(|check| check.settings.r#type.as_deref().unwrap()).collect();
    assert_eq!(kinds, ["TCP", "HTTPS", "CLOUDWATCH_METRIC", "CALCULATED"]);
    assert_eq!(wanted[1].settings.resource_path.as_deref(), Some("/deep"));
    assert!(wanted.iter().all(|check| public(check.settings.clone().with_defaults()).judge().is_ok()), "{wanted:?}");

    let counted = |check: &CheckDiff| check.wanted.settings.child_health_checks.clone().unwrap().child_health_check;
    let here = |there: &HeldChecks| diff_checks(&config.stack, service, there);
    let numbered = |(place, wanted): (usize, &WantedCheck)| {
        let id = format!("h{place}").parse().unwrap();
        (wanted.reference.clone(), HeldCheck { id, ..held(wanted) })
    };
    let mut there = HeldChecks::default();
    there.by_reference.insert("somebody's".to_owned(), held(&wanted[0]));
    let mut before = here(&there);
    assert!(before.iter().all(|check| check.held.is_none() && check.refusal.is_none()), "{before:?}");
    let stand_ins = ["c1", "to-be-made-1-of-eu-west-1", "to-be-made-2-of-eu-west-1", "to-be-made-3-of-eu-west-1"];
    assert_eq!(counted(&before[3]), stand_ins);
    // As one after the other is made.
    before[0].held = Some(numbered((0, &wanted[0])).1);
    let (made, later) = before.split_first_mut().unwrap();
    later[2].wanted.counts(made);
    assert_eq!(counted(&later[2])[..2], ["c1", "h0"]);

    there.by_reference.extend(wanted.iter().enumerate().map(numbered));
    let mut complete = there.by_reference.get(&wanted[3].reference).unwrap().clone();
    complete.settings.child_health_checks =
        Some(Children { child_health_check: ["h2", "h1", "c1", "h0"].map(str::to_owned).into() });
    there.by_reference.insert(wanted[3].reference.clone(), complete);
    let after = here(&there);
    assert!(after.iter().all(|check| check.held.is_some() && check.differing.is_empty()), "{after:?}");
    let ids = ids(&after);
    assert_eq!(ids.own.values().map(CheckId::as_str).collect::<Vec<_>>(), ["h3", "h4"]);
    assert_eq!(ids.children.values().flatten().map(CheckId::as_str).collect::<Vec<_>>(), ["h0", "h1", "h2"]);

    there.by_reference.remove(&wanted[1].reference);
    let gone = here(&there);
    assert_eq!(
        (&gone[1].held, &gone[3].differing[..]),
        (&None, &["child_health_checks"][..]),
        "what counts it follows"
    );
}

#[test]
fn the_word_for_a_check_that_is_to_be_made_is_an_id_however_long_the_name() {
    let region: RegionName = "r".repeat(63).parse().unwrap();
    for of in [CheckOf::Region(region.clone()), CheckOf::Child { of: region, place: 255 }] {
        assert_eq!(of.stand_in().as_str().len(), REFERENCE);
    }
}

#[test]
fn what_can_be_changed_of_a_check_makes_no_new_one() {
    let reference = |check: &str| wanted(check)[0].reference.clone();
    let first = reference("kind = \"http\"\nport = 80\npath = \"/a\"");
    assert_eq!(reference("kind = \"http\"\nport = 81\npath = \"/b\"\nthreshold = 5"), first);
    assert_ne!(reference("kind = \"http\"\nport = 80\npath = \"/a\"\ninterval = \"30s\""), first);
    assert_ne!(reference("kind = \"http\"\nport = 80\npath = \"/a\"\nsearch = \"x\""), first);
}
