//! Where the zone's authoritative servers point, asked directly.

use std::{
    collections::{BTreeSet, HashMap},
    net::{IpAddr, SocketAddr},
    sync::Mutex,
    time::Duration,
};

use domain::{DnsName, Period, Service, Targets};
use futures::future::{join_all, try_join_all};
use hickory_proto::{
    op::ResponseCode,
    rr::{RData, RecordType},
};
use hickory_resolver::net::NetError;
use tokio::time::{Instant, timeout};

use crate::{
    Answer, AskError, Prober,
    answering::{record_types, targets},
    ask, resolve,
};

/// How long a zone's servers are remembered.
const REMEMBERED: Duration = Duration::from_mins(10);
/// No server gets longer than this for one try.
const LONGEST_TRY: Duration = Duration::from_secs(2);
/// A datagram may get lost once.
const TRIES: u32 = 2;

/// What one of the zone's servers answers for a service's name.
#[derive(Debug)]
pub struct ServerAnswer {
    /// The server.
    pub server: SocketAddr,
    /// Its records of the types that the service uses; or why there is nothing to rely on.
    pub seen: Result<Targets, AskError>,
}

/// Why the zone's servers could not be heard.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Looking for the zone's servers failed.
    #[error("cannot find the name servers of {name}: {source}")]
    Lookup {
        /// The name whose servers were looked for.
        name: DnsName,
        /// What the resolver says.
        source: NetError,
    },
    /// No suffix of the name has servers with an address that may be asked.
    #[error("no name servers with a public address found for {0}")]
    NoServers(DnsName),
    /// Nothing came in time.
    #[error("finding the name servers of {name} took longer than {within:?}")]
    TimedOut {
        /// The name whose servers were looked for.
        name: DnsName,
        /// How long it could take.
        within: Duration,
    },
    /// Every server failed.
    #[error("none of {servers} name servers answers for {name}")]
    Silent {
        /// The name asked for.
        name: DnsName,
        /// How many were asked.
        servers: usize,
    },
    /// The servers differ: a change is on its way.
    #[error("the name servers differ about {0}: a change is on its way")]
    Differ(DnsName),
}

/// The zones' servers that were found, and when.
pub(crate) type Remembered = Mutex<HashMap<DnsName, (Instant, Vec<SocketAddr>)>>;

impl Prober {
    /// What each of the zone's servers answers for the service's name.
    pub async fn server_answers(&self, service: &Service) -> Result<Vec<ServerAnswer>, AuthorityError> {
        self.records(&service.name, &record_types(service), service.policy.timeout).await
    }

    /// A name's own records of these types, as each server of its zone has them.
    pub(crate) async fn records(
        &self,
        name: &DnsName,
        kinds: &[RecordType],
        within: Period,
    ) -> Result<Vec<ServerAnswer>, AuthorityError> {
        let answers = self
            .ask_all(name, within, |server, within| async move {
                let asked = kinds.iter().map(|kind| self.ask(server, name, *kind, within));
                try_join_all(asked).await.map(|answers| targets(name, &answers))
            })
            .await?;
        Ok(answers.into_iter().map(|(server, seen)| ServerAnswer { server, seen }).collect())
    }

    /// The value of the TXT record that holds the service's epoch; none if there is no such record.
    /// Only what every server that answers agrees on.
    pub async fn fence(&self, service: &Service) -> Result<Option<String>, AuthorityError> {
        let (name, within) = (service.fence_name(), service.policy.timeout);
        let asked = |server, within| self.ask(server, &name, RecordType::TXT, within);
        let answers = self.ask_all(&service.name, within, asked).await?;
        let servers = answers.len();
        let values: BTreeSet<_> =
            answers.into_iter().filter_map(|(_, answer)| Some(text(&name, &answer.ok()?))).collect();
        match values.len() {
            0 => Err(AuthorityError::Silent { name, servers }),
            1 => Ok(values.into_iter().next().flatten()),
            _ => Err(AuthorityError::Differ(name)),
        }
    }

    /// Puts one question to every server of the zone that a name is in, at once.
    async fn ask_all<T, F: Future<Output = Result<T, AskError>>>(
        &self,
        name: &DnsName,
        Period(within): Period,
        question: impl Fn(SocketAddr, Duration) -> F,
    ) -> Result<Vec<(SocketAddr, F::Output)>, AuthorityError> {
        let began = Instant::now();
        let servers = timeout(within, self.servers(name))
            .await
            .map_err(|_| AuthorityError::TimedOut { name: name.clone(), within })??;
        let left = within.saturating_sub(began.elapsed());
        let asked = servers.iter().map(|server| question(*server, left));
        let answers: Vec<_> = servers.iter().copied().zip(join_all(asked).await).collect();
        if answers.iter().all(|(_, answer)| answer.is_err()) {
            self.remembered().remove(name);
        }
        Ok(answers)
    }

