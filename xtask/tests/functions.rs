//! What `cargo lambda deploy` would set of a function is what its stack sets.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

use std::{env, fs, path::Path, process::Command};

use serde_json::Value;

#[test]
fn cargo_lambda_makes_no_drift() {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo).args(["metadata", "--locked", "--no-deps", "--format-version", "1"]).output();
    let metadata: Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
    for (function, template) in [("checker", "observer"), ("failover", "control")] {
        let packages = metadata["packages"].as_array().unwrap();
        let package = packages.iter().find(|package| package["name"] == function).unwrap();
        let deploy = &package["metadata"]["lambda"]["deploy"];
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../infra/{template}.yaml"));
        let template = fs::read_to_string(path).unwrap();
        for (key, property) in [("runtime", "Runtime"), ("memory", "MemorySize"), ("timeout", "Timeout")] {
            let value = deploy[key].to_string();
            let line = format!("      {property}: {}", value.trim_matches('"'));
            assert!(template.lines().any(|it| it == line), "{function}: no `{line}`");
        }
    }
}
