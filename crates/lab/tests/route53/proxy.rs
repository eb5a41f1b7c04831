use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use lab::proxy::Proxy;
use route53::{Answer, Draw};
use tokio::net::TcpListener;

use super::*;

pub(super) const ZONE: &str = "/2013-04-01/hostedzone/Z1";
const SIGNATURE: &str = "AWS4-HMAC-SHA256 Credential=AKID/20261121/us-east-1/route53/aws4_request, Signature=0";

/// Every request that the store saw, with its body.
pub(super) type Log = Arc<Mutex<Vec<(Request<()>, String)>>>;

/// What stands for the emulator: it keeps one zone's creation records, names checks, and accepts the rest unjudged.
pub(super) async fn store() -> (SocketAddr, Log) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Log::default();
    let log = Arc::clone(&seen);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let service = service_fn(|request: Request<Incoming>| answer(request, Arc::clone(&log)));
                let _ =
                    hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (address, seen)
}

async fn answer(request: Request<Incoming>, log: Log) -> Result<Response<Full<Bytes>>, Infallible> {
    static CHECKS: AtomicUsize = AtomicUsize::new(0);
    let (parts, body) = request.into_parts();
    let body = String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap();
    let set = |kind, value| {
        format!(
            "<ResourceRecordSet><Name>example.com.</Name><Type>{kind}</Type><TTL>900</TTL><ResourceRecords>\
             <ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords></ResourceRecordSet>"
        )
    };
    let text = match (&parts.method, parts.uri.path().trim_end_matches("/rrset")) {
        (&Method::GET, path) if path != parts.uri.path() => format!(
            "<ListResourceRecordSetsResponse><ResourceRecordSets>{}{}</ResourceRecordSets>\
             <IsTruncated>false</IsTruncated><MaxItems>300</MaxItems></ListResourceRecordSetsResponse>",
            set("NS", "ns-1.example.net."),
            set("SOA", "ns-1.example.net. admin.example.net. 1 2 3 4 5"),
        ),
        (&Method::GET, "/2013-04-01/hostedzone") => zones(),
        (_, "/2013-04-01/hostedzone" | ZONE) => {
            "<X><HostedZone><Id>/hostedzone/Z1</Id><Name>example.com.</Name></HostedZone></X>".to_owned()
        }
        (&Method::POST, "/2013-04-01/healthcheck") => {
            let number = CHECKS.fetch_add(1, Ordering::Relaxed);
            format!("<X><HealthCheck><Id>check-{number:03}</Id></HealthCheck></X>")
        }
        _ => "stored".to_owned(),
    };
    log.lock().unwrap().push((Request::from_parts(parts, ()), body));
    Ok(Response::builder().header("x-from", "emulator").body(Full::from(text)).unwrap())
}

/// Four zones in no order, two of one name.
fn zones() -> String {
    let zone = |id: &str, name: &str| {
        format!(
            "<HostedZone><Id>/hostedzone/{id}</Id><Name>{name}.</Name><CallerReference>{id}</CallerReference><Config>\
             <Comment>of {id}</Comment><PrivateZone>false</PrivateZone></Config>\
             <ResourceRecordSetCount>2</ResourceRecordSetCount></HostedZone>"
        )
    };
    let all = [("Z3", "example.net"), ("Z1", "example.com"), ("Z4", "a.example.com"), ("Z2", "example.com")];
    let all: String = all.iter().map(|(id, name)| zone(id, name)).collect();
    format!(
        "<ListHostedZonesResponse><HostedZones>{all}</HostedZones><IsTruncated>false</IsTruncated>\
         <MaxItems>100</MaxItems></ListHostedZonesResponse>"
    )
}

pub(super) async fn send(proxy: &Proxy, method: Method, path: &str, body: &str) -> (StatusCode, String) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let request = Request::builder()
        .method(method)
        .uri(format!("{}{path}", proxy.endpoint()))
        .header("authorization", SIGNATURE)
        .header("user-agent", "test")
        .body(Full::<Bytes>::from(body.to_owned()))
        .unwrap();
    let response = client.request(request).await.unwrap();
    let status = response.status();
    (status, String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap())
}

