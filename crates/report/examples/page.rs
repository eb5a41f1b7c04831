//! A drill's `report.json` as pages: `cargo run --release -p lab --example page report.json [FOLDER]`.

use std::{env, fs, io, path::PathBuf};

use report::{Report, page};

fn main() -> io::Result<()> {
    let mut arguments = env::args_os().skip(1).map(PathBuf::from);
    let usage = || io::Error::other("usage: page REPORT.json [FOLDER]");
    let from = arguments.next().ok_or_else(usage)?;
    let folder = arguments.next().unwrap_or_else(|| from.parent().map(PathBuf::from).unwrap_or_default());
    let report: Report = serde_json::from_slice(&fs::read(from)?)?;
    fs::write(folder.join("report.html"), page::html(&report))?;
    fs::write(folder.join("report.md"), report.markdown())
}
