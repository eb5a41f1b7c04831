//! One running MiniStack: started on a loopback port, and gone with everything it started when dropped.

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

use super::{EmulatorError, Ministack, health};
use crate::processes::{Marker, tail};

const LAUNCHER: &str = include_str!("launcher.py");
const READY_WITHIN: Duration = Duration::from_secs(20);
const GRACE: Duration = Duration::from_secs(2);
const GONE_WITHIN: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);

/// All that the server, and through it the functions, see of the user's environment: their AWS profile, proxies and
/// MiniStack settings must not leak into the lab.
const INHERITED: [&str; 8] =
    ["PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR", "RUST_LOG", "RUST_BACKTRACE"];

#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    marker: Marker,
    port: u16,
    log: PathBuf,
    /// What MiniStack and the functions unpack and write.
    scratch: PathBuf,
}

impl Server {
    /// Starts MiniStack and waits until it is healthy.
    pub(super) async fn start(python: &Path, settings: &Ministack<'_>) -> Result<Self, EmulatorError> {
        const TRIES: u8 = 3;
        let mut tried = 1;
        loop {
            let port = match settings.port {
                Some(port) => port,
                None => free_port()?,
            };
            let mut server = Self::spawn(python, settings, port)?;
            match server.healthy().await {
                Ok(()) => return Ok(server),
                // Someone else took the free port between our asking and MiniStack's binding.
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

    fn spawn(python: &Path, settings: &Ministack<'_>, port: u16) -> Result<Self, EmulatorError> {
        let log = settings.run.join("ministack.log");
        let scratch = settings.run.join("ministack-scratch");
        let folder = |path: &Path| {
            let path = path.to_owned();
            |source| EmulatorError::Folder { path, source }
        };
        fs::create_dir_all(&scratch).map_err(folder(&scratch))?;
        let output = File::create(&log).map_err(folder(&log))?;
        let errors = output.try_clone().map_err(folder(&log))?;

        let mut command = Command::new(python);
        command.args(["-I", "-B", "-c", LAUNCHER]).stdin(Stdio::piped()).stdout(output).stderr(errors).process_group(0);
        command.env_clear().envs(INHERITED.iter().filter_map(|name| Some((name, env::var_os(name)?))));
        command.envs([
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("BIND_HOST", "127.0.0.1"),
            // Else it listens on port 8883 of every interface.
            ("IOT_MTLS_ENABLED", "0"),
            ("SFTP_ENABLED", "0"),
        ]);
        command.env("GATEWAY_PORT", port.to_string()).env("TMPDIR", &scratch).env("HOME", &scratch);
        command.envs(settings.environment.iter().map(|(name, value)| (name, value)));
        let (name, value) = settings.marker.variable();
        command.env(name, value);

        let child = command.spawn().map_err(|source| EmulatorError::Spawn { program: python.to_owned(), source })?;
        Ok(Self { child, marker: settings.marker.clone(), port, log, scratch })
    }

    async fn healthy(&mut self) -> Result<(), EmulatorError> {
        let url = format!("{}/_ministack/health", self.endpoint());
        let deadline = Instant::now() + READY_WITHIN;
        loop {
            let answer = health::ask(&url).await;
            if let Some(status) = self.exited() {
                return Err(self.failed(status));
            }
            match answer {
                Ok(status) if status.is_success() => return Ok(()),
                answer if Instant::now() >= deadline => {
                    let last = answer.map_or_else(|error| error, |status| format!("answered {status}"));
                    return Err(EmulatorError::Unhealthy { url, within: READY_WITHIN, last, tail: self.printed() });
                }
                _ => tokio::time::sleep(POLL).await,
            }
        }
    }

    fn failed(&self, status: ExitStatus) -> EmulatorError {
        let tail = self.printed();
        if tail.contains("is already in use") || tail.contains("Address already in use") {
            EmulatorError::PortBusy { port: self.port }
        } else {
            EmulatorError::Exited { status, tail, log: self.log.clone() }
        }
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

fn free_port() -> Result<u16, EmulatorError> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(|source| EmulatorError::NoPort { source })
}
