//! Runs one test of this executable again, alone, with an environment of its own: a process cannot safely change its own.

use std::{
    env,
    ffi::OsStr,
    process::{Command, Stdio},
};

/// The command that runs the ignored test `name`; what it prints can be read.
pub(crate) fn again<'a>(name: &str, environment: impl IntoIterator<Item = (&'a str, &'a OsStr)>) -> Command {
    let mut command = Command::new(env::current_exe().expect("a test runs from a file"));
    command.args(["--exact", name, "--ignored", "--nocapture"]).envs(environment);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