pub(super) fn changes(changes: &[(&str, &str, &str)]) -> String {
    let change = |(action, owner, value): &(&str, &str, &str)| {
        format!(
            "<Change><Action>{action}</Action><ResourceRecordSet><Name>{owner}</Name><Type>A</Type><TTL>5</TTL>\
             <ResourceRecords><ResourceRecord><Value>{value}</Value></ResourceRecord></ResourceRecords>\
             </ResourceRecordSet></Change>"
        )
    };
    let changes: String = changes.iter().map(change).collect();
    format!(
        "<?xml version=\"1.0\"?><ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
         <ChangeBatch><Changes>{changes}</Changes></ChangeBatch></ChangeResourceRecordSetsRequest>"
    )
}

pub(super) fn check(reference: &str, fields: &str) -> String {
    format!(
        "<CreateHealthCheckRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><CallerReference>{reference}\
         </CallerReference><HealthCheckConfig>{fields}</HealthCheckConfig></CreateHealthCheckRequest>"
    )
}

pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
    text.split_once(before).unwrap().1.split_once(after).unwrap().0
}

fn www(route53: &Route53) -> Answer {
    route53.answer(&name("www.example.com"), RecordType::A, Draw(0)).unwrap().answer
}

pub(super) async fn started(delays: Delays) -> (Arc<Route53>, Proxy) {
    let route53 = Route53::new(delays);
    let proxy = Proxy::start(store().await.0, Arc::clone(&route53)).await.unwrap();
    (route53, proxy)
}

#[tokio::test]
async fn a_call_is_passed_on_as_it_is_and_recorded() {
    let (address, seen) = store().await;
    let proxy = Proxy::start(address, Route53::new(AT_ONCE)).await.unwrap();
    let answered = send(&proxy, Method::PUT, "/2013-04-01/tags/x/y?a=b%2Fc", "body").await;
    assert_eq!(answered, (StatusCode::OK, "stored".to_owned()));
    let (request, body) = seen.lock().unwrap().pop().unwrap();
    assert_eq!((request.method(), body.as_str()), (&Method::PUT, "body"));
    assert_eq!(request.uri(), "/2013-04-01/tags/x/y?a=b%2Fc");
    assert_eq!(request.headers()["host"].to_str().unwrap(), proxy.endpoint().trim_start_matches("http://"));
    assert_eq!(request.headers()["authorization"], SIGNATURE);
    let [call] = &proxy.aws_calls()[..] else { panic!("one call was made") };
    assert_eq!((call.service.as_str(), call.region.as_str(), call.status), ("route53", "us-east-1", Some(200)));
    assert_eq!((call.operation.as_str(), call.user_agent.as_str()), ("PUT /2013-04-01/tags/x/y", "test"));
}

#[tokio::test]
async fn an_emulator_that_is_away_is_a_bad_gateway() {
    let away = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap().local_addr().unwrap();
    let proxy = Proxy::start(away, Route53::new(AT_ONCE)).await.unwrap();
    let (status, text) = send(&proxy, Method::GET, "/bucket", "").await;
    assert_eq!(status, StatusCode::BAD_GATEWAY);
    assert!(text.starts_with("tried to pass a call on to the emulator"), "{text}");
    assert_eq!(proxy.aws_calls()[0].status, Some(502));
}

