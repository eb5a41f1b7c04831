//! The one way into the emulated AWS: passes every call on, records it, and is Route 53.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::panic;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use domain::{DnsName, ObserverName, RegionName};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderName};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::{self, Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioIo};
use scenario::aws::AwsFault;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio::task::{JoinError, JoinSet};
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

pub use calls::AwsCall;
pub use interruption::{Interruption, Point};
pub use written::{Accepted, Written};

use ::route53::InvalidInput;

use self::calls::{Identity, Recording};
use self::events::Events;
use self::faults::{Delivery, Fate, Faults, Harm};
use self::interruption::Interruptions;
use self::lies::Liars;
use self::route53::Route53Api;
use self::xml::ApiError;
use crate::health::Pace;
use crate::hosted::{Moment, Route53};

mod calls;
mod checks;
mod events;
mod faults;
mod interruption;
mod lies;
mod records;
mod refusal;
mod route53;
mod written;
mod xml;
mod zones;

/// Shorter than the emulators' keep-alive, so that no call goes into a connection that is being closed.
const POOL_IDLE: Duration = Duration::from_secs(2);

/// Writes kept for a listener that is slow.
const WRITES_BACKLOG: usize = 4096;

/// What belongs to one connection and is not passed on.
const HOP_BY_HOP: [HeaderName; 5] =
    [header::CONNECTION, header::TRANSFER_ENCODING, header::EXPECT, header::UPGRADE, header::TE];

type Body = Full<Bytes>;

/// Why the proxy does not start.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// No loopback port can be had.
    #[error("tried to listen for AWS calls on loopback: {0}")]
    Bind(#[from] std::io::Error),
}

/// The running proxy; dropping it stops it.
pub struct Proxy {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<AwsCall>>>,
    writes: broadcast::Sender<Written>,
    liars: Arc<Liars>,
    faults: Arc<Faults>,
    interruptions: Arc<Interruptions>,
    _server: AbortOnDropHandle<()>,
}

impl Proxy {
    /// Listens on a free loopback port, in front of the emulator at `upstream`.
    pub async fn start(upstream: SocketAddr, route53: Arc<Route53>) -> Result<Self, ProxyError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let calls = Arc::new(Mutex::new(Vec::new()));
        let (writes, _) = broadcast::channel(WRITES_BACKLOG);
        let upstream = Upstream::new(upstream);
        let api = Route53Api::new(route53, upstream.clone());
        let liars = Arc::<Liars>::default();
        let faults = Arc::<Faults>::default();
        let interruptions = Arc::<Interruptions>::default();
        let handler = Arc::new(Handler {
            api,
            events: Events::new(upstream.clone(), Arc::clone(&faults)),
            upstream,
            calls: Arc::clone(&calls),
            writes: writes.clone(),
            liars: Arc::clone(&liars),
            faults: Arc::clone(&faults),
            interruptions: Arc::clone(&interruptions),
        });
        let server = AbortOnDropHandle::new(tokio::spawn(serve(listener, handler)));
        Ok(Proxy { address, calls, writes, liars, faults, interruptions, _server: server })
    }

    /// What `AWS_ENDPOINT_URL` is set to.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every object that S3 and every notice that SNS accepts from now on.
    #[must_use]
    pub fn writes(&self) -> broadcast::Receiver<Written> {
        self.writes.subscribe()
    }

    /// Makes these observers write, of this service, that these regions are down; the others tell the truth again.
    pub fn lie(&self, service: &DnsName, lies: BTreeMap<ObserverName, BTreeSet<RegionName>>) {
        self.liars.set(service, lies);
    }

    /// Makes AWS fail by these rules, of a lab's time, and by no others; they keep their places from one time to the next.
    pub fn fail(&self, faults: &BTreeMap<usize, AwsFault>, pace: Pace) {
        self.faults.set(faults, pace);
    }

    /// Ends a caller, named as in its `User-Agent`, at one of the calls that it makes from now on.
    pub fn interrupt(&self, caller: &str, interruption: Interruption) {
        self.interruptions.set(caller.to_owned(), interruption);
    }

    /// Every call that has ended so far, in the order of the ends.
    #[must_use]
    pub fn aws_calls(&self) -> Vec<AwsCall> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(listener: TcpListener, handler: Arc<Handler>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => { connections.spawn(connection(stream, Arc::clone(&handler))); }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(mut stream: TcpStream, handler: Arc<Handler>) {
    let service = service_fn(|request| async { handler.handle(request).await });
    let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(&mut stream), service).await;
    if let Err(error) = served {
        if matches!(error.source().and_then(|source| source.downcast_ref()), Some(Unanswered::Fault)) {
            // Without it the client would see an orderly end instead of a reset.
            let _orderly = stream.set_zero_linger();
        }
        tracing::debug!(%error, "tried to serve a connection of an AWS client");
    }
}

