//! One running emulator: started on a loopback port, and gone with everything it started when dropped.

use std::{
    env,
    fs::{self, File},
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{Signal, killpg},
    unistd::Pid,
};

use super::{Embedded, EmulatorError, Kind, executor, health};
use crate::processes::{Marker, tail};

const LAUNCHER: &str = include_str!("launcher.py");
const GRACE: Duration = Duration::from_secs(2);
const GONE_WITHIN: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// All that the server and the functions see of the user's environment: their AWS profile, proxies and emulator
/// settings must not leak into the lab.
const INHERITED: [&str; 8] =
    ["PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "RUST_LOG", "RUST_BACKTRACE"];

#[derive(Debug)]
pub(super) struct Server {
    kind: Kind,
    child: Child,
    marker: Marker,
    port: u16,
    version: String,
    log: PathBuf,
    /// What it and the functions unpack and write.
    scratch: PathBuf,
}

impl Server {
    /// Starts it and waits until it is healthy.
    pub(super) async fn start(python: &Path, settings: &Embedded<'_>) -> Result<Self, EmulatorError> {
        const TRIES: u8 = 3;
        let mut tried = 1;
        loop {
            let port = match settings.port {
                Some(port) => port,
                None => free_port()?,
            };
            let mut server = Self::spawn(python, settings, port)?;
            match server.healthy().await {
                Ok(version) => {
                    server.version = version;
                    return Ok(server);
                }
                // Someone else took the free port between our asking and the emulator's binding.
                Err(EmulatorError::PortBusy { .. }) if settings.port.is_none() && tried < TRIES => {
                    tried += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://{}:{}", Ipv4Addr::LOCALHOST, self.port)
    }

    /// As its health tells it.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    fn spawn(python: &Path, settings: &Embedded<'_>, port: u16) -> Result<Self, EmulatorError> {
        // A server on its port is what LocalStack would put up with, running without a gateway.
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|_| EmulatorError::PortBusy { port })?;
        let kind = settings.kind;
        let log = settings.run.join(format!("{}.log", kind.word()));
        let scratch = settings.run.join(format!("{}-scratch", kind.word()));
        let folder = |path: &Path| {
            let path = path.to_owned();
            |source| EmulatorError::Folder { path, source }
        };
        fs::create_dir_all(&scratch).map_err(folder(&scratch))?;
        let output = File::create(&log).map_err(folder(&log))?;
        let errors = output.try_clone().map_err(folder(&log))?;

        let mut command = Command::new(python);
        command.args(["-I", "-B", "-c", LAUNCHER, kind.module()]);
        if kind == Kind::Localstack {
            command.arg(executor::write(&scratch).map_err(folder(&scratch))?);
        }
        command.stdin(Stdio::piped()).stdout(output).stderr(errors).process_group(0).env_clear();
        command.envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ]);
        command.envs(kind.settings(port)).env("TMPDIR", &scratch).env("HOME", &scratch);
        for (name, value) in INHERITED.iter().filter_map(|name| Some((name, env::var_os(name)?))) {
            command.env(name, &value).env(kind.for_functions(name), value);
        }
        let (name, value) = settings.marker.variable();
        command.env(name, value).env(kind.for_functions(name), value);
        command.envs(settings.functions.iter().map(|(name, value)| (kind.for_functions(name), value)));

        let child = command.spawn().map_err(|source| EmulatorError::Spawn { program: python.to_owned(), source })?;
        Ok(Self { kind, child, marker: settings.marker.clone(), port, version: String::new(), log, scratch })
    }

    /// Its version, once it is healthy.
    async fn healthy(&mut self) -> Result<String, EmulatorError> {
        let url = format!("{}{}", self.endpoint(), self.kind.health_path());
        let within = self.kind.ready_within();
        let deadline = Instant::now() + within;
        loop {
            let answer = health::ask(&url).await;
            if self.lacks_its_port() {
                return Err(EmulatorError::PortBusy { port: self.port });
            }
            if let Some(status) = self.exited() {
                return Err(EmulatorError::Exited {
                    kind: self.kind,
                    status,
                    tail: self.printed(),
                    log: self.log.clone(),
                });
            }
            match answer {
                Ok(answer) if answer.status.is_success() => return Ok(answer.version().unwrap_or_default()),
                answer if Instant::now() >= deadline => {
                    let last = answer.map_or_else(|error| error, |answer| format!("answered {}", answer.status));
                    return Err(EmulatorError::Unhealthy { url, within, last, tail: self.printed() });
                }
                _ => tokio::time::sleep(POLL).await,
            }
        }
    }

    fn lacks_its_port(&self) -> bool {
        let printed = self.printed();
        ["is already in use", "Address already in use"].iter().any(|words| printed.contains(words))
    }

    fn printed(&self) -> String {
        fs::read_to_string(&self.log).map_or_else(|error| format!("its log cannot be read: {error}"), |log| tail(&log))
    }

    fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks the server to end, and makes sure that it and all that it started has ended.
    pub(super) async fn stop(mut self) -> Result<(), EmulatorError> {
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + GRACE;
        while self.exited().is_none() && Instant::now() < deadline {
            tokio::time::sleep(POLL).await;
        }
        let left = self.end();
        if left.is_empty() { Ok(()) } else { Err(EmulatorError::Survivors { processes: left }) }
    }

    fn signal(&self, signal: Signal) {
        // Nothing left in the group is what is wanted.
        let _: nix::Result<()> = killpg(Pid::from_raw(self.child.id().cast_signed()), signal);
    }

    /// Blocks for a moment; done a second time it finds nothing to do.
    fn end(&mut self) -> Vec<Pid> {
        self.signal(Signal::SIGKILL);
        let left = self.marker.end(GONE_WITHIN);
        // Killed above, so it is only to be reaped; an error means that it was already.
        let _: Option<ExitStatus> = self.child.wait().ok();
        let _: std::io::Result<()> = fs::remove_dir_all(&self.scratch);
        left
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

pub(super) fn free_port() -> Result<u16, EmulatorError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| EmulatorError::NoPort { source })
}
