//! Programs of others that tests and benches need: those on `PATH`, else Debian's where they may be installed.

use std::{
    env,
    ffi::OsStr,
    io,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

/// A program, and the Debian package that has it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    pub(crate) program: &'static str,
    package: &'static str,
}

pub(crate) const DNSPERF: Tool = Tool { program: "dnsperf", package: "dnsperf" };
pub(crate) const VALGRIND: Tool = Tool { program: "valgrind", package: "valgrind" };
pub(crate) const KNOT: Tool = Tool { program: "knotd", package: "knot" };
/// What tests ask the lab's name servers with.
pub(crate) const CLIENTS: [Tool; 3] =
    [Tool { program: "dig", package: "bind9-dnsutils" }, Tool { program: "kdig", package: "knot-dnsutils" }, DNSPERF];

/// Installs those that are missing, where this is Debian and we are root. Those that stay missing are named; who needs
/// them says what that means.
pub(crate) fn install(tools: &[Tool]) -> Result<()> {
    let missing = || tools.iter().filter(|tool| !is_there(tool.program));
    let packages: Vec<_> = missing().map(|tool| tool.package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    if is_there("apt-get") && is_root()? {
        // Without a network the lists that are there may do.
        apt_get(&["update", "-qq"])?;
        apt_get(&[&["install", "-y", "-qq", "--no-install-recommends"], &packages[..]].concat())?;
    }
    for Tool { program, package } in missing() {
        eprintln!("{program} is missing; Debian's package is {package}");
    }
    Ok(())
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    eprintln!("$ apt-get {}", arguments.join(" "));
    let mut command = Command::new("apt-get");
    command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    let status = command.stdout(Stdio::from(io::stderr())).status().context("failed to run apt-get")?;
    if !status.success() {
        eprintln!("apt-get {}: {status}", arguments.join(" "));
    }
    Ok(())
}

fn is_root() -> Result<bool> {
    let id = Command::new("id").arg("-u").output().context("failed to run id")?;
    Ok(id.stdout.trim_ascii() == b"0")
}

/// Whether a program is on `PATH`.
pub(crate) fn is_there(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    on_path(&path, Path::new(program))
}

fn on_path(path: &OsStr, program: &Path) -> bool {
    env::split_paths(path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_looked_for_in_every_folder() {
        let path = OsStr::new("/nowhere:/bin:/usr/bin");
        assert!(on_path(path, Path::new("sh")));
        assert!(!on_path(path, Path::new("no-such-program")));
        assert!(!on_path(OsStr::new("/nowhere"), Path::new("sh")));
    }
}
