//! The virtual environment that an emulator is installed in, made once and kept.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    process::ExitStatus,
    time::Duration,
};

use tokio::process::Command;

use super::{EmulatorError, Kind, Progress, python::Python};
use crate::processes::{Line, run, tail};

/// Written last: an environment without it is half-made, and made anew.
const COMPLETE: &str = "complete";

/// What of the user's set-up would send the packages elsewhere than into the environment.
const MISLEADING: [&str; 4] = ["PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_USER"];

const POLL: Duration = Duration::from_millis(100);

/// The `python` of a complete environment under `folder`, which is installed first where it is not there yet.
///
/// One folder may serve several labs at once: a file lock, which ends with its holder, lets one of them install.
pub(super) async fn ensure(
    kind: Kind,
    folder: &Path,
    on_progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<PathBuf, EmulatorError> {
    let environment = Environment::of(kind, Python::find(kind).await?, folder, on_progress);
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let _lock = environment.lock().await?;
    if !environment.is_complete() {
        environment.make().await?;
    }
    Ok(environment.executable())
}

struct Environment<'a> {
    kind: Kind,
    python: Python,
    path: PathBuf,
    /// Packages for an installation without a network.
    wheels: PathBuf,
    on_progress: &'a (dyn Fn(Progress) + Send + Sync),
}

impl<'a> Environment<'a> {
    fn of(kind: Kind, python: Python, folder: &Path, on_progress: &'a (dyn Fn(Progress) + Send + Sync)) -> Self {
        // Another Python or other requirements are another environment.
        let made_from = format!("{}{}{}", kind.requirements(), python.version, python.executable.display());
        let key = &domain::sha256_hex(made_from.as_bytes())[..12];
        let path = folder.join(format!("{}-{key}", kind.word()));
        Self { kind, python, path, wheels: folder.join("wheels"), on_progress }
    }

    fn executable(&self) -> PathBuf {
        self.path.join("bin/python")
    }

    /// The executable is a link to a Python that may have been removed since.
    fn is_complete(&self) -> bool {
        self.path.join(COMPLETE).exists() && self.executable().exists()
    }

    /// Inside, so that what a killed pip leaves goes with the half-made environment.
    fn scratch(&self) -> PathBuf {
        self.path.join("scratch")
    }

    async fn lock(&self) -> Result<File, EmulatorError> {
        let path = self.path.with_added_extension("lock");
        let lock = File::create(&path).map_err(failed(&path))?;
        let mut waits = false;
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) if waits => {}
                Err(TryLockError::WouldBlock) => {
                    waits = true;
                    (self.on_progress)(Progress::WaitingForInstall);
                }
                Err(TryLockError::Error(source)) => return Err(failed(&path)(source)),
            }
            tokio::time::sleep(POLL).await;
        }
    }

    async fn make(&self) -> Result<(), EmulatorError> {
        if self.path.exists() {
            fs::remove_dir_all(&self.path).map_err(failed(&self.path))?;
        }
        (self.on_progress)(Progress::CreatingEnvironment(self.path.clone()));
        let mut printed = String::new();
        let scratch = self.scratch();
        fs::create_dir_all(&scratch).map_err(failed(&scratch))?;
        let mut command = Command::new(&self.python.executable);
        command.args(["-I", "-m", "venv"]).arg(&self.path).env("TMPDIR", &scratch);
        if !collect(&mut command, &mut printed, |_| {}).await?.success() {
            let python = self.python.executable.clone();
            return Err(EmulatorError::Environment { python, tail: tail(&printed) });
        }
        self.install().await?;
        fs::remove_dir_all(&scratch).map_err(failed(&scratch))?;
        let complete = self.path.join(COMPLETE);
        fs::write(&complete, "").map_err(failed(&complete))
    }

    async fn install(&self) -> Result<(), EmulatorError> {
        let requirements = self.path.join("requirements.txt");
        fs::write(&requirements, self.kind.requirements()).map_err(failed(&requirements))?;

        let mut printed = String::new();
        // Alone first: with an index too, pip would ask an unreachable one about every package before it looked here.
        let installed = self.wheels.is_dir()
            && self.pip(&["--no-index", "--find-links"], Some(&self.wheels), &mut printed).await?
            || self.pip(&[], None, &mut printed).await?;
        if installed {
            return Ok(());
        }
        // Beside the environment, which the next try removes.
        let log = self.path.with_added_extension("log");
        fs::write(&log, &printed).map_err(failed(&log))?;
        if is_unreachable(&printed) {
            let (python, wheels) = (self.python.executable.clone(), self.wheels.clone());
            Err(EmulatorError::Offline { kind: self.kind, python, wheels, log })
        } else {
            Err(EmulatorError::Install { kind: self.kind, tail: tail(&printed), log })
        }
    }

    async fn pip(&self, from: &[&str], folder: Option<&Path>, printed: &mut String) -> Result<bool, EmulatorError> {
        let mut command = Command::new(self.executable());
        command
            .args(["-I", "-m", "pip", "install", "--require-hashes", "--no-input"])
            .args(["--disable-pip-version-check", "--progress-bar", "off"])
            .args(["--retries", "2", "--timeout", "10"])
            .args(from)
            .args(folder)
            .arg("-r")
            .arg(self.path.join("requirements.txt"))
            .env("TMPDIR", self.scratch());
        for name in MISLEADING {
            command.env_remove(name);
        }
        let report = |line: &str| (self.on_progress)(Progress::Installing(line.to_owned()));
        Ok(collect(&mut command, printed, report).await?.success())
    }
}

async fn collect(
    command: &mut Command,
    printed: &mut String,
    on_line: impl Fn(&str),
) -> Result<ExitStatus, EmulatorError> {
    let program = PathBuf::from(command.as_std().get_program());
    run(command, |(Line::Out(line) | Line::Err(line))| {
        on_line(line);
        printed.push_str(line);
        printed.push('\n');
    })
    .await
    .map_err(|source| EmulatorError::Spawn { program, source })
}

fn failed(path: &Path) -> impl Fn(io::Error) -> EmulatorError {
    let path = path.to_owned();
    move |source| EmulatorError::Folder { path: path.clone(), source }
}

/// pip has no exit code for it; these are its and urllib3's words for an index that cannot be reached.
fn is_unreachable(printed: &str) -> bool {
    ["Retrying (Retry(", "Max retries exceeded", "Failed to establish a new connection"]
        .iter()
        .any(|sign| printed.contains(sign))
        && !printed.contains("DO NOT MATCH THE HASHES")
}
