use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use domain::Period;
use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name as DnsName, RData, RecordType as DnsType};
use lab::dns::NameServers;
use scenario::fault::NameFault;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::*;

const WWW: &str = "www.example.com.";

fn query(owner: &str, kind: DnsType) -> Vec<u8> {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.add_query(Query::query(DnsName::from_ascii(owner).unwrap(), kind));
    message.to_vec().unwrap()
}

async fn asked(server: SocketAddr, owner: &str, kind: DnsType) -> UdpSocket {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    socket.connect(server).await.unwrap();
    socket.send(&query(owner, kind)).await.unwrap();
    socket
}

async fn answered(socket: &UdpSocket) -> Message {
    let mut buffer = [0; 4096];
    let length = timeout(DEADLINE, socket.recv(&mut buffer)).await.unwrap().unwrap();
    Message::from_vec(&buffer[..length]).unwrap()
}

pub(super) async fn over_udp(server: SocketAddr, owner: &str, kind: DnsType) -> Message {
    answered(&asked(server, owner, kind).await).await
}

async fn over_tcp(server: SocketAddr, owner: &str, kind: DnsType) -> Message {
    let mut stream = TcpStream::connect(server).await.unwrap();
    let query = query(owner, kind);
    stream.write_u16(query.len().try_into().unwrap()).await.unwrap();
    stream.write_all(&query).await.unwrap();
    let mut answer = vec![0; stream.read_u16().await.unwrap().into()];
    stream.read_exact(&mut answer).await.unwrap();
    Message::from_vec(&answer).unwrap()
}

pub(super) fn values(message: &Message) -> Vec<String> {
    message.answers.iter().map(|record| record.data.to_string()).collect()
}

pub(super) async fn one_server(route53: &Arc<Route53>) -> NameServers {
    NameServers::start(Arc::clone(route53), &[Ipv4Addr::LOCALHOST.into()], 0, 1).await.unwrap()
}

#[tokio::test]
async fn four_servers_on_one_port_answer_alike_over_udp_and_tcp() {
    let route53 = hosting(AT_ONCE, example_com([set(WWW, RecordType::A, &["127.0.1.1"])]));
    let hosts = [1, 2, 3, 4].map(|last| IpAddr::from([127, 0, 53, last]));
    let servers = NameServers::start(route53, &hosts, 0, 1).await.unwrap();
    let ports: Vec<u16> = servers.addresses().iter().map(SocketAddr::port).collect();
    assert_eq!(ports, vec![ports[0]; 4]);
    for server in servers.addresses() {
        for answer in [over_udp(*server, WWW, DnsType::A).await, over_tcp(*server, WWW, DnsType::A).await] {
            assert_eq!(values(&answer), ["127.0.1.1"]);
            assert!(answer.metadata.authoritative);
            assert!(!answer.metadata.recursion_available);
        }
    }
}

#[tokio::test]
async fn every_type_reaches_the_wire() {
    let route53 = hosting(
        AT_ONCE,
        example_com([
            set("www.example.com", RecordType::Aaaa, &["2001:db8::1"]),
            set("mail.example.com", RecordType::Mx, &["10 mx.example.net."]),
            set("text.example.com", RecordType::Txt, &["\"epoch=1 plan=p\" \"second\""]),
            set("other.example.com", RecordType::Cname, &["www.example.com"]),
        ]),
    );
    let servers = one_server(&route53).await;
    for (owner, kind, expected) in [
        (WWW, DnsType::AAAA, "2001:db8::1"),
        ("mail.example.com.", DnsType::MX, "10 mx.example.net."),
        ("other.example.com.", DnsType::CNAME, "www.example.com."),
        ("example.com.", DnsType::NS, "ns-1.example.net."),
        ("example.com.", DnsType::SOA, "ns-1.example.net. admin.example.net. 1 7200 900 1209600 86400"),
    ] {
        let answer = over_udp(servers.addresses()[0], owner, kind).await;
        assert_eq!(values(&answer)[0], expected, "{owner} {kind}");
        assert_eq!(answer.answers[0].ttl, 60);
    }
    let text = over_udp(servers.addresses()[0], "text.example.com.", DnsType::TXT).await;
    let RData::TXT(data) = &text.answers[0].data else { panic!("{text:?}") };
    assert_eq!(
        data.txt_data.iter().map(AsRef::as_ref).collect::<Vec<&[u8]>>(),
        [b"epoch=1 plan=p".as_slice(), b"second"]
    );
}

