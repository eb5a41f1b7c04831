//! A lab that is kept up for a test, in a folder of its own, so that several can run side by side.

use std::{
    ffi::OsStr,
    fs, io,
    net::Ipv4Addr,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use lab::package::{self, Source};
use serde_json::Value;
use tempfile::TempDir;

use super::{
    aws::Aws,
    dns,
    emulator::Emulator,
    http,
    program::{self, Finished, Program, pointsman},
    seconds, workspace,
};

/// How long a lab may take to come up on a busy machine that has no MiniStack yet.
const UP: Duration = seconds(180);

/// A working folder with both functions in it, and MiniStack where the workspace has it installed.
pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        let folder = TempDir::new().unwrap();
        fs::create_dir(folder.path().join(".pointsman")).unwrap();
        let installed = fs::read_dir(workspace().join(".pointsman")).into_iter().flatten().flatten();
        for environment in installed.filter(|entry| entry.path().join("complete").exists()) {
            symlink(environment.path(), folder.path().join(".pointsman").join(environment.file_name())).unwrap();
        }
        Self { folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A folder for `--artifacts` with the functions as a drill builds them.
    pub(crate) fn artifacts(&self) -> PathBuf {
        let folder = self.path().join("artifacts");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let built = runtime.block_on(package::locate(&Source::Workspace(workspace()), &|_| {})).unwrap();
        for (name, binary) in [("checker", &built.checker), ("failover", &built.failover)] {
            let packed = binary.path().extension() == Some(OsStr::new("zip"));
            fs::create_dir_all(folder.join(name)).unwrap();
            symlink(binary.path(), folder.join(name).join(if packed { "bootstrap.zip" } else { "bootstrap" })).unwrap();
        }
        folder
    }
}

/// A lab that is up. Dropped, it is taken down.
pub(crate) struct Lab {
    /// As `--emulator` takes it.
    emulator: String,
    place: Place,
    artifacts: PathBuf,
    /// What `lab up` printed.
    pub(crate) running: Value,
}

impl Lab {
    pub(crate) fn up(emulator: Emulator, scenario: &str, speed: u32) -> Self {
        Self::up_on(emulator.name(), scenario, speed)
    }

    /// `emulator` may be the address of one that runs.
    pub(crate) fn up_on(emulator: &str, scenario: &str, speed: u32) -> Self {
        let place = Place::new();
        let artifacts = place.artifacts();
        fs::write(place.path().join("scenario.toml"), scenario).unwrap();
        let mut lab = Self { emulator: emulator.to_owned(), place, artifacts, running: Value::Null };
        let up = lab.up_again(speed).exits(0);
        lab.running = up.json();
        lab
    }

    /// `lab up`, whether one is up or not.
    pub(crate) fn up_again(&self, speed: u32) -> Finished {
        let speed = format!("--speed={speed}");
        let artifacts = format!("--artifacts={}", self.artifacts.display());
        let emulator = format!("--emulator={}", self.emulator);
        let arguments = ["lab", "up", "scenario.toml", &speed, &artifacts, &emulator, "--output=json", "--no-progress"];
        let mut up = Program::start(pointsman(self.place.path(), arguments));
        up.end(UP)
    }

    pub(crate) fn place(&self) -> &Path {
        self.place.path()
    }

    /// The folder with the functions that were deployed.
    pub(crate) fn artifacts(&self) -> &Path {
        &self.artifacts
    }

    pub(crate) fn text(&self, pointer: &str) -> &str {
        self.running.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer}: {}", self.running))
    }

    pub(crate) fn service(&self) -> &str {
        self.text("/service")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.running["pid"].as_u64().and_then(|pid| pid.try_into().ok()).unwrap()
    }

    pub(crate) fn aws(&self) -> Aws {
        Aws::at(self.text("/endpoint_url"))
    }

    /// A command on the lab, as the lines that `lab up` prints have it.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = pointsman(self.place(), arguments);
        command.env("AWS_ENDPOINT_URL", self.text("/endpoint_url")).env("POINTSMAN_CONFIG", self.text("/config"));
        command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")]);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        program::run(self.command(arguments), program::COMMAND)
    }

    pub(crate) fn deploy(&self) -> Finished {
        let artifacts = self.artifacts.display().to_string();
        self.run(&["deploy", "--yes", "--artifacts", &artifacts])
    }

    /// `status` of the one service.
    pub(crate) fn status(&self) -> Value {
        let status = self.run(&["status", "--output", "json"]);
        assert!(matches!(status.code(), Some(0 | 3)), "{status}");
        status.json()[0].take()
    }

    /// The region whose address every name server answers with; none while they differ.
    pub(crate) fn answering(&self) -> Option<&str> {
        let servers = self.running["name_servers"].as_array().unwrap();
        let mut answers = servers.iter().map(|server| dns::addresses(server.as_str().unwrap(), self.service()));
        let first = answers.next()?;
        if answers.any(|other| other != first) {
            return None;
        }
        let regions = self.running["regions"].as_object().unwrap();
        let at = |region: &Value| -> Ipv4Addr {
            region["serves"].as_str().unwrap().split_once(':').unwrap().0.parse().unwrap()
        };
        regions.iter().find(|(_, region)| first == [at(region)]).map(|(name, _)| name.as_str())
    }

    /// Puts a fault on a region, and no other.
    pub(crate) fn fault(&self, region: &str, fault: &str) {
        let put = http::ask("PUT", self.text(&format!("/regions/{region}/faults")), &[], fault.as_bytes()).unwrap();
        assert_eq!(put.status, 200, "{}", String::from_utf8_lossy(&put.body));
    }

    pub(crate) fn down(&self) -> Finished {
        program::run(pointsman(self.place(), ["lab", "down"]), program::COMMAND)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // Only a test that failed leaves it up.
        let mut down = pointsman(self.place(), ["lab", "down"]);
        let _: io::Result<Output> = down.output();
    }
}