    /// Asks a server up to [`TRIES`] times, together no longer than `within`; only an authoritative answer counts.
    async fn ask(
        &self,
        server: SocketAddr,
        name: &DnsName,
        kind: RecordType,
        within: Duration,
    ) -> Result<Answer, AskError> {
        let _permit = self.sockets(1).await;
        let deadline = Instant::now() + within;
        let mut tries = TRIES;
        loop {
            let within = (deadline.saturating_duration_since(Instant::now()) / tries).min(LONGEST_TRY);
            tries -= 1;
            let told = match ask(server, name, kind, within).await {
                Ok(answer)
                    if answer.authoritative
                        && matches!(answer.code, ResponseCode::NoError | ResponseCode::NXDomain) =>
                {
                    return Ok(answer);
                }
                Ok(answer) => AskError::Lame { server, name: name.clone(), code: answer.code },
                Err(error) => error,
            };
            if tries == 0 {
                return Err(told);
            }
        }
    }

    /// The servers of the zone that a name is in.
    async fn servers(&self, name: &DnsName) -> Result<Vec<SocketAddr>, AuthorityError> {
        if let Some(lab) = &self.config.lab {
            return Ok(lab.name_servers.clone());
        }
        if let Some((since, servers)) = self.remembered().get(name)
            && since.elapsed() < REMEMBERED
        {
            return Ok(servers.clone());
        }
        let names = self.delegation(name).await?;
        let found = join_all(names.iter().map(|server| self.public_addresses(server))).await;
        let servers: Vec<_> = found.into_iter().flatten().map(|address| SocketAddr::new(address, 53)).collect();
        if servers.is_empty() {
            return Err(AuthorityError::NoServers(name.clone()));
        }
        self.remembered().insert(name.clone(), (Instant::now(), servers.clone()));
        Ok(servers)
    }

    /// The names of the servers of the closest zone above a name, or at it.
    async fn delegation(&self, name: &DnsName) -> Result<Vec<DnsName>, AuthorityError> {
        let mut suffix = name.as_str();
        loop {
            let zone: DnsName = suffix.parse().expect("a suffix of a name is a name");
            let _permit = self.sockets(resolve::SOCKETS).await;
            match self.resolver.lookup(resolve::absolute(&zone), RecordType::NS).await {
                Ok(lookup) => {
                    // A name that is an alias gets the NS records of its target's zone.
                    let own = lookup.answers().iter().filter(|record| record.name == resolve::absolute(&zone));
                    let names: Vec<_> = own
                        .filter_map(|record| match &record.data {
                            RData::NS(ns) => ns.0.to_ascii().parse().ok(),
                            _ => None,
                        })
                        .collect();
                    if !names.is_empty() {
                        return Ok(names);
                    }
                }
                Err(error) if error.is_no_records_found() => {}
                Err(source) => return Err(AuthorityError::Lookup { name: zone, source }),
            }
            suffix = suffix.split_once('.').ok_or_else(|| AuthorityError::NoServers(name.clone()))?.1;
        }
    }

    /// A server's addresses, of IPv4 if it has any: not every observer has IPv6.
    async fn public_addresses(&self, server: &DnsName) -> Vec<IpAddr> {
        let _permit = self.sockets(resolve::SOCKETS).await;
        let resolved = resolve::addresses(&self.resolver, server).await;
        let mut addresses = resolved.map(|resolved| resolved.addresses).unwrap_or_default();
        if addresses.iter().any(IpAddr::is_ipv4) {
            addresses.retain(IpAddr::is_ipv4);
        }
        addresses.retain(|address| self.config.may_probe(*address));
        addresses
    }

    fn remembered(&self) -> std::sync::MutexGuard<'_, HashMap<DnsName, (Instant, Vec<SocketAddr>)>> {
        self.remembered.lock().expect("no one panics while holding it")
    }
}

/// The TXT record's text, its parts put together.
fn text(name: &DnsName, answer: &Answer) -> Option<String> {
    let name = resolve::absolute(name);
    answer.records.iter().filter(|record| record.name == name).find_map(|record| match &record.data {
        RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
        _ => None,
    })
}
