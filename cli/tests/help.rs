//! What each command says of itself, as checked in. `POINTSMAN_BLESS=1` writes the files anew.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use std::{env, fs, path::Path};

use support::{
    program::{self, pointsman},
    workspace,
};

const COMMANDS: [&str; 27] = [
    "",
    "drill",
    "simulate",
    "lab",
    "lab up",
    "lab down",
    "lab status",
    "init",
    "check",
    "status",
    "deploy",
    "destroy",
    "dns",
    "dns plan",
    "dns apply",
    "preflight",
    "failover",
    "failback",
    "approve",
    "acknowledge",
    "pause",
    "resume",
    "anomaly",
    "anomaly score",
    "anomaly explain",
    "schema",
    "completions",
];

#[test]
fn help_texts_are_as_checked_in() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/help");
    let mut wrong = Vec::new();
    for command in COMMANDS {
        let mut help = pointsman(&workspace(), command.split_whitespace().chain(["--help"]));
        // The width would be the terminal's.
        help.env("COLUMNS", "100");
        let said = program::run(help, program::COMMAND).exits(0).stdout;
        let name = if command.is_empty() { "pointsman".to_owned() } else { command.replace(' ', "-") };
        let file = folder.join(format!("{name}.txt"));
        if env::var_os("POINTSMAN_BLESS").is_some() {
            fs::write(&file, &said).unwrap();
        } else if fs::read_to_string(&file).unwrap_or_default() != said {
            wrong.push(format!("{}:\n{said}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "differ (POINTSMAN_BLESS=1 writes them anew):\n{}", wrong.join("\n"));
}

#[test]
fn without_a_command_the_help_is_shown() {
    let ended = program::run(pointsman::<&str>(&workspace(), []), program::COMMAND).exits(2);
    ended.says(&["Usage: pointsman", "Commands:", "Begin with `pointsman drill`"]);
}

/// A command that is new has a file too.
#[test]
fn every_command_is_listed() {
    let help = program::run(pointsman(&workspace(), ["--help"]), program::COMMAND).exits(0).stdout;
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    // A line that goes on with a description is further to the right.
    let named = commands.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with("   "));
    let commands: Vec<_> = named.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.contains(&"drill"), "{help}");
    for command in commands.into_iter().filter(|command| *command != "help") {
        assert!(COMMANDS.contains(&command), "`{command}` has no help text checked in");
    }
}
