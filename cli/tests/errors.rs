//! What goes wrong before anything runs: one message with its place, a hint, the documented exit code, nothing half-made.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use support::{
    program::{self, Finished, pointsman},
    seconds, traces,
};
use tempfile::TempDir;

const CONFIG: &str = r#"control_region = "ca-central-1"
observers = ["us-west-2", "eu-central-1", "ap-southeast-2"]

[[service]]
name = "api.example.com"
hosted_zone = "Z0123456789ABC"
ttl = "20s"

[service.policy]
interval = "10s"
quorum = 2

[[service.region]]
name = "eu-west-1"
a = ["192.0.2.1"]

[[service.region]]
name = "us-east-1"
a = ["192.0.2.2"]

[[service.probe]]
name = "health"
kind = "http"
path = "/health"
"#;

/// A folder that a command works in, and must leave as it was.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, content: &str) {
        let file = self.path().join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, content).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        program::run(pointsman(self.path(), arguments), program::COMMAND)
    }

    /// A folder of functions that are programs, though not ours: enough where none is to be run.
    fn artifacts(&self) -> PathBuf {
        let folder = self.path().join("artifacts");
        for name in ["checker", "failover"] {
            fs::create_dir_all(folder.join(name)).unwrap();
            symlink(env!("CARGO_BIN_EXE_pointsman"), folder.join(name).join("bootstrap")).unwrap();
        }
        folder
    }

    fn drill_with_artifacts(&self) -> Command {
        pointsman(self.path(), ["drill", "--no-progress", "--artifacts", self.artifacts().to_str().unwrap()])
    }

    /// Nothing of a drill is left.
    fn has_no_lab(&self) {
        assert!(traces::run_folders(self.path()).is_empty(), "left behind in .pointsman/run");
        assert!(!self.path().join(".pointsman/report").exists(), "there is nothing to report");
    }

    fn names(&self) -> Vec<OsString> {
        fs::read_dir(self.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }
}

/// One error with what it must say, and nothing on standard output.
#[track_caller]
fn one_error(ended: Finished, code: i32, texts: &[&str]) -> Finished {
    let ended = ended.exits(code).says(texts);
    assert_eq!(ended.stderr.lines().filter(|line| line.starts_with("error: ")).count(), 1, "{ended}");
    assert!(!ended.stderr.contains(" { "), "that is for programmers: {ended}");
    assert!(ended.stdout.is_empty(), "{ended}");
    ended
}

/// `status` with a changed configuration is refused at the line where `at` stands.
#[track_caller]
fn config_is_refused(from: &str, to: &str, at: &str, texts: &[&str]) {
    let place = Place::new();
    let config = CONFIG.replacen(from, to, 1);
    assert_ne!(config, CONFIG);
    place.write("pointsman.toml", &config);
    let line = config.lines().position(|line| line.contains(at)).unwrap() + 1;
    let column = config.lines().nth(line - 1).unwrap().find(at).unwrap() + 1;
    let ended = one_error(place.run(&["status"]), 2, texts);
    ended.says(&[&format!("pointsman.toml:{line}:{column}: "), "hint: `pointsman schema config`"]);
    assert_eq!(place.names(), ["pointsman.toml"]);
}

#[test]
fn an_unknown_key() {
    config_is_refused("quorum = 2", "quorun = 2", "quorun", &["unknown field `quorun`", "`quorum`"]);
}

#[test]
fn a_number_without_its_unit() {
    config_is_refused("interval = \"10s\"", "interval = \"10\"", "\"10\"", &["`10`"]);
}

#[test]
fn a_region_named_twice() {
    config_is_refused(
        "\"us-east-1\"\na",
        "\"eu-west-1\" # again\na",
        "name = \"eu-west-1\" # again",
        &["service[0].region[1].name: duplicate region `eu-west-1`"],
    );
}

#[test]
fn a_control_region_that_serves() {
    config_is_refused(
        "name = \"us-east-1\"",
        "name = \"ca-central-1\"",
        "name = \"ca-central-1\"",
        &["service[0].region[1].name: `ca-central-1` is the control region, which may serve nothing"],
    );
}

#[test]
fn a_quorum_that_can_never_be() {
    config_is_refused(
        "quorum = 2",
        "quorum = 4\nmin_observers = 4",
        "quorum = 4",
        &["service[0].policy.quorum: 4 of 3 observers can never agree"],
    );
}

#[test]
fn a_configuration_that_is_not_there() {
    let place = Place::new();
    one_error(place.run(&["status"]), 2, &["failed to read pointsman.toml", "hint: name the file with --config"]);
    one_error(place.run(&["deploy", "--yes", "--config", "no/such.toml"]), 2, &["failed to read no/such.toml"]);
    assert!(place.names().is_empty());
}

#[test]
fn a_scenario_with_a_region_that_it_does_not_have() {
    let place = Place::new();
    let scenario = include_str!("../../scenarios/both-down.toml");
    let wrong = scenario.replacen("region = \"eu-west-1\"", "region = \"mars-1\"", 1);
    let line = wrong.lines().position(|line| line.contains("mars-1")).unwrap() + 1;
    place.write("wrong.toml", &wrong);
    one_error(
        place.run(&["drill", "wrong.toml"]),
        2,
        &[
            &format!("wrong.toml:{line}:1: fault[0].region: `mars-1` is none of `regions`: eu-west-1, us-east-1"),
            "hint: `pointsman schema scenario`",
        ],
    );
    one_error(place.run(&["lab", "up", "wrong.toml"]), 2, &["mars-1"]);
    assert_eq!(place.names(), ["wrong.toml"]);
}

