//! The lab's Route 53 over real sockets: name servers, health checkers, proxy.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::time::Duration;

use lab::hosted::{Delays, Event, Happening, Route53, ZoneId};
use route53::{Name, RecordSet, RecordType, Routing, Target, Zone};
use tokio::sync::broadcast;
use tokio::time::timeout;

mod clients;
mod dns;
mod health;
#[path = "../needs/mod.rs"]
mod needs;
mod proxy;
mod strict;

/// No test waits longer for anything that must happen.
const DEADLINE: Duration = Duration::from_secs(30);
/// Longer than any test runs.
const NEVER: Duration = Duration::from_hours(1);

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn set(owner: &str, kind: RecordType, values: &[&str]) -> RecordSet {
    RecordSet {
        name: name(owner),
        kind,
        routing: Routing::Simple,
        target: Target::Values { ttl: 60, values: values.iter().map(|&value| value.to_owned()).collect() },
        health_check: None,
    }
}

fn example_com(sets: impl IntoIterator<Item = RecordSet>) -> Zone {
    let soa = set("example.com", RecordType::Soa, &["ns-1.example.net. admin.example.net. 1 7200 900 1209600 86400"]);
    let ns = set("example.com", RecordType::Ns, &["ns-1.example.net.", "ns-2.example.net."]);
    Zone::new(name("example.com"), sets.into_iter().chain([soa, ns]))
}

fn hosting(delays: Delays, zone: Zone) -> Arc<Route53> {
    let route53 = Route53::new(delays);
    route53.host(ZoneId("Z1".into()), zone);
    route53
}

/// Nothing takes time, and any number of requests is let in.
const AT_ONCE: Delays = Delays { propagation: Duration::ZERO, status: Duration::ZERO, second: Duration::ZERO };

async fn until(events: &mut broadcast::Receiver<Event>, wanted: impl Fn(&Happening) -> bool) -> Happening {
    let wait = async {
        loop {
            let event = events.recv().await.unwrap();
            if wanted(&event.what) {
                return event.what;
            }
        }
    };
    timeout(DEADLINE, wait).await.unwrap()
}
