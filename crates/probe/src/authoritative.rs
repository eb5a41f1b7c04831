//! Where the zone's authoritative servers point, asked directly.

use std::{
    collections::{BTreeSet, HashMap},
    net::{IpAddr, SocketAddr},
    sync::Mutex,
    time::Duration,
};

use domain::{Answering, DnsName, RegionName, Service, Share, Targets};
use futures::future::{join_all, try_join_all};
use hickory_proto::{
    op::ResponseCode,
    rr::{RData, RecordType},
};
use hickory_resolver::net::NetError;
use tokio::time::{Instant, timeout};

use crate::{Answer, AskError, Prober, ask, resolve};

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
    /// Where the zone's authoritative servers point now. Takes no longer than the policy's time-out.
    pub async fn answering(&self, service: &Service) -> Answering {
        match self.server_answers(service).await {
            Ok(answers) => judge(service, answers.into_iter().filter_map(|answer| answer.seen.ok())),
            Err(_) => Answering::Unknown,
        }
    }

    /// The share of the zone's servers that answer with this region, of those that are heard; none if no server is.
    pub async fn share_answering(&self, service: &Service, region: &RegionName) -> Option<Share> {
        let answers = self.server_answers(service).await.ok()?;
        let heard: Vec<_> = answers.into_iter().filter_map(|answer| answer.seen.ok()).collect();
        let there = |seen: &&Targets| judge(service, std::iter::once((*seen).clone())).region() == Some(region);
        let with = heard.iter().filter(there).count();
        if heard.is_empty() { None } else { Share::try_from(with as f64 / heard.len() as f64).ok() }
    }

    /// What each of the zone's servers answers for the service's name.
    pub async fn server_answers(&self, service: &Service) -> Result<Vec<ServerAnswer>, AuthorityError> {
        let kinds = kinds(service);
        let answers = self
            .ask_all(service, |server, within| {
                let kinds = &kinds;
                async move {
                    let asked = kinds.iter().map(|kind| self.ask(server, &service.name, *kind, within));
                    try_join_all(asked).await.map(|answers| targets(&service.name, &answers))
                }
            })
            .await?;
        Ok(answers.into_iter().map(|(server, seen)| ServerAnswer { server, seen }).collect())
    }

    /// The value of the TXT record that holds the service's epoch; none if there is no such record.
    /// Only what every server that answers agrees on.
    pub async fn fence(&self, service: &Service) -> Result<Option<String>, AuthorityError> {
        let name = service.fence_name();
        let answers = self.ask_all(service, |server, within| self.ask(server, &name, RecordType::TXT, within)).await?;
        let servers = answers.len();
        let values: BTreeSet<_> =
            answers.into_iter().filter_map(|(_, answer)| Some(text(&name, &answer.ok()?))).collect();
        match values.len() {
            0 => Err(AuthorityError::Silent { name, servers }),
            1 => Ok(values.into_iter().next().flatten()),
            _ => Err(AuthorityError::Differ(name)),
        }
    }

    /// Puts one question to every server of the service's zone at once.
    async fn ask_all<T, F: Future<Output = Result<T, AskError>>>(
        &self,
        service: &Service,
        question: impl Fn(SocketAddr, Duration) -> F,
    ) -> Result<Vec<(SocketAddr, F::Output)>, AuthorityError> {
        let within = service.policy.timeout.0;
        let began = Instant::now();
        let servers = timeout(within, self.servers(&service.name))
            .await
            .map_err(|_| AuthorityError::TimedOut { name: service.name.clone(), within })??;
        let left = within.saturating_sub(began.elapsed());
        let asked = servers.iter().map(|server| question(*server, left));
        let answers: Vec<_> = servers.iter().copied().zip(join_all(asked).await).collect();
        if answers.iter().all(|(_, answer)| answer.is_err()) {
            self.remembered().remove(&service.name);
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

/// The record types that the service's regions use.
fn kinds(service: &Service) -> Vec<RecordType> {
    let used = |uses: fn(&Targets) -> bool| service.regions.iter().any(|region| uses(&region.targets));
    [
        (RecordType::A, used(|targets| !targets.a.is_empty())),
        (RecordType::AAAA, used(|targets| !targets.aaaa.is_empty())),
        (RecordType::CNAME, used(|targets| targets.cname.is_some())),
    ]
    .into_iter()
    .filter_map(|(kind, used)| used.then_some(kind))
    .collect()
}

/// The name's own records in the answers, as sets.
fn targets(name: &DnsName, answers: &[Answer]) -> Targets {
    let name = resolve::absolute(name);
    let mut targets = Targets::default();
    for record in answers.iter().flat_map(|answer| &answer.records).filter(|record| record.name == name) {
        match &record.data {
            RData::A(v4) => targets.a.push(v4.0),
            RData::AAAA(v6) => targets.aaaa.push(v6.0),
            RData::CNAME(cname) => targets.cname = cname.0.to_ascii().parse().ok(),
            _ => {}
        }
    }
    as_sets(targets)
}

fn as_sets(mut targets: Targets) -> Targets {
    targets.a.sort_unstable();
    targets.a.dedup();
    targets.aaaa.sort_unstable();
    targets.aaaa.dedup();
    targets
}

/// What the servers that answered say together.
fn judge(service: &Service, mut seen: impl Iterator<Item = Targets>) -> Answering {
    let Some(first) = seen.next() else { return Answering::Unknown };
    if seen.any(|other| other != first) {
        return Answering::Mixed;
    }
    let regions: Vec<_> =
        service.regions.iter().map(|region| (&region.name, as_sets(region.targets.clone()))).collect();
    if let Some((region, _)) = regions.iter().find(|(_, targets)| *targets == first) {
        return Answering::Region((*region).clone());
    }
    // A and AAAA are asked one after the other: a change between them shows as types that differ.
    let some = |equal: fn(&Targets, &Targets) -> bool| regions.iter().any(|(_, targets)| equal(targets, &first));
    let each_type_is_a_regions = some(|one, other| one.a == other.a)
        && some(|one, other| one.aaaa == other.aaaa)
        && some(|one, other| one.cname == other.cname);
    if each_type_is_a_regions && first != Targets::default() {
        Answering::Mixed
    } else {
        Answering::Other(describe(&first))
    }
}

fn describe(targets: &Targets) -> String {
    let a = targets.a.iter().map(|address| format!("A {address}"));
    let aaaa = targets.aaaa.iter().map(|address| format!("AAAA {address}"));
    let cname = targets.cname.iter().map(|name| format!("CNAME {name}"));
    let records: Vec<_> = a.chain(aaaa).chain(cname).collect();
    if records.is_empty() { "no records".to_owned() } else { records.join(", ") }
}

/// The TXT record's text, its parts put together.
fn text(name: &DnsName, answer: &Answer) -> Option<String> {
    let name = resolve::absolute(name);
    answer.records.iter().filter(|record| record.name == name).find_map(|record| match &record.data {
        RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
        _ => None,
    })
}
