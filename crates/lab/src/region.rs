//! A region: an HTTP server on a loopback address of its own, whose faults are set from outside.

mod admin;
mod burn;
mod control;
mod pages;
mod process;
mod server;
mod state;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use domain::RegionName;
use hyper::StatusCode;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use tokio::{net::TcpListener, sync::watch};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::tls::{Identities, TlsError};

pub use control::Control;
pub use process::{Spawn, serve_process};

/// The header that names the region that answered.
pub const REGION_HEADER: &str = "x-region";

/// Before the next attempt to accept or to listen, after one failed.
const RETRY: Duration = Duration::from_millis(10);
/// Attempts at a port that is free on all addresses.
const PORT_ATTEMPTS: u32 = 64;

/// Why a region does not start, or does not do what it is told.
#[derive(Debug, thiserror::Error)]
pub enum RegionError {
    /// Its process can't be started.
    #[error("tried to run region {region} as `{}`: {source}", .program.display())]
    Run {
        /// Which.
        region: RegionName,
        /// What was to run it.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Its process ended, or says something else than where it listens.
    #[error("region {region} does not serve: {said}")]
    NotServing {
        /// Which.
        region: RegionName,
        /// What its process said last.
        said: String,
    },
    /// An address can't be had.
    #[error("tried to serve on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// Its certificates can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// It does not answer those who set its faults.
    #[error("tried to set a region's faults at {admin}: {source}")]
    Unreachable {
        /// Where.
        admin: SocketAddr,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It refuses what it is told.
    #[error("tried to set a region's faults at {admin}: {status}: {said}")]
    Refused {
        /// Where.
        admin: SocketAddr,
        /// Its answer's status.
        status: StatusCode,
        /// Its answer.
        said: String,
    },
}

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
    life: Life,
}

/// What runs it.
#[derive(Debug)]
enum Life {
    Tasks { tasks: TaskTracker, stop: DropGuard },
    Process(process::Process),
}

impl Region {
    /// Serves in this process, without TLS. Listens on `address`, and for faults on a loopback port of its own.
    /// `seed` rules which answers a share of them hits and how long a jitter is.
    pub async fn start(name: RegionName, address: SocketAddr, seed: u64) -> io::Result<Self> {
        Self::serve(&name, address, seed, None).await
    }

    /// Serves in this process, TLS and plain HTTP on the same port.
    pub async fn start_tls(
        name: RegionName,
        address: SocketAddr,
        seed: u64,
        identities: Identities,
    ) -> io::Result<Self> {
        Self::serve(&name, address, seed, Some(identities)).await
    }

    /// Serves in a process of its own: `program lab region …`, which calls [`serve_process`].
    pub async fn spawn(program: &Path, settings: Spawn<'_>) -> Result<Self, RegionError> {
        let (process, listening) = process::Process::start(program, settings).await?;
        Ok(Self { control: Control::new(listening.admin), address: listening.address, life: Life::Process(process) })
    }

    async fn serve(
        name: &RegionName,
        address: SocketAddr,
        seed: u64,
        identities: Option<Identities>,
    ) -> io::Result<Self> {
        let listener = server::listen(address)?;
        let admin = TcpListener::bind("127.0.0.1:0").await?;
        let (open_sender, open) = watch::channel(true);
        let switches = state::Switches::new(open);
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let region = Self {
            control: Control::new(admin.local_addr()?),
            address: listener.local_addr()?,
            life: Life::Tasks { tasks: tasks.clone(), stop: stop.clone().drop_guard() },
        };
        let server = Arc::new(server::Server {
            pages: pages::Pages::new(name),
            address: region.address,
            identities,
            switches: switches.clone(),
            random: Mutex::new(ChaCha8Rng::seed_from_u64(seed)),
            tasks: tasks.clone(),
            stop: stop.clone(),
        });
        let admin_of = admin::Admin { switches, has_tls: server.identities.is_some() };
        tasks.spawn(server.clone().burn());
        tasks.spawn(server.run(listener, open_sender));
        tasks.spawn(admin::serve(admin, admin_of, tasks.clone(), stop));
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

    /// Where people set its faults: `GET`, `PUT`, `POST` and `DELETE /faults`, `GET` and `PUT /cut-off`.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.control.admin()
    }

    /// Ends it: the listeners are closed, the connections dropped.
    pub async fn stop(self) {
        match self.life {
            Life::Tasks { tasks, stop } => {
                drop(stop);
                tasks.close();
                tasks.wait().await;
            }
            Life::Process(process) => process.stop().await,
        }
    }
}
