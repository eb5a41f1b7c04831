//! The emulated AWS behind a lab: an embedded MiniStack or LocalStack, or one that someone else runs.

mod compose;
mod environment;
mod error;
mod executor;
mod health;
mod kind;
mod python;
mod server;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    str::FromStr,
    time::{Duration, Instant},
};

use crate::processes::Marker;
use compose::Compose;
pub use error::EmulatorError;
pub use kind::Kind;
use server::Server;

/// What `--emulator` chooses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// One that the lab installs, starts and ends.
    Embedded(Kind),
    /// One that runs already, at this address without a slash at the end.
    Running(String),
}

impl FromStr for Choice {
    type Err = EmulatorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "ministack" => Ok(Self::Embedded(Kind::Ministack)),
            "localstack" => Ok(Self::Embedded(Kind::Localstack)),
            url if url.starts_with("http://") => Ok(Self::Running(url.trim_end_matches('/').to_owned())),
            other => Err(EmulatorError::Choice { given: other.to_owned() }),
        }
    }
}

/// How an embedded emulator is set up.
#[derive(Debug, Clone)]
pub struct Embedded<'a> {
    /// Which.
    pub kind: Kind,
    /// Git-ignored, kept between runs: holds the virtual environment, and optionally `wheels`, the packages for an
    /// installation without a network.
    pub folder: &'a Path,
    /// This run's own folder, which exists; the server's log stays in it.
    pub run: &'a Path,
    /// Set on the server and on every function; every process that carries it is killed in the end.
    pub marker: Marker,
    /// Set on every function, `AWS_ENDPOINT_URL` for one, in place of what the emulator itself would set.
    pub functions: Vec<(String, String)>,
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
    /// A line that pip, or Docker, printed.
    Installing(String),
    /// The server starts.
    Starting,
}

/// An emulated AWS that answers. When it is dropped, all that it started is killed.
#[derive(Debug)]
pub struct Emulator {
    endpoint: String,
    kind: Kind,
    version: String,
    runs: Runs,
}

/// Who runs it.
#[derive(Debug)]
enum Runs {
    Process(Server),
    Container { _down_when_dropped: Compose },
    Theirs,
}

impl Emulator {
    /// Installs it where it is not yet, starts it on a loopback port and waits until it is healthy. Without the Python
    /// for it, `LocalStack` is run by Docker Compose where there is an engine.
    ///
    /// Dropping the future stops whatever it had started, and leaves an installation that the next one redoes.
    pub async fn start(
        settings: &Embedded<'_>,
        on_progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Self, EmulatorError> {
        let kind = settings.kind;
        let python = match environment::ensure(kind, settings.folder, on_progress).await {
            Err(EmulatorError::MissingPython { .. }) if kind == Kind::Localstack && compose::is_there().await => {
                let compose = Compose::up(settings, |line| on_progress(Progress::Installing(line.to_owned()))).await?;
                let (endpoint, version) = (compose.endpoint.clone(), compose.version.clone());
                return Ok(Self { endpoint, kind, version, runs: Runs::Container { _down_when_dropped: compose } });
            }
            found => found?,
        };
        on_progress(Progress::Starting);
        let server = Server::start(&python, settings).await?;
        let version = server.version().to_owned();
        Ok(Self { endpoint: server.endpoint(), kind, version, runs: Runs::Process(server) })
    }

    /// Uses an emulator that someone else runs, once it tells within `within` which it is.
    pub async fn running(endpoint: &str, within: Duration) -> Result<Self, EmulatorError> {
        const POLL: Duration = Duration::from_millis(100);
        let deadline = Instant::now() + within;
        loop {
            let mut last = String::new();
            for kind in [Kind::Ministack, Kind::Localstack] {
                let url = format!("{endpoint}{}", kind.health_path());
                match health::ask(&url).await {
                    Ok(answer) => {
                        if let Some(version) = answer.version().filter(|_| answer.status.is_success()) {
                            return Ok(Self { endpoint: endpoint.to_owned(), kind, version, runs: Runs::Theirs });
                        }
                        last = format!("{url} answered {} and no emulator's health", answer.status);
                    }
                    Err(error) => last = error,
                }
            }
            if Instant::now() >= deadline {
                let url = endpoint.to_owned();
                return Err(EmulatorError::Unhealthy { url, within, last, tail: String::new() });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Which it is, with its version, as in `localstack 4.14.0`.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{} {}", self.kind.word(), self.version)
    }

    /// Where it is, without a slash at the end.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Whether someone else runs it.
    #[must_use]
    pub fn outlives_the_lab(&self) -> bool {
        matches!(self.runs, Runs::Theirs)
    }

    /// Stops it and every function, and waits until all are gone; one that someone else runs is left alone.
    pub async fn stop(self) -> Result<(), EmulatorError> {
        match self.runs {
            Runs::Process(server) => server.stop().await,
            Runs::Container { .. } | Runs::Theirs => Ok(()),
        }
    }
}

/// Where `http://HOST:PORT` is.
pub async fn address(url: &str) -> Result<SocketAddr, EmulatorError> {
    let failed = |source| EmulatorError::Address { url: url.to_owned(), source };
    let host = url.trim_start_matches("http://");
    let mut found = tokio::net::lookup_host(host).await.map_err(failed)?;
    found.next().ok_or_else(|| failed(io::Error::from(io::ErrorKind::NotFound)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices() {
        assert_eq!("ministack".parse::<Choice>().unwrap(), Choice::Embedded(Kind::Ministack));
        assert_eq!("localstack".parse::<Choice>().unwrap(), Choice::Embedded(Kind::Localstack));
        let running = Choice::Running("http://127.0.0.1:4566".to_owned());
        assert_eq!("http://127.0.0.1:4566/".parse::<Choice>().unwrap(), running);
        for other in ["moto", "LocalStack", "https://127.0.0.1:4566", "127.0.0.1:4566", ""] {
            let message = other.parse::<Choice>().unwrap_err().to_string();
            assert!(message.contains("ministack, localstack and http://HOST:PORT"), "{message}");
        }
    }
}
