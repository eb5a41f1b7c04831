//! What both emulators let pass and Route 53 does not.

use hyper::{Method, StatusCode};
use lab::hosted::ProbeOutcome;
use lab::proxy::Proxy;
use route53::{AlarmData, CheckConfig, CheckKind, InsufficientData};

use super::proxy::{ZONE, between, changes, check, send, started, store};
use super::*;

const CHECKS: &str = "/2013-04-01/healthcheck";

/// The error code and message of a refusal.
fn refusal(text: &str) -> (&str, String) {
    let message = between(text, "<Message>", "</Message>").replace("&apos;", "'").replace("&quot;", "\"");
    (between(text, "<Code>", "<"), message)
}

async fn made(proxy: &Proxy, reference: &str, fields: &str) -> String {
    let (code, text) = send(proxy, Method::POST, CHECKS, &check(reference, fields)).await;
    assert_eq!(code, StatusCode::CREATED, "{text}");
    between(&text, "<Id>", "<").to_owned()
}

fn batch(sets: &[String]) -> String {
    let change = |set: &String| format!("<Change><Action>{set}</ResourceRecordSet></Change>");
    let sets: String = sets.iter().map(change).collect();
    format!(
        "<ChangeResourceRecordSetsRequest><ChangeBatch><Changes>{sets}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
    )
}

fn set(action: &str, owner: &str, fields: &str) -> String {
    format!(
        "{action}</Action><ResourceRecordSet><Name>{owner}</Name><Type>A</Type>{fields}<TTL>5</TTL><ResourceRecords>\
         <ResourceRecord><Value>127.0.1.1</Value></ResourceRecord></ResourceRecords>"
    )
}

const TCP: &str = "<IPAddress>127.0.1.1</IPAddress><Port>8080</Port><Type>TCP</Type>";

#[tokio::test]
async fn r7_a_weight_of_300_is_invalid_input() {
    let (_, proxy) = started(AT_ONCE).await;
    let weighted = set("CREATE", "www.example.com", "<SetIdentifier>one</SetIdentifier><Weight>300</Weight>");
    let (code, text) = send(&proxy, Method::POST, &format!("{ZONE}/rrset"), &batch(&[weighted])).await;
    let (error, message) = refusal(&text);
    assert_eq!((code, error), (StatusCode::BAD_REQUEST, "InvalidInput"));
    assert!(message.contains("Value '300' is not facet-valid with respect to maxInclusive '255'"), "{message}");
}

#[tokio::test]
async fn r42_the_sixth_request_of_a_second_is_throttled_whatever_it_asks() {
    let delays = Delays { second: NEVER, ..AT_ONCE };
    let (_, proxy) = started(delays).await;
    let paths = ["/2013-04-01/hostedzone", "/2013-04-01/change/C1", CHECKS, "/2013-04-01/tags/x/y", ZONE];
    for path in paths {
        let (code, text) = send(&proxy, Method::GET, path, "").await;
        assert_ne!(code, StatusCode::BAD_REQUEST, "{path}: {text}");
    }
    let (code, text) = send(&proxy, Method::GET, ZONE, "").await;
    assert_eq!((code, refusal(&text)), (StatusCode::BAD_REQUEST, ("Throttling", "Rate exceeded".to_owned())));
    assert_eq!(
        send(&proxy, Method::GET, "/bucket/key", "").await.0,
        StatusCode::OK,
        "other services have limits of their own"
    );
}

#[tokio::test]
async fn r42_one_change_at_a_time_a_zone() {
    let (_, proxy) = started(AT_ONCE).await;
    let batches = (0..16).map(|n| changes(&[("CREATE", &format!("n{n}.example.com"), "127.0.1.1")]));
    let path = format!("{ZONE}/rrset");
    let sent = batches.map(|batch| {
        let (proxy, path) = (&proxy, &path);
        async move { send(proxy, Method::POST, path, &batch).await }
    });
    let answers = futures::future::join_all(sent).await;
    let refused: Vec<_> = answers.iter().filter(|(code, _)| *code != StatusCode::OK).collect();
    assert!(refused.len() < 16, "the first is taken");
    for (code, text) in &refused {
        let message = "The request was rejected because Route 53 was still processing a prior request.".to_owned();
        assert_eq!((*code, refusal(text)), (StatusCode::BAD_REQUEST, ("PriorRequestNotComplete", message)));
    }
    let again = changes(&[("CREATE", "again.example.com", "127.0.1.1")]);
    assert_eq!(send(&proxy, Method::POST, &path, &again).await.0, StatusCode::OK, "its turn ends with the request");
}

