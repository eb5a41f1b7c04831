//! `init` writes a configuration that the other commands accept, and overwrites none.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use std::fs;

use serde_json::json;
use support::program::{self, Finished, pointsman};
use tempfile::TempDir;

fn run(place: &TempDir, arguments: &[&str]) -> Finished {
    program::run(pointsman(place.path(), arguments), program::COMMAND)
}

#[test]
fn a_file_is_written_once() {
    let place = TempDir::new().unwrap();
    run(&place, &["init"]).exits(0).says(&["marked EDIT", "`pointsman check`"]);
    let file = place.path().join("pointsman.toml");
    let template = fs::read_to_string(&file).unwrap();
    assert!(template.contains("# EDIT"));

    fs::write(&file, "mine").unwrap();
    run(&place, &["init"]).exits(2).says(&["pointsman.toml is there already", "hint: --force overwrites it"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    let again = run(&place, &["init", "--force", "--output", "json"]).exits(0);
    assert_eq!(again.json(), json!({ "written": "pointsman.toml" }));
    assert_eq!(fs::read_to_string(&file).unwrap(), template);
}

#[test]
fn it_goes_where_the_configuration_is_named() {
    let place = TempDir::new().unwrap();
    run(&place, &["init", "--config", "eu.toml"]).exits(0);
    let names: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["eu.toml"]);
    run(&place, &["init", "--config", "no/such/eu.toml"]).exits(1).says(&["failed to write no/such/eu.toml"]);
}

#[test]
fn it_can_be_looked_at_first() {
    let place = TempDir::new().unwrap();
    let printed = run(&place, &["init", "--print"]).exits(0).stdout;
    assert!(printed.starts_with("# Pointsman's configuration."), "{printed}");
    let json = run(&place, &["init", "--print", "--output=json"]).exits(0).json();
    assert_eq!(json, json!({ "config": printed }));
    assert!(fs::read_dir(place.path()).unwrap().next().is_none(), "nothing is written");
    run(&place, &["init", "--print", "--force"]).exits(2);
}