#[test]
fn a_scenario_whose_policy_is_wrong() {
    let place = Place::new();
    let scenario = include_str!("../../scenarios/both-down.toml").replacen("down_after = 3", "down_afterr = 3", 1);
    place.write("wrong.toml", &scenario);
    one_error(place.run(&["drill", "wrong.toml"]), 2, &["`down_afterr`", "hint: `pointsman schema config`"]);
    assert_eq!(place.names(), ["wrong.toml"]);
}

#[test]
fn an_unknown_scenario() {
    let place = Place::new();
    let known = "region-outage, flapping, both-down, brownout";
    one_error(place.run(&["drill", "earthquake"]), 2, &["there is no scenario `earthquake`", known]);
    one_error(place.run(&["drill", "earthquake.toml"]), 2, &["failed to read earthquake.toml"]);
    assert!(place.names().is_empty());
}

#[test]
fn options_with_no_meaning() {
    let place = Place::new();
    place.write("pointsman.toml", CONFIG);
    let forced = ["failover", "--to", "us-east-1", "--reason", "test", "--force", "nonsense"];
    one_error(place.run(&forced), 2, &["--force: there is no rule `nonsense`"]);
    one_error(place.run(&["drill", "--emulator", "moto"]), 2, &["--emulator moto", "ministack, localstack and http"]);
    one_error(place.run(&["drill", "--speed", "1000"]), 2, &["--speed 1000: not between 1 and 20"]);
    one_error(place.run(&["drill", "--seed", "x"]), 2, &["--seed"]);
    one_error(place.run(&["failover", "--to", "us-east-1"]), 2, &["--reason"]);
    assert_eq!(place.names(), ["pointsman.toml"]);
}

#[test]
fn no_python() {
    let place = Place::new();
    let mut drill = place.drill_with_artifacts();
    drill.env("PATH", place.path()).env("PYENV_ROOT", place.path());
    let ended = program::run(drill, program::COMMAND);
    one_error(ended, 1, &["MiniStack needs Python 3.10 or later", "found: none", "apt-get install python3"]);
    place.has_no_lab();
}

#[test]
fn no_package_index() {
    let place = Place::new();
    let mut drill = place.drill_with_artifacts();
    // So that neither a configuration nor a cache of the developer's has the packages.
    drill.envs([("PIP_CONFIG_FILE", "/dev/null"), ("PIP_NO_CACHE_DIR", "1"), ("PIP_INDEX_URL", "http://127.0.0.1:1/")]);
    drill.env_remove("PIP_FIND_LINKS").env_remove("PIP_EXTRA_INDEX_URL");
    let ended = program::run(drill, seconds(120));
    one_error(ended, 1, &["the package index cannot be reached", "-m pip download", ".pointsman/wheels"]);
    place.has_no_lab();
}

#[test]
fn functions_that_do_not_compile() {
    let place = Place::new();
    place.write("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"lambdas/*\"]\n");
    for name in ["checker", "failover"] {
        let package = format!("[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"2024\"\n");
        place.write(&format!("lambdas/{name}/Cargo.toml"), &package);
        place.write(&format!("lambdas/{name}/src/main.rs"), "fn main() { nonsense(); }\n");
    }
    // A Python that never answers: the build, which goes on beside, is what fails.
    place.write("bin/python3.13", "#!/bin/sh\nexec sleep 600\n");
    fs::set_permissions(place.path().join("bin/python3.13"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut path = place.path().join("bin").into_os_string();
    path.push(":");
    path.push(env::var_os("PATH").unwrap());
    let mut drill = pointsman(place.path(), ["drill", "--no-progress"]);
    drill.env("PATH", path).env("CARGO_TARGET_DIR", place.path().join("target"));
    let mut program = program::Program::start(drill);
    let ended = program.end(seconds(120));
    assert!(program.processes().is_empty(), "left behind: {:#?}", program.processes());
    let at = format!("failed to build the functions in {}", place.path().canonicalize().unwrap().display());
    // cargo's own errors are part of the one message.
    let ended = ended.exits(1).says(&[&at, "nonsense"]);
    assert!(ended.stdout.is_empty(), "{ended}");
    place.has_no_lab();
}

#[test]
fn an_endpoint_where_nothing_listens() {
    let place = Place::new();
    place.write("pointsman.toml", CONFIG);
    for command in [&["status"][..], &["pause"], &["deploy", "--yes"], &["destroy", "--yes"]] {
        let mut command = pointsman(place.path(), command.iter().chain(&["--endpoint-url", "http://127.0.0.1:1"]));
        command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")]);
        let ended = program::run(command, program::COMMAND);
        one_error(ended, 6, &["failed to reach AWS for GetCallerIdentity", "hint: check the network"]);
    }
    assert_eq!(place.names(), ["pointsman.toml"]);
}

#[test]
fn no_credentials() {
    let place = Place::new();
    place.write("pointsman.toml", CONFIG);
    let mut status = pointsman(place.path(), ["status"]);
    status.env("HOME", place.path()).env("AWS_EC2_METADATA_DISABLED", "true");
    let ended = program::run(status, program::COMMAND);
    one_error(ended, 6, &["failed to be allowed GetCallerIdentity", "hint: check --profile"]);
}

#[test]
fn schemas_are_printed_without_any_of_it() {
    let place = Place::new();
    for (format, key) in [("config", "control_region"), ("scenario", "truth")] {
        let schema = place.run(&["schema", format]).exits(0).json();
        assert!(schema["properties"][key].is_object(), "{schema:#}");
    }
    assert!(place.names().is_empty());
}
