//! The lab's authoritative name servers: real DNS over UDP and TCP, answering what [`Route53`] answers.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use nix::sys::socket::{setsockopt, sockopt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinSet;

use self::authority::Authority;
use crate::hosted::Route53;

mod authority;
mod batch;
mod query;
mod response;
mod tcp;
mod udp;
pub(crate) mod wire;

/// A free port must be free for UDP and TCP on every address; this many are tried.
const PORT_TRIES: usize = 20;

/// Bytes of queries that may wait, for a burst while the process has no core.
const QUEUE: usize = 1 << 20;

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
    _servers: JoinSet<()>,
}

impl NameServers {
    /// Starts a name server on each address, all on one port: `port`, or a free one for 0. `seed` decides weighted choices.
    pub async fn start(route53: Arc<Route53>, hosts: &[IpAddr], port: u16, seed: u64) -> Result<Self, DnsError> {
        let sockets = bind(hosts, port).await?;
        let addresses = hosts.iter().map(|host| SocketAddr::new(*host, sockets.port)).collect();
        let authority = Arc::new(Authority::new(route53, seed));
        let mut servers = JoinSet::new();
        for (udp, tcp) in sockets.pairs {
            servers.spawn(udp::serve(udp, Arc::clone(&authority)));
            servers.spawn(tcp::serve(tcp, Arc::clone(&authority)));
        }
        Ok(NameServers { addresses, _servers: servers })
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
        // The system grants what it allows; a smaller buffer serves as well, until a burst comes.
        let _ = setsockopt(&udp, sockopt::RcvBuf, &QUEUE);
        port = udp.local_addr().map_err(refused)?.port();
        let tcp = TcpListener::bind(SocketAddr::new(*host, port)).await.map_err(refused)?;
        pairs.push((udp, tcp));
    }
    if pairs.is_empty() { Err(DnsError::NoAddress) } else { Ok(Sockets { port, pairs }) }
}
