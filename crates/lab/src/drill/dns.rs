//! What a name server of the lab answers, asked as anyone asks.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use domain::{DnsName, RegionName};
use futures::FutureExt;
use hickory_proto::rr::{RData, Record, RecordType};

use crate::{
    fleet::{Answer, Resolve},
    stage::{Play, Stage},
};

const PATIENCE: Duration = Duration::from_secs(1);

/// The region that a name points to: by its own name where that is in the answer, else by its address.
pub(super) async fn answering(stage: &Stage, play: &Play, name: &DnsName) -> Option<RegionName> {
    let answer = probe::ask(stage.name_servers.addresses()[0], name, RecordType::A, PATIENCE).await.ok()?;
    let points = |record: &Record| match &record.data {
        RData::CNAME(to) => {
            let to = to.0.to_ascii().trim_end_matches('.').to_ascii_lowercase();
            play.scenario.regions.iter().find(|region| play.endpoint(region).as_str() == to).cloned()
        }
        RData::A(a) => {
            let mut regions = play.regions.iter();
            regions.find(|(_, region)| region.address().ip() == IpAddr::V4(a.0)).map(|(name, _)| name.clone())
        }
        _ => None,
    };
    answer.records.iter().find_map(points)
}

/// How clients resolve: they ask a name server, and cache what it says themselves.
pub(super) fn resolver(server: SocketAddr) -> Resolve {
    Arc::new(move |name| async move { look_up(server, &name).await }.boxed())
}

/// For clients of a name that never moves.
pub(super) fn always(server: SocketAddr, endpoint: &DnsName) -> Resolve {
    let endpoint = endpoint.clone();
    Arc::new(move |_| {
        let endpoint = endpoint.clone();
        async move { look_up(server, &endpoint).await }.boxed()
    })
}

/// A chain of names that ends without an address is held for as long as its names are: a resolver caches them.
async fn look_up(server: SocketAddr, name: &DnsName) -> Option<Answer> {
    let answer = probe::ask(server, name, RecordType::A, PATIENCE).await.ok()?;
    let ttl = answer.records.iter().map(|record| record.ttl).min()?;
    let address = |record: &Record| match &record.data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        _ => None,
    };
    let addresses = answer.records.iter().filter_map(address).collect();
    Some(Answer { addresses, ttl: Duration::from_secs(ttl.into()) })
}
