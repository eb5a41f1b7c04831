//! Finds the Python that an emulator runs on.

use std::{env, fmt, fs, path::PathBuf};

use tokio::process::Command;

use super::{EmulatorError, Kind};

/// Those that the pinned packages were tried on come first.
const NAMES: [&str; 7] = ["python3.13", "python3.12", "python3.11", "python3.10", "python3", "python", "python3.14"];

/// Runs on any Python since 2.7. Debian ships `ensurepip`, without which `venv` fails, as a package of its own.
const ASK: &str = "import sys; print('%d.%d' % sys.version_info[:2]); print(sys.executable); import ensurepip";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    major: u16,
    minor: u16,
}

impl Version {
    pub(super) const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A Python that is new enough and can make virtual environments.
#[derive(Debug)]
pub(super) struct Python {
    pub(super) version: Version,
    /// Behind any shim, such as pyenv's, that the name on `PATH` stood for.
    pub(super) executable: PathBuf,
}

impl Python {
    /// Looks on `PATH`, then where pyenv and uv keep what is not on it.
    pub(super) async fn find(kind: Kind) -> Result<Self, EmulatorError> {
        let oldest = kind.oldest_python();
        let mut refused = Vec::new();
        for name in NAMES {
            if let Some(python) = look(name.into(), oldest, &mut refused).await {
                return Ok(python);
            }
        }
        for executable in of_pyenv(oldest).into_iter().chain(of_uv(oldest).await) {
            if let Some(python) = look(executable, oldest, &mut refused).await {
                return Ok(python);
            }
        }
        let found = if refused.is_empty() { "none".to_owned() } else { refused.join(", ") };
        Err(EmulatorError::MissingPython { kind, oldest: oldest.to_string(), found })
    }
}

/// What `program` is, if it will do; why it will not goes to `refused`.
async fn look(program: PathBuf, oldest: Version, refused: &mut Vec<String>) -> Option<Python> {
    let output = Command::new(&program).args(["-E", "-c", ASK]).kill_on_drop(true).output().await.ok()?;
    let (version, executable) = parse(&String::from_utf8_lossy(&output.stdout))?;
    let name = program.display();
    if version < oldest {
        refused.push(format!("{name} is {version}"));
    } else if output.status.success() {
        return Some(Python { version, executable });
    } else {
        refused.push(format!("{name} ({version}) cannot make virtual environments"));
    }
    None
}

fn of_pyenv(oldest: Version) -> Vec<PathBuf> {
    let root = env::var_os("PYENV_ROOT").map(PathBuf::from).or_else(|| Some(env::home_dir()?.join(".pyenv")));
    let versions = root.and_then(|root| fs::read_dir(root.join("versions")).ok());
    let mut found: Vec<_> = versions
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        // Virtual environments and other implementations lie there too, under names of their own.
        .filter_map(|path| Some((numbers(path.file_name()?.to_str()?)?, path.join("bin/python3"))))
        .filter(|(version, _)| version.as_slice() >= [oldest.major, oldest.minor].as_slice())
        .collect();
    found.sort();
    found.into_iter().rev().map(|(_, executable)| executable).collect()
}

fn numbers(version: &str) -> Option<Vec<u16>> {
    version.split('.').map(|number| number.parse().ok()).collect()
}

/// uv would download one unless told not to.
async fn of_uv(oldest: Version) -> Option<PathBuf> {
    let mut uv = Command::new("uv");
    uv.args(["python", "find", "--no-python-downloads", "--no-project", &format!(">={oldest}")]);
    let output = uv.kill_on_drop(true).output().await.ok().filter(|output| output.status.success())?;
    Some(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}

fn parse(answer: &str) -> Option<(Version, PathBuf)> {
    let (version, executable) = answer.trim_end().split_once('\n')?;
    let (major, minor) = version.trim().split_once('.')?;
    let version = Version { major: major.parse().ok()?, minor: minor.parse().ok()? };
    Some((version, executable.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_as_numbers() {
        let (version, executable) = parse("3.9\n/usr/bin/python3.9\n").unwrap();
        assert!(version < Kind::Ministack.oldest_python(), "3.9 is older than 3.10");
        assert_eq!(executable, PathBuf::from("/usr/bin/python3.9"));
        assert_eq!(parse("pyenv: python3.13: command not found"), None);
        assert!(numbers("3.13.0") > numbers("3.9.18"));
        assert_eq!(numbers("pypy3.10-7.3"), None);
    }
}