/// Why a call gets no answer.
#[derive(Debug, thiserror::Error)]
enum Unanswered {
    #[error("tried to read a call: {0}")]
    Client(#[from] hyper::Error),
    #[error("a fault resets the connection")]
    Fault,
    #[error("its caller was ended")]
    Interrupted,
}

struct Handler {
    api: Route53Api,
    events: Events,
    upstream: Upstream,
    calls: Arc<Mutex<Vec<AwsCall>>>,
    writes: broadcast::Sender<Written>,
    liars: Arc<Liars>,
    faults: Arc<Faults>,
    interruptions: Arc<Interruptions>,
}

impl Handler {
    async fn handle(self: &Arc<Self>, request: Request<Incoming>) -> Result<Response<Body>, Unanswered> {
        let at = Moment::now();
        let (parts, body) = request.into_parts();
        let mut call = Call {
            method: parts.method,
            uri: parts.uri,
            headers: parts.headers,
            body: body.collect().await?.to_bytes(),
        };
        self.liars.bend(&mut call);
        let identity = calls::identify(&call);
        let mut recording = Recording::begin(&self.calls, at, identity.clone());
        let harm = self.faults.harm(&identity, &call);
        recording.injected = harm.injected;
        let interruption = self.interruptions.due(&identity);
        if let Some(Interruption { point: Point::BeforeTheEffect, end, .. }) = interruption {
            end(&identity.operation);
            return Err(Unanswered::Interrupted);
        }
        let response = self.answer(at, &identity, &call, harm).await?;
        if let Some(Interruption { end, .. }) = interruption {
            end(&identity.operation);
            return Err(Unanswered::Interrupted);
        }
        recording.status = Some(response.status());
        Ok(response.map(Full::new))
    }

    async fn answer(
        self: &Arc<Self>,
        at: Moment,
        identity: &Identity,
        call: &Call,
        harm: Harm,
    ) -> Result<Response<Bytes>, Unanswered> {
        if !harm.late.is_zero() {
            sleep(harm.late).await;
        }
        let loses_reply = matches!(harm.fate, Fate::ReplyLost);
        match harm.fate {
            Fate::Answered | Fate::ReplyLost => {}
            Fate::Refused(refusal) => return Ok(refusal.answer(identity, call)),
            Fate::Stale(answer) => return Ok(answer),
            Fate::Reset => return Err(Unanswered::Fault),
            Fate::Hangs(over) => {
                over.cancelled().await;
                return Err(Unanswered::Fault);
            }
        }
        let (handler, asked, called) = (Arc::clone(self), identity.clone(), call.clone());
        // A task of its own: what has arrived at AWS happens as a whole, whether its caller lives to hear of it or not.
        let effect = tokio::spawn(async move { handler.take_effect(at, &asked, &called, harm.events).await });
        let response = match effect.await.map_err(JoinError::try_into_panic) {
            Ok(response) => response,
            Err(Ok(panic)) => panic::resume_unwind(panic),
            // The lab ends.
            Err(Err(_)) => return Err(Unanswered::Interrupted),
        };
        if loses_reply { Err(Unanswered::Fault) } else { Ok(response) }
    }

