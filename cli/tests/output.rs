//! What every command keeps to: JSON where it is asked for, colours only where they are wanted.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use serde_json::{Value, json};
use support::program::{self, Finished, pointsman};
use tempfile::TempDir;

fn run(place: &TempDir, arguments: &[&str], environment: &[(&str, &str)]) -> Finished {
    let mut command = pointsman(place.path(), arguments);
    command.env_remove("NO_COLOR").envs(environment.iter().copied());
    program::run(command, program::COMMAND)
}

#[test]
fn commands_that_need_no_aws_give_json_when_asked() {
    let place = TempDir::new().unwrap();
    let json =
        |arguments: &[&str], code| run(&place, &[arguments, &["--output=json"]].concat(), &[]).exits(code).json();
    assert_eq!(json(&["lab", "status"], 3), Value::Null);
    assert_eq!(json(&["lab", "down"], 0), json!({ "ended": null }));
    assert_eq!(json(&["init"], 0), json!({ "written": "pointsman.toml" }));
    assert_eq!(json(&["completions", "zsh"], 0)["shell"], "zsh");
    assert!(json(&["schema", "config"], 0)["properties"].is_object());
}

#[test]
fn completions_know_every_command() {
    let place = TempDir::new().unwrap();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = run(&place, &["completions", shell], &[]).exits(0).stdout;
        for word in ["drill", "check", "init", "failover", "--remote"] {
            let word = if shell == "fish" { word.trim_start_matches('-') } else { word };
            assert!(script.contains(word), "{shell} does not know {word}");
        }
    }
}

#[test]
fn no_color_is_honoured() {
    let place = TempDir::new().unwrap();
    // Forced, since nothing here is a terminal.
    let forced = ("CLICOLOR_FORCE", "1");
    let coloured = |arguments: &[&str], environment: &[(&str, &str)]| {
        let ended = run(&place, arguments, environment);
        format!("{}{}", ended.stdout, ended.stderr).contains('\x1b')
    };
    for arguments in [&["status"][..], &["drill", "earthquake"], &["--help"], &["nonsense"]] {
        assert!(coloured(arguments, &[forced]), "{arguments:?} has colours");
        assert!(!coloured(arguments, &[forced, ("NO_COLOR", "1")]), "{arguments:?} under NO_COLOR");
        assert!(!coloured(arguments, &[]), "{arguments:?} into a pipe");
    }
}
