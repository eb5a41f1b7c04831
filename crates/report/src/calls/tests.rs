use super::*;

fn call(service: &str, region: &str, operation: &str, t: f64) -> Call {
    Call {
        t,
        service: service.to_owned(),
        region: region.to_owned(),
        operation: operation.to_owned(),
        function: Some("pointsman-failover".to_owned()),
        status: Some(200),
        injected: false,
    }
}

fn in_us_east_1(service: Option<AwsService>) -> Calls {
    Calls { service, region: "us-east-1".parse().ok(), operation: None }
}

#[test]
fn failures_are_counted_and_calls_are_priced() {
    let put = || call("s3", "ca-central-1", "PutObject", 1.0);
    let refused = Call { status: Some(503), injected: true, ..put() };
    let lost = Call { status: None, injected: true, ..put() };
    let free = call("route53", "us-east-1", "GetChange", 2.0);
    let unknown = call("sso", "us-east-1", "GetRoleCredentials", 2.0);
    let counted = count(&[put(), refused, lost, free, unknown]);
    let [route53, s3, sso] = &counted[..] else { panic!("{counted:?}") };
    assert_eq!((s3.count, s3.failed, s3.injected), (3, 2, 2));
    assert_eq!(s3.usd, Some(Price::from(3.0 * 0.005 / 1e3)), "a thousand writes cost half a cent");
    assert_eq!((route53.usd, sso.usd), (Some(Price::default()), None));
    assert_eq!(sum(&counted).to_string(), "$0.000015");
}

#[test]
fn what_costs_anything_does_not_read_as_free() {
    assert_eq!(Price::from(0.000_000_000_4).to_string(), "$0");
    assert_eq!(Price::from(0.000_000_4).to_string(), "$0.000001");
    assert_eq!(Price::from(1.5).to_string(), "$1.500000");
}

#[test]
fn a_forbidden_call_is_named() {
    let calls = [call("s3", "us-east-1", "GetObject", 12.0)];
    let said = none_made(&in_us_east_1(None), &calls, 10.0, 20.0);
    assert_eq!(said.text, "no call of our functions to AWS in us-east-1 between the first fault and recovery");
    assert_eq!((said.met, said.seen.as_str()), (false, "1: s3 GetObject in us-east-1 by pointsman-failover at 12s"));
}

#[test]
fn only_ours_and_only_then_count() {
    let by_the_drill = Call { function: None, ..call("s3", "us-east-1", "GetObject", 12.0) };
    let calls = [
        by_the_drill,
        call("s3", "us-east-1", "GetObject", 9.9),
        call("s3", "us-east-1", "GetObject", 20.0),
        call("s3", "ca-central-1", "GetObject", 12.0),
    ];
    assert!(none_made(&in_us_east_1(None), &calls, 10.0, 20.0).met);
}

#[test]
fn route_53_s_control_plane_counts_only_where_it_is_named() {
    let calls = [call("route53", "us-east-1", "ChangeResourceRecordSets", 12.0)];
    assert!(none_made(&in_us_east_1(None), &calls, 10.0, 20.0).met);
    assert!(!none_made(&in_us_east_1(Some(AwsService::Route53)), &calls, 10.0, 20.0).met);
}