    async fn take_effect(&self, at: Moment, identity: &Identity, call: &Call, delivery: Delivery) -> Response<Bytes> {
        let response = if identity.is("events", "PutEvents") {
            self.events.put(identity, call, delivery).await
        } else {
            match self.api.handle(call).await {
                Some(response) => response,
                None => self.upstream.send(call).await,
            }
        };
        self.faults.saw(identity, call, &response);
        if response.status().is_success()
            && let Some(what) = Accepted::of(identity, call)
        {
            // Nobody listening is fine: writes are for reports.
            let _ = self.writes.send(Written { at, what });
        }
        response
    }
}

/// One call of a client, read whole.
#[derive(Debug, Clone)]
struct Call {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Call {
    /// The key of a path `/BUCKET/KEY`, with its escapes.
    fn object_key(&self) -> Option<String> {
        let (_, key) = self.uri.path().strip_prefix('/')?.split_once('/')?;
        (!key.is_empty()).then(|| key.to_owned())
    }

    /// A parameter of the query string, with its escapes undone; empty for one without a value.
    fn query(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.uri.query()?.as_bytes());
        pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// How many items of a list the client wants in one page, which has at most `most`.
    fn max_items(&self, most: usize) -> Result<usize, ApiError> {
        let Some(wanted) = self.query("maxitems") else { return Ok(most) };
        match wanted.parse::<usize>() {
            Ok(wanted) if wanted > 0 => Ok(wanted.min(most)),
            _ => Err(InvalidInput::Parameter(format!("maxitems is a number from 1 on, not {wanted}")).into()),
        }
    }
}

/// The emulator behind the proxy.
#[derive(Debug, Clone)]
struct Upstream {
    address: SocketAddr,
    client: Client<HttpConnector, Body>,
}

/// The emulator did not answer.
#[derive(Debug, thiserror::Error)]
enum UpstreamError {
    #[error("tried to pass a call on to the emulator: {0}")]
    Unreachable(#[from] legacy::Error),
    #[error("tried to read the emulator's answer: {0}")]
    Broken(#[from] hyper::Error),
    #[error("tried to address the emulator: {0}")]
    Address(#[from] hyper::http::Error),
}

impl Upstream {
    fn new(address: SocketAddr) -> Self {
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(POOL_IDLE).build_http();
        Upstream { address, client }
    }

    /// The emulator's answer, or a gateway error that says why there is none.
    async fn send(&self, call: &Call) -> Response<Bytes> {
        match self.try_send(call).await {
            Ok(response) => response,
            Err(error) => {
                let mut response = Response::new(Bytes::from(error.to_string()));
                *response.status_mut() = StatusCode::BAD_GATEWAY;
                response
            }
        }
    }

    /// The emulator's answer if it is a success.
    async fn ask(&self, call: &Call) -> Result<Response<Bytes>, ApiError> {
        let response = self.send(call).await;
        if response.status().is_success() { Ok(response) } else { Err(ApiError::Emulator(Box::new(response))) }
    }

    async fn try_send(&self, call: &Call) -> Result<Response<Bytes>, UpstreamError> {
        let path = call.uri.path_and_query().map_or("/", |path| path.as_str());
        let uri = Uri::builder().scheme("http").authority(self.address.to_string()).path_and_query(path).build()?;
        let mut request = Request::new(Full::new(call.body.clone()));
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = end_to_end(&call.headers);
        let (mut parts, body) = self.client.request(request).await?.into_parts();
        parts.headers = end_to_end(&parts.headers);
        Ok(Response::from_parts(parts, body.collect().await?.to_bytes()))
    }
}

fn end_to_end(headers: &HeaderMap) -> HeaderMap {
    let mut headers = headers.clone();
    for name in &HOP_BY_HOP {
        headers.remove(name);
    }
    headers
}
