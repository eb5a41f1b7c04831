//! `deploy` where something comes between: it is killed, refused, throttled, or finds what an earlier run has left; and what a
//! person can do with what is deployed while AWS is away.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod account;
mod by_hand;
mod leftovers;
mod many;
mod moved;
#[path = "../../../crates/lab/tests/needs/mod.rs"]
mod needs;
mod paged;
mod refused;
#[path = "../support/mod.rs"]
mod support;

use std::{fs, path::Path};

use account::{Account, SERVICE};
use lab::{emulator::Kind, proxy::Point};
use serde_json::{Value, json};
use support::{
    aws::{CONTROL_REGION, OBSERVERS},
    clients::Clients,
    emulator::Emulator,
    policy,
    program::{self, Finished},
};

const OBSERVER: &str = "pointsman-observer";
const CONTROL: &str = "pointsman-control";
/// Every call of a deployment is one at which it may be killed; so many lie between two that are tried.
const STRIDE: usize = 7;

#[test]
fn killed_at_any_moment_the_next_run_ends_right() {
    let account = Account::empty(Kind::Ministack, 0);
    let _trial = Emulator::Ministack.tries("deploy, killed at any call");
    let whole = |kills: usize, finished: &Finished| {
        assert!(kills > 5, "{kills} kills: {finished}");
        deployed_everywhere(&account);
    };
    // Nothing is there yet, then another configuration is: each kill finds what the one before has left.
    for ttl in [20, 30] {
        account.configure(ttl);
        let (kills, finished) = killed_again_and_again(&account);
        whole(kills, &finished.exits(0));
        account.deploy(&["--dry-run"]).exits(0);
    }
}

fn killed_again_and_again(account: &Account) -> (usize, Finished) {
    for (kills, call) in (1..).step_by(STRIDE).enumerate() {
        let point = if kills % 2 == 0 { Point::BeforeTheReply } else { Point::BeforeTheEffect };
        if let Some(finished) = account.deploy_killed_at(None, call, point) {
            return (kills, finished);
        }
    }
    unreachable!("a deployment makes finitely many calls")
}

fn deployed_everywhere(account: &Account) {
    let configs = config_keys(account);
    assert_eq!(configs.len(), 4, "{configs:?}");
    assert!(configs.iter().all(|(_, key)| *key == configs[0].1), "one configuration everywhere: {configs:?}");
    for region in OBSERVERS {
        assert_eq!(account.aws().functions(region), ["pointsman-checker"], "{region}");
    }
    assert_eq!(account.aws().functions(CONTROL_REGION), ["pointsman-failover"]);
    let state: Value = serde_json::from_slice(&account.aws().state(SERVICE)).unwrap();
    assert_eq!(state["epoch"], 0, "{state:#}");
}

/// The configuration that each region's stack names.
fn config_keys(account: &Account) -> Vec<(&'static str, String)> {
    let all = OBSERVERS.into_iter().map(|region| (region, OBSERVER)).chain([(CONTROL_REGION, CONTROL)]);
    let key = |(region, stack)| Some((region, account.aws().parameter(region, stack, "ConfigKey")?));
    all.filter_map(key).collect()
}

#[test]
fn where_one_region_refuses_no_region_changes() {
    let account = Account::empty(Kind::Ministack, 1);
    account.refuse("cloudformation", "CreateStack", OBSERVERS[1], 403);
    let stopped = account.deploy(&["--yes"]).exits(6);
    stopped.says(&["the health checks are there, and no function was touched", "AccessDenied", "hint: "]);

    // In the other regions there was nothing, so nothing stays.
    account.fail("");
    let theirs = r#"{"Resources":{"Topic":{"Type":"AWS::SNS::Topic"}}}"#;
    account.call(OBSERVERS[1], OBSERVER, "CreateStack", &[("TemplateBody", theirs)]);
    account.until_status(OBSERVERS[1], OBSERVER, "CREATE_COMPLETE");
    account.refuse("cloudformation", "UpdateStack", OBSERVERS[1], 403);
    let stopped = account.deploy(&["--yes"]).exits(6);
    stopped.says(&["every region is what it was before", "pointsman-control: it is not there, as before"]);
    assert!(config_keys(&account).is_empty());
    account.fail("");
    account.deploy(&["--yes"]).exits(0);
    deployed_everywhere(&account);

    account.configure(30);
    let (refused, before) = (OBSERVERS[1], config_keys(&account));
    // Made anew, its bucket's stack is none of those that are updated.
    for key in ["ConfigKey", "CodeKey"] {
        let key = account.aws().parameter(refused, OBSERVER, key).unwrap();
        account.aws().artifact("DELETE", refused, &key, b"");
    }
    account.call(refused, "pointsman-artifacts", "DeleteStack", &[]);
    account.refuse("cloudformation", "UpdateStack", refused, 403);
    let stopped = account.deploy(&["--yes"]).exits(6);
    let first = format!("failed in {refused}; every region is what it was before");
    let stopped = stopped.says(&[&first, "AccessDenied", "hint: "]);
    for region in OBSERVERS.into_iter().chain([CONTROL_REGION]) {
        assert!(stopped.stderr.contains(&format!("\n  {region} pointsman-")), "{region} is told of: {stopped}");
    }
    assert_eq!(config_keys(&account), before, "{stopped}");
    account.fail("");
    account.deploy(&["--dry-run"]).exits(5);
    account.deploy(&["--yes"]).exits(0);
    deployed_everywhere(&account);
    assert_ne!(config_keys(&account), before);
}