#[tokio::test]
async fn r13_an_unknown_check_is_refused_and_a_set_whose_check_has_gone_can_be_deleted() {
    let (_, proxy) = started(AT_ONCE).await;
    let path = format!("{ZONE}/rrset");
    let with = |check: &str| format!("<HealthCheckId>{check}</HealthCheckId>");
    let of = |action, check: &str| {
        let fields = "<SetIdentifier>one</SetIdentifier><Failover>PRIMARY</Failover>";
        batch(&[set(action, "www.example.com", fields) + &with(check)])
    };
    let (code, text) = send(&proxy, Method::POST, &path, &of("CREATE", "none")).await;
    assert_eq!((code, refusal(&text).0), (StatusCode::NOT_FOUND, "NoSuchHealthCheck"));
    let id = made(&proxy, "r1", TCP).await;
    assert_eq!(send(&proxy, Method::POST, &path, &of("CREATE", &id)).await.0, StatusCode::OK);
    let deleted = send(&proxy, Method::DELETE, &format!("{CHECKS}/{id}"), "").await;
    assert_eq!(deleted.0, StatusCode::OK, "Route 53 does not prevent it");
    assert_eq!(send(&proxy, Method::POST, &path, &of("UPSERT", &id)).await.0, StatusCode::NOT_FOUND);
    assert_eq!(send(&proxy, Method::POST, &path, &of("DELETE", &id)).await.0, StatusCode::OK);
}

#[tokio::test]
async fn r25_a_child_is_not_deleted_before_its_parent() {
    let (route53, proxy) = started(AT_ONCE).await;
    let child = made(&proxy, "child", TCP).await;
    let fields = format!(
        "<Type>CALCULATED</Type><HealthThreshold>1</HealthThreshold><ChildHealthChecks><ChildHealthCheck>{child}\
         </ChildHealthCheck></ChildHealthChecks>"
    );
    let parent = made(&proxy, "parent", &fields).await;
    assert_eq!(route53.is_healthy(&parent.as_str().into()), Some(true));
    let (_, got) = send(&proxy, Method::GET, &format!("{CHECKS}/{parent}"), "").await;
    assert!(got.contains(&format!("<ChildHealthCheck>{child}<")), "{got}");
    let (code, text) = send(&proxy, Method::DELETE, &format!("{CHECKS}/{child}"), "").await;
    assert_eq!((code, refusal(&text).0), (StatusCode::BAD_REQUEST, "InvalidInput"));
    let grandparent = check("grandparent", &fields.replace(&child, &parent));
    assert_eq!(send(&proxy, Method::POST, CHECKS, &grandparent).await.0, StatusCode::BAD_REQUEST);
    for id in [&parent, &child] {
        assert_eq!(send(&proxy, Method::DELETE, &format!("{CHECKS}/{id}"), "").await.0, StatusCode::OK);
    }
    let (code, text) = send(&proxy, Method::POST, CHECKS, &check("child", TCP)).await;
    assert_eq!(
        (code, refusal(&text).0),
        (StatusCode::CONFLICT, "HealthCheckAlreadyExists"),
        "a reference is used once"
    );
}

#[tokio::test]
async fn r26_a_metric_check_follows_its_alarms_data_and_remembers() {
    let route53 = Route53::new(AT_ONCE);
    let mut events = route53.subscribe();
    let alarm = |insufficient| CheckConfig {
        kind: CheckKind::Alarm { name: "errors".into(), region: "eu-west-1".into(), insufficient },
        inverted: false,
        disabled: false,
    };
    for (insufficient, without) in [
        (InsufficientData::Healthy, true),
        (InsufficientData::Unhealthy, false),
        (InsufficientData::LastKnownStatus, false),
    ] {
        let id = format!("{insufficient:?}").as_str().into();
        route53.put_check(&id, alarm(insufficient));
        assert_eq!(route53.is_healthy(&id), Some(insufficient != InsufficientData::Unhealthy), "new: {insufficient:?}");
        route53.observe_alarm(&id, AlarmData::Ok);
        route53.observe_alarm(&id, AlarmData::Alarm);
        until(&mut events, |what| matches!(what, Happening::CheckTurned { check, healthy: false } if *check == id))
            .await;
        route53.observe_alarm(&id, AlarmData::Insufficient);
        if without {
            until(&mut events, |what| matches!(what, Happening::CheckTurned { healthy: true, .. })).await;
        }
        assert_eq!(route53.is_healthy(&id), Some(without), "without data: {insufficient:?}");
    }
}

#[tokio::test]
async fn hosted_zones_are_listed_in_pages_by_id_and_by_name() {
    let (_, proxy) = started(AT_ONCE).await;
    let pages = async |path: &str, next: fn(&str) -> String| {
        let (mut ids, mut query) = (Vec::new(), "maxitems=1".to_owned());
        loop {
            let (code, page) = send(&proxy, Method::GET, &format!("{path}?{query}"), "").await;
            assert_eq!(code, StatusCode::OK, "{page}");
            assert!(page.contains("<MaxItems>1<"), "{page}");
            ids.extend(page.split("<Id>/hostedzone/").skip(1).map(|rest| rest[..2].to_owned()));
            if page.contains("<IsTruncated>false") {
                return ids;
            }
            query = format!("maxitems=1&{}", next(&page));
        }
    };
    let by_id = pages("/2013-04-01/hostedzone", |page| format!("marker={}", between(page, "<NextMarker>", "<"))).await;
    assert_eq!(by_id, ["Z1", "Z2", "Z3", "Z4"]);
    let next = |page: &str| {
        let (name, id) = (between(page, "<NextDNSName>", "<"), between(page, "<NextHostedZoneId>", "<"));
        format!("dnsname={name}&hostedzoneid={id}")
    };
    assert_eq!(pages("/2013-04-01/hostedzonesbyname", next).await, ["Z1", "Z2", "Z4", "Z3"]);
    let (_, text) = send(&proxy, Method::GET, "/2013-04-01/hostedzone?maxitems=0", "").await;
    assert_eq!(refusal(&text).0, "InvalidInput");
}

