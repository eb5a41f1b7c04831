//! The configuration names other regions than before: nothing is left running where it does not look any more.

use lab::{emulator::Kind, proxy::Point};
use serde_json::Value;

use crate::{
    OBSERVER,
    account::Account,
    deployed_everywhere,
    support::aws::{CONTROL_REGION, OBSERVERS},
};

const FOURTH: &str = "ap-northeast-1";

fn is_empty(account: &Account, region: &str) -> bool {
    account.aws().mentions(region, "pointsman").is_empty()
}

#[test]
fn a_region_taken_out_of_the_configuration_is_cleared() {
    let account = Account::empty(Kind::Ministack, 11);
    let four = [&OBSERVERS[..], &[FOURTH]].concat();
    account.configure_in(CONTROL_REGION, &four, 20);
    account.deploy(&["--yes"]).exits(0);
    assert_eq!(account.aws().functions(FOURTH), ["pointsman-checker"]);

    account.configure(20);
    let dry = account.deploy(&["--dry-run", "--output", "json"]).exits(5).json();
    let of_fourth = |data: &Value| -> Vec<(String, String)> {
        let stacks = data["stacks"].as_array().unwrap().iter().filter(|it| it["region"] == FOURTH);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        stacks.map(|it| (text(&it["stack"]), text(&it["action"]))).collect()
    };
    let gone = |stack: &str| (stack.to_owned(), "remove".to_owned());
    assert_eq!(of_fourth(&dry), [gone(OBSERVER), gone("pointsman-artifacts")], "{dry:#}");
    assert_eq!(account.aws().functions(FOURTH), ["pointsman-checker"], "a dry run removes nothing");

    // Ended when the regions that stay are done: what is left is found all the same.
    account.refuse("cloudformation", "DeleteStack", FOURTH, 403);
    let stopped = account.deploy(&["--yes"]).exits(6);
    let left = format!("{FOURTH} {OBSERVER}: failed to be allowed DeleteStack");
    stopped.says(&[
        "every region that the configuration names has the new version",
        &left,
        "does not name it any more",
    ]);
    account.fail("");
    let done = account.deploy(&["--yes"]).exits(0);
    done.says(&[&format!("remove {OBSERVER} in {FOURTH}"), "Remove Checker (AWS::Lambda::Function)"]);
    assert!(is_empty(&account, FOURTH));
    deployed_everywhere(&account);
    account.deploy(&["--dry-run"]).exits(0);
}

#[test]
fn killed_while_a_region_is_cleared_the_next_run_clears_it() {
    let account = Account::empty(Kind::Ministack, 12);
    let four = [&OBSERVERS[..], &[FOURTH]].concat();
    account.configure_in(CONTROL_REGION, &four, 20);
    account.deploy(&["--yes"]).exits(0);
    account.configure(20);
    // Nothing is gone yet, then the function is, then the bucket.
    for point in [Point::BeforeTheEffect, Point::BeforeTheReply, Point::BeforeTheReply] {
        let finished = account.deploy_killed_at(Some("DeleteStack"), 1, point);
        assert!(finished.is_none(), "nothing was deleted: {}", finished.unwrap());
    }
    account.deploy(&["--yes"]).exits(0);
    assert!(is_empty(&account, FOURTH));
    deployed_everywhere(&account);
}

#[test]
fn the_way_back_finds_what_the_configuration_does_not_name() {
    let account = Account::empty(Kind::Ministack, 13);
    let four = [&OBSERVERS[..], &[FOURTH]].concat();
    account.configure_in(CONTROL_REGION, &four, 20);
    account.deploy(&["--yes"]).exits(0);

    // Two failover functions would work against each other.
    account.configure_in(FOURTH, &OBSERVERS, 20);
    let refused = account.deploy(&["--yes"]).exits(4);
    refused.says(&["the control region is ap-northeast-1 by the configuration, and ca-central-1", "hint: "]);

    let destroyed = account.run(&["destroy", "--yes"]).exits(0);
    destroyed.says(&["what an earlier configuration has left in ca-central-1"]);
    for region in OBSERVERS.into_iter().chain([FOURTH]) {
        assert!(is_empty(&account, region), "{region}");
    }
    assert_eq!(account.aws().mentions(CONTROL_REGION, "pointsman"), ["buckets"], "the state stays");
    account.deploy(&["--yes"]).exits(0);
    assert_eq!(account.aws().functions(FOURTH), ["pointsman-failover"]);
}
