//! A region: an HTTP server on a loopback address of its own, whose faults are set from outside.

mod admin;

use std::{
    convert::Infallible,
    future::pending,
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use domain::RegionName;
use http_body_util::Full;
use hyper::{Request, Response, StatusCode, body::Incoming, header, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio::{
    net::{TcpListener, TcpSocket, TcpStream},
    sync::{Mutex as AsyncMutex, watch},
    time::sleep,
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::fault::Fault;

/// The header that names the region that answered.
pub const REGION_HEADER: &str = "x-region";

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 4_096;
/// Before the next attempt to accept or to listen, after one failed.
const RETRY: Duration = Duration::from_millis(10);
/// Attempts at a port that is free on all addresses.
const PORT_ATTEMPTS: u32 = 64;

/// A port that is free on all these addresses at the moment.
pub fn free_port(addresses: &[IpAddr]) -> io::Result<u16> {
    let mut refused = io::Error::other("no address to find a port for");
    for _ in 0..PORT_ATTEMPTS {
        let mut held = Vec::new();
        let mut port = 0;
        let all = addresses.iter().try_for_each(|address| {
            let listener = std::net::TcpListener::bind((*address, port))?;
            port = listener.local_addr()?.port();
            held.push(listener);
            Ok(())
        });
        match all {
            Ok(()) if port != 0 => return Ok(port),
            Ok(()) => break,
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// A running region. Dropped, it ends; [`Region::stop`] also waits for the end.
#[derive(Debug)]
pub struct Region {
    control: Control,
    address: SocketAddr,
    admin: SocketAddr,
    tasks: TaskTracker,
    stop: DropGuard,
}

impl Region {
    /// Listens on `address`, and for faults on a loopback port of its own.
    /// `seed` rules which answers an error share hits and how long a jitter is.
    pub async fn start(name: RegionName, address: SocketAddr, seed: u64) -> io::Result<Self> {
        let listener = listen(address)?;
        let admin = TcpListener::bind("127.0.0.1:0").await?;
        let (open_sender, open) = watch::channel(true);
        let control = Control { faults: watch::Sender::new(Arc::default()), open, turn: Arc::default() };
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let region = Self {
            control: control.clone(),
            address: listener.local_addr()?,
            admin: admin.local_addr()?,
            tasks: tasks.clone(),
            stop: stop.clone().drop_guard(),
        };
        let server = Arc::new(Server {
            pages: Pages::new(&name),
            address: region.address,
            faults: control.faults.clone(),
            random: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        tasks.spawn(server.run(listener, open_sender));
        tasks.spawn(admin::serve(admin, control, tasks.clone(), stop));
        Ok(region)
    }

    /// Sets its faults.
    #[must_use]
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Where it serves.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where people set its faults: `GET`, `PUT`, `POST` and `DELETE /faults`.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// Ends it: the listeners are closed, the connections dropped.
    pub async fn stop(self) {
        drop(self.stop);
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Sets a region's faults.
#[derive(Debug, Clone)]
pub struct Control {
    faults: watch::Sender<Arc<[Fault]>>,
    open: watch::Receiver<bool>,
    turn: Arc<AsyncMutex<()>>,
}

impl Control {
    /// These faults and no others. In force on return: the listener is closed, or open again.
    pub async fn set(&self, faults: Vec<Fault>) {
        let _turn = self.turn.lock().await;
        self.put(faults).await;
    }

    /// One more fault.
    pub async fn add(&self, fault: Fault) {
        let _turn = self.turn.lock().await;
        let mut faults = self.faults().to_vec();
        faults.push(fault);
        self.put(faults).await;
    }

    /// No fault.
    pub async fn clear(&self) {
        self.set(Vec::new()).await;
    }

    /// The faults in force.
    #[must_use]
    pub fn faults(&self) -> Arc<[Fault]> {
        self.faults.borrow().clone()
    }

    async fn put(&self, faults: Vec<Fault>) {
        let down = is_down(&faults);
        self.faults.send_replace(faults.into());
        let mut open = self.open.clone();
        // It fails once the region has ended; then there is nothing to wait for.
        let _ended = open.wait_for(|open| *open != down).await.is_err();
    }
}

fn is_down(faults: &[Fault]) -> bool {
    faults.contains(&Fault::Down)
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// What the region answers with, made once.
#[derive(Debug)]
struct Pages {
    region: header::HeaderValue,
    health: Bytes,
    orders: Bytes,
    users: Bytes,
    home: Bytes,
    unknown: Bytes,
    unavailable: Bytes,
}

impl Pages {
    fn new(region: &RegionName) -> Self {
        let page = |mut body: serde_json::Value| {
            body["region"] = region.as_str().into();
            Bytes::from(body.to_string())
        };
        Self {
            region: header::HeaderValue::from_str(region.as_str()).expect("a region's name is made of a-z, 0-9 and -"),
            health: page(serde_json::json!({ "status": "ok" })),
            orders: page(serde_json::json!({ "orders": [{ "id": 1, "user": 1, "total": "12.50" }] })),
            users: page(serde_json::json!({ "users": [{ "id": 1, "name": "Ada" }] })),
            home: page(serde_json::json!({ "paths": ["/health", "/api/orders", "/api/users"] })),
            unknown: page(serde_json::json!({ "error": "not found" })),
            unavailable: page(serde_json::json!({ "error": "service unavailable" })),
        }
    }

    fn at(&self, path: &str) -> (StatusCode, &Bytes) {
        match path {
            "/health" => (StatusCode::OK, &self.health),
            "/api/orders" => (StatusCode::OK, &self.orders),
            "/api/users" => (StatusCode::OK, &self.users),
            "/" => (StatusCode::OK, &self.home),
            _ => (StatusCode::NOT_FOUND, &self.unknown),
        }
    }
}

#[derive(Debug)]
struct Server {
    pages: Pages,
    address: SocketAddr,
    faults: watch::Sender<Arc<[Fault]>>,
    random: Mutex<ChaCha8Rng>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Server {
    /// Listens, except while it is down.
    async fn run(self: Arc<Self>, mut listener: TcpListener, open: watch::Sender<bool>) {
        let stop = self.stop.clone();
        let turns = async {
            loop {
                open.send_replace(true);
                tokio::select! {
                    () = self.accept(&listener) => {}
                    () = self.until(true) => {}
                }
                drop(listener);
                open.send_replace(false);
                self.until(false).await;
                listener = self.listen_again().await;
            }
        };
        stop.run_until_cancelled(turns).await;
    }

    async fn until(&self, down: bool) {
        let mut faults = self.faults.subscribe();
        let _kept = faults.wait_for(|faults| is_down(faults) == down).await.expect("the server holds the sender");
    }

    /// Another process may have taken the port meanwhile: then it is asked for until it is free.
    async fn listen_again(&self) -> TcpListener {
        loop {
            match listen(self.address) {
                Ok(listener) => return listener,
                Err(error) => tracing::warn!(address = %self.address, %error, "could not listen again"),
            }
            sleep(RETRY).await;
        }
    }

    async fn accept(self: &Arc<Self>, listener: &TcpListener) {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    self.tasks.spawn(self.clone().serve(stream));
                }
                Err(error) => {
                    tracing::warn!(address = %self.address, %error, "could not accept");
                    sleep(RETRY).await;
                }
            }
        }
    }

    async fn serve(self: Arc<Self>, stream: TcpStream) {
        // Small answers leave at once; a socket that refuses the option still serves.
        let _late = stream.set_nodelay(true);
        let service = service_fn(|request: Request<Incoming>| {
            let server = self.clone();
            async move { Ok::<_, Infallible>(server.answer(request.uri().path()).await) }
        });
        let mut connection = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        tokio::select! {
            // A client that breaks off is the client's affair.
            _ = &mut connection => {}
            () = self.until(true) => {
                let stream = connection.into_parts().io.into_inner();
                // Without it the client would see an orderly end instead of a reset.
                let _orderly = stream.set_zero_linger();
            }
            () = self.stop.cancelled() => {}
        }
    }

    async fn answer(&self, path: &str) -> Response<Full<Bytes>> {
        let faults = self.faults.borrow().clone();
        let mut late = Duration::ZERO;
        let mut fails = false;
        for fault in &*faults {
            match fault {
                // Every connection is about to be reset.
                Fault::Down | Fault::Hang => pending().await,
                Fault::Latency { delay, jitter } => late += delay.0 + jitter.0.mul_f64(self.chance()),
                Fault::Errors { share, paths } => fails |= paths.include(path) && self.chance() < share.get(),
                _ => {}
            }
        }
        if !late.is_zero() {
            sleep(late).await;
        }
        let (status, body) =
            if fails { (StatusCode::SERVICE_UNAVAILABLE, &self.pages.unavailable) } else { self.pages.at(path) };
        let mut response = json(status, body.clone());
        response.headers_mut().insert(REGION_HEADER, self.pages.region.clone());
        response
    }

    /// A number from 0 up to 1.
    fn chance(&self) -> f64 {
        self.random.lock().unwrap_or_else(PoisonError::into_inner).random()
    }
}

fn json(status: StatusCode, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}
