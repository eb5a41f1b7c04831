//! Where the zone's authoritative servers point.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use domain::{AliasTarget, Answering, Config, LabExemption, Targets};
use hickory_proto::{
    op::ResponseCode,
    rr::{
        Name, RData, RecordType,
        rdata::{CNAME, NS, TXT},
    },
};
use probe::{AskError, AuthorityError, Prober};

use crate::{
    config,
    servers::{Reply, dns, records},
    service,
};

const ONE: [&str; 3] = ["192.0.2.11", "192.0.2.1", "2001:db8::1"];
const TWO: [&str; 2] = ["192.0.2.2", "2001:db8::2"];

/// A lab's configuration whose zone has a server for each reply.
async fn zone(replies: Vec<Reply>) -> Config {
    let mut name_servers: Vec<SocketAddr> = Vec::new();
    for reply in replies {
        name_servers.push(dns(move |_| reply.clone()).await.0);
    }
    let mut config = config("127.0.0.1", "300ms", r#"kind = "tcp", port = 1"#);
    config.lab = Some(LabExemption { speed: 1.0, name_servers, sources: [].into(), environment: [].into() });
    config
}

async fn answering(replies: Vec<Reply>) -> Answering {
    let config = zone(replies).await;
    Prober::new(&config).unwrap().answering(service(&config)).await
}

fn says(addresses: &[&str]) -> Reply {
    Reply::Records(records(addresses))
}

fn text(parts: &[&str]) -> Reply {
    Reply::Records(vec![RData::TXT(TXT::new(parts.iter().map(ToString::to_string).collect()))])
}

#[tokio::test]
async fn servers_that_agree_on_a_regions_targets_answer_with_it() {
    let region = |name: &str| Answering::Region(name.parse().unwrap());
    assert_eq!(answering(vec![says(&ONE), says(&ONE)]).await, region("one"));
    assert_eq!(answering(vec![says(&TWO), says(&TWO)]).await, region("two"));
    assert_eq!(answering(vec![Reply::Silence, says(&ONE)]).await, region("one"), "who is silent has no say");
    assert_eq!(answering(vec![Reply::CutOverUdp(records(&ONE))]).await, region("one"));
}

#[tokio::test]
async fn servers_or_types_that_differ_are_mixed() {
    assert_eq!(answering(vec![says(&ONE), says(&TWO)]).await, Answering::Mixed);
    assert_eq!(answering(vec![says(&["192.0.2.2", "2001:db8::1"])]).await, Answering::Mixed, "A moved, AAAA did not");
}

#[tokio::test]
async fn an_answer_that_is_no_regions_is_told() {
    let other = |text: &str| Answering::Other(text.to_owned());
    assert_eq!(answering(vec![says(&["192.0.2.1"])]).await, other("A 192.0.2.1"), "half of one's targets");
    assert_eq!(answering(vec![says(&["192.0.2.99", "192.0.2.98"])]).await, other("A 192.0.2.98, A 192.0.2.99"));
    assert_eq!(answering(vec![Reply::Code(ResponseCode::NXDomain)]).await, other("no records"));
    assert_eq!(answering(vec![says(&[])]).await, other("no records"));
}

#[tokio::test]
async fn without_an_authoritative_answer_nothing_is_known() {
    for reply in [Reply::Silence, Reply::Code(ResponseCode::ServFail), Reply::Hearsay(records(&ONE))] {
        assert_eq!(answering(vec![reply.clone(), reply]).await, Answering::Unknown);
    }
    assert_eq!(answering(vec![]).await, Answering::Unknown);
}

#[tokio::test]
async fn each_servers_answer_can_be_had() {
    let config = zone(vec![says(&TWO), Reply::Code(ResponseCode::Refused)]).await;
    let answers = Prober::new(&config).unwrap().server_answers(service(&config)).await.unwrap();
    assert_eq!(answers[0].seen.as_ref().unwrap(), &service(&config).regions[1].targets);
    assert!(matches!(answers[1].seen, Err(AskError::Lame { code: ResponseCode::Refused, .. })), "{answers:?}");
}

#[tokio::test]
async fn a_cname_is_a_target() {
    let target = |name: &str| RData::CNAME(CNAME(Name::from_ascii(name).unwrap()));
    let reply = Reply::Literal(vec![("api.example.com.", target("Two.Example.NET."))]);
    let mut config = zone(vec![reply]).await;
    let regions = &mut config.services[0].regions;
    for region in regions.iter_mut() {
        region.targets =
            Targets { cname: Some(format!("{}.example.net", region.name).parse().unwrap()), ..Default::default() };
    }
    let prober = Prober::new(&config).unwrap();
    assert_eq!(prober.answering(service(&config)).await, Answering::Region("two".parse().unwrap()));
}

/// A zone where the service is an alias of one of two load balancers; `reply` says what a name answers to A, AAAA getting
/// nothing.
async fn aliased(reply: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Config {
    let server = dns(move |query| match query.query_type() {
        RecordType::A => reply(query.name().to_ascii().trim_end_matches('.')),
        _ => says(&[]),
    });
    let mut config = zone(vec![]).await;
    config.lab.as_mut().unwrap().name_servers = vec![server.await.0];
    for region in &mut config.services[0].regions {
        let name = format!("lb-{}.example.net", region.name).parse().unwrap();
        let alias = AliasTarget { name, zone: "Z2".parse().unwrap(), evaluate_target_health: true, ipv6: true };
        region.targets = Targets { alias: Some(alias), ..Targets::default() };
    }
    config
}

#[tokio::test]
async fn an_alias_is_told_by_the_addresses_of_what_it_leads_to() {
    let seen = async |answered: &'static [&str], one: &'static [&str], two: &'static [&str]| {
        let config = aliased(move |name| match name {
            "lb-one.example.net" => says(one),
            "lb-two.example.net" => says(two),
            _ => says(answered),
        });
        let config = config.await;
        Prober::new(&config).unwrap().answering(service(&config)).await
    };
    let region = |name: &str| Answering::Region(name.parse().unwrap());
    assert_eq!(seen(&["192.0.2.1"], &["192.0.2.1"], &["192.0.2.2"]).await, region("one"));
    assert_eq!(seen(&["192.0.2.2"], &["192.0.2.1"], &["192.0.2.2"]).await, region("two"));
    let part = seen(&["192.0.2.2", "192.0.2.3"], &["192.0.2.1"], &["192.0.2.3", "192.0.2.4"]);
    assert_eq!(part.await, region("two"), "a load balancer shows some of its addresses at a time");
    assert_eq!(seen(&[], &[], &["192.0.2.2"]).await, region("one"), "neither it nor the answer has an address");
    let other = Answering::Other("A 192.0.2.9".to_owned());
    assert_eq!(seen(&["192.0.2.9"], &["192.0.2.1"], &["192.0.2.2"]).await, other);
    assert_eq!(seen(&["192.0.2.1"], &["192.0.2.1"], &["192.0.2.1"]).await, Answering::Unknown, "it may be either");
    assert_eq!(seen(&[], &[], &[]).await, Answering::Unknown, "it may be either");
}

#[tokio::test]
async fn an_alias_whose_target_is_silent_is_told_by_what_that_answered_last() {
    let is_away = Arc::new(AtomicBool::new(true));
    let away = Arc::clone(&is_away);
    let config = aliased(move |name| match name {
        "lb-one.example.net" if away.load(Ordering::SeqCst) => Reply::Code(ResponseCode::ServFail),
        "lb-two.example.net" => says(&["192.0.2.2"]),
        _ => says(&["192.0.2.1"]),
    });
    let config = config.await;
    let prober = Prober::new(&config).unwrap();
    assert_eq!(prober.answering(service(&config)).await, Answering::Unknown, "it was never heard");
    let one: domain::RegionName = "one".parse().unwrap();
    for away in [false, true] {
        is_away.store(away, Ordering::SeqCst);
        assert_eq!(prober.answering(service(&config)).await, Answering::Region(one.clone()));
        assert_eq!(prober.share_answering(service(&config), &one).await.map(|share| share.get()), Some(1.0));
    }
}

#[tokio::test]
async fn the_fence_is_what_all_servers_agree_on() {
    let fence = async |replies| {
        let config = zone(replies).await;
        let prober = Prober::new(&config).unwrap();
        tokio::spawn(async move { prober.fence(service(&config)).await }).await.unwrap()
    };
    assert_eq!(fence(vec![text(&["epoch=7 ", "plan=p7"]), Reply::Silence]).await.unwrap().unwrap(), "epoch=7 plan=p7");
    assert_eq!(fence(vec![Reply::Code(ResponseCode::NXDomain)]).await.unwrap(), None);
    assert!(matches!(fence(vec![text(&["epoch=7"]), text(&["epoch=8"])]).await, Err(AuthorityError::Differ(_))));
    assert!(matches!(fence(vec![Reply::Silence]).await, Err(AuthorityError::Silent { servers: 1, .. })));
}

#[tokio::test]
async fn outside_the_lab_the_servers_are_those_of_the_closest_zone() {
    let server = |name: &str| RData::NS(NS(Name::from_ascii(name).unwrap()));
    let (resolver, mut questions) = dns(move |query| match (query.name().to_ascii().as_str(), query.query_type()) {
        // The service's name is an alias: these servers are its target's, not its own.
        ("api.example.com.", RecordType::NS) => Reply::Literal(vec![
            ("api.example.com.", RData::CNAME(CNAME(Name::from_ascii("balancer.example.org.").unwrap()))),
            ("balancer.example.org.", server("wrong.example.org.")),
        ]),
        ("example.com.", RecordType::NS) => Reply::Records(vec![server("ns.example.net.")]),
        ("ns.example.net.", RecordType::A) => Reply::Records(records(&["10.0.0.1"])),
        _ => Reply::Records(vec![]),
    })
    .await;
    let mut config = config("127.0.0.1", "4s", r#"kind = "tcp", port = 1"#);
    config.lab = None;
    config.resolvers = vec![resolver];
    let failed = Prober::new(&config).unwrap().server_answers(service(&config)).await.unwrap_err();
    assert!(matches!(failed, AuthorityError::NoServers(_)), "a private address is not asked: {failed}");
    questions.close();
    let mut asked = Vec::new();
    while let Some(query) = questions.recv().await {
        asked.push(format!("{} {}", query.name(), query.query_type()));
    }
    asked.sort();
    assert_eq!(asked, ["api.example.com. NS", "example.com. NS", "ns.example.net. A", "ns.example.net. AAAA"]);
}
