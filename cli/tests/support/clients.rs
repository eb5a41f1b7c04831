//! Clients that we did not write: the `aws` command line and boto3, from `PyPI`.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::workspace;

/// The folder of both clients' programs.
pub(crate) struct Clients {
    programs: PathBuf,
}

impl Clients {
    /// Fetched once. None: they can't be had; stderr says why.
    pub(crate) fn find() -> Option<Self> {
        let finder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/find.py");
        let kept = workspace().join(".pointsman");
        let found = Command::new("python3").arg(finder).arg(kept).stderr(Stdio::inherit()).output().ok()?;
        let programs = String::from_utf8(found.stdout).ok().filter(|_| found.status.success())?;
        Some(Self { programs: programs.trim_end().into() })
    }

    /// A client in the folder `place` that knows one endpoint and nothing of the developer's own AWS set-up.
    pub(crate) fn command(&self, program: &str, endpoint: &str, place: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments).current_dir(place).stdin(Stdio::null()).env("HOME", place);
        command.env("AWS_ENDPOINT_URL", endpoint).env("AWS_DEFAULT_REGION", "us-east-1");
        command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_PAGER", "")]);
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }
}
