//! The machine that figures were measured on.

use std::{fmt, fs, path::Path, process::Command, thread::available_parallelism};

use anyhow::{Context, Result};
use serde::Serialize;

/// What a figure depends on.
#[derive(Debug, Serialize)]
pub(super) struct Machine {
    cpu: String,
    cores: usize,
    memory_bytes: u64,
    kernel: String,
    rustc: String,
}

impl Machine {
    pub(super) fn this() -> Result<Self> {
        let cpus = read("/proc/cpuinfo")?;
        let rustc = Command::new("rustc").arg("--version").output().context("failed to run rustc")?;
        Ok(Self {
            // Arm's lists no model.
            cpu: field(&cpus, "model name").unwrap_or(std::env::consts::ARCH).to_owned(),
            cores: available_parallelism()?.get(),
            memory_bytes: kilobytes(&read("/proc/meminfo")?, "MemTotal").context("no MemTotal in /proc/meminfo")?,
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
            rustc: String::from_utf8_lossy(&rustc.stdout).trim().to_owned(),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cpu, cores, memory_bytes, kernel, rustc } = self;
        write!(f, "{cpu}, {cores} cores, {:.1} GB, Linux {kernel}, {rustc}", *memory_bytes as f64 / 1e9)
    }
}

fn read(path: impl AsRef<Path>) -> Result<String> {
    fs::read_to_string(path.as_ref()).with_context(|| format!("failed to read {}", path.as_ref().display()))
}

/// The value of the first line `NAME: value`, as most files of `/proc` have them.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| Some(line.strip_prefix(name)?.trim_start().strip_prefix(':')?.trim()))
}

/// The bytes of a line `NAME: 12 kB`.
pub(super) fn kilobytes(text: &str, name: &str) -> Option<u64> {
    Some(field(text, name)?.strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_named_line_only() {
        let text = "Pss_Dirty:   7 kB\nPss:         12 kB\n";
        assert_eq!(kilobytes(text, "Pss"), Some(12 * 1024));
        assert_eq!(kilobytes(text, "Rss"), None);
        assert_eq!(field("processor\t: 0\nmodel name\t: A CPU\n", "model name"), Some("A CPU"));
    }
}
