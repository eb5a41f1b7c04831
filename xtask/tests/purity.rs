//! The pure crates do no I/O: nothing that could is among what they depend on, however far down.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

use std::{
    collections::{BTreeMap, BTreeSet},
    env,
    process::Command,
};

use serde::Deserialize;

const PURE: [&str; 8] = ["anomaly", "domain", "decision", "monitoring", "route53", "scenario", "report", "simulation"];
const IMPURE: [&str; 5] = ["tokio", "hyper", "rustls", "reqwest", "lambda_runtime"];
const IMPURE_FAMILIES: [&str; 5] = ["aws-", "hickory-", "tokio-", "hyper-", "rustls-"];

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: BTreeSet<String>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

/// No kind is a normal dependency, as opposed to `dev` and `build`.
#[derive(Deserialize)]
struct Kind {
    kind: Option<String>,
}

impl Metadata {
    fn read() -> Self {
        let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["metadata", "--locked", "--format-version", "1"])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// What could do I/O among all that the member `name` depends on when it is built.
    fn impure_below(&self, name: &str) -> Vec<&str> {
        let names: BTreeMap<&str, &str> =
            self.packages.iter().map(|package| (package.id.as_str(), package.name.as_str())).collect();
        let nodes: BTreeMap<&str, &Node> = self.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
        let member = self.workspace_members.iter().find(|id| names[id.as_str()] == name).unwrap();
        let mut seen = BTreeSet::new();
        let mut open = vec![member.as_str()];
        while let Some(id) = open.pop() {
            if seen.insert(id) {
                let normal = nodes[id].deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind.is_none()));
                open.extend(normal.map(|dep| dep.pkg.as_str()));
            }
        }
        seen.into_iter().map(|id| names[id]).filter(|name| is_impure(name)).collect()
    }
}

fn is_impure(name: &str) -> bool {
    IMPURE.contains(&name) || IMPURE_FAMILIES.iter().any(|family| name.starts_with(family))
}

#[test]
fn pure_crates_depend_on_nothing_that_does_io() {
    let metadata = Metadata::read();
    for name in PURE {
        assert_eq!(metadata.impure_below(name), [] as [&str; 0], "{name}");
    }
    // The search does find what an impure crate depends on.
    assert!(metadata.impure_below("probe").contains(&"tokio"));
}