#[test]
fn data_before_and_afterwards_have_one_shape() {
    let account = Account::empty(Kind::Ministack, 3);
    let dry = account.deploy(&["--dry-run", "--output", "json"]).exits(5).json();
    let done = account.deploy(&["--yes", "--output", "json"]).exits(0);
    let keys = |data: &Value| data.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let made = done.json();
    assert_eq!(keys(&dry), keys(&made));
    assert_eq!((&dry["applied"], &made["applied"]), (&json!(false), &json!(true)));
    for key in ["stacks", "records", "health_checks", "config", "stack"] {
        assert_eq!(dry[key], made[key], "{key}");
    }
    done.says(&["create pointsman-control in ca-central-1", "make the records of api.deploy.test"]);
    let again = account.deploy(&["--yes"]).exits(0);
    again.says(&["no stack changes", "pointsman-control: no changes"]);
}

#[test]
fn the_failover_function_makes_the_preflight_by_itself() {
    let account = Account::empty(Kind::Ministack, 6);
    account.deploy(&["--yes"]).exits(0);
    let before = account.proxy.aws_calls().len();
    let preflight = || account.aws().invoke(CONTROL_REGION, "pointsman-failover", r#"{"preflight":true}"#);
    let of = |findings: &Value, check: &str| -> Vec<String> {
        let all = findings.as_array().unwrap_or_else(|| panic!("{findings:#}")).iter();
        all.filter(|it| it["check"] == check).map(|it| it["status"].as_str().unwrap().to_owned()).collect()
    };
    let findings = preflight();
    assert_eq!(of(&findings, "functions"), ["pass"; 4], "{findings:#}");
    assert_eq!(of(&findings, "observers_run"), ["pass"; 3], "{findings:#}");
    assert_eq!(of(&findings, "conditional_writes"), ["pass"], "{findings:#}");
    assert_eq!(of(&findings, "standby"), ["fail"; 2], "nothing serves there: {findings:#}");
    assert_eq!(of(&findings, "notifications"), ["warn"; 2], "nobody is subscribed, nor paged: {findings:#}");
    assert_eq!(of(&findings, "alarms"), ["pass"], "{findings:#}");
    let calls = account.proxy.aws_calls().split_off(before);
    let own = calls.iter().filter(|call| call.function() == Some("pointsman-failover"));
    policy::preflight_is_allowed(own.map(|call| format!("{}:{}", call.service, call.operation)));

    let alarm = |action: &str| {
        account.aws().cloudwatch(&format!("Action={action}&AlarmNames.member.1=pointsman-failover-errors"));
        of(&preflight(), "alarms")
    };
    assert_eq!(alarm("DisableAlarmActions"), ["warn"]);
    assert_eq!(alarm("DeleteAlarms"), ["fail"]);
}

#[test]
fn the_aws_command_line_can_do_the_same() {
    let Some(clients) = Clients::find() else {
        needs::not_run("the aws command line and boto3 from PyPI");
        return;
    };
    let account = Account::empty(Kind::Ministack, 4);
    let folder = account.path().join("exported");
    let export = || account.deploy(&["--export", folder.to_str().unwrap()]);
    export().exits(5).says(&["health checks of api.deploy.test", "hint: `pointsman dns apply` makes them"]);
    account.run(&["dns", "apply", "--yes"]).exits(0);
    export().exits(0);

    let endpoint = account.proxy.endpoint();
    let aws = |arguments: &[&str]| {
        let command = clients.command("aws", &endpoint, account.path(), arguments);
        program::run(command, program::COMMAND).exits(0)
    };
    let stack = |region: &str, part: &str| {
        let (template, given) = (format!("exported/{part}.yaml"), format!("file://exported/{region}/{part}.json"));
        let name = format!("pointsman-{part}");
        let what = ["--region", region, "--stack-name", &name, "--template-file", &template];
        let how = ["--parameter-overrides", &given, "--capabilities", "CAPABILITY_NAMED_IAM"];
        aws(&[&["cloudformation", "deploy"][..], &what, &how].concat());
    };
    for region in OBSERVERS.into_iter().chain([CONTROL_REGION]) {
        stack(region, "artifacts");
        for part in ["code", "config"] {
            let bucket = format!("s3://pointsman-artifacts-000000000000-{region}/{part}");
            aws(&["s3", "cp", "--recursive", "--region", region, &format!("exported/{part}"), &bucket]);
        }
        stack(region, if region == CONTROL_REGION { "control" } else { "observer" });
    }
    stack(CONTROL_REGION, "watch");
    let status = account.run(&["status", "--output", "json"]);
    assert_eq!(status.json()[0]["active"], "eu-west-1", "{status}");
    // It is what the command line would have made.
    account.deploy(&["--yes"]).exits(0).says(&["no stack changes"]);
    documented(&fs::read_to_string(support::workspace().join("docs/deploy.md")).unwrap(), &folder);
}

/// Every parameter that is exported has its line.
fn documented(page: &str, folder: &Path) {
    for (region, part) in [(OBSERVERS[0], "observer"), (CONTROL_REGION, "control"), (CONTROL_REGION, "artifacts")] {
        let given = fs::read(folder.join(region).join(format!("{part}.json"))).unwrap();
        for parameter in serde_json::from_slice::<Vec<String>>(&given).unwrap() {
            let (name, _) = parameter.split_once('=').unwrap();
            let told = page.lines().any(|line| line.starts_with('|') && line.contains(&format!("`{name}`")));
            assert!(told, "docs/deploy.md has no line on {name}");
        }
    }
}
