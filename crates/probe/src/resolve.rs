//! Names to addresses by the configured resolvers, with each way of failing told apart.

use std::{
    net::{IpAddr, SocketAddr},
    pin::pin,
    time::Duration,
};

use domain::{DnsName, Fault};
use futures::future::{Either, select};
use hickory_proto::{
    op::ResponseCode,
    rr::{Name, RData, RecordType},
};
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig},
    net::{DnsError, NetError, runtime::TokioRuntimeProvider},
};
use tokio::time::timeout;

use crate::{ProbeError, connect::is_own, trace::Failure};

/// Sockets that a lookup of a name may have open: two types, two resolvers.
pub(crate) const SOCKETS: u32 = 4;
/// How long the other family is waited for once one has answered (RFC 8305, section 3).
const RESOLUTION_DELAY: Duration = Duration::from_millis(50);

/// A resolver that keeps nothing between rounds and gives up no sooner than after `patience`.
pub(crate) fn resolver(servers: &[SocketAddr], patience: Duration) -> Result<TokioResolver, ProbeError> {
    let mut builder = if servers.is_empty() {
        TokioResolver::builder_tokio().map_err(ProbeError::SystemResolvers)?
    } else {
        let servers = servers.iter().map(|server| {
            let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
                connection.port = server.port();
                connection
            });
            NameServerConfig::new(server.ip(), true, connections.into())
        });
        let config = ResolverConfig::from_name_servers(servers.collect());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    options.timeout = patience;
    options.attempts = 1;
    // A capacity of none still answers from the cache until its next clean-up: what is found is forgotten at once. A longest TTL
    // of none would be told for every record's own.
    options.cache_size = 0;
    options.negative_max_ttl = Some(Duration::ZERO);
    options.use_hosts_file = ResolveHosts::Never;
    builder.build().map_err(ProbeError::Resolver)
}

/// The name as the DNS libraries want it.
pub(crate) fn absolute(name: &DnsName) -> Name {
    let mut absolute = Name::from_ascii(name.as_str()).expect("a `DnsName` was checked when parsed");
    absolute.set_fqdn(true);
    absolute
}

/// What a name has.
pub(crate) struct Resolved {
    /// IPv4 before IPv6; at least one.
    pub(crate) addresses: Vec<IpAddr>,
    /// The least of the answers', in seconds.
    pub(crate) ttl: Option<u32>,
}

impl Resolved {
    fn and(self, other: Self) -> Self {
        let ttl = self.ttl.into_iter().chain(other.ttl).min();
        Self { addresses: [self.addresses, other.addresses].concat(), ttl }
    }
}

/// The addresses of a name.
pub(crate) async fn addresses(resolver: &TokioResolver, name: &DnsName) -> Result<Resolved, Failure> {
    let v4 = pin!(of_type(resolver, name, RecordType::A));
    let v6 = pin!(of_type(resolver, name, RecordType::AAAA));
    let (v4, v6) = match select(v4, v6).await {
        Either::Left((Ok(v4), v6)) => (Ok(v4), timeout(RESOLUTION_DELAY, v6).await.ok()),
        Either::Left((v4, v6)) => (v4, Some(v6.await)),
        // An observer without IPv6 would connect to nothing, so IPv4 is waited for.
        Either::Right((v6, v4)) => (v4.await, Some(v6)),
    };
    match (v4, v6) {
        (Ok(v4), Some(Ok(v6))) => Ok(v4.and(v6)),
        (Ok(found), _) | (Err(_), Some(Ok(found))) => Ok(found),
        // "No IPv4 address" is the rule for some names; then only the other answer tells.
        (Err(Failure { fault: Fault::DnsEmpty, .. }), Some(Err(failure))) | (Err(failure), _) => Err(failure),
    }
}

async fn of_type(resolver: &TokioResolver, name: &DnsName, kind: RecordType) -> Result<Resolved, Failure> {
    let lookup = resolver.lookup(absolute(name), kind).await;
    resolver.clear_cache();
    let lookup = lookup.map_err(|error| failure(name, kind, &error))?;
    let addresses: Vec<_> = lookup
        .answers()
        .iter()
        .filter_map(|record| match record.data {
            RData::A(v4) => Some(IpAddr::V4(v4.0)),
            RData::AAAA(v6) => Some(IpAddr::V6(v6.0)),
            _ => None,
        })
        .collect();
    if addresses.is_empty() {
        return Err(Failure::new(Fault::DnsEmpty, format!("NOERROR without an address for {name}")));
    }
    let ttl = lookup.answers().iter().map(|record| record.ttl).min();
    Ok(Resolved { addresses, ttl })
}

fn failure(name: &DnsName, kind: RecordType, error: &NetError) -> Failure {
    let code = match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => Some(none.response_code),
        NetError::Dns(DnsError::ResponseCode(code)) => Some(*code),
        _ => None,
    };
    match (code, error) {
        (Some(ResponseCode::NXDomain), _) => Failure::new(Fault::DnsNxdomain, format!("NXDOMAIN for {name}")),
        (Some(ResponseCode::NoError), _) => {
            Failure::new(Fault::DnsEmpty, format!("NOERROR without an address for {name}"))
        }
        (Some(ResponseCode::ServFail), _) => Failure::new(Fault::DnsServfail, format!("SERVFAIL for {name}")),
        (Some(code), _) => Failure::new(Fault::DnsRefused, format!("{code} for {name}")),
        (None, NetError::NoConnections | NetError::Busy) => {
            Failure::new(Fault::Observer, format!("no resolver to ask for {name}"))
        }
        (None, NetError::Io(error)) if is_own(error) => {
            Failure::new(Fault::Observer, format!("asking for {name} {kind}: {error}"))
        }
        (None, NetError::Timeout | NetError::Io(_)) => {
            Failure::new(Fault::DnsTimeout, format!("no resolver answered for {name} {kind}: {error}"))
        }
        (None, _) => Failure::new(Fault::DnsRefused, format!("unusable answer for {name} {kind}: {error}")),
    }
}
