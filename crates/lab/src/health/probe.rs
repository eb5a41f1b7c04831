//! One probe of one endpoint, with a connection of its own and Route 53's patience (R23).

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use hyper_util::rt::TokioIo;
use route53::{Endpoint, Protocol, Request, limits, status_is_success};
use tokio::net::TcpStream;
use tokio::time::timeout;
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
    Connect(std::io::Error),
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
    #[error("The lab does not probe HTTPS endpoints.")]
    Https,
}

pub(crate) async fn probe(route53: &Route53, endpoint: &Endpoint, pace: Pace) -> ProbeOutcome {
    let Some(address) = target(route53, endpoint) else {
        return ProbeOutcome::Failure(ProbeError::NoAddress.to_string());
    };
    let found = match &endpoint.protocol {
        Protocol::Tcp => connect(address, pace.scaled(limits::TCP_CONNECT)).await.map(|_| "TCP connection".to_owned()),
        Protocol::Http(request) => http(address, endpoint, request, pace).await,
        Protocol::Https(_) => Err(ProbeError::Https),
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

async fn ask(
    stream: TcpStream,
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
