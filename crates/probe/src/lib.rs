//! The observer's eyes: DNS, TCP, TLS and HTTP probes with the time of each phase, and where a zone's
//! authoritative servers point.
//!
//! Nothing is kept between rounds except what only costs time to find again, roots and name servers, and what the names
//! behind aliases answered last.

mod answering;
mod ask;
mod authoritative;
mod certificate;
mod connect;
mod http;
mod report;
mod resolve;
mod tls;
mod trace;

use std::{collections::BTreeMap, net::IpAddr};

pub use ask::{Answer, AskError, ask};
pub use authoritative::{AuthorityError, ServerAnswer};
use domain::{
    Answering, Config, Endpoint, HttpProbe, Period, Probe, ProbeKind, ProbeReport, Region, RegionName, Scheme, Service,
};
use futures::future::{join, join_all};
use hickory_resolver::{TokioResolver, net::NetError};
use rustls::pki_types::CertificateDer;
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::timeout,
};
use trace::{Failure, Sample, Stage, Trace};

/// Sockets open at once: a Lambda function has 1024 descriptors, and others need some too.
const SOCKETS: usize = 768;

/// Why there is no prober.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// The configuration names no resolvers, and the system's could not be read.
    #[error("cannot read the system's resolvers: {0}")]
    SystemResolvers(#[source] NetError),
    /// The resolvers cannot be used.
    #[error("cannot set up the resolver: {0}")]
    Resolver(#[source] NetError),
}

/// What one round saw of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct RoundReports {
    /// Of each region, a report a probe, in the probes' order.
    pub regions: BTreeMap<RegionName, Vec<ProbeReport>>,
    /// Where the zone's authoritative servers point.
    pub answering: Answering,
}

/// Makes the probes of a configuration; built once, used for every round.
pub struct Prober {
    config: Config,
    source: Option<IpAddr>,
    resolver: TokioResolver,
    tls: tls::Tls,
    sockets: Semaphore,
    remembered: authoritative::Remembered,
    last_heard: answering::LastHeard,
}

impl Prober {
    /// A prober that trusts the system's root certificates; they are loaded when first needed.
    pub fn new(config: &Config) -> Result<Self, ProbeError> {
        Self::build(config, None)
    }

    /// A prober that trusts these root certificates instead of the system's.
    pub fn with_roots(config: &Config, roots: Vec<CertificateDer<'static>>) -> Result<Self, ProbeError> {
        Self::build(config, Some(roots))
    }

    fn build(config: &Config, roots: Option<Vec<CertificateDer<'static>>>) -> Result<Self, ProbeError> {
        // The longest time-out: each probe's own is to decide.
        let patience = config.services.iter().map(|service| service.policy.timeout.0).max().unwrap_or_default();
        Ok(Self {
            config: config.clone(),
            source: None,
            resolver: resolve::resolver(&config.resolvers, patience)?,
            tls: tls::Tls::new(roots),
            sockets: Semaphore::new(SOCKETS),
            remembered: authoritative::Remembered::default(),
            last_heard: answering::LastHeard::default(),
        })
    }

    /// Connects from this address, where one is given.
    #[must_use]
    pub fn bound_to(self, source: Option<IpAddr>) -> Self {
        Self { source, ..self }
    }

    /// Judges certificates as they will be judged so much later: what fails then and not now expires until then.
    #[must_use]
    pub fn ahead(self, by: Period) -> Self {
        Self { tls: self.tls.ahead(by.0), ..self }
    }

    /// Every probe of every region of a service at once, each bounded by the policy's time-out as a whole.
    /// Waiting for a free socket does not count against it.
    pub async fn round(&self, service: &Service) -> RoundReports {
        let (regions, answering) = join(self.regions(service), self.answering(service)).await;
        RoundReports { regions, answering }
    }

