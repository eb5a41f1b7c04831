//! The lab's authoritative name servers: real DNS over UDP and TCP, answering what [`Route53`] answers.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use domain::Period;
use hickory_proto::op::{Edns, Header, HeaderCounts, Metadata, ResponseCode};
use hickory_proto::rr::{Name as DnsName, RData, Record, RecordType as DnsType};
use hickory_server::Server;
use hickory_server::net::runtime::Time;
use hickory_server::server::{Request, RequestHandler, ResponseHandler, ResponseInfo};
use hickory_server::zone_handler::MessageResponseBuilder;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use route53::{Answer, Draw, Name, RecordType, Rrset};
use tokio::net::{TcpListener, UdpSocket};

use crate::hosted::{Route53, ZoneAnswer};
use scenario::fault::NameFault;

/// An idle TCP connection is closed after this long.
const TCP_IDLE: Duration = Duration::from_secs(10);
/// Responses that wait for a slow TCP client.
const TCP_RESPONSES: usize = 16;
/// A free port must be free for UDP and TCP on every address; this many are tried.
const PORT_TRIES: usize = 20;
/// What we accept over UDP, as current resolvers advise.
const UDP_PAYLOAD: u16 = 1232;

/// Why the name servers do not start.
#[derive(Debug, thiserror::Error)]
pub enum DnsError {
    /// The address or port can't be had.
    #[error("tried to listen for DNS on {address}: {source}")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing to listen on.
    #[error("tried to start name servers without an address")]
    NoAddress,
}

/// Running name servers; dropping them stops them.
pub struct NameServers {
    addresses: Vec<SocketAddr>,
    _server: Server<Authority>,
}

impl NameServers {
    /// Starts a name server on each address, all on one port: `port`, or a free one for 0. `seed` decides weighted choices.
    pub async fn start(route53: Arc<Route53>, hosts: &[IpAddr], port: u16, seed: u64) -> Result<Self, DnsError> {
        let sockets = bind(hosts, port).await?;
        let addresses = hosts.iter().map(|host| SocketAddr::new(*host, sockets.port)).collect();
        let draws = Mutex::new(ChaCha8Rng::seed_from_u64(seed));
        let mut server = Server::new(Authority { route53, draws });
        for (udp, tcp) in sockets.pairs {
            server.register_socket(udp);
            server.register_listener(tcp, TCP_IDLE, TCP_RESPONSES);
        }
        Ok(NameServers { addresses, _server: server })
    }

    /// Where they listen, over UDP and TCP.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }
}

struct Sockets {
    port: u16,
    pairs: Vec<(UdpSocket, TcpListener)>,
}

async fn bind(hosts: &[IpAddr], port: u16) -> Result<Sockets, DnsError> {
    let mut tries = if port == 0 { PORT_TRIES } else { 1 };
    loop {
        tries -= 1;
        match bind_once(hosts, port).await {
            Err(DnsError::Bind { source, .. }) if tries > 0 && source.kind() == io::ErrorKind::AddrInUse => {}
            bound => return bound,
        }
    }
}

async fn bind_once(hosts: &[IpAddr], mut port: u16) -> Result<Sockets, DnsError> {
    let mut pairs = Vec::new();
    for host in hosts {
        let address = SocketAddr::new(*host, port);
        let refused = |source| DnsError::Bind { address, source };
        let udp = UdpSocket::bind(address).await.map_err(refused)?;
        port = udp.local_addr().map_err(refused)?.port();
        let tcp = TcpListener::bind(SocketAddr::new(*host, port)).await.map_err(refused)?;
        pairs.push((udp, tcp));
    }
    if pairs.is_empty() { Err(DnsError::NoAddress) } else { Ok(Sockets { port, pairs }) }
}

struct Authority {
    route53: Arc<Route53>,
    draws: Mutex<ChaCha8Rng>,
}

/// The parts of a response that differ.
struct Reply {
    code: ResponseCode,
    answers: Vec<Record>,
    soa: Vec<Record>,
}

impl Reply {
    fn code(code: ResponseCode) -> Self {
        Reply { code, answers: Vec::new(), soa: Vec::new() }
    }
}

