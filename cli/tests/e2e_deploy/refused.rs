//! AWS throttles or denies calls in the middle: what has come of it is told for every region, and the next run ends right.

use std::{fs, path::PathBuf};

use lab::emulator::Kind;

use crate::{
    CONTROL, OBSERVER,
    account::Account,
    config_keys, deployed_everywhere,
    support::{
        aws::{CONTROL_REGION, OBSERVERS},
        program::Finished,
        seconds,
        terminal::Terminal,
        until,
    },
};

/// Every other region.
fn others(refused: &str) -> impl Iterator<Item = &'static str> {
    OBSERVERS.into_iter().chain([CONTROL_REGION]).filter(move |region| *region != refused)
}

/// The refused region is told of with its reason, and every other with what it is.
fn told(stopped: &Finished, refused: &str, reason: &str, other: &str) {
    let lines: Vec<_> = stopped.stderr.lines().collect();
    let of = |region: &str| -> Vec<_> {
        lines.iter().filter(|line| line.starts_with(&format!("  {region} pointsman-"))).copied().collect()
    };
    assert!(of(refused).iter().any(|line| line.contains(reason)), "`{reason}` of {refused}: {stopped}");
    for region in others(refused) {
        assert!(of(region).iter().any(|line| line.contains(other)), "`{other}` of {region}: {stopped}");
    }
    assert!(stopped.stderr.contains("hint: "), "{stopped}");
}

#[test]
fn what_was_made_and_what_was_not_is_told_wherever_a_first_deployment_stops() {
    let account = Account::empty(Kind::Ministack, 7);
    let deploy = |code| account.deploy(&["--yes"]).exits(code);
    let refused = OBSERVERS[1];

    account.refuse("cloudformation", "CreateChangeSet", refused, 403);
    let stopped = deploy(6).says(&["; nothing was changed"]);
    told(&stopped, refused, "failed to be allowed CreateChangeSet", "nothing of it was changed");
    for region in others(refused) {
        assert_eq!(account.aws().mentions(region, "pointsman"), Vec::<&str>::new(), "{region}: {stopped}");
    }

    account.refuse("route53", "CreateHealthCheck", "us-east-1", 429);
    deploy(6).says(&["AWS throttles", "no stack was touched; 0 of 3 health checks are there", "hint: wait"]);

    account.refuse("s3", "PutObject", refused, 403);
    let stopped = deploy(6).says(&["the health checks are there, and no function was touched"]);
    told(&stopped, refused, "failed to be allowed PutObject", "code and configuration are there");
    assert!(config_keys(&account).is_empty(), "{stopped}");

    // The bucket's stack is there by then: it is the function's that is made.
    account.refuse("cloudformation", "CreateStack", refused, 429);
    let stopped = deploy(6).says(&["every region is what it was before", "hint: wait"]);
    told(&stopped, refused, "failed to get through to CreateStack: AWS throttles", "it is not there, as before");
    assert!(config_keys(&account).is_empty(), "{stopped}");

    account.refuse("route53", "ChangeResourceRecordSets", "us-east-1", 403);
    let new = "every region has the new version";
    deploy(6).says(&[new, "are there of none, and were not looked after of api.deploy.test", "AccessDenied"]);

    account.call(CONTROL_REGION, "pointsman-watch", "DeleteStack", &[]);
    account.refuse("cloudformation", "CreateStack", CONTROL_REGION, 403);
    deploy(6).says(&[new, "ca-central-1 pointsman-watch: failed to be allowed CreateStack", "alarms, dashboard"]);

    account.refuse("lambda", "Invoke", refused, 429);
    let stopped = deploy(6).says(&[new]);
    told(&stopped, refused, "failed to get through to Invoke: AWS throttles", "it runs");

    account.fail("");
    deploy(0);
    deployed_everywhere(&account);
    account.deploy(&["--dry-run"]).exits(0);
}

#[test]
fn a_look_that_is_throttled_is_taken_again() {
    let account = Account::empty(Kind::Ministack, 8);
    account.refuse("cloudformation", "DescribeStackEvents", OBSERVERS[0], 429);
    let mut deployment = account.start(&["--yes"]);
    until("a look to be throttled with all its attempts", seconds(60), || {
        let throttled = account.proxy.aws_calls().into_iter().filter(|call| call.injected).count();
        (throttled > 4).then_some(())
    });
    account.fail("");
    deployment.end(seconds(120)).exits(0);
    deployed_everywhere(&account);
}

