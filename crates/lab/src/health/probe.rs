//! One probe of one endpoint, with a connection of its own and Route 53's patience (R23).

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use route53::{Endpoint, Protocol, Request, limits, status_is_success};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

use super::{Pace, target};
use crate::hosted::{ProbeOutcome, Route53};

/// Why a probe failed, in the words of a status report.
#[derive(Debug, thiserror::Error)]
enum ProbeError {
    #[error("DNS resolution failed: the domain has no address in the lab's zones")]
    NoAddress,
    #[error("The health checker could not establish a connection within the timeout limit.")]
    ConnectTimeout,
    #[error("The health checker could not connect: {0}")]
    Connect(io::Error),
    #[error("The endpoint did not answer with a status within the timeout limit.")]
    StatusTimeout,
    #[error("The connection broke: {0}")]
    Http(#[from] hyper::Error),
    #[error("The request could not be made: {0}")]
    Request(#[from] hyper::http::Error),
    #[error("HTTP Status Code {0}")]
    Status(StatusCode),
    #[error("The body did not arrive within the timeout limit.")]
    BodyTimeout,
    #[error("The search string was not in the first {} bytes.", limits::SEARCHED_BYTES)]
    NotFound,
    #[error("The health checker could not make a TLS connection: {0}")]
    Tls(io::Error),
}

pub(crate) async fn probe(route53: &Route53, endpoint: &Endpoint, pace: Pace) -> ProbeOutcome {
    let Some(address) = target(route53, endpoint) else {
        return ProbeOutcome::Failure(ProbeError::NoAddress.to_string());
    };
    let found = match &endpoint.protocol {
        Protocol::Tcp => connect(address, pace.scaled(limits::TCP_CONNECT)).await.map(|_| "TCP connection".to_owned()),
        Protocol::Http(request) => http(address, endpoint, request, pace).await,
        Protocol::Https(request) => https(address, endpoint, request, pace).await,
    };
    match found {
        Ok(found) => ProbeOutcome::Success(found),
        Err(error) => ProbeOutcome::Failure(error.to_string()),
    }
}

async fn connect(address: SocketAddr, patience: Duration) -> Result<TcpStream, ProbeError> {
    let connected = timeout(patience, TcpStream::connect(address)).await;
    connected.map_err(|_| ProbeError::ConnectTimeout)?.map_err(ProbeError::Connect)
}

async fn http(address: SocketAddr, endpoint: &Endpoint, request: &Request, pace: Pace) -> Result<String, ProbeError> {
    let stream = connect(address, pace.scaled(limits::HTTP_CONNECT)).await?;
    judge(stream, address, endpoint, request, pace).await
}

/// One patience for connection and handshake together.
async fn https(address: SocketAddr, endpoint: &Endpoint, request: &Request, pace: Pace) -> Result<String, ProbeError> {
    let name = match &endpoint.domain {
        Some(domain) => {
            ServerName::try_from(domain.clone()).map_err(|error| ProbeError::Tls(io::Error::other(error)))?
        }
        None => ServerName::from(address.ip()),
    };
    let patience = pace.scaled(limits::HTTP_CONNECT);
    let connecting = async {
        let stream = connect(address, patience).await?;
        UNVALIDATED.connect(name, stream).await.map_err(ProbeError::Tls)
    };
    let stream = timeout(patience, connecting).await.map_err(|_| ProbeError::ConnectTimeout)??;
    judge(stream, address, endpoint, request, pace).await
}

async fn judge<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
    address: SocketAddr,
    endpoint: &Endpoint,
    request: &Request,
    pace: Pace,
) -> Result<String, ProbeError> {
    let answered = timeout(pace.scaled(limits::HTTP_STATUS), ask(stream, address, endpoint, request)).await;
    let (response, _connection) = answered.map_err(|_| ProbeError::StatusTimeout)??;
    let status = response.status();
    if !status_is_success(status.as_u16()) {
        return Err(ProbeError::Status(status));
    }
    if let Some(search) = &request.search {
        let start = timeout(pace.scaled(limits::HTTP_BODY), start_of_body(response.into_body())).await;
        let start = start.map_err(|_| ProbeError::BodyTimeout)??;
        if !String::from_utf8_lossy(&start).contains(search) {
            return Err(ProbeError::NotFound);
        }
    }
    Ok(format!("HTTP Status Code {status}"))
}

async fn ask<S: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: S,
    address: SocketAddr,
    endpoint: &Endpoint,
    request: &Request,
) -> Result<(Response<Incoming>, AbortOnDropHandle<()>), ProbeError> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(async move {
        // A broken connection is seen by the request that it carries.
        let _ = connection.await;
    });
    let connection = AbortOnDropHandle::new(connection);
    let host = endpoint.domain.clone().unwrap_or_else(|| address.ip().to_string());
    let host = if endpoint.port == 80 { host } else { format!("{host}:{}", endpoint.port) };
    let request = hyper::Request::get(&request.path)
        .header("Host", host)
        .header("User-Agent", "Amazon-Route53-Health-Check-Service (lab)")
        .header("Connection", "close")
        .body(Empty::<Bytes>::new())?;
    Ok((sender.send_request(request).await?, connection))
}

/// As much of the body as is searched.
async fn start_of_body(mut body: Incoming) -> Result<Vec<u8>, ProbeError> {
    let mut start = Vec::new();
    while start.len() < limits::SEARCHED_BYTES {
        let Some(frame) = body.frame().await else { break };
        if let Ok(data) = frame?.into_data() {
            start.extend_from_slice(&data);
        }
    }
    start.truncate(limits::SEARCHED_BYTES);
    Ok(start)
}

/// TLS as Route 53's checkers speak it: whatever certificate is shown is taken (R24).
static UNVALIDATED: LazyLock<TlsConnector> = LazyLock::new(|| {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("the provider supports TLS 1.2 and 1.3")
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(TakesAnyCertificate(provider)))
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
});

/// Only that the server holds the certificate's key is verified, without which there is no TLS.
#[derive(Debug)]
struct TakesAnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for TakesAnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
