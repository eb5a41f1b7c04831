//! The lab's health checkers: sixteen a check, each on its own, really connecting (R20–R24).

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use route53::{Endpoint, limits};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::AbortOnDropHandle;

use crate::hosted::{Generation, Route53};
use scenario::fault::NameFault;

pub(crate) mod probe;

/// How the checkers run.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Every interval and time-out is divided by this.
    pub speed: f64,
    /// Decides when in its interval each checker begins.
    pub seed: u64,
}

impl Pace {
    pub(crate) fn scaled(self, duration: Duration) -> Duration {
        duration.div_f64(self.speed)
    }
}

/// Running health checkers; dropping them stops them.
pub struct HealthCheckers {
    _supervisor: AbortOnDropHandle<()>,
}

impl HealthCheckers {
    /// Probes whatever `route53` has to be probed, from now on.
    #[must_use]
    pub fn start(route53: Arc<Route53>, pace: Pace) -> Self {
        HealthCheckers { _supervisor: AbortOnDropHandle::new(tokio::spawn(supervise(route53, pace))) }
    }
}

async fn supervise(route53: Arc<Route53>, pace: Pace) {
    let began = Instant::now();
    let mut changes = route53.probing_changes();
    let mut running: HashMap<Generation, JoinSet<()>> = HashMap::new();
    loop {
        let wanted: HashMap<_, _> = route53.probed().into_iter().collect();
        running.retain(|check, _| wanted.contains_key(check));
        for (check, endpoint) in wanted {
            let start = |check: &Generation| checkers(&route53, check, &endpoint, pace, began);
            running.entry(check).or_insert_with_key(start);
        }
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// The sixteen checkers of one check, each at its place in the interval.
///
/// Places are those of the endpoint, whichever check asks: of two controllers beside each other neither is the luckier.
fn checkers(
    route53: &Arc<Route53>,
    check: &Generation,
    endpoint: &Endpoint,
    pace: Pace,
    began: Instant,
) -> JoinSet<()> {
    let interval = pace.scaled(endpoint.interval.duration());
    let mut places = ChaCha8Rng::seed_from_u64(pace.seed);
    places.set_stream(stream(endpoint));
    let spawn = |checker| {
        let own = f64::from(places.next_u32()) / f64::from(u32::MAX);
        let now = began.elapsed().as_secs_f64() / interval.as_secs_f64();
        let phase = interval.mul_f64((own - now).rem_euclid(1.0));
        let (route53, check, endpoint) = (Arc::clone(route53), check.clone(), endpoint.clone());
        async move {
            let mut ticks = tokio::time::interval_at(Instant::now() + phase, interval);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                ticks.tick().await;
                let outcome = probe::probe(&route53, &endpoint, pace).await;
                route53.observe(&check, checker, outcome);
            }
        }
    };
    (0..limits::CHECKERS).map(spawn).collect()
}

/// A number for the place that is asked, the same in every run.
fn stream(endpoint: &Endpoint) -> u64 {
    let Endpoint { address, domain, port, .. } = endpoint;
    let mut hasher = DefaultHasher::new();
    // With an address the domain is only sent, not resolved.
    (address, domain.as_ref().filter(|_| address.is_none()), port).hash(&mut hasher);
    hasher.finish()
}

/// Where a checker connects: the address, or what the domain's own records answer in the lab.
fn target(route53: &Route53, endpoint: &Endpoint) -> Option<SocketAddr> {
    use route53::{Answer, Draw, RecordType};
    let resolve = |domain: &String| {
        let name = domain.parse().ok()?;
        if matches!(route53.fault(&name), Some(NameFault::Nxdomain | NameFault::Empty | NameFault::Servfail)) {
            return None;
        }
        match route53.answer(&name, RecordType::A, Draw(0))?.answer {
            Answer::Records(mut sets) => sets.pop()?.values.first()?.parse::<IpAddr>().ok(),
            Answer::NoData | Answer::NxDomain => None,
        }
    };
    let address = endpoint.address.or_else(|| endpoint.domain.as_ref().and_then(resolve))?;
    Some(SocketAddr::new(address, endpoint.port))
}
