//! What an emulator must be able to do besides drills: the same on each.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use std::{
    fs,
    path::{Path, PathBuf},
};

use ::lab::{
    emulator::{Embedded, Kind},
    processes::Marker,
};
use serde_json::Value;
use support::{
    aws::{CONTROL_REGION, OBSERVERS},
    emulator::Emulator,
    lab::Lab,
    program::Finished,
    seconds, until, workspace,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const FIRST: &str = "eu-west-1";
const OTHER: &str = "us-east-1";
const SCENARIO: &str = include_str!("../../scenarios/region-outage.toml");

on_both!(
    what_is_deployed_again_is_what_runs,
    new_code_alone_is_taken_up_by_every_function,
    what_is_destroyed_is_gone,
    an_emulator_that_forgot_everything_is_deployed_to_again,
);

fn what_is_deployed_again_is_what_runs(emulator: Emulator) {
    let _trial = emulator.tries("deploy again with changed code and configuration");
    let lab = Lab::up(emulator, SCENARIO, 4);
    let hash = |observer| lab.aws().observation(observer, lab.service()).map(|it| it["config"].clone());
    let before = OBSERVERS.map(|observer| (hash(observer).unwrap(), lab.aws().code(observer, "pointsman-checker")));
    let control = lab.aws().code(CONTROL_REGION, "pointsman-failover");

    let unchanged = dry_run(&lab, lab.text("/config"), lab.artifacts()).exits(0).json();
    assert!(actions(&unchanged).iter().all(|action| *action == "leave"), "{unchanged:#}");
    let config = changed_configuration(&lab);
    let artifacts = changed_code(&lab);
    let changed = dry_run(&lab, config.to_str().unwrap(), &artifacts).exits(5).json();
    let updated = actions(&changed).iter().filter(|action| **action == "update").count();
    assert_eq!(
        (updated, actions(&changed).len()),
        (4, 9),
        "three observers, the control region, no bucket, no alarm: {changed:#}"
    );
    assert_eq!(lab.aws().code(CONTROL_REGION, "pointsman-failover"), control, "nothing was changed");
    let arguments =
        ["deploy", "--yes", "--config", config.to_str().unwrap(), "--artifacts", artifacts.to_str().unwrap()];
    let deployed = lab.run(&arguments).exits(0);
    let updated = deployed.stderr.lines().filter(|line| line.ends_with(": updated")).count();
    assert_eq!(updated, 4, "three observers and the control region: {deployed}");

    for (observer, (config, code)) in OBSERVERS.into_iter().zip(before) {
        assert_ne!(lab.aws().code(observer, "pointsman-checker"), code, "{observer} runs what it ran before");
        until("an observation by the new configuration", seconds(30), || (hash(observer)? != config).then_some(()));
    }
    assert_ne!(lab.aws().code(CONTROL_REGION, "pointsman-failover"), control);
    let status = until("every region to be healthy again", seconds(30), || {
        let status = lab.run(&["status", "--output", "json"]);
        (status.code() == Some(0)).then(|| status.json()[0].take())
    });
    assert_eq!((&status["active"], &status["epoch"]), (&Value::from(FIRST), &Value::from(0)), "{status:#}");
    assert_eq!(lab.answering(), Some(FIRST));
}

fn dry_run(lab: &Lab, config: &str, artifacts: &Path) -> Finished {
    let artifacts = artifacts.to_str().unwrap();
    lab.run(&["deploy", "--dry-run", "--output", "json", "--config", config, "--artifacts", artifacts])
}

fn actions(preview: &Value) -> Vec<&str> {
    preview["stacks"].as_array().unwrap().iter().map(|stack| stack["action"].as_str().unwrap()).collect()
}

fn new_code_alone_is_taken_up_by_every_function(emulator: Emulator) {
    let _trial = emulator.tries("deploy --code-only");
    let lab = Lab::up(emulator, SCENARIO, 4);
    let codes = || {
        let checkers = OBSERVERS.map(|region| lab.aws().code(region, "pointsman-checker"));
        [&checkers[..], &[lab.aws().code(CONTROL_REGION, "pointsman-failover")]].concat()
    };
    let before = codes();
    let artifacts = changed_code(&lab);
    let deployed = lab.run(&["deploy", "--code-only", "--yes", "--artifacts", artifacts.to_str().unwrap()]).exits(0);
    assert_eq!(deployed.stderr.matches(": runs the new code").count(), 4, "{deployed}");
    assert!(codes().iter().zip(&before).all(|(now, before)| now != before), "{before:?}, then {:?}", codes());
    assert_eq!(lab.answering(), Some(FIRST));
}

fn changed_configuration(lab: &Lab) -> PathBuf {
    let text = fs::read_to_string(lab.text("/config")).unwrap();
    let changed = text.replace("up_after = 20", "up_after = 5");
    assert_ne!(changed, text);
    let path = lab.place().join("changed.toml");
    fs::write(&path, changed).unwrap();
    path
}

/// The same programs with a byte more, which no loader reads.
fn changed_code(lab: &Lab) -> PathBuf {
    let changed = lab.place().join("changed");
    for function in ["checker", "failover"] {
        let mut code = fs::read(lab.artifacts().join(function).join("bootstrap")).unwrap();
        code.push(0);
        fs::create_dir_all(changed.join(function)).unwrap();
        fs::write(changed.join(function).join("bootstrap"), code).unwrap();
    }
    changed
}

fn what_is_destroyed_is_gone(emulator: Emulator) {
    let _trial = emulator.tries("destroy leaves nothing, and deploy makes it again");
    let lab = Lab::up(emulator, SCENARIO, 4);
    let aws = lab.aws();
    let regions = || OBSERVERS.into_iter().chain([CONTROL_REGION]);
    for region in regions() {
        assert!(!aws.mentions(region, "pointsman").is_empty(), "{region} has what was deployed");
    }
    lab.run(&["destroy", "--yes", "--delete-state"]).exits(0);
    let fresh = dry_run(&lab, lab.text("/config"), lab.artifacts()).exits(5).json();
    assert!(actions(&fresh).iter().all(|action| *action == "create"), "{fresh:#}");
    for region in regions() {
        assert_eq!(aws.mentions(region, "pointsman"), Vec::<&str>::new(), "left in {region}");
    }
    assert_eq!(lab.answering(), Some(FIRST), "records are not the stack's");

    lab.deploy().exits(0);
    until("every region to be healthy again", seconds(60), || {
        (lab.run(&["status", "--output", "json"]).code() == Some(0)).then_some(())
    });
    assert_eq!(lab.answering(), Some(FIRST));
}

/// An emulator of this test's own. Dropped, it is killed with all that it keeps.
struct Running {
    emulator: ::lab::emulator::Emulator,
    _run: TempDir,
    _runtime: Runtime,
}

impl Running {
    fn start(emulator: Emulator, port: Option<u16>) -> Self {
        let run = TempDir::new().unwrap();
        let runtime = Runtime::new().unwrap();
        let kind = match emulator {
            Emulator::Ministack => Kind::Ministack,
            Emulator::Localstack => Kind::Localstack,
        };
        let folder = workspace().join(".pointsman");
        let settings =
            Embedded { kind, folder: &folder, run: run.path(), marker: Marker::fresh(), functions: Vec::new(), port };
        let emulator = runtime.block_on(::lab::emulator::Emulator::start(&settings, &|_| {})).unwrap();
        Self { emulator, _run: run, _runtime: runtime }
    }

    fn port(&self) -> u16 {
        self.emulator.endpoint().rsplit_once(':').unwrap().1.parse().unwrap()
    }
}

fn an_emulator_that_forgot_everything_is_deployed_to_again(emulator: Emulator) {
    let _trial = emulator.tries("the emulator killed in the middle and started again, empty");
    let running = Running::start(emulator, None);
    let scenario = SCENARIO.replace("failback = \"auto\"", "failback = \"manual\"");
    assert_ne!(scenario, SCENARIO);
    let lab = Lab::up_on(running.emulator.endpoint(), &scenario, 4);
    lab.run(&["failover", "--to", OTHER, "--reason", "test", "--yes"]).exits(0);

    // With the region that was left up, it is made a standby again.
    let before = until("no plan to be in flight", seconds(30), || {
        let status = lab.status();
        let busy = status["hold_reasons"].as_array().unwrap().iter().any(|it| it["code"] == "plan_in_flight");
        (!busy).then(|| status["epoch"].as_u64().unwrap())
    });

    let port = running.port();
    drop(running);
    lab.run(&["status"]).exits(6);
    assert_eq!(lab.answering(), Some(OTHER), "DNS needs no control plane");

    let _again = Running::start(emulator, Some(port));
    lab.run(&["status"]).exits(5).says(&["hint: deploy it first with `pointsman deploy`"]);
    lab.deploy().exits(0);
    assert_eq!(lab.answering(), Some(OTHER), "what was failed over stays so");
    let status = until("every region to be healthy again", seconds(60), || {
        let status = lab.run(&["status", "--output", "json"]);
        (status.code() == Some(0)).then(|| status.json()[0].take())
    });
    let found = (&status["active"], &status["phase"]);
    assert_eq!(found, (&OTHER.into(), &"failed_over".into()), "the zone remembers: {status:#}");
    assert!(status["epoch"].as_u64().unwrap() >= before && before > 0, "{status:#}");
    until("the way back", seconds(60), || {
        let back = lab.run(&["failback", "--reason", "test", "--yes"]);
        assert!(matches!(back.code(), Some(0 | 4)), "{back}");
        (back.code() == Some(0)).then_some(())
    });
    assert_eq!(lab.answering(), Some(FIRST));
}
