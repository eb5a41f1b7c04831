//! What is left on this machine.

use std::{collections::BTreeSet, ffi::OsString, fs, net::TcpStream, path::Path};

/// The living processes of the lab that process `pid` runs, in words; a zombie's environment reads as empty.
pub(crate) fn of_lab(pid: u32) -> Vec<String> {
    carrying(&format!("POINTSMAN_LAB={pid}-"))
}

/// Those with a variable in their environment that begins so.
pub(crate) fn carrying(prefix: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let carry = |folder: &std::path::PathBuf| {
        let environment = fs::read(folder.join("environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(prefix.as_bytes()))
    };
    let describe = |folder: std::path::PathBuf| {
        let line = fs::read(folder.join("cmdline")).unwrap_or_default();
        format!("{}: {}", folder.display(), String::from_utf8_lossy(&line).replace('\0', " "))
    };
    processes.filter(carry).map(describe).collect()
}

/// The folders of labs that run under `place`, or were left there.
pub(crate) fn run_folders(place: &Path) -> BTreeSet<OsString> {
    let entries = fs::read_dir(place.join(".pointsman/run")).into_iter().flatten();
    entries.flatten().map(|entry| entry.file_name()).collect()
}

/// Whether somebody takes connections there.
pub(crate) fn listens(address: &str) -> bool {
    TcpStream::connect(address).is_ok()
}
