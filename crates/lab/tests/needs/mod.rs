//! Tests that need a tool which is not there pass, and say so where `cargo xtask test` counts them.

use std::{env, fs::OpenOptions, io::Write};

/// Notes that the calling test did not run since `tool` is missing.
pub(crate) fn not_run(tool: &str) {
    let line = format!("not run: needs {tool}\n");
    std::io::stderr().write_all(line.as_bytes()).expect("stderr is open");
    if let Some(path) = env::var_os("POINTSMAN_NOT_RUN") {
        let mut file =
            OpenOptions::new().create(true).append(true).open(path).expect("xtask's file can be appended to");
        file.write_all(line.as_bytes()).expect("xtask's file can be written");
    }
}
