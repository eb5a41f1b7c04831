//! A region in a process of its own, so that what burns its processor burns nobody else's.

use std::{
    convert::Infallible,
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::Duration,
};

use domain::RegionName;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, ChildStderr, ChildStdin, Command},
    signal::unix::{SignalKind, signal},
    sync::oneshot,
    time::timeout,
};
use tokio_util::task::AbortOnDropHandle;

use super::{Region, RegionError};
use crate::{
    processes::{Marker, tail},
    tls::Identities,
};

/// Priority can't be taken back without privileges, so the whole process has a lower one from the start:
/// its burning slows its own answers, and not those who measure them.
const NICENESS: &str = "5";
/// A process that does not listen in this time is not going to.
const LISTENS_WITHIN: Duration = Duration::from_secs(20);
/// A process that does not end in this time is killed.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// A region that gets a process of its own.
#[derive(Debug)]
pub struct Spawn<'a> {
    /// Which it is.
    pub name: RegionName,
    /// Where it serves.
    pub address: SocketAddr,
    /// Rules which answers a share of them hits and how long a jitter is.
    pub seed: u64,
    /// What an [`Authority`](crate::tls::Authority) wrote; without it the region speaks no TLS.
    pub tls: Option<PathBuf>,
    /// Whose it is.
    pub marker: &'a Marker,
}

/// What a region's process says once it listens.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Listening {
    pub(super) address: SocketAddr,
    pub(super) admin: SocketAddr,
}

/// A running process. Dropped, it is killed.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    /// Its end tells the process that nobody needs it any more, however this process ends.
    stdin: ChildStdin,
    _said: AbortOnDropHandle<()>,
}

impl Process {
    pub(super) async fn start(program: &Path, settings: Spawn<'_>) -> Result<(Self, Listening), RegionError> {
        let region = settings.name.clone();
        let mut nice = Command::new("nice");
        nice.args(["-n", NICENESS]).arg(program);
        let spawned = match as_region(nice, &settings).spawn() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                as_region(Command::new(program), &settings).spawn()
            }
            spawned => spawned,
        };
        let mut child = spawned.map_err(|source| RegionError::Run {
            region: region.clone(),
            program: program.to_owned(),
            source,
        })?;
        let taken = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(mut stderr)) = taken else {
            unreachable!("all three were asked for as pipes");
        };
        let mut line = String::new();
        let said = timeout(LISTENS_WITHIN, BufReader::new(stdout).read_line(&mut line)).await;
        if let Ok(listening) = serde_json::from_str(&line) {
            let said = AbortOnDropHandle::new(tokio::spawn(pass_on(stderr, region)));
            return Ok((Self { child, stdin, _said: said }, listening));
        }
        let said = match said {
            Ok(_) => {
                // It has nothing more to say once it is killed.
                let _gone = child.start_kill();
                let mut said = Vec::new();
                let _cut_short = stderr.read_to_end(&mut said).await;
                tail(&(line + &String::from_utf8_lossy(&said)))
            }
            Err(_) => format!("it did not say in {} s where it listens", LISTENS_WITHIN.as_secs()),
        };
        Err(RegionError::NotServing { region, said })
    }

    pub(super) async fn stop(self) {
        let Self { mut child, stdin, _said } = self;
        drop(stdin);
        if timeout(ENDS_WITHIN, child.wait()).await.is_err() {
            // It fails for a process that has ended, which is as good.
            let _ended = child.kill().await;
        }
    }
}

fn as_region(mut command: Command, settings: &Spawn<'_>) -> Command {
    command.args(["lab", "region", settings.name.as_str()]);
    command.arg(settings.address.to_string()).arg(format!("--seed={}", settings.seed));
    if let Some(folder) = &settings.tls {
        command.arg("--tls").arg(folder);
    }
    let (marker, value) = settings.marker.variable();
    command.env(marker, value);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn pass_on(stderr: ChildStderr, region: RegionName) {
    let mut lines = BufReader::new(stderr).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        tracing::warn!(%region, line);
    }
}

/// Serves as a process that [`Region::spawn`] started, until its standard input ends or SIGTERM comes.
/// Tells on standard output where it listens.
pub async fn serve_process(
    name: RegionName,
    address: SocketAddr,
    seed: u64,
    tls: Option<&Path>,
) -> Result<(), RegionError> {
    let failed = |source| RegionError::Listen { address, source };
    // A terminal sends it to the whole group: whoever started this process decides when it ends.
    let _ignored = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let identities = tls.map(Identities::read).transpose()?;
    let region = Region::serve(&name, address, seed, identities).await.map_err(failed)?;
    say(&Listening { address: region.address(), admin: region.admin() }).map_err(failed)?;
    tokio::select! {
        _ = terminate.recv() => {}
        () = end_of_stdin() => {}
    }
    region.stop().await;
    Ok(())
}

/// A thread of its own waits for it, which keeps no runtime from ending.
async fn end_of_stdin() {
    let (held, ended) = oneshot::channel::<Infallible>();
    thread::spawn(move || {
        // Nothing is ever sent, and what can't be read has ended too.
        let _read = io::copy(&mut io::stdin(), &mut io::sink());
        drop(held);
    });
    let Err(_) = ended.await;
}

fn say(listening: &Listening) -> io::Result<()> {
    let mut stdout = io::stdout();
    serde_json::to_writer(&mut stdout, listening)?;
    writeln!(stdout)?;
    stdout.flush()
}
