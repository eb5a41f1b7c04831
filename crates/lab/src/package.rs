//! Function binaries: found where `cargo lambda` left them or built for this machine, then packed for Lambda.

mod binary;
mod build;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use thiserror::Error;

pub use binary::{Architecture, Binary, Zip};

const FUNCTIONS: [&str; 2] = ["checker", "failover"];

/// Where function binaries come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder that holds `checker` and `failover`, each with a `bootstrap` or `bootstrap.zip`, taken as they are.
    Artifacts(PathBuf),
    /// Pointsman's sources.
    Workspace(PathBuf),
}

impl Source {
    /// Pointsman's sources, found upwards from the current folder, from this executable, or where it was compiled.
    pub fn find() -> Result<Self, PackageError> {
        let starts =
            [env::current_dir().ok(), env::current_exe().ok(), Some(PathBuf::from(env!("CARGO_MANIFEST_DIR")))];
        let tried: Vec<PathBuf> = starts.into_iter().flatten().collect();
        tried
            .iter()
            .flat_map(|start| start.ancestors())
            .find(|folder| FUNCTIONS.iter().all(|name| folder.join("lambdas").join(name).join("Cargo.toml").is_file()))
            .map(|workspace| Self::Workspace(workspace.to_owned()))
            .ok_or_else(|| PackageError::NoWorkspace { tried: tried.clone() })
    }
}

/// Both functions' binaries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifacts {
    /// The observer's.
    pub checker: Binary,
    /// The control region's.
    pub failover: Binary,
    /// How they came about.
    pub origin: Origin,
}

/// How binaries came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Named by the user.
    Given,
    /// Left by `cargo lambda build`.
    CargoLambda,
    /// Built by cargo for this machine just now.
    Built,
}

/// Finds both binaries, or builds them for this machine.
///
/// Of a workspace, what `cargo lambda build` left is taken when it is for this machine's architecture and not older
/// than the sources. `on_line` gets what cargo says while it builds, and why such a leftover was not taken.
pub async fn locate(source: &Source, on_line: &(dyn Fn(&str) + Send + Sync)) -> Result<Artifacts, PackageError> {
    match source {
        Source::Artifacts(folder) => {
            let find = |name: &str| {
                let folder = folder.join(name);
                Binary::in_folder(&folder)?.ok_or(PackageError::NoBinary { folder })
            };
            Ok(Artifacts { checker: find("checker")?, failover: find("failover")?, origin: Origin::Given })
        }
        Source::Workspace(workspace) => match left_by_cargo_lambda(workspace, on_line)? {
            Some(artifacts) => Ok(artifacts),
            None => build::build(workspace, on_line).await,
        },
    }
}

fn left_by_cargo_lambda(
    workspace: &Path,
    on_line: &(dyn Fn(&str) + Send + Sync),
) -> Result<Option<Artifacts>, PackageError> {
    let target = workspace.join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()));
    let find = |name: &str| Binary::in_folder(&target.join("lambda").join(name));
    let (Some(checker), Some(failover)) = (find("checker")?, find("failover")?) else {
        return Ok(None);
    };
    let changed = last_change(workspace).map_err(|source| PackageError::Read { path: workspace.to_owned(), source })?;
    for binary in [&checker, &failover] {
        let reason = if Some(binary.architecture()) != Architecture::host() {
            "is for another architecture"
        } else if binary.modified()? < changed {
            "is older than the sources"
        } else {
            continue;
        };
        on_line(&format!("{} {reason}: building anew", binary.path().display()));
        return Ok(None);
    }
    Ok(Some(Artifacts { checker, failover, origin: Origin::CargoLambda }))
}

/// When a source file of the workspace was last written.
fn last_change(folder: &Path) -> io::Result<SystemTime> {
    let mut latest = SystemTime::UNIX_EPOCH;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let name = name.to_string_lossy();
        if kind.is_dir() && name != "target" && !name.starts_with('.') {
            latest = latest.max(last_change(&entry.path())?);
        } else if kind.is_file() && (name.ends_with(".rs") || name == "Cargo.toml" || name == "Cargo.lock") {
            latest = latest.max(entry.metadata()?.modified()?);
        }
    }
    Ok(latest)
}

/// Why there are no function binaries.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PackageError {
    /// This program was moved away from its sources.
    #[error(
        "found no sources of Pointsman to build the functions from, looking upwards from {}; \
         run it inside a clone, or give --artifacts DIR",
        list(tried)
    )]
    NoWorkspace {
        /// Where the search began.
        tried: Vec<PathBuf>,
    },
    /// A folder of artifacts lacks a function.
    #[error("{} holds neither bootstrap nor bootstrap.zip", folder.display())]
    NoBinary {
        /// The function's folder.
        folder: PathBuf,
    },
    /// A binary, zip or source could not be read.
    #[error("failed to read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Lambda could not run it.
    #[error("{} is no Linux program for x86_64 or arm64: {reason}", path.display())]
    NotAProgram {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A binary could not be packed.
    #[error("failed to pack {}: {source}", path.display())]
    Pack {
        /// The binary.
        path: PathBuf,
        /// Why.
        source: zip::result::ZipError,
    },
    /// cargo could not be run at all.
    #[error("failed to run cargo in {}: {source}; install Rust (https://rustup.rs) or give --artifacts DIR", workspace.display())]
    NoCargo {
        /// Where it was run.
        workspace: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The functions do not compile.
    #[error("failed to build the functions in {}:\n{tail}", workspace.display())]
    Build {
        /// Where cargo was run.
        workspace: PathBuf,
        /// The last lines of its output.
        tail: String,
    },
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