#[tokio::test]
async fn r41_a_change_is_pending_and_unanswered_until_it_has_propagated() {
    let batch = changes(&[("CREATE", "www.example.com", "127.0.1.1")]);
    for (propagation, status) in [(NEVER, "PENDING"), (Duration::ZERO, "INSYNC")] {
        let (route53, proxy) = started(Delays { propagation, ..AT_ONCE }).await;
        let mut events = route53.subscribe();
        let (code, text) = send(&proxy, Method::POST, &format!("{ZONE}/rrset/"), &batch).await;
        assert_eq!((code, between(&text, "<Status>", "<")), (StatusCode::OK, "PENDING"));
        if propagation.is_zero() {
            until(&mut events, |what| matches!(what, Happening::ChangeEffective { .. })).await;
        }
        let id = between(&text, "<Id>/change/", "<");
        let (_, text) = send(&proxy, Method::GET, &format!("/2013-04-01/change/{id}"), "").await;
        assert_eq!(between(&text, "<Status>", "<"), status);
        assert_eq!(matches!(www(&route53), Answer::Records(_)), propagation.is_zero());
    }
}

#[tokio::test]
async fn r40_a_refused_batch_says_why_and_reaches_nobody() {
    let (address, seen) = store().await;
    let route53 = Route53::new(AT_ONCE);
    let proxy = Proxy::start(address, Arc::clone(&route53)).await.unwrap();
    let batch = changes(&[("CREATE", "www.example.com", "127.0.1.1"), ("DELETE", "old.example.com", "127.0.1.1")]);
    let (code, text) = send(&proxy, Method::POST, &format!("{ZONE}/rrset"), &batch).await;
    assert_eq!((code, between(&text, "<Code>", "<")), (StatusCode::BAD_REQUEST, "InvalidChangeBatch"));
    let message = between(&text, "<Message>", "</Message>").replace("&apos;", "'");
    assert_eq!(
        message,
        "[Tried to delete resource record set [name='old.example.com.', type='A'] but it was not found]"
    );
    assert!(seen.lock().unwrap().iter().all(|(request, _)| request.method() == Method::GET));
    assert_eq!(www(&route53), Answer::NxDomain);
}

#[tokio::test]
async fn r40_changes_build_on_accepted_ones_before_they_are_answered() {
    let (_, proxy) = started(Delays { propagation: NEVER, ..AT_ONCE }).await;
    let path = format!("{ZONE}/rrset");
    let step = |action, value| changes(&[(action, "www.example.com", value)]);
    assert_eq!(send(&proxy, Method::POST, &path, &step("CREATE", "127.0.1.1")).await.0, StatusCode::OK);
    assert_eq!(send(&proxy, Method::POST, &path, &step("CREATE", "127.0.1.1")).await.0, StatusCode::BAD_REQUEST);
    assert_eq!(send(&proxy, Method::POST, &path, &step("DELETE", "127.0.1.1")).await.0, StatusCode::OK);
}

#[tokio::test]
async fn records_are_listed_in_pages_by_labels_from_the_right() {
    let (_, proxy) = started(AT_ONCE).await;
    let sets = ["b.example.com", "*.example.com", "a.b.example.com"].map(|owner| ("CREATE", owner, "127.0.1.1"));
    send(&proxy, Method::POST, &format!("{ZONE}/rrset"), &changes(&sets)).await;
    let mut names = Vec::new();
    let mut query = "maxitems=2".to_owned();
    loop {
        let (_, page) = send(&proxy, Method::GET, &format!("{ZONE}/rrset?{query}"), "").await;
        names.extend(page.split("<Name>").skip(1).map(|rest| rest.split_once('<').unwrap().0.to_owned()));
        if page.contains("<IsTruncated>false") {
            break;
        }
        let next = |key| between(&page, &format!("<NextRecord{key}>"), "<").replace('\\', "%5C");
        query = format!("maxitems=2&name={}&type={}", next("Name"), next("Type"));
    }
    assert_eq!(names, ["example.com.", "example.com.", "\\052.example.com.", "b.example.com.", "a.b.example.com."]);
}

