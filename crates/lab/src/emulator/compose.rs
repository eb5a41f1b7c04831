//! `LocalStack` by Docker Compose, for a machine without the Python it needs. Untried against a Docker engine.

use std::{
    fs,
    net::Ipv4Addr,
    path::PathBuf,
    process::{self, Stdio},
};

use tokio::process::Command;

use super::{Embedded, EmulatorError, Kind, executor, health, server::free_port};
use crate::processes::{Line, run, tail};

const COMPOSE: &str = include_str!("../../../../localstack/compose.yaml");

/// A running project of Docker Compose; dropped, it is taken down.
#[derive(Debug)]
pub(super) struct Compose {
    file: PathBuf,
    project: String,
    pub(super) endpoint: String,
    pub(super) version: String,
}

/// Whether there are Compose and an engine that answers.
pub(super) async fn is_there() -> bool {
    for arguments in [&["compose", "version"][..], &["info"]] {
        let mut docker = Command::new("docker");
        docker.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        if !docker.status().await.is_ok_and(|status| status.success()) {
            return false;
        }
    }
    true
}

impl Compose {
    /// Starts the container and waits until its health check passes.
    pub(super) async fn up(settings: &Embedded<'_>, on_line: impl Fn(&str)) -> Result<Self, EmulatorError> {
        let folder = |source| EmulatorError::Folder { path: settings.run.to_owned(), source };
        let file = settings.run.join("compose.yaml");
        fs::write(&file, COMPOSE).map_err(folder)?;
        executor::write(settings.run).map_err(folder)?;
        let port = settings.port.map_or_else(free_port, Ok)?;
        let project = format!("pointsman-{}", settings.marker);
        let endpoint = format!("http://{}:{port}", Ipv4Addr::LOCALHOST);
        // Made before it is up, so that a container that never gets healthy goes too.
        let mut compose = Self { file, project, endpoint, version: String::new() };

        let mut command = Command::from(compose.command(&["up", "--detach", "--wait"]));
        command.env("LOCALSTACK_PORT", port.to_string()).env("POINTSMAN_FOLDER", settings.folder);
        let (name, value) = settings.marker.variable();
        let marker = (name.to_owned(), value.to_owned());
        let functions = settings.functions.iter().chain([&marker]);
        command.envs(functions.map(|(name, value)| (Kind::Localstack.for_functions(name), value)));
        let mut printed = String::new();
        let status = run(&mut command, |(Line::Out(line) | Line::Err(line))| {
            on_line(line);
            printed.push_str(line);
            printed.push('\n');
        });
        let status = status.await.map_err(|source| EmulatorError::Spawn { program: "docker".into(), source })?;
        if !status.success() {
            return Err(EmulatorError::Compose { tail: tail(&printed) });
        }
        let answer = health::ask(&format!("{}{}", compose.endpoint, Kind::Localstack.health_path())).await;
        let answer = answer.map_err(|tail| EmulatorError::Compose { tail })?;
        compose.version = answer.version().unwrap_or_default();
        Ok(compose)
    }

    fn command(&self, arguments: &[&str]) -> process::Command {
        let mut docker = process::Command::new("docker");
        docker.args(["compose", "--project-name", &self.project, "--file"]).arg(&self.file).args(arguments);
        docker
    }

    fn down(&self) {
        let mut docker = self.command(&["down", "--timeout", "2"]);
        docker.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // An engine that has gone away has taken the container along, or keeps it: nothing is left to try.
        let _: std::io::Result<process::ExitStatus> = docker.status();
    }
}

impl Drop for Compose {
    /// Blocks until the container is gone.
    fn drop(&mut self) {
        self.down();
    }
}
