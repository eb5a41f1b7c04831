//! What a deployment finds of earlier ones, in every state that a stack can be left in.

use lab::emulator::Kind;
use serde_json::{Value, json};

use crate::{
    CONTROL, OBSERVER,
    account::Account,
    config_keys, deployed_everywhere,
    support::aws::{CONTROL_REGION, OBSERVERS},
};

/// A template whose second resource can't be made.
const FAILS: &str = r#"{"Resources":{
    "Topic":{"Type":"AWS::SNS::Topic"},
    "Fails":{"Type":"AWS::Lambda::EventInvokeConfig","DependsOn":"Topic",
             "Properties":{"FunctionName":"nobody","Qualifier":"$LATEST"}}}}"#;

#[test]
fn what_earlier_runs_have_left_is_dealt_with() {
    let account = Account::empty(Kind::Ministack, 2);
    let [reviewed, rolled_back, _] = OBSERVERS;
    account.call(
        reviewed,
        OBSERVER,
        "CreateChangeSet",
        &[("ChangeSetName", "pointsman-preview"), ("ChangeSetType", "CREATE"), ("TemplateBody", FAILS)],
    );
    account.until_status(reviewed, OBSERVER, "REVIEW_IN_PROGRESS");
    account.call(rolled_back, OBSERVER, "CreateStack", &[("TemplateBody", FAILS)]);
    account.until_status(rolled_back, OBSERVER, "ROLLBACK_COMPLETE");

    let dry = account.deploy(&["--dry-run", "--output", "json"]).exits(5).json();
    let stacks = dry["stacks"].as_array().unwrap();
    let found = stacks.iter().find(|it| it["region"] == rolled_back && it["stack"] == OBSERVER).unwrap();
    assert_eq!(found["recovery"], json!({ "status": "ROLLBACK_COMPLETE", "way": "delete" }), "{found:#}");
    let deployed = account.deploy(&["--yes"]).exits(0);
    deployed.says(&[&format!("{rolled_back} {OBSERVER}: was left as ROLLBACK_COMPLETE; it holds nothing that runs")]);
    deployed_everywhere(&account);

    let stuck = OBSERVERS[0];
    let code = stick(&account, stuck);
    let dry = account.deploy(&["--dry-run"]).exits(5);
    assert!(dry.stdout.contains("it was left as UPDATE_ROLLBACK_FAILED; its rollback is continued"), "{dry}");
    let deployed = account.deploy(&["--yes"]).exits(0);
    deployed.says(&[&format!("{stuck} {OBSERVER}: was left as UPDATE_ROLLBACK_FAILED; its rollback is continued")]);
    deployed_everywhere(&account);
    assert_eq!(account.aws().parameter(stuck, OBSERVER, "CodeKey"), Some(code));
    account.deploy(&["--dry-run"]).exits(0);
}

/// Has somebody else update a stack so that it fails, and the way back too: the code before is not there any more.
fn stick(account: &Account, region: &str) -> String {
    let aws = account.aws();
    let code = aws.parameter(region, OBSERVER, "CodeKey").unwrap();
    let zip = aws.artifact("GET", region, &code, b"");
    aws.artifact("PUT", region, "code/other.zip", &zip);
    aws.artifact("DELETE", region, &code, b"");
    let template = include_str!("../../../infra/observer.yaml").replace(
        "Outputs:",
        "  Fails:\n    Type: AWS::Lambda::EventInvokeConfig\n    DependsOn: EveryMinuteMayInvoke\n    Properties:\n      \
         FunctionName: nobody\n      Qualifier: $LATEST\nOutputs:",
    );
    let kept = ["ControlRegion", "ConfigKey", "Architecture", "Schedule"];
    let given: Vec<_> = kept.into_iter().map(|key| (key, aws.parameter(region, OBSERVER, key).unwrap())).collect();
    let mut arguments = vec![
        ("TemplateBody".to_owned(), template),
        ("Capabilities.member.1".to_owned(), "CAPABILITY_NAMED_IAM".to_owned()),
    ];
    for (number, (key, value)) in given.into_iter().chain([("CodeKey", "code/other.zip".to_owned())]).enumerate() {
        let at = format!("Parameters.member.{}", number + 1);
        arguments.push((format!("{at}.ParameterKey"), key.to_owned()));
        arguments.push((format!("{at}.ParameterValue"), value));
    }
    let arguments: Vec<_> = arguments.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    account.call(region, OBSERVER, "UpdateStack", &arguments);
    account.until_status(region, OBSERVER, "UPDATE_ROLLBACK_FAILED");
    code
}

#[test]
fn the_way_back_leaves_what_users_need() {
    let account = Account::empty(Kind::Ministack, 5);
    account.deploy(&["--yes"]).exits(0);
    let zone = account.records();
    account.run(&["destroy", "--yes"]).exits(0);
    assert!(config_keys(&account).is_empty());
    let kept = || -> Value { serde_json::from_slice(&account.aws().state(crate::SERVICE)).unwrap() };
    assert_eq!(kept()["epoch"], 0, "the state stays");
    // It is taken over.
    account.deploy(&["--yes"]).exits(0);
    assert_eq!(account.aws().parameter(CONTROL_REGION, CONTROL, "StateBucket").as_deref(), Some("existing"));
    deployed_everywhere(&account);
    account.run(&["destroy", "--yes", "--delete-state"]).exits(0);
    for region in OBSERVERS.into_iter().chain([CONTROL_REGION]) {
        assert_eq!(account.aws().mentions(region, "pointsman"), Vec::<&str>::new(), "{region}");
    }
    assert_eq!(account.records(), zone, "the zone, its records and checks stay");
}
