//! One client: a DNS cache, and a new connection for each request.

use std::{
    io,
    net::IpAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request,
    client::conn::http1,
    header::{CONNECTION, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use rustls::pki_types::ServerName;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::Mutex,
};
use tokio_rustls::TlsConnector;

use super::{Answer, Failure, Load, Resolve};
use crate::region::REGION_HEADER;

#[derive(Debug)]
pub(super) struct Client {
    index: usize,
    /// Keeps its first answer, as a JVM does that caches for ever.
    is_stale: bool,
    cache: Mutex<Cache>,
}

#[derive(Debug)]
struct Cache {
    /// The share of its TTL that the next answer still lives.
    left: f64,
    held: Option<(Answer, Instant)>,
}

/// All of a load's clients.
pub(super) fn clients(load: &Load) -> Vec<Client> {
    let count = load.clients.get();
    let stale = load.stale.get() * count as f64;
    let mut are_stale: Vec<bool> = (0..count).map(|index| (index as f64) + 0.5 < stale).collect();
    are_stale.shuffle(&mut ChaCha8Rng::seed_from_u64(load.seed));
    are_stale.into_iter().enumerate().map(|(index, is_stale)| Client::new(load.seed, index, is_stale)).collect()
}

impl Client {
    fn new(seed: u64, index: usize, is_stale: bool) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(index as u64);
        // The first answer comes as if from a shared resolver, part-way into its life:
        // else all clients would ask again in the same moment for ever.
        Self { index, is_stale, cache: Mutex::new(Cache { left: random.random(), held: None }) }
    }

    /// Resolves unless the cache still holds, connects, asks. `used` is the address, once there is one.
    pub(super) async fn ask(
        &self,
        load: &Load,
        resolve: &Resolve,
        path: &str,
        used: &mut Option<IpAddr>,
    ) -> Result<(u16, Option<HeaderValue>), Failure> {
        let address = self.address(load, resolve).await.ok_or(Failure::Dns)?;
        *used = Some(address);
        let stream = TcpStream::connect((address, load.port)).await.map_err(|error| match error.kind() {
            io::ErrorKind::ConnectionRefused => Failure::Refused,
            _ => Failure::Connect,
        })?;
        // A reset at the end leaves no TIME_WAIT behind, of which thousands a second would use up the ports.
        stream.set_zero_linger().map_err(|_| Failure::Connect)?;
        let request = Request::get(path)
            .header(HOST, load.name.as_str())
            .header(CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|_| Failure::Broken)?;
        let Some(tls) = &load.tls else { return exchange(stream, request).await };
        let name = ServerName::try_from(load.name.as_str().to_owned()).map_err(|_| Failure::Tls)?;
        let stream = TlsConnector::from(tls.clone()).connect(name, stream).await.map_err(|error| {
            if error.get_ref().is_some_and(|error| error.is::<rustls::Error>()) {
                Failure::Tls
            } else {
                Failure::Broken
            }
        })?;
        exchange(stream, request).await
    }

    async fn address(&self, load: &Load, resolve: &Resolve) -> Option<IpAddr> {
        let mut cache = self.cache.lock().await;
        let fresh = cache.held.as_ref().is_some_and(|(_, until)| self.is_stale || Instant::now() < *until);
        if !fresh {
            cache.held = None;
            let answer = resolve(load.name.clone()).await?;
            let lives: Duration = answer.ttl.mul_f64(std::mem::replace(&mut cache.left, 1.0));
            cache.held = Some((answer, Instant::now() + lives));
        }
        let (answer, _) = cache.held.as_ref()?;
        let turn = self.index.checked_rem(answer.addresses.len())?;
        Some(answer.addresses[turn])
    }
}

/// Sends the request and reads the whole answer: its status, and the region that answered.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    request: Request<Empty<Bytes>>,
) -> Result<(u16, Option<HeaderValue>), Failure> {
    let (mut sender, mut connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| Failure::Broken)?;
    let answering = async {
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        body.collect().await?;
        Ok::<_, hyper::Error>((head.status.as_u16(), head.headers.get(REGION_HEADER).cloned()))
    };
    let mut answering = std::pin::pin!(answering);
    let answer = tokio::select! {
        answer = &mut answering => answer,
        // The connection may end first; what it received is still to be read.
        _ = &mut connection => answering.await,
    };
    answer.map_err(|_| Failure::Broken)
}