#[tokio::test]
async fn r14_negative_answers_carry_the_soa_and_other_zones_are_refused() {
    let route53 = hosting(AT_ONCE, example_com([set(WWW, RecordType::A, &["127.0.1.1"])]));
    let servers = one_server(&route53).await;
    for (owner, kind, code) in [
        (WWW, DnsType::AAAA, ResponseCode::NoError),
        (WWW, DnsType::HINFO, ResponseCode::NoError),
        ("none.example.com.", DnsType::A, ResponseCode::NXDomain),
    ] {
        let answer = over_udp(servers.addresses()[0], owner, kind).await;
        assert_eq!((answer.metadata.response_code, answer.answers.len()), (code, 0), "{owner} {kind}");
        assert!(answer.metadata.authoritative);
        assert_eq!(answer.authorities[0].record_type(), DnsType::SOA);
    }
    let outside = over_udp(servers.addresses()[0], "example.org.", DnsType::A).await;
    assert_eq!(outside.metadata.response_code, ResponseCode::Refused);
    assert!(!outside.metadata.authoritative);
}

#[tokio::test]
async fn a_name_fails_as_told_until_it_is_told_otherwise() {
    let route53 = hosting(AT_ONCE, example_com([set(WWW, RecordType::A, &["127.0.1.1"])]));
    let servers = one_server(&route53).await;
    for (fault, code, answers) in [
        (Some(NameFault::Nxdomain), ResponseCode::NXDomain, 0),
        (Some(NameFault::Empty), ResponseCode::NoError, 0),
        (Some(NameFault::Servfail), ResponseCode::ServFail, 0),
        (None, ResponseCode::NoError, 1),
    ] {
        route53.set_fault(name(WWW), fault.clone());
        let answer = over_udp(servers.addresses()[0], WWW, DnsType::A).await;
        assert_eq!((answer.metadata.response_code, answer.answers.len()), (code, answers), "{fault:?}");
    }
}

#[tokio::test]
async fn what_befalls_a_name_befalls_whoever_is_led_there() {
    let endpoint = "eu.example.com";
    let sets = [set(WWW, RecordType::Cname, &["eu.example.com."]), set(endpoint, RecordType::A, &["127.0.1.1"])];
    let route53 = hosting(AT_ONCE, example_com(sets));
    let servers = one_server(&route53).await;
    let ttl = Period::seconds(3600);
    for (fault, code, answers, last_ttl) in [
        (None, ResponseCode::NoError, 2, 60),
        (Some(NameFault::Empty), ResponseCode::NoError, 1, 60),
        (Some(NameFault::Nxdomain), ResponseCode::NoError, 1, 60),
        (Some(NameFault::Servfail), ResponseCode::ServFail, 0, 0),
        (Some(NameFault::Ttl { ttl }), ResponseCode::NoError, 2, 3600),
    ] {
        route53.set_fault(name(endpoint), fault.clone());
        let answer = over_udp(servers.addresses()[0], WWW, DnsType::A).await;
        let last = answer.answers.last().map_or(0, |record| record.ttl);
        assert_eq!((answer.metadata.response_code, answer.answers.len(), last), (code, answers, last_ttl), "{fault:?}");
    }
}

#[tokio::test]
async fn a_slow_name_delays_no_other() {
    let sets = [set(WWW, RecordType::A, &["127.0.1.1"]), set("quick.example.com", RecordType::A, &["127.0.2.1"])];
    let route53 = hosting(AT_ONCE, example_com(sets));
    let servers = one_server(&route53).await;
    route53.set_fault(name(WWW), Some(NameFault::Slow { delay: Period(NEVER) }));
    let slow = asked(servers.addresses()[0], WWW, DnsType::A).await;
    let quick = over_udp(servers.addresses()[0], "quick.example.com.", DnsType::A).await;
    assert_eq!(values(&quick), ["127.0.2.1"]);
    assert!(slow.try_recv(&mut [0; 512]).is_err());
}

#[tokio::test]
async fn what_is_no_question_is_told_so_or_not_answered_at_all() {
    let route53 = hosting(AT_ONCE, example_com([set(WWW, RecordType::A, &["127.0.1.1"])]));
    let servers = one_server(&route53).await;
    let good = query(WWW, DnsType::A);
    let with = |place: usize, byte: u8| {
        let mut message = good.clone();
        message[place] = byte;
        message
    };
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    socket.connect(servers.addresses()[0]).await.unwrap();
    // Too short for a header, and a response: answering these would make loops.
    for silent in [&good[..11], &with(2, 0x80)] {
        socket.send(silent).await.unwrap();
    }
    for (message, code) in [
        (with(5, 0), ResponseCode::FormErr),
        (with(5, 2), ResponseCode::FormErr),
        (good[..20].to_vec(), ResponseCode::FormErr),
        (with(2, 4 << 3), ResponseCode::NotImp),
        (with(good.len() - 1, 3), ResponseCode::Refused),
        (good.clone(), ResponseCode::NoError),
    ] {
        socket.send(&message).await.unwrap();
        let answer = answered(&socket).await;
        assert_eq!((answer.metadata.id, answer.metadata.response_code), (7, code), "{message:?}");
    }
    assert!(socket.try_recv(&mut [0; 512]).is_err());
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = taken.local_addr().unwrap();
    let route53 = hosting(AT_ONCE, example_com([]));
    let error = NameServers::start(route53, &[address.ip()], address.port(), 1).await.err().unwrap();
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}