#[tokio::test]
async fn health_checks_are_kept_whole_and_created_once() {
    let (route53, proxy) = started(AT_ONCE).await;
    let fields = "<IPAddress>127.0.1.1</IPAddress><Port>8080</Port><Type>HTTP_STR_MATCH</Type><SearchString>a &amp; b</SearchString>\
                  <Inverted>true</Inverted><Disabled>true</Disabled><Regions><Region>us-east-1</Region><Region>us-west-1</Region>\
                  <Region>eu-west-1</Region></Regions>";
    let path = "/2013-04-01/healthcheck";
    let (code, created) = send(&proxy, Method::POST, path, &check("r1", fields)).await;
    assert_eq!(code, StatusCode::CREATED);
    let id = between(&created, "<Id>", "<").to_owned();
    assert_eq!(route53.is_healthy(&id.as_str().into()), Some(false), "R27: disabled and inverted");
    let (_, got) = send(&proxy, Method::GET, &format!("{path}/{id}"), "").await;
    for kept in
        ["<SearchString>a &amp; b<", "<Disabled>true<", "<Inverted>true<", "<Region>us-east-1<", "<FailureThreshold>3<"]
    {
        assert!(got.contains(kept), "{kept} in {got}");
    }
    let (_, again) = send(&proxy, Method::POST, path, &check("r1", fields)).await;
    assert_eq!(between(&again, "<Id>", "<"), id);
    let (code, other) = send(&proxy, Method::POST, path, &check("r1", &fields.replace("8080", "8081"))).await;
    assert_eq!((code, between(&other, "<Code>", "<")), (StatusCode::CONFLICT, "HealthCheckAlreadyExists"));
}

#[tokio::test]
async fn health_checks_are_updated_field_by_field_and_deleted() {
    let (route53, proxy) = started(AT_ONCE).await;
    let mut events = route53.subscribe();
    let path = "/2013-04-01/healthcheck";
    let fields = "<IPAddress>127.0.1.1</IPAddress><Port>8080</Port><Type>TCP</Type>";
    let (_, created) = send(&proxy, Method::POST, path, &check("r1", fields)).await;
    let id = between(&created, "<Id>", "<").to_owned();
    let update = |version| {
        format!(
            "<UpdateHealthCheckRequest><HealthCheckVersion>{version}</HealthCheckVersion><Inverted>true</Inverted></UpdateHealthCheckRequest>"
        )
    };
    let (_, updated) = send(&proxy, Method::POST, &format!("{path}/{id}"), &update(1)).await;
    for kept in ["<Port>8080<", "<Inverted>true<", "<HealthCheckVersion>2<"] {
        assert!(updated.contains(kept), "{kept} in {updated}");
    }
    until(&mut events, |what| matches!(what, Happening::CheckTurned { healthy: false, .. })).await;
    assert_eq!(send(&proxy, Method::POST, &format!("{path}/{id}"), &update(1)).await.0, StatusCode::CONFLICT);
    assert_eq!(send(&proxy, Method::DELETE, &format!("{path}/{id}"), "").await.0, StatusCode::OK);
    assert_eq!(send(&proxy, Method::GET, &format!("{path}/{id}"), "").await.0, StatusCode::NOT_FOUND);
    assert_eq!(route53.is_healthy(&id.as_str().into()), None);
}

#[tokio::test]
async fn what_route53_would_not_check_is_refused() {
    let (_, proxy) = started(AT_ONCE).await;
    for fields in [
        "<IPAddress>10.0.0.1</IPAddress><Port>80</Port><Type>TCP</Type>",
        "<IPAddress>127.0.1.1</IPAddress><Type>TCP</Type>",
        "<IPAddress>127.0.1.1</IPAddress><Type>HTTP</Type><FailureThreshold>11</FailureThreshold>",
        "<IPAddress>127.0.1.1</IPAddress><Type>HTTP</Type><RequestInterval>20</RequestInterval>",
        "<Type>HTTP</Type>",
        "<Type>CALCULATED</Type><HealthThreshold>1</HealthThreshold>\
         <ChildHealthChecks><ChildHealthCheck>none</ChildHealthCheck></ChildHealthChecks>",
    ] {
        let (code, text) = send(&proxy, Method::POST, "/2013-04-01/healthcheck", &check("r", fields)).await;
        assert_eq!((code, between(&text, "<Code>", "<")), (StatusCode::BAD_REQUEST, "InvalidInput"), "{fields}");
    }
}