    /// The same without asking where the zone points.
    pub async fn regions(&self, service: &Service) -> BTreeMap<RegionName, Vec<ProbeReport>> {
        let limit = service.policy.timeout;
        let regions = service.regions.iter().map(|region| async move {
            let reports = service.probes.iter().map(|probe| self.probe(region, probe, limit));
            (region.name.clone(), join_all(reports).await)
        });
        join_all(regions).await.into_iter().collect()
    }

    async fn probe(&self, region: &Region, probe: &Probe, limit: Period) -> ProbeReport {
        let samples = match &probe.kind {
            ProbeKind::Http(http) => http.samples.max(1),
            ProbeKind::Tcp { .. } | ProbeKind::Dns { .. } => 1,
        };
        let samples = (0..samples).map(|_| self.sample(&region.endpoint, &probe.kind, limit));
        report::report(probe, &join_all(samples).await)
    }

    async fn sample(&self, endpoint: &Endpoint, kind: &ProbeKind, limit: Period) -> Sample {
        let named = match kind {
            ProbeKind::Dns { name: Some(name) } => &Endpoint::Name(name.clone()),
            ProbeKind::Dns { name: None } | ProbeKind::Http(_) | ProbeKind::Tcp { .. } => endpoint,
        };
        if matches!(kind, ProbeKind::Http(HttpProbe { scheme: Scheme::Https, .. })) {
            self.tls.load();
        }
        let sockets = match named {
            Endpoint::Name(_) => resolve::SOCKETS,
            Endpoint::Address(_) => 1,
        };
        let permit = self.sockets(sockets).await;
        let mut trace = Trace::begin(limit);
        let course = timeout(limit.0, self.course(named, kind, permit, &mut trace)).await;
        let result = course.unwrap_or_else(|_| Err(trace.timed_out(named)));
        let seen = std::mem::take(&mut trace.seen);
        Sample { phases: trace.end(), result, seen }
    }

    /// A sample from its first phase to its last.
    async fn course(
        &self,
        endpoint: &Endpoint,
        kind: &ProbeKind,
        mut permit: SemaphorePermit<'_>,
        trace: &mut Trace,
    ) -> Result<String, Failure> {
        let addresses = match endpoint {
            Endpoint::Name(name) => {
                trace.enter(Stage::Dns);
                let resolved = resolve::addresses(&self.resolver, name).await?;
                trace.seen.addresses = resolved.addresses.iter().copied().collect();
                trace.seen.ttl = resolved.ttl;
                resolved.addresses
            }
            Endpoint::Address(address) => vec![*address],
        };
        // The resolver's sockets are closed; the connection needs one.
        drop(permit.split(permit.num_permits() - 1));
        match kind {
            ProbeKind::Dns { .. } => {
                let addresses: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                Ok(format!("{endpoint} is {}", addresses.join(", ")))
            }
            ProbeKind::Tcp { port } => {
                let (_, address) =
                    connect::connect(&self.config, self.source, endpoint, &addresses, *port, trace).await?;
                Ok(format!("{address} connected"))
            }
            ProbeKind::Http(http) => Box::pin(self.http(endpoint, &addresses, http, trace)).await,
        }
    }

    async fn http(
        &self,
        endpoint: &Endpoint,
        addresses: &[IpAddr],
        probe: &HttpProbe,
        trace: &mut Trace,
    ) -> Result<String, Failure> {
        let (stream, address) =
            connect::connect(&self.config, self.source, endpoint, addresses, probe.port, trace).await?;
        match probe.scheme {
            Scheme::Http => http::exchange(stream, address, probe, trace).await,
            Scheme::Https => {
                trace.enter(Stage::Tls);
                let stream = tls::handshake(self.tls.connector()?, &probe.host, stream).await?;
                trace.seen.certificate_until = tls::expires(&stream);
                http::exchange(stream, address, probe, trace).await
            }
        }
    }

    /// Waits until that many sockets may be opened.
    async fn sockets(&self, count: u32) -> SemaphorePermit<'_> {
        self.sockets.acquire_many(count).await.expect("the semaphore is never closed")
    }
}
