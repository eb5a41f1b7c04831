//! Twenty services: the template of alarms and dashboard is too long for a call, and has to lie in a bucket for `CloudFormation`
//! to read it.

use std::collections::BTreeSet;

use lab::emulator::Kind;

use crate::{
    account::Account,
    support::aws::{CONTROL_REGION, OBSERVERS},
};

/// How often the command line put an object, and deleted one.
fn put_and_deleted(account: &Account) -> [usize; 2] {
    let mut calls = account.proxy.aws_calls();
    calls.retain(|call| call.function().is_none());
    ["PutObject", "DeleteObject"].map(|operation| calls.iter().filter(|call| call.operation == operation).count())
}

#[test]
fn a_dry_run_of_twenty_services_leaves_nothing_behind() {
    let account = Account::empty(Kind::Ministack, 16);
    let artifacts = || -> BTreeSet<String> {
        let listed = account.aws().artifact("GET", CONTROL_REGION, "?list-type=2", b"");
        let listed = String::from_utf8(listed).unwrap();
        listed.split("<Key>").skip(1).map(|rest| rest.split_once("</Key>").unwrap().0.to_owned()).collect()
    };
    account.configure_many(20);
    // Nothing is there yet, not even a bucket that it could lie in.
    let dry = account.deploy(&["--dry-run"]).exits(5);
    assert!(dry.stdout.contains("create pointsman-watch in ca-central-1"), "{dry}");
    for region in OBSERVERS.into_iter().chain([CONTROL_REGION]) {
        assert_eq!(account.aws().mentions(region, "pointsman"), Vec::<&str>::new(), "{region}: {dry}");
    }
    assert_eq!(put_and_deleted(&account), [0, 0]);

    account.configure(20);
    account.deploy(&["--yes"]).exits(0);
    let (before, [put, _]) = (artifacts(), put_and_deleted(&account));
    account.configure_many(20);
    let dry = account.deploy(&["--dry-run"]).exits(5);
    assert!(dry.stdout.contains("update pointsman-watch in ca-central-1"), "{dry}");
    assert_eq!(put_and_deleted(&account), [put + 1, 1], "it lay there while it was asked about: {dry}");
    assert_eq!(artifacts(), before);

    account.deploy(&["--yes"]).exits(0);
    let deployed = artifacts();
    assert_eq!(deployed.iter().filter(|key| key.starts_with("templates/")).count(), 1, "{deployed:?}");
    account.deploy(&["--dry-run"]).exits(0);
    assert_eq!(artifacts(), deployed, "what is deployed stays");
}
