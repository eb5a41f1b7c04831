//! `cargo xtask`: what a developer and CI run that cargo alone cannot.
#![allow(clippy::print_stderr, reason = "it talks to a person")]

mod bench;
mod conformance;
mod not_run;
mod told;
mod tools;

use std::{
    env,
    ffi::OsString,
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, Result};

use conformance::Conformance;
use not_run::NotRun;

const USAGE: &str = "usage: cargo xtask test [--strict] [ARGUMENT…]
       cargo xtask bench [drill|round|zip|cold-start|compare|fleet|dns|proxy|decide|anomaly|deploy|mutants]…
                         [--ship]

    test      installs what they ask their servers with (Debian, as root) and runs all tests; further arguments go to
              cargo nextest, or to cargo test where nextest is missing
    --strict  a test that did not run for want of a tool, or a table of results that was out of date, is a failure
    bench     measures what has a bound, all of it or the parts named, and writes .pointsman/bench.json
    mutants   changes each line of the decision in each way, which takes hours, and lists what no test notices; runs
              only when named
    --ship    builds the functions as they are sent to AWS too, which takes long, and measures their zips";

fn main() -> Result<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    match arguments.next() {
        Some(task) if task == "test" => {
            let (strict, others) = arguments.partition::<Vec<_>, _>(|argument| argument == "--strict");
            test(!strict.is_empty(), &others)
        }
        Some(task) if task == "bench" => match bench::parts(arguments) {
            Some(parts) => bench::run(&parts),
            None => Ok(usage()),
        },
        _ => Ok(usage()),
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

fn test(strict: bool, arguments: &[OsString]) -> Result<ExitCode> {
    let runner: &[&str] = if has_nextest() { &["nextest", "run"] } else { &["test"] };
    tools::install(&tools::CLIENTS)?;
    let not_run = NotRun::new()?;
    let conformance = Conformance::new()?;
    // All members at once, as they switch on the features that the drill's packages have between them; with `--package`
    // these could be fewer, and `cargo build --release` would then compile dependencies a second time.
    let status = Command::new(cargo())
        .args(runner)
        .args(["--release", "--workspace", "--no-fail-fast"])
        .args(arguments)
        .env(NotRun::VARIABLE, not_run.path())
        .env(Conformance::VARIABLE, conformance.path())
        .status()
        .context("failed to run cargo")?;
    let missing = not_run.lines()?;
    for (line, count) in &missing {
        eprintln!("{count} × {line}");
    }
    let told = conformance.settle()?;
    if !told {
        eprintln!("localstack/README.md: its table was not what these tests show, and is now");
    }
    let enough = (missing.is_empty() && told) || !strict;
    Ok(if status.success() && enough { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn has_nextest() -> bool {
    Command::new(cargo())
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
