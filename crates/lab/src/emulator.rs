//! The emulated AWS behind a lab: an embedded MiniStack, or one that someone else runs.

mod environment;
mod health;
mod python;
mod server;

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::{Duration, Instant},
};

use nix::unistd::Pid;
use thiserror::Error;

use crate::processes::Marker;
use server::Server;

/// How the embedded MiniStack is set up.
#[derive(Debug, Clone)]
pub struct Ministack<'a> {
    /// Git-ignored, kept between runs: holds the virtual environment, and optionally `wheels`, the packages for an
    /// installation without a network.
    pub folder: &'a Path,
    /// This run's own folder, which exists; `ministack.log` stays in it.
    pub run: &'a Path,
    /// Set on the server and so on every function; every process that carries it is killed in the end.
    pub marker: Marker,
    /// Set on the server too, and so on every function: `AWS_ENDPOINT_URL`, for one.
    pub environment: Vec<(String, String)>,
    /// A free one unless given.
    pub port: Option<u16>,
}

/// What is going on while an emulator starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Another process installs into the same folder.
    WaitingForInstall,
    /// The virtual environment is made at this path.
    CreatingEnvironment(PathBuf),
    /// A line that pip printed.
    Installing(String),
    /// The server starts.
    Starting,
}

/// An emulated AWS that answers. When it is dropped, all that it started is killed.
#[derive(Debug)]
pub struct Emulator {
    endpoint: String,
    server: Option<Server>,
}

impl Emulator {
    /// Installs MiniStack where it is not yet, starts it on a loopback port and waits until it is healthy.
    ///
    /// Dropping the future stops whatever it had started, and leaves an installation that the next one redoes.
    pub async fn ministack(
        settings: &Ministack<'_>,
        on_progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Self, EmulatorError> {
        let python = environment::ensure(settings.folder, on_progress).await?;
        on_progress(Progress::Starting);
        let server = Server::start(&python, settings).await?;
        Ok(Self { endpoint: server.endpoint(), server: Some(server) })
    }

    /// Uses an emulator that someone else runs, once it answers at `/`, whatever it answers, within `within`.
    pub async fn external(url: &str, within: Duration) -> Result<Self, EmulatorError> {
        const POLL: Duration = Duration::from_millis(100);
        let endpoint = url.trim_end_matches('/').to_owned();
        if !endpoint.starts_with("http://") {
            return Err(EmulatorError::Url { url: url.to_owned() });
        }
        let deadline = Instant::now() + within;
        loop {
            match health::ask(&format!("{endpoint}/")).await {
                Ok(_) => {
                    return Ok(Self { endpoint, server: None });
                }
                Err(last) if Instant::now() >= deadline => {
                    return Err(EmulatorError::Unhealthy { url: endpoint, within, last, tail: String::new() });
                }
                Err(_) => tokio::time::sleep(POLL).await,
            }
        }
    }

    /// Where it is, without a slash at the end.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Stops it and every function, and waits until all are gone; an external one is left alone.
    pub async fn stop(self) -> Result<(), EmulatorError> {
        match self.server {
            Some(server) => server.stop().await,
            None => Ok(()),
        }
    }
}

/// Why there is no emulator, or it cannot be stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// MiniStack runs on Python.
    #[error(
        "MiniStack needs Python 3.10 or later with venv on PATH; found: {found}. Install it \
         (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python)"
    )]
    MissingPython {
        /// Which were found and why each will not do.
        found: String,
    },
    /// A folder or file of ours could not be made, written or removed.
    #[error("failed to prepare {}: {source}", path.display())]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A program could not be run at all.
    #[error("failed to run {}: {source}", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `python -m venv` failed.
    #[error("failed to make a virtual environment with {}:\n{tail}", python.display())]
    Environment {
        /// The Python that was used.
        python: PathBuf,
        /// The last lines that it printed.
        tail: String,
    },
    /// pip cannot reach its index.
    #[error(
        "failed to install MiniStack: the package index cannot be reached (log: {}). To install without a network, \
         fill a folder where there is one: {python} -m pip download --require-hashes \
         -r localstack/requirements-ministack.txt -d {}",
        log.display(), wheels.display()
    )]
    Offline {
        /// The Python to download for, as in `python3.12`; another would bring other wheels.
        python: String,
        /// Where packages are looked for before the index is asked.
        wheels: PathBuf,
        /// All that pip printed.
        log: PathBuf,
    },
    /// pip failed otherwise.
    #[error("failed to install MiniStack (log: {}):\n{tail}", log.display())]
    Install {
        /// The last lines that pip printed.
        tail: String,
        /// All that pip printed.
        log: PathBuf,
    },
    /// No loopback port is free.
    #[error("failed to find a free loopback port: {source}")]
    NoPort {
        /// Why.
        source: io::Error,
    },
    /// The port that was asked for is taken.
    #[error("port {port} of 127.0.0.1 is in use; stop what listens there, or leave the port open")]
    PortBusy {
        /// The port.
        port: u16,
    },
    /// MiniStack ended while it started.
    #[error("MiniStack ended while it started ({status}; log: {}):\n{tail}", log.display())]
    Exited {
        /// How it ended.
        status: ExitStatus,
        /// The last lines that it printed.
        tail: String,
        /// All that it printed.
        log: PathBuf,
    },
    /// Nothing healthy answers.
    #[error("{url} was not healthy in {} s: {last}\n{tail}", within.as_secs())]
    Unhealthy {
        /// What was asked.
        url: String,
        /// For how long.
        within: Duration,
        /// What the last question brought.
        last: String,
        /// The last lines that our own server printed; empty for an external one.
        tail: String,
    },
    /// An external emulator is reached over plain HTTP.
    #[error("{url} is not an emulator's address; expected http://HOST:PORT")]
    Url {
        /// What was given.
        url: String,
    },
    /// Killed processes did not go away.
    #[error("processes {processes:?} of the lab could not be stopped; end them by hand")]
    Survivors {
        /// Their ids.
        processes: Vec<Pid>,
    },
}
