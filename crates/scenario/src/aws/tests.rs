use domain::ConfigError;

use super::*;
use crate::{Scenario, What};

const SMALL: &str = r#"
name = "small"
title = "as little as can be"
speed = 2
regions = ["a", "b"]

[steady]
for = "5s"

[[truth]]
region = "a"
must_stay = true

[[truth]]
region = "b"
must_stay = true

[[aws]]
at = "2s"
for = "20s"
"#;

fn read(rule: &str) -> Result<Scenario, ConfigError> {
    Scenario::parse("small.toml", &format!("{SMALL}{rule}"))
}

fn rule(text: &str) -> AwsFault {
    let scenario = read(text).unwrap();
    scenario.faults[0].what.aws().unwrap().clone()
}

#[test]
fn a_rule_of_localstack_s_is_a_rule_here() {
    let all = rule("");
    assert_eq!(all.effect, Effect::Error { status: 503, code: "ServiceUnavailable".to_owned() });
    assert!(all.calls.include("s3", "a", "GetObject") && all.probability == Share::ALL);
    let one = rule(
        "service = \"s3\"\nregion = \"eu-west-1\"\noperation = \"PutObject\"\nprobability = 0.25\n\
         error = { statusCode = 500, code = \"InternalError\" }",
    );
    assert_eq!(one.effect, Effect::Error { status: 500, code: "InternalError".to_owned() });
    assert!(one.calls.include("s3", "eu-west-1", "PutObject"));
    for (scope, region, operation) in
        [("sns", "eu-west-1", "PutObject"), ("s3", "us-east-1", "PutObject"), ("s3", "eu-west-1", "GetObject")]
    {
        assert!(!one.calls.include(scope, region, operation), "{scope} {region} {operation}");
    }
    assert_eq!(one.to_string(), "s3 PutObject in eu-west-1: 25% of calls: answered with 500 InternalError");
}

#[test]
fn a_service_has_localstack_s_name_and_the_signature_s_scope() {
    assert!(rule("service = \"cloudwatch\"").calls.include("monitoring", "a", "PutMetricData"));
}

#[test]
fn what_takes_time_is_scaled() {
    let late = rule("kind = \"latency\"\ndelay = \"3s\"");
    assert_eq!(late.scaled(2.0).effect, Effect::Latency { delay: Period::millis(1_500) });
    let scenario = read("kind = \"delay-events\"\ndelay = \"4s\"").unwrap();
    let turns = scenario.turns();
    assert_eq!(turns[0].in_force.aws[&0].effect, Effect::DelayEvents { delay: Period::seconds(2) });
    assert!(turns[1].in_force.aws.is_empty());
}

#[test]
fn a_region_that_is_gone_takes_what_runs_in_it_along() {
    let scenario = read("kind = \"region-down\"\nregion = \"us-west-2\"").unwrap();
    let gone: Vec<_> = scenario.turns()[0].in_force.gone.iter().map(RegionName::to_string).collect();
    assert_eq!(gone, ["us-west-2"]);
    assert_eq!(scenario.faults[0].what.region(), None, "no region that serves is at fault");
}

#[test]
fn the_control_plane_is_route_53_everywhere() {
    let rule = rule("kind = \"route53-control-plane\"");
    assert!(rule.calls.include("route53", "us-east-1", "GetChange") && !rule.calls.include("s3", "us-east-1", ""));
}

#[test]
fn rules_come_and_go() {
    let turns = read("kind = \"throttle\"\npulse = { on = \"5s\", off = \"5s\" }").unwrap().turns();
    let on: Vec<_> = turns.iter().map(|turn| !turn.in_force.aws.is_empty()).collect();
    assert_eq!(on, [true, false, true, false, false]);
}

#[test]
fn a_rule_in_a_report_reads_back() {
    for text in ["kind = \"throttle\"\nservice = \"lambda\"\nresource = \"failover\"", "kind = \"drop-events\""] {
        let what = What::Aws { aws: rule(text) };
        assert_eq!(serde_json::from_value::<What>(serde_json::to_value(&what).unwrap()).unwrap(), what);
    }
}

#[test]
fn a_bad_rule_names_file_line_and_key() {
    for (text, wanted) in [
        ("kind = \"latency\"", "small.toml:18:1: aws[0].delay: `latency` needs it: how late"),
        ("kind = \"reset\"\ndelay = \"1s\"", "small.toml:22:1: aws[0].delay: has no meaning for `reset`"),
        ("kind = \"region-down\"", "small.toml:18:1: aws[0].region: `region-down` needs it: which one"),
        ("kind = \"drop-events\"\nservice = \"s3\"", "aws[0].service: has no meaning for `drop-events`"),
        ("error = { statusCode = 200 }", "aws[0].error: `statusCode` of an error is from 400 to 599"),
        ("kind = \"throttle\"\nerror = { statusCode = 400 }", "aws[0].error: `throttle` has the service's own status"),
        ("kind = \"route53-control-plane\"\nregion = \"a\"", "aws[0].region: has no meaning"),
        ("service = \"rout53\"", "small.toml:21:11: unknown variant `rout53`"),
        ("pulse = { on = \"0s\", off = \"1s\" }", "aws[0].pulse: it must be there for a time"),
    ] {
        let error = read(text).unwrap_err().to_string();
        assert!(error.contains(wanted), "{error}\n{wanted}");
    }
}

#[test]
fn there_must_be_a_fault_of_some_kind() {
    let (none, _) = SMALL.split_once("[[aws]]").unwrap();
    let error = Scenario::parse("small.toml", none).unwrap_err().to_string();
    assert!(error.contains("at least one is needed, or an `[[aws]]`"), "{error}");
}
