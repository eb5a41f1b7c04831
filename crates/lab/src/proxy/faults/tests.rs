use hyper::HeaderMap;
use scenario::Scenario;

use super::*;

const SCENARIO: &str = r#"
name = "small"
title = "as little as can be"
regions = ["a", "b"]

[steady]
for = "5s"

[[truth]]
region = "a"
must_stay = true

[[truth]]
region = "b"
must_stay = true
"#;

fn faults(rules: &[&str]) -> Faults {
    let faults = Faults::default();
    faults.set(&written(rules), Pace { speed: 1.0, seed: 7 });
    faults
}

fn written(rules: &[&str]) -> BTreeMap<usize, AwsFault> {
    let rules = rules.iter().map(|rule| format!("[[aws]]\nat = \"0s\"\nfor = \"9s\"\n{rule}\n"));
    let text = format!("{SCENARIO}{}", rules.collect::<String>());
    let scenario = Scenario::parse("small.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    scenario.faults.iter().map(|it| it.what.aws().unwrap().clone()).enumerate().collect()
}

fn call(method: Method, path: &str) -> Call {
    Call { method, uri: path.parse().unwrap(), headers: HeaderMap::new(), body: Bytes::new() }
}

fn identity(service: &str, operation: &str) -> Identity {
    Identity::of(service, "us-east-1", operation)
}

fn get(path: &str) -> (Identity, Call) {
    (identity("s3", "GetObject"), call(Method::GET, path))
}

#[test]
fn what_no_rule_meets_is_answered_as_ever() {
    let faults = faults(&["service = \"s3\"\noperation = \"PutObject\"", "kind = \"region-down\"\nregion = \"a\""]);
    let (identity, call) = get("/bucket/key");
    let harm = faults.harm(&identity, &call);
    assert!(!harm.injected && matches!(harm.fate, Fate::Answered) && harm.late.is_zero());
}

#[test]
fn a_rule_may_be_about_one_bucket() {
    let faults = faults(&["service = \"s3\"\nresource = \"-state-\""]);
    let met = |path| faults.harm(&identity("s3", "PutObject"), &call(Method::PUT, path)).injected;
    assert!(met("/pointsman-state-0-a/state/x.json") && !met("/pointsman-observations-0-a/x.json"));
}

#[test]
fn delays_add_up_and_the_first_end_counts() {
    let faults = faults(&[
        "kind = \"latency\"\ndelay = \"1s\"",
        "kind = \"latency\"\ndelay = \"2s\"",
        "kind = \"reset\"",
        "kind = \"throttle\"",
    ]);
    let (identity, call) = get("/bucket/key");
    let harm = faults.harm(&identity, &call);
    assert_eq!(harm.late, Duration::from_secs(3));
    assert!(matches!(harm.fate, Fate::Reset), "{harm:?}");
}

#[test]
fn a_share_of_the_calls_is_drawn_by_the_seed() {
    let (identity, call) = get("/bucket/key");
    let drawn = |seed| {
        let faults = Faults::default();
        faults.set(&written(&["probability = 0.3"]), Pace { speed: 1.0, seed });
        (0..1_000).map(|_| faults.harm(&identity, &call).injected).collect::<Vec<_>>()
    };
    let met = drawn(7).iter().filter(|met| **met).count();
    assert!((250..350).contains(&met), "{met}");
    assert_eq!(drawn(7), drawn(7));
    assert_ne!(drawn(7), drawn(8));
}

#[test]
fn a_rule_that_stays_goes_on_with_its_draws() {
    let (identity, call) = get("/bucket/key");
    let rules = written(&["probability = 0.5"]);
    let drawn = |again: bool| {
        let faults = Faults::default();
        (0..100)
            .map(|number| {
                if number == 0 || again {
                    faults.set(&rules, Pace { speed: 1.0, seed: 7 });
                }
                faults.harm(&identity, &call).injected
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(drawn(true), drawn(false));
}

#[test]
fn a_hang_ends_with_its_rule() {
    let faults = faults(&["kind = \"hang\""]);
    let (identity, call) = get("/bucket/key");
    let Fate::Hangs(over) = faults.harm(&identity, &call).fate else { panic!("it does not hang") };
    assert!(!over.is_cancelled());
    faults.set(&BTreeMap::new(), Pace { speed: 1.0, seed: 7 });
    assert!(over.is_cancelled());
}

#[test]
fn a_stale_read_gets_what_the_same_read_got_before_the_last_write() {
    let faults = faults(&["kind = \"stale-read\"\nwindow = \"1h\""]);
    let read = |path: &str, truth: &'static str| {
        let (identity, call) = get(path);
        if let Fate::Stale(answer) = faults.harm(&identity, &call).fate {
            return String::from_utf8(answer.into_body().to_vec()).unwrap();
        }
        faults.saw(&identity, &call, &Response::new(Bytes::from_static(truth.as_bytes())));
        truth.to_owned()
    };
    let write = |path| {
        faults.saw(&identity("s3", "PutObject"), &call(Method::PUT, path), &Response::new(Bytes::new()));
    };
    assert_eq!(read("/bucket/key", "one"), "one");
    assert_eq!(read("/bucket/other", "other"), "other");
    write("/bucket/key");
    assert_eq!(read("/bucket/key", "two"), "one");
    write("/bucket/other");
    assert_eq!(read("/bucket/key", "two"), "one", "another object was written");
    assert_eq!(read("/bucket/new", "new"), "new", "never read before: nothing to be stale with");
}

#[test]
fn a_stale_read_is_over_after_its_window() {
    let faults = faults(&["kind = \"stale-read\"\nwindow = \"0s\""]);
    let (identity, call) = get("/bucket/key");
    faults.saw(&identity, &call, &Response::new(Bytes::from_static(b"one")));
    faults.saw(
        &self::identity("s3", "PutObject"),
        &self::call(Method::PUT, "/bucket/key"),
        &Response::new(Bytes::new()),
    );
    assert!(matches!(faults.harm(&identity, &call).fate, Fate::Answered));
}

#[test]
fn route_53_away_is_unavailable_and_throttling_is_in_its_words() {
    let list = identity("route53", "ListResourceRecordSets");
    let change = identity("route53", "ChangeResourceRecordSets");
    let xml = |faults: &Faults, identity: &Identity| {
        let call = call(Method::POST, "/2013-04-01/hostedzone/Z1/rrset");
        let Fate::Refused(refusal) = faults.harm(identity, &call).fate else { panic!("it is not refused") };
        let answer = refusal.answer(identity, &call);
        (answer.status().as_u16(), String::from_utf8(answer.into_body().to_vec()).unwrap())
    };
    let (status, text) = xml(&faults(&["kind = \"route53-control-plane\""]), &list);
    assert!(status == 503 && text.contains("<Code>ServiceUnavailable</Code>"), "{text}");
    let throttled = faults(&["kind = \"throttle\""]);
    for (identity, code) in [(&list, "Throttling"), (&change, "PriorRequestNotComplete")] {
        let (status, text) = xml(&throttled, identity);
        assert!(status == 400 && text.contains(&format!("<Code>{code}</Code>")), "{text}");
    }
}

#[test]
fn cloudwatch_is_refused_in_its_binary_protocol() {
    let (identity, mut call) =
        (identity("monitoring", "PutMetricData"), call(Method::POST, "/service/X/operation/PutMetricData"));
    call.headers.insert("content-type", "application/cbor".parse().unwrap());
    let Fate::Refused(refusal) = faults(&["kind = \"throttle\""]).harm(&identity, &call).fate else {
        panic!("it is not refused")
    };
    let answer = refusal.answer(&identity, &call);
    assert_eq!((answer.status().as_u16(), answer.headers()["smithy-protocol"].to_str().unwrap()), (400, "rpc-v2-cbor"));
    assert_eq!(&answer.into_body()[..], b"\xA2\x78\x06__type\x78\x0AThrottling\x78\x07message\x78\x0DRate exceeded");
}

#[test]
fn an_event_s_function_is_refused_as_a_call_to_it_would_be() {
    let faults = faults(&["kind = \"throttle\"\nservice = \"lambda\"\nregion = \"ca-central-1\""]);
    assert!(faults.refuse_invocation("ca-central-1") && !faults.refuse_invocation("us-west-2"));
    assert!(!self::faults(&["kind = \"throttle\"\nservice = \"s3\""]).refuse_invocation("ca-central-1"));
}
