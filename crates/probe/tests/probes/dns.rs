//! Names: the ways in which they fail are told apart, and nothing is remembered.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{Config, Fault, ProbeReport, ProbeStatus};
use hickory_proto::{
    op::ResponseCode,
    rr::{Name, RData, RecordType, rdata::CNAME},
};
use probe::{AskError, Prober, ask};
use tokio::net::TcpListener;

use crate::{
    config, report, round,
    servers::{Reply, dns, records},
};

fn by_name(resolver: SocketAddr, time_out: &str, probe: &str) -> Config {
    let mut config = config("one.example.net", time_out, probe);
    config.resolvers = vec![resolver];
    config
}

async fn dns_probe(reply: Reply, time_out: &str) -> ProbeReport {
    let (resolver, _questions) = dns(move |_| reply.clone()).await;
    round(&by_name(resolver, time_out, r#"kind = "dns", host = "asked.example.net""#)).await
}

#[tokio::test]
async fn an_address_of_either_family_is_good() {
    for addresses in [&["192.0.2.7"][..], &["2001:db8::7"], &["192.0.2.7", "2001:db8::7"]] {
        let report = dns_probe(Reply::Records(records(addresses)), "4s").await;
        assert_eq!((report.status, report.fault), (ProbeStatus::Ok, None));
        assert_eq!(report.evidence, format!("asked.example.net is {}", addresses.join(", ")));
        assert!(report.phases_ms.dns.is_some() && report.phases_ms.connect.is_none());
    }
}

#[tokio::test]
async fn each_way_of_failing_has_a_fault_of_its_own() {
    for (reply, fault, evidence) in [
        (Reply::Code(ResponseCode::NXDomain), Fault::DnsNxdomain, "NXDOMAIN for asked.example.net"),
        (Reply::Records(vec![]), Fault::DnsEmpty, "NOERROR without an address for asked.example.net"),
        (Reply::Code(ResponseCode::ServFail), Fault::DnsServfail, "SERVFAIL for asked.example.net"),
        (Reply::Code(ResponseCode::Refused), Fault::DnsRefused, "Query Refused for asked.example.net"),
        (Reply::Code(ResponseCode::NotImp), Fault::DnsRefused, "Not Implemented for asked.example.net"),
    ] {
        let report = dns_probe(reply, "4s").await;
        assert_eq!(report.fault, Some(fault), "{}", report.evidence);
        assert!(report.evidence.to_lowercase().starts_with(&evidence.to_lowercase()), "{}", report.evidence);
    }
    let silent = dns_probe(Reply::Silence, "200ms").await;
    assert_eq!(silent.fault, Some(Fault::DnsTimeout));
    assert_eq!(silent.evidence, "no name resolution within 200ms (asked.example.net)");
}

#[tokio::test]
async fn an_error_for_one_family_does_not_hide_behind_the_others_emptiness() {
    let (resolver, _questions) = dns(|query| match query.query_type() {
        RecordType::A => Reply::Records(vec![]),
        _ => Reply::Code(ResponseCode::ServFail),
    })
    .await;
    assert_eq!(round(&by_name(resolver, "4s", r#"kind = "dns""#)).await.fault, Some(Fault::DnsServfail));
}

#[tokio::test]
async fn a_cut_answer_is_asked_for_again_over_tcp() {
    let report = dns_probe(Reply::CutOverUdp(records(&["192.0.2.7"])), "4s").await;
    assert_eq!((report.status, report.evidence.as_str()), (ProbeStatus::Ok, "asked.example.net is 192.0.2.7"));
}

#[tokio::test]
async fn an_alias_is_followed() {
    let (resolver, _questions) = dns(|query| match query.name().to_ascii().as_str() {
        "asked.example.net." => {
            let target = Name::from_ascii("target.example.net.").unwrap();
            Reply::Literal(vec![("asked.example.net.", RData::CNAME(CNAME(target)))])
        }
        _ => Reply::Records(records(&["192.0.2.7"])),
    })
    .await;
    let report = round(&by_name(resolver, "4s", r#"kind = "dns", host = "asked.example.net""#)).await;
    assert_eq!(report.evidence, "asked.example.net is 192.0.2.7");
}

#[tokio::test]
async fn every_round_asks_anew() {
    let gone = Arc::new(AtomicBool::new(false));
    let (resolver, _questions) = dns({
        let gone = Arc::clone(&gone);
        move |_| {
            if gone.load(Ordering::SeqCst) {
                Reply::Code(ResponseCode::NXDomain)
            } else {
                Reply::Records(records(&["192.0.2.7"]))
            }
        }
    })
    .await;
    let config = by_name(resolver, "4s", r#"kind = "dns""#);
    let prober = Prober::new(&config).unwrap();
    let first = report(&prober, &config).await;
    let addresses = [std::net::IpAddr::from([192, 0, 2, 7])].into();
    assert_eq!((first.fault, first.seen.ttl, first.seen.addresses), (None, Some(60), addresses));
    gone.store(true, Ordering::SeqCst);
    assert_eq!(report(&prober, &config).await.fault, Some(Fault::DnsNxdomain));
    gone.store(false, Ordering::SeqCst);
    assert_eq!(report(&prober, &config).await.fault, None);
}

#[tokio::test]
async fn the_first_address_that_connects_counts() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (resolver, _questions) = dns(|_| Reply::Records(records(&["127.9.9.9", "127.0.0.1"]))).await;
    let report = round(&by_name(resolver, "4s", &format!(r#"kind = "tcp", port = {}"#, address.port()))).await;
    assert_eq!((report.status, report.evidence), (ProbeStatus::Ok, format!("{address} connected")));
    assert!(report.phases_ms.dns.is_some());
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_blocked() {
    let (resolver, _questions) = dns(|_| Reply::Records(records(&["10.0.0.1", "169.254.169.254"]))).await;
    let mut config = by_name(resolver, "4s", r#"kind = "tcp", port = 80"#);
    config.lab = None;
    let report = round(&config).await;
    assert_eq!(report.fault, Some(Fault::Blocked));
    assert_eq!(report.evidence, "private or reserved, not probed: 10.0.0.1, 169.254.169.254");
}

#[tokio::test]
async fn ask_gives_code_authority_records_and_ttl() {
    let name = "asked.example.net".parse().unwrap();
    let second = Duration::from_secs(1);
    let (cut, _questions) = dns(|_| Reply::CutOverUdp(records(&["192.0.2.7"]))).await;
    let answer = ask(cut, &name, RecordType::A, second).await.unwrap();
    assert_eq!((answer.code, answer.authoritative), (ResponseCode::NoError, true));
    assert_eq!((answer.records[0].ttl, &answer.records[0].data), (60, &records(&["192.0.2.7"])[0]));

    let (lost, _questions) = dns(|_| Reply::Code(ResponseCode::NXDomain)).await;
    assert_eq!(ask(lost, &name, RecordType::A, second).await.unwrap().code, ResponseCode::NXDomain);

    let (silent, _questions) = dns(|_| Reply::Silence).await;
    let failed = ask(silent, &name, RecordType::A, Duration::from_millis(100)).await.unwrap_err();
    assert!(matches!(failed, AskError::TimedOut { server, .. } if server == silent), "{failed}");
}
