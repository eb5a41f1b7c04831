//! One request on a connection of its own.

use std::{error::Error, iter::successors, net::SocketAddr, pin::pin};

use bytes::Bytes;
use domain::{Fault, HttpProbe, Scheme};
use futures::{
    FutureExt,
    future::{pending, select},
};
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request,
    body::Incoming,
    client::conn::http1::{self, SendRequest},
    header::{CONNECTION, HOST, USER_AGENT},
};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use crate::trace::{Failure, Stage, Trace};

/// How much of a body is read.
const BODY_LIMIT: usize = 64 * 1024;

/// Asks and judges the answer; what was seen.
pub(crate) async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin,
    address: SocketAddr,
    probe: &HttpProbe,
    trace: &mut Trace,
) -> Result<String, Failure> {
    let request = request(probe)?;
    trace.enter(Stage::FirstByte);
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| broken(address, &error))?;
    let answer = pin!(answer(sender, request, address, probe, trace));
    // How the connection ended is told to the one who waits for the answer.
    let connection = pin!(connection.then(|_| pending()));
    select(answer, connection).await.factor_first().0
}

async fn answer(
    mut sender: SendRequest<Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
    address: SocketAddr,
    probe: &HttpProbe,
    trace: &mut Trace,
) -> Result<String, Failure> {
    let response = sender.send_request(request).await.map_err(|error| broken(address, &error))?;
    trace.enter(Stage::Body);
    let status = response.status().as_u16();
    let seen = format!("{address} HTTP {status}");
    if !probe.expect_status.contains(&status) {
        return Err(Failure::new(Fault::HttpStatus, seen));
    }
    let body =
        beginning(response.into_body(), probe.expect_body.is_some()).await.map_err(|error| broken(address, &error))?;
    trace.seen.body = Some(body.read as u64);
    match &probe.expect_body {
        Some(text) if !String::from_utf8_lossy(&body.kept).contains(text) => {
            Err(Failure::new(Fault::HttpBody, format!("{seen} without `{text}`")))
        }
        _ => Ok(seen),
    }
}

/// What was read of a body, and its text where that is wanted.
struct Body {
    read: usize,
    kept: Vec<u8>,
}

/// Waits for the body, or its first [`BODY_LIMIT`] bytes, and keeps them if they are wanted.
async fn beginning(mut body: Incoming, wanted: bool) -> Result<Body, hyper::Error> {
    let (mut read, mut kept) = (0, Vec::new());
    while read < BODY_LIMIT
        && let Some(frame) = body.frame().await
    {
        let data = frame?.into_data().unwrap_or_default();
        if wanted {
            kept.extend_from_slice(&data[..data.len().min(BODY_LIMIT - read)]);
        }
        read += data.len();
    }
    Ok(Body { read, kept })
}

fn request(probe: &HttpProbe) -> Result<Request<Empty<Bytes>>, Failure> {
    let host = match (probe.scheme, probe.port) {
        (Scheme::Http, 80) | (Scheme::Https, 443) => probe.host.to_string(),
        (_, port) => format!("{}:{port}", probe.host),
    };
    Request::get(&probe.path)
        .header(HOST, host)
        .header(USER_AGENT, concat!("pointsman/", env!("CARGO_PKG_VERSION")))
        .header(CONNECTION, "close")
        .body(Empty::new())
        .map_err(|error| Failure::new(Fault::Observer, format!("cannot ask for `{}`: {error}", probe.path)))
}

fn broken(address: SocketAddr, error: &hyper::Error) -> Failure {
    let causes: Vec<_> =
        successors(Some(error as &dyn Error), |error| (*error).source()).map(ToString::to_string).collect();
    Failure::new(Fault::HttpBroken, format!("{} ({address})", causes.join(": ")))
}