impl Authority {
    async fn reply(&self, request: &Request) -> Reply {
        let Ok(info) = request.request_info() else { return Reply::code(ResponseCode::FormErr) };
        let Ok(name) = info.query.name().to_string().parse::<Name>() else { return Reply::code(ResponseCode::Refused) };
        let kind = info.query.query_type();
        let fault = self.route53.fault(&name);
        if let Some(NameFault::Slow { delay }) = fault {
            tokio::time::sleep(delay.0).await;
        }
        // A type that Route 53 does not hold is one that the name does not have.
        let known = kind.to_string().parse::<RecordType>().ok();
        let draw = Draw(self.draws.lock().expect("no holder of this lock panics").next_u64());
        let Some(found) = self.route53.answer(&name, known.unwrap_or(RecordType::Soa), draw) else {
            return Reply::code(ResponseCode::Refused);
        };
        let (fault, answer) = self.through_chain(fault, found.answer).await;
        let answer = match (fault, answer) {
            (Some(NameFault::Servfail), _) => return Reply::code(ResponseCode::ServFail),
            (Some(NameFault::Nxdomain), _) | (_, Answer::NxDomain) => Answer::NxDomain,
            (Some(NameFault::Empty), _) => Answer::NoData,
            (Some(NameFault::Ttl { ttl }), Answer::Records(sets)) if known.is_some() => {
                let ttl = seconds(ttl);
                Answer::Records(sets.into_iter().map(|set| Rrset { ttl, ..set }).collect())
            }
            (_, answer) if known.is_some() => answer,
            _ => Answer::NoData,
        };
        to_reply(ZoneAnswer { answer, soa: found.soa })
    }
}

impl Authority {
    /// A fault of a name that a chain of CNAMEs leads to: the chain ends there.
    async fn through_chain(&self, fault: Option<NameFault>, answer: Answer) -> (Option<NameFault>, Answer) {
        let Answer::Records(mut sets) = answer else { return (fault, answer) };
        let faulty = |(place, set): (usize, &Rrset)| Some((place, self.route53.fault(&set.name)?));
        match sets.iter().enumerate().skip(1).find_map(faulty) {
            Some((_, NameFault::Servfail)) => (Some(NameFault::Servfail), Answer::Records(sets)),
            Some((place, NameFault::Nxdomain | NameFault::Empty)) => {
                sets.truncate(place);
                (fault, Answer::Records(sets))
            }
            Some((place, NameFault::Ttl { ttl })) => {
                sets[place].ttl = seconds(ttl);
                (fault, Answer::Records(sets))
            }
            Some((_, NameFault::Slow { delay })) => {
                tokio::time::sleep(delay.0).await;
                (fault, Answer::Records(sets))
            }
            None => (fault, Answer::Records(sets)),
        }
    }
}

fn seconds(ttl: Period) -> u32 {
    u32::try_from(ttl.0.as_secs()).unwrap_or(u32::MAX)
}

fn to_reply(ZoneAnswer { answer, soa }: ZoneAnswer) -> Reply {
    let (code, sets) = match answer {
        Answer::Records(sets) => (ResponseCode::NoError, sets),
        Answer::NoData => (ResponseCode::NoError, Vec::new()),
        Answer::NxDomain => (ResponseCode::NXDomain, Vec::new()),
    };
    let records = |sets: &[Rrset]| sets.iter().map(to_records).collect::<Option<Vec<_>>>().map(|sets| sets.concat());
    let authority = if sets.is_empty() { soa.as_slice() } else { &[] };
    match (records(&sets), records(authority)) {
        (Some(answers), Some(soa)) => Reply { code, answers, soa },
        _ => Reply::code(ResponseCode::ServFail),
    }
}

/// The set on the wire; `None` when a value is no data of its type.
fn to_records(set: &Rrset) -> Option<Vec<Record>> {
    let owner = DnsName::from_ascii(set.name.to_string()).ok()?;
    let kind: DnsType = set.kind.to_string().parse().ok()?;
    let record = |value: &String| {
        let data = RData::try_from_str(kind, value).ok()?;
        Some(Record::from_rdata(owner.clone(), set.ttl, data))
    };
    set.values.iter().map(record).collect()
}

#[async_trait::async_trait]
impl RequestHandler for Authority {
    async fn handle_request<R: ResponseHandler, T: Time>(&self, request: &Request, mut responder: R) -> ResponseInfo {
        let reply = self.reply(request).await;
        let mut metadata = Metadata::response_from_request(&request.metadata);
        metadata.authoritative = reply.code != ResponseCode::Refused;
        metadata.recursion_available = false;
        metadata.response_code = reply.code;
        let mut edns = Edns::new();
        edns.set_max_payload(UDP_PAYLOAD);
        let mut builder = MessageResponseBuilder::from_message_request(request);
        if request.edns.is_some() {
            builder.edns(&edns);
        }
        let response = builder.build(metadata, &reply.answers, [], &reply.soa, []);
        match responder.send_response(response).await {
            Ok(info) => info,
            Err(error) => {
                tracing::debug!(%error, "tried to send a DNS response");
                ResponseInfo::from(Header { metadata, counts: HeaderCounts::default() })
            }
        }
    }
}
