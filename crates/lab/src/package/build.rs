//! Builds the functions for this machine.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use tokio::process::Command;

use super::{Artifacts, Binary, Origin, PackageError};
use crate::processes::{Line, run, tail};

/// Set by `cargo run` for the program it runs; build scripts that watch them would make cargo build anew.
const LEFT_BY_CARGO_RUN: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];

/// What cargo says on stdout of something that it made.
#[derive(Debug, Deserialize)]
struct Message {
    target: Option<Target>,
    executable: Option<PathBuf>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
}

/// Builds both with the selection of packages that a plain `cargo run --release` has: with `--package` features could
/// differ, and everything would be compiled a second time.
pub(super) async fn build(workspace: &Path, on_line: &(dyn Fn(&str) + Send + Sync)) -> Result<Artifacts, PackageError> {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(["build", "--release", "--bin", "checker", "--bin", "failover"]);
    command.arg("--message-format=json-render-diagnostics").current_dir(workspace);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| LEFT_BY_CARGO_RUN.iter().any(|prefix| name.starts_with(prefix))) {
            command.env_remove(name);
        }
    }

    let mut said = String::new();
    let mut programs = BTreeMap::new();
    let status = run(&mut command, |line| match line {
        Line::Err(line) => {
            on_line(line);
            said.push_str(line);
            said.push('\n');
        }
        Line::Out(line) => {
            // Where cargo made no program, or says something else, there is none to note.
            if let Ok(Message { target: Some(target), executable: Some(path) }) = serde_json::from_str(line) {
                programs.insert(target.name, path);
            }
        }
    })
    .await
    .map_err(|source| PackageError::NoCargo { workspace: workspace.to_owned(), source })?;

    let (Some(checker), Some(failover), true) =
        (programs.remove("checker"), programs.remove("failover"), status.success())
    else {
        return Err(PackageError::Build { workspace: workspace.to_owned(), tail: tail(&said) });
    };
    Ok(Artifacts { checker: Binary::program(checker)?, failover: Binary::program(failover)?, origin: Origin::Built })
}
