//! Finds the Python that MiniStack runs on.

use std::{fmt, path::PathBuf};

use tokio::process::Command;

use super::EmulatorError;

const NAMES: [&str; 6] = ["python3.13", "python3.12", "python3.11", "python3.10", "python3", "python"];
const OLDEST: Version = Version { major: 3, minor: 10 };

/// Runs on any Python since 2.7. Debian ships `ensurepip`, without which `venv` fails, as a package of its own.
const ASK: &str = "import sys; print('%d.%d' % sys.version_info[:2]); print(sys.executable); import ensurepip";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    major: u16,
    minor: u16,
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
    pub(super) async fn find() -> Result<Self, EmulatorError> {
        let mut refused = Vec::new();
        for name in NAMES {
            let Ok(output) = Command::new(name).args(["-E", "-c", ASK]).kill_on_drop(true).output().await else {
                continue;
            };
            let Some((version, executable)) = parse(&String::from_utf8_lossy(&output.stdout)) else {
                continue;
            };
            if version < OLDEST {
                refused.push(format!("{name} is {version}"));
            } else if output.status.success() {
                return Ok(Self { version, executable });
            } else {
                refused.push(format!("{name} ({version}) cannot make virtual environments"));
            }
        }
        let found = if refused.is_empty() { "none".to_owned() } else { refused.join(", ") };
        Err(EmulatorError::MissingPython { found })
    }
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
        assert!(version < OLDEST, "3.9 is older than 3.10");
        assert_eq!(executable, PathBuf::from("/usr/bin/python3.9"));
        assert_eq!(parse("pyenv: python3.13: command not found"), None);
    }
}