#[test]
fn code_alone_goes_back_where_one_region_refuses_it() {
    let account = Account::empty(Kind::Ministack, 9);
    account.deploy(&["--yes"]).exits(0);
    let functions = || {
        OBSERVERS
            .map(|region| (region, "pointsman-checker"))
            .into_iter()
            .chain([(CONTROL_REGION, "pointsman-failover")])
    };
    let code = || functions().map(|(region, function)| account.aws().code(region, function)).collect::<Vec<_>>();
    let before = code();
    let artifacts = other_code(&account);
    let with = ["deploy", "--code-only", "--yes", "--artifacts", artifacts.to_str().unwrap()];
    let refused = OBSERVERS[2];

    account.refuse("lambda", "UpdateFunctionCode", refused, 403);
    let stopped = account.run(&with).exits(6).says(&["every region is what it was before"]);
    told(&stopped, refused, "failed to be allowed UpdateFunctionCode", "it is what it was before");
    assert_eq!(code(), before, "{stopped}");

    account.fail("");
    account.run(&with).exits(0);
    assert!(code().iter().zip(&before).all(|(after, before)| after != before));
}

/// The same programs in other bytes.
fn other_code(account: &Account) -> PathBuf {
    let folder = account.path().join("other");
    for name in ["checker", "failover"] {
        let from = account.artifacts().join(name);
        let packed = fs::read_dir(&from).unwrap().next().unwrap().unwrap().path();
        let to = folder.join(name);
        fs::create_dir_all(&to).unwrap();
        let mut bytes = fs::read(&packed).unwrap();
        bytes.extend_from_slice(b"another build");
        let file = to.join(packed.file_name().unwrap());
        fs::write(&file, bytes).unwrap();
        fs::set_permissions(&file, fs::metadata(&packed).unwrap().permissions()).unwrap();
    }
    folder
}

#[test]
fn a_way_back_that_is_refused_says_what_is_left() {
    let account = Account::empty(Kind::Ministack, 10);
    account.deploy(&["--yes"]).exits(0);
    let refused = OBSERVERS[0];
    account.refuse("cloudformation", "DeleteStack", refused, 403);
    let stopped = account.run(&["destroy", "--yes"]).exits(6);
    let left = format!("{refused} {OBSERVER}: failed to be allowed DeleteStack");
    stopped.says(&["alarms and dashboard are gone", &left, "it may be there still", "it is gone", "hint: "]);
    assert_eq!(account.aws().functions(CONTROL_REGION), ["pointsman-failover"], "{CONTROL} comes after the observers");
    account.fail("");
    account.run(&["destroy", "--yes"]).exits(0);
    assert!(config_keys(&account).is_empty());
}

/// Somebody has put what is no zip where the next code has to lie, in one region.
#[test]
fn why_a_resource_fails_is_read_at_once_on_a_terminal_and_stays() {
    let account = Account::empty(Kind::Ministack, 17);
    account.deploy(&["--yes"]).exits(0);
    let artifacts = other_code(&account);
    let with = ["deploy", "--yes", "--artifacts", artifacts.to_str().unwrap()];
    account.run(&with).exits(0);
    let broken = OBSERVERS[1];
    let key = account.aws().parameter(broken, OBSERVER, "CodeKey").unwrap();
    account.deploy(&["--yes"]).exits(0);
    account.aws().artifact("PUT", broken, &key, b"no zip");

    let terminal = Terminal::of(account.command(&with));
    let shown = terminal.shows();
    assert_eq!(terminal.status.code(), Some(6), "{shown}");
    let failed = format!("{broken} {OBSERVER} Checker: UPDATE_FAILED: ");
    let in_order = [&failed, "a region failed: the others are brought back", "error: failed in ", "hint: "];
    let places = in_order.map(|text| shown.find(text).unwrap_or_else(|| panic!("`{text}` does not stay: {shown}")));
    assert!(places.is_sorted(), "{shown}");
    let line = shown.lines().find(|line| line.starts_with(&failed)).unwrap();
    assert!(line.contains("Could not unzip uploaded file."), "{line}");
    assert!(!shown.contains(is_of_a_bar), "bars are gone in the end: {shown}");
    let bars = terminal.screens.iter().flat_map(|screen| screen.lines()).filter(|line| line.contains(is_of_a_bar));
    let counts = bars.flat_map(str::split_whitespace).filter_map(|word| {
        let (done, all) = word.split_once('/')?;
        Some((done.parse::<u32>().ok()?, all.parse::<u32>().ok()?))
    });
    let counts: Vec<_> = counts.collect();
    assert!(counts.contains(&(3, 3)), "a region was done: {counts:?}");
    assert!(counts.iter().all(|(done, all)| done <= all), "what goes back is not counted again: {counts:?}");
}

fn is_of_a_bar(character: char) -> bool {
    matches!(character, '█' | '░')
}