#[tokio::test]
async fn health_checks_are_listed_in_pages() {
    let (_, proxy) = started(AT_ONCE).await;
    let mut wanted = Vec::new();
    for n in 0..5 {
        wanted.push(made(&proxy, &format!("r{n}"), TCP).await);
    }
    wanted.sort();
    let (mut seen, mut query) = (Vec::new(), "maxitems=2".to_owned());
    loop {
        let (_, page) = send(&proxy, Method::GET, &format!("{CHECKS}?{query}"), "").await;
        seen.extend(page.split("<Id>").skip(1).map(|rest| rest.split_once('<').unwrap().0.to_owned()));
        if page.contains("<IsTruncated>false") {
            break;
        }
        query = format!("maxitems=2&marker={}", between(&page, "<NextMarker>", "<"));
    }
    assert_eq!(seen, wanted);
    let (_, count) = send(&proxy, Method::GET, "/2013-04-01/healthcheckcount", "").await;
    assert_eq!(between(&count, "<HealthCheckCount>", "<"), "5");
}

#[tokio::test]
async fn only_a_zone_without_records_of_its_own_is_deleted() {
    let (address, seen) = store().await;
    let proxy = Proxy::start(address, Route53::new(AT_ONCE)).await.unwrap();
    let www = |action| changes(&[(action, "www.example.com", "127.0.1.1")]);
    send(&proxy, Method::POST, &format!("{ZONE}/rrset"), &www("CREATE")).await;
    let (code, text) = send(&proxy, Method::DELETE, ZONE, "").await;
    assert_eq!((code, refusal(&text).0), (StatusCode::BAD_REQUEST, "HostedZoneNotEmpty"));
    assert!(seen.lock().unwrap().iter().all(|(request, _)| request.method() != Method::DELETE));
    send(&proxy, Method::POST, &format!("{ZONE}/rrset"), &www("DELETE")).await;
    assert_eq!(send(&proxy, Method::DELETE, ZONE, "").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_tested_answer_is_the_name_servers() {
    let (route53, proxy) = started(AT_ONCE).await;
    let mut events = route53.subscribe();
    let www = changes(&[("CREATE", "www.example.com", "127.0.1.1")]);
    send(&proxy, Method::POST, &format!("{ZONE}/rrset"), &www).await;
    until(&mut events, |what| matches!(what, Happening::ChangeEffective { .. })).await;
    let asked = async |name: &str, kind: &str| {
        let path = format!("/2013-04-01/testdnsanswer?hostedzoneid=Z1&recordname={name}&recordtype={kind}");
        send(&proxy, Method::GET, &path, "").await
    };
    let (code, text) = asked("www.example.com", "A").await;
    assert_eq!(code, StatusCode::OK, "{text}");
    for part in
        ["<Nameserver>ns-1.example.net.<", "<RecordDataEntry>127.0.1.1<", "<ResponseCode>NOERROR<", "<Protocol>UDP<"]
    {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(asked("www.example.com", "TXT").await.1.contains("<ResponseCode>NOERROR<"));
    assert!(asked("none.example.com", "A").await.1.contains("<ResponseCode>NXDOMAIN<"));
    assert_eq!(refusal(&asked("www.elsewhere.net", "A").await.1).0, "InvalidInput");
}

#[tokio::test]
async fn a_last_failure_outlives_the_failure() {
    let (route53, proxy) = started(AT_ONCE).await;
    let id = made(&proxy, "r1", TCP).await;
    let [(probed, _)] = &route53.probed()[..] else { panic!("one endpoint is probed") };
    route53.observe(probed, 3, ProbeOutcome::Failure("no connection".to_owned()));
    route53.observe(probed, 3, ProbeOutcome::Success("TCP connection".to_owned()));
    let (_, now) = send(&proxy, Method::GET, &format!("{CHECKS}/{id}/status"), "").await;
    assert_eq!(between(&now, "<Status>", "<"), "Success: TCP connection");
    let (_, last) = send(&proxy, Method::GET, &format!("{CHECKS}/{id}/lastfailurereason"), "").await;
    assert_eq!(between(&last, "<Status>", "<"), "Failure: no connection");
    assert_eq!(between(&last, "<IPAddress>", "<"), "198.51.100.4");
}
