//! The client fleet: clients that resolve, honour the TTL, send at a steady rate and record every request.
//!
//! The load is open: request *k* is meant to leave at `started + k / rate` whatever became of those before.

mod client;

use std::{
    net::IpAddr,
    num::NonZeroUsize,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use domain::{DnsName, Share};
use futures::future::BoxFuture;
use rustls::ClientConfig;
use tokio::time::sleep_until;
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use client::Client;
use report::records::{Failure, Outcome, Records, Request};

/// What a resolver said: addresses, and how long they may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// In the order received.
    pub addresses: Vec<IpAddr>,
    /// As received.
    pub ttl: Duration,
}

/// Asks DNS; `None` when no address came back.
pub type Resolve = Arc<dyn Fn(DnsName) -> BoxFuture<'static, Option<Answer>> + Send + Sync>;

/// What the fleet does, in this process's time: nothing here is scaled any more.
#[derive(Debug, Clone)]
pub struct Load {
    /// The name that is resolved, and the `Host` asked for.
    pub name: DnsName,
    /// The port of every region.
    pub port: u16,
    /// Asked for in turn.
    pub paths: Vec<String>,
    /// Requests a second.
    pub rate: f64,
    /// Each with a DNS cache of its own.
    pub clients: NonZeroUsize,
    /// A request that takes longer, from its sending, has failed.
    pub timeout: Duration,
    /// Requests that may be on their way at once; one more is recorded as [`Failure::Overflow`].
    pub outstanding: usize,
    /// With it clients speak TLS, and the certificate must be good for the name.
    pub tls: Option<Arc<ClientConfig>>,
    /// How many clients ignore TTLs: each keeps its first answer as long as the fleet lives.
    pub stale: Share,
    /// Rules how far into its life each client finds its first answer, and which clients ignore TTLs.
    pub seed: u64,
}

/// A fleet at work. Dropped, it ends and forgets; [`Fleet::stop`] returns the records.
#[derive(Debug)]
pub struct Fleet {
    records: Arc<Mutex<Records>>,
    tasks: TaskTracker,
    stop: DropGuard,
}

impl Fleet {
    /// Sends from `started` on. The load needs a rate above zero and at least one path.
    #[must_use]
    pub fn start(load: Load, resolve: Resolve, started: Instant) -> Self {
        let records = Arc::new(Mutex::new(Records::default()));
        let tasks = TaskTracker::new();
        let stop = CancellationToken::new();
        let clients = client::clients(&load);
        let sender = Sender { load, resolve, clients, started, records: records.clone() };
        tasks.spawn(Arc::new(sender).run(tasks.clone(), stop.clone()));
        Self { records, tasks, stop: stop.drop_guard() }
    }

    /// A look at the records so far, which are in the order of their ends. Keep it short: senders wait.
    pub fn look<T>(&self, at: impl FnOnce(&Records) -> T) -> T {
        at(&self.records.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends no more, waits for what is on its way (no longer than a time-out), and returns
    /// the records in the order in which they were meant to be sent.
    pub async fn stop(self) -> Records {
        drop(self.stop);
        self.tasks.close();
        self.tasks.wait().await;
        let mut records = std::mem::take(&mut *self.records.lock().unwrap_or_else(PoisonError::into_inner));
        records.requests.sort_by_key(Request::intended);
        records
    }
}

struct Sender {
    load: Load,
    resolve: Resolve,
    clients: Vec<Client>,
    started: Instant,
    records: Arc<Mutex<Records>>,
}

impl Sender {
    fn due(&self, k: u64) -> Duration {
        Duration::from_secs_f64(k as f64 / self.load.rate)
    }

    async fn run(self: Arc<Self>, tasks: TaskTracker, stop: CancellationToken) {
        let sending = async {
            let mut k = 0;
            loop {
                sleep_until((self.started + self.due(k)).into()).await;
                // The timer counts in milliseconds: all that is due by now leaves at once.
                let passed = self.started.elapsed();
                while self.due(k) <= passed {
                    // The sender is a task itself.
                    if tasks.len() > self.load.outstanding {
                        self.record(Request::overflow(self.due(k), self.started.elapsed()), None, None);
                    } else {
                        tasks.spawn(self.clone().send(k));
                    }
                    k += 1;
                }
            }
        };
        stop.run_until_cancelled(sending).await;
    }

    async fn send(self: Arc<Self>, k: u64) {
        let sent = self.started.elapsed();
        let turn = |of: usize| usize::try_from(k % of as u64).expect("it is smaller than a length");
        let client = &self.clients[turn(self.clients.len())];
        let path = &self.load.paths[turn(self.load.paths.len())];
        let mut address = None;
        let asking = client.ask(&self.load, &self.resolve, path, &mut address);
        let (outcome, region) = match tokio::time::timeout(self.load.timeout, asking).await {
            Ok(Ok((status, region))) => (Outcome::Status(status), region),
            Ok(Err(failure)) => (Outcome::Failed(failure), None),
            Err(_) => (Outcome::Failed(Failure::Timeout), None),
        };
        let request = Request::new(self.due(k), sent, self.started.elapsed(), outcome);
        self.record(request, region.as_ref(), address);
    }

    fn record(&self, request: Request, region: Option<&hyper::header::HeaderValue>, address: Option<IpAddr>) {
        let region = region.and_then(|region| region.to_str().ok());
        self.records.lock().unwrap_or_else(PoisonError::into_inner).push(request, region, address);
    }
}
