//! What can go wrong with an emulator.

use std::{io, path::PathBuf, process::ExitStatus, time::Duration};

use nix::unistd::Pid;
use thiserror::Error;

use super::Kind;

/// Why there is no emulator, or it cannot be stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EmulatorError {
    /// Neither a word nor an address.
    #[error("`{given}` is none of ministack, localstack and http://HOST:PORT of one that runs")]
    Choice {
        /// What was given.
        given: String,
    },
    /// No such host.
    #[error("failed to find {url}: {source}; expected http://HOST:PORT")]
    Address {
        /// What was given.
        url: String,
        /// Why.
        source: io::Error,
    },
    /// Emulators run on Python.
    #[error(
        "{kind} needs Python {oldest} or later with venv, on PATH, under pyenv or by uv; found: {found}. Install it \
         (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python; uv python install 3.13){}",
        if *kind == Kind::Localstack { ", or Docker with Compose" } else { "" }
    )]
    MissingPython {
        /// Which emulator.
        kind: Kind,
        /// As in `3.12`.
        oldest: String,
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
        "failed to install {kind}: the package index cannot be reached (log: {}). To install without a network, \
         fill a folder where there is one: {} -m pip download --require-hashes \
         -r localstack/requirements-{}.txt -d {}",
        log.display(), python.display(), kind.word(), wheels.display()
    )]
    Offline {
        /// Which emulator.
        kind: Kind,
        /// The Python to download for; one of another version would bring other wheels.
        python: PathBuf,
        /// Where packages are looked for before the index is asked.
        wheels: PathBuf,
        /// All that pip printed.
        log: PathBuf,
    },
    /// pip failed otherwise.
    #[error("failed to install {kind} (log: {}):\n{tail}", log.display())]
    Install {
        /// Which emulator.
        kind: Kind,
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
    /// Docker Compose failed.
    #[error("failed to start LocalStack by Docker Compose:\n{tail}")]
    Compose {
        /// The last lines that it printed.
        tail: String,
    },
    /// It ended while it started.
    #[error("{kind} ended while it started ({status}; log: {}):\n{tail}", log.display())]
    Exited {
        /// Which emulator.
        kind: Kind,
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
        /// The last lines that our own server printed; empty for someone else's.
        tail: String,
    },
    /// Killed processes did not go away.
    #[error("processes {processes:?} of the lab could not be stopped; end them by hand")]
    Survivors {
        /// Their ids.
        processes: Vec<Pid>,
    },
}
