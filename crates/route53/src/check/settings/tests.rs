use super::*;

fn endpoint(kind: &str) -> CheckSettings {
    CheckSettings { r#type: Some(kind.to_owned()), ip_address: Some("3.5.7.9".to_owned()), ..CheckSettings::default() }
}

fn calculated(children: usize, threshold: i64) -> CheckSettings {
    let child_health_check = (0..children).map(|n| n.to_string()).collect();
    CheckSettings {
        r#type: Some("CALCULATED".to_owned()),
        child_health_checks: Some(Children { child_health_check }),
        health_threshold: Some(threshold),
        ..CheckSettings::default()
    }
}

fn metric() -> CheckSettings {
    CheckSettings {
        r#type: Some("CLOUDWATCH_METRIC".to_owned()),
        alarm_identifier: Some(AlarmIdentifier { region: "eu-west-1".to_owned(), name: "errors".to_owned() }),
        ..CheckSettings::default()
    }
}

fn refused(settings: CheckSettings) -> String {
    settings.with_defaults().judge().unwrap_err().to_string()
}

fn parameter(settings: CheckSettings) -> String {
    let said = refused(settings);
    said.strip_prefix("Invalid parameter : ").unwrap_or(&said).to_owned()
}

#[test]
fn r20_what_is_not_said_is_as_route53_has_it() {
    let settings = endpoint("HTTPS").with_defaults();
    assert_eq!((settings.port, settings.request_interval, settings.failure_threshold), (Some(443), Some(30), Some(3)));
    assert_eq!((settings.enable_sni, settings.inverted, settings.disabled), (Some(true), Some(false), Some(false)));
    assert_eq!(endpoint("HTTP").with_defaults().port, Some(80));
    assert_eq!(calculated(1, 1).with_defaults().request_interval, None);
}

#[test]
fn r20_an_interval_is_10_or_30_seconds_and_regions_are_three_of_the_eight() {
    assert!(parameter(CheckSettings { request_interval: Some(20), ..endpoint("HTTP") }).contains("10 or 30 seconds"));
    assert!(refused(CheckSettings { request_interval: Some(60), ..endpoint("HTTP") }).contains("maxInclusive '30'"));
    let from = |regions: &[&str]| {
        let region = regions.iter().map(|&region| region.to_owned()).collect();
        CheckSettings { regions: Some(Regions { region }), ..endpoint("HTTP") }
    };
    assert!(parameter(from(&["us-east-1", "us-west-1", "us-east-1"])).contains("at least 3 regions"));
    assert!(refused(from(&["us-east-1", "us-west-1", "mars-1"])).contains("Value 'mars-1'"));
    assert!(from(&["us-east-1", "us-west-1", "eu-west-1"]).with_defaults().judge().is_ok());
}

#[test]
fn r21_the_failure_threshold_is_1_to_10() {
    for (threshold, said) in [(0, "minInclusive '1'"), (11, "maxInclusive '10'")] {
        let text = refused(CheckSettings { failure_threshold: Some(threshold), ..endpoint("HTTP") });
        assert!(text.contains(said) && text.contains("FailureThreshold"), "{text}");
    }
}

#[test]
fn r23_an_endpoint_has_a_place_a_port_and_what_its_type_searches() {
    let nowhere = CheckSettings { ip_address: None, ..endpoint("HTTP") };
    assert!(parameter(nowhere).contains("must have an IP address or a fully qualified domain name"));
    assert_eq!(parameter(endpoint("TCP")), "TCP health checks must have a port specified.");
    assert!(refused(CheckSettings { port: Some(65_536), ..endpoint("TCP") }).contains("maxInclusive '65535'"));
    assert!(parameter(endpoint("HTTP_STR_MATCH")).contains("must have a search string"));
    let searching = |kind| CheckSettings { search_string: Some("well".to_owned()), ..endpoint(kind) };
    assert!(parameter(searching("HTTP")).contains("Only string match"));
    assert!(searching("HTTPS_STR_MATCH").with_defaults().judge().is_ok());
    let long = CheckSettings { search_string: Some("x".repeat(256)), ..endpoint("HTTP_STR_MATCH") };
    assert!(refused(long).contains("'SearchString'"));
    assert!(refused(endpoint("PING")).contains("Value 'PING'"));
}

#[test]
fn r25_a_calculated_check_has_a_threshold_and_at_most_255_children() {
    assert!(calculated(255, 0).judge().is_ok());
    assert!(parameter(calculated(256, 1)).contains("more than 255 children"));
    assert_eq!(
        parameter(CheckSettings { health_threshold: None, ..calculated(1, 1) }),
        "Calculated health checks must have a health threshold specified."
    );
    assert!(refused(calculated(1, 257)).contains("maxInclusive '256'"));
}

#[test]
fn r26_a_metric_check_names_its_alarm() {
    let named = metric().judge().unwrap();
    let CheckKind::Alarm { name, region, insufficient } = named.kind else { panic!("{named:?}") };
    assert_eq!((name.as_str(), region.as_str()), ("errors", "eu-west-1"));
    assert_eq!(insufficient, InsufficientData::LastKnownStatus);
    assert!(parameter(CheckSettings { alarm_identifier: None, ..metric() }).contains("alarm identifier"));
    let odd = CheckSettings { insufficient_data_health_status: Some("Maybe".to_owned()), ..metric() };
    assert!(refused(odd).contains("Value 'Maybe'"));
}

#[test]
fn settings_of_other_types_are_refused() {
    let alarm = metric().alarm_identifier;
    assert_eq!(
        parameter(CheckSettings { alarm_identifier: alarm, ..endpoint("HTTP") }),
        "Basic health checks must not have an metric region specified."
    );
    assert_eq!(
        parameter(CheckSettings { request_interval: Some(30), ..calculated(1, 1) }),
        "Calculated health checks must not have a request interval specified."
    );
    assert!(parameter(CheckSettings { port: Some(80), ..metric() }).contains("must not have a port"));
    assert!(parameter(CheckSettings { health_threshold: Some(1), ..endpoint("HTTP") }).contains("a health threshold"));
    assert!(
        parameter(CheckSettings { enable_sni: Some(true), ..endpoint("HTTP") }).contains("HTTPS health checks only")
    );
}

#[test]
fn r27_inverted_and_disabled_can_be_set_and_unset() {
    let on = CheckSettings { inverted: Some(true), disabled: Some(true), ..endpoint("HTTP") }.with_defaults();
    let config = on.judge().unwrap();
    assert!(config.inverted && config.disabled);
    let off = CheckSettings { inverted: Some(false), disabled: Some(false), ..CheckSettings::default() };
    let config = on.updated(off, &[]).unwrap().judge().unwrap();
    assert!(!config.inverted && !config.disabled);
}

#[test]
fn r30_private_and_reserved_addresses_are_refused_and_loopback_is_the_labs() {
    for (address, said) in
        [("10.0.0.1", "private or reserved"), ("one.two", "not a valid value of union type 'IPAddress'")]
    {
        assert!(refused(CheckSettings { ip_address: Some(address.to_owned()), ..endpoint("HTTP") }).contains(said));
    }
    let local = CheckSettings { ip_address: Some("127.0.1.1".to_owned()), ..endpoint("HTTP") };
    assert!(local.with_defaults().judge().is_ok());
}

#[test]
fn an_update_changes_what_it_names_and_resets_what_it_says() {
    let held = CheckSettings {
        resource_path: Some("/health".to_owned()),
        fully_qualified_domain_name: Some("api.example.com".to_owned()),
        ..endpoint("HTTPS")
    };
    let held = held.with_defaults();
    let change = CheckSettings { port: Some(8443), r#type: Some("TCP".to_owned()), ..CheckSettings::default() };
    let updated = held.updated(change, &["ResourcePath".to_owned()]).unwrap();
    assert_eq!(updated, CheckSettings { port: Some(8443), resource_path: None, ..held.clone() });
    let unknown = held.updated(CheckSettings::default(), &["Port".to_owned()]);
    assert!(matches!(unknown, Err(InvalidInput::NotOneOf { .. })));
    let without = CheckSettings { ip_address: None, ..held };
    assert!(without.updated(endpoint("HTTPS"), &[]).is_err(), "an address can't be added");
}
