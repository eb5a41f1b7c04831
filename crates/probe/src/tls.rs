//! TLS handshakes against the system's roots, loaded when the first one needs them.

use std::{
    sync::{Arc, OnceLock},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use domain::{DnsName, Fault};
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, UnixTime},
    time_provider::TimeProvider,
};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{certificate, trace::Failure};

/// Shared by all handshakes.
pub(crate) struct Tls {
    /// Trusted instead of the system's.
    roots: Option<Vec<CertificateDer<'static>>>,
    ahead: Ahead,
    connector: OnceLock<Result<TlsConnector, Failure>>,
}

/// The time that certificates are judged by is so much later than now.
#[derive(Debug, Clone, Copy)]
struct Ahead(Duration);

impl TimeProvider for Ahead {
    fn current_time(&self) -> Option<UnixTime> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        Some(UnixTime::since_unix_epoch(now + self.0))
    }
}

impl Tls {
    pub(crate) fn new(roots: Option<Vec<CertificateDer<'static>>>) -> Self {
        Self { roots, ahead: Ahead(Duration::ZERO), connector: OnceLock::new() }
    }

    /// Judges certificates as they will be judged so much later.
    pub(crate) fn ahead(self, by: Duration) -> Self {
        Self { ahead: Ahead(by), connector: OnceLock::new(), ..self }
    }

    /// Loads the roots, so that no probe's phase has to.
    pub(crate) fn load(&self) {
        self.connector.get_or_init(|| connector(self.roots.as_deref(), self.ahead));
    }

    /// The connector; loading the system's roots costs milliseconds, and every cold start would pay them.
    pub(crate) fn connector(&self) -> Result<&TlsConnector, Failure> {
        self.connector.get_or_init(|| connector(self.roots.as_deref(), self.ahead)).as_ref().map_err(Clone::clone)
    }
}

fn connector(roots: Option<&[CertificateDer<'static>]>, ahead: Ahead) -> Result<TlsConnector, Failure> {
    let mut store = RootCertStore::empty();
    match roots {
        Some(roots) => store.add_parsable_certificates(roots.iter().cloned()),
        None => store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
    };
    if store.is_empty() {
        return Err(Failure::new(Fault::Observer, "no root certificates found to trust"));
    }
    let mut config = ClientConfig::builder_with_details(Arc::new(aws_lc_rs::default_provider()), Arc::new(ahead))
        .with_safe_default_protocol_versions()
        .expect("the provider supports TLS 1.2 and 1.3")
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A resumed session would skip the certificate and make the phase's times incomparable.
    config.resumption = Resumption::disabled();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// When the server's certificate expires, in seconds since 1970.
pub(crate) fn expires(stream: &TlsStream<TcpStream>) -> Option<i64> {
    certificate::expires(stream.get_ref().1.peer_certificates()?.first()?)
}

/// The handshake; the certificate must be valid for `host`.
pub(crate) async fn handshake(
    connector: &TlsConnector,
    host: &DnsName,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::new(Fault::Tls, format!("TLS for {host}: {why}"));
    let name = ServerName::try_from(host.as_str().to_owned()).map_err(|error| failed(&error))?;
    connector.connect(name, stream).await.map_err(|error| failed(&error))
}
