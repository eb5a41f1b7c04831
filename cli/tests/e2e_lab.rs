//! A lab that is kept up, and every command that works on it, in the order in which a person would.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use serde_json::{Value, json};
use support::{
    aws::{CONTROL_REGION, OBSERVERS},
    emulator::Emulator,
    lab::Lab,
    program::{self, pointsman},
    seconds, traces, until,
};

const FIRST: &str = "eu-west-1";
const OTHER: &str = "us-east-1";

/// The default scenario where a return is by hand.
fn scenario() -> String {
    let source = include_str!("../../scenarios/region-outage.toml");
    let changed = source.replace("failback = \"auto\"", "failback = \"manual\"");
    assert_eq!(changed.matches("\"manual\"").count(), 1);
    changed
}

on_both!(every_command_works_on_a_lab);

fn every_command_works_on_a_lab(emulator: Emulator) {
    let _trial = emulator.tries("deploy, look, orders by hand, pause, deploy again, destroy");
    let lab = Lab::up(emulator, &scenario(), 4);
    only_one_lab_is_up(&lab);
    status_tells_where_things_stand(&lab);
    alarms_and_the_dashboard_are_there(&lab, emulator);
    every_observer_can_be_asked_to_look(&lab);
    a_dry_run_changes_nothing(&lab);
    nobody_answers_so_nothing_is_done(&lab);
    an_order_is_carried_out_once(&lab);
    the_switch_is_in_the_metrics(&lab);
    deploying_again_undoes_nothing(&lab);
    the_way_back(&lab);
    a_pause_holds_until_it_is_over(&lab);
    a_state_that_cannot_be_read_is_left_alone(&lab);
    destroy_leaves_records_and_state(&lab);
    down_leaves_nothing(&lab);
}

fn only_one_lab_is_up(lab: &Lab) {
    let again = lab.up_again(4).exits(2).says(&["a lab is up already", "pointsman lab down"]);
    assert!(again.stdout.is_empty(), "{again}");
    let status = program::run(pointsman(lab.place(), ["lab", "status", "--output=json"]), program::COMMAND).exits(0);
    assert_eq!(status.json(), lab.running);
}

fn status_tells_where_things_stand(lab: &Lab) {
    let status = until("every region to be healthy", seconds(30), || {
        let status = lab.run(&["status", "--output", "json"]);
        (status.code() == Some(0)).then(|| status.json()[0].take())
    });
    let expected = json!({
        "service": lab.service(), "phase": "steady", "active": FIRST, "epoch": 0, "mode": "auto", "paused": null,
        "earliest_failover": null,
    });
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(status[key], *value, "{key} of {status:#}");
    }
    for region in [FIRST, OTHER] {
        let region = &status["regions"][region];
        assert_eq!(region["phase"], "healthy");
        assert!(region["since"].is_string(), "{status:#}");
        for observer in OBSERVERS {
            assert_eq!(region["verdicts"][observer], "up", "{status:#}");
        }
    }
    for reason in status["hold_reasons"].as_array().unwrap() {
        assert!(reason["code"].is_string() && reason["text"].is_string(), "{status:#}");
    }
    let text = lab.run(&["status", "--explain"]).exits(0).stdout;
    let next = format!("should {FIRST} fail, traffic moves to {OTHER} once 2 observers have seen it");
    for word in [FIRST, OTHER, "healthy", "steady", &next] {
        assert!(text.contains(word), "{word}: {text}");
    }
    assert_eq!(lab.answering(), Some(FIRST));
}

fn alarms_and_the_dashboard_are_there(lab: &Lab, emulator: Emulator) {
    let service = lab.service();
    let alarms = lab.aws().cloudwatch("Action=DescribeAlarms&AlarmNamePrefix=pointsman-");
    let of_regions = [FIRST, OTHER].map(|region| format!("{service}-{region}-region-down"));
    let of_service = ["failover-happened", "state-stale"].map(|kind| format!("{service}-{kind}"));
    let of_observers = OBSERVERS.map(|observer| format!("{observer}-observer-silent"));
    for alarm in of_regions.iter().chain(&of_service).chain(&of_observers) {
        assert!(alarms.contains(&format!("<AlarmName>pointsman-{alarm}</AlarmName>")), "{alarm}: {alarms}");
    }
    // LocalStack accepts a dashboard and makes none.
    if emulator == Emulator::Ministack {
        let dashboard = lab.aws().cloudwatch("Action=GetDashboard&DashboardName=pointsman");
        assert!(dashboard.contains("Where DNS points"), "{dashboard}");
    }
}

/// What the alarms watch is sent.
fn the_switch_is_in_the_metrics(lab: &Lab) {
    for metric in ["Failovers", "QuorumMargin", "StateAge", "Answering"] {
        until(&format!("metric {metric}"), seconds(60), || {
            let found = lab.aws().cloudwatch(&format!("Action=ListMetrics&Namespace=Pointsman&MetricName={metric}"));
            found.contains(&format!("<Value>{}</Value>", lab.service())).then_some(())
        });
    }
}

fn every_observer_can_be_asked_to_look(lab: &Lab) {
    let check = lab.run(&["check", "--remote", "--output", "json"]).exits(0);
    let looks: Vec<Value> =
        serde_json::Deserializer::from_str(&check.stdout).into_iter().collect::<Result<_, _>>().unwrap();
    let mut observers: Vec<_> = looks.iter().map(|look| look["observer"].as_str().unwrap()).collect();
    observers.sort_unstable();
    let mut expected = OBSERVERS;
    expected.sort_unstable();
    assert_eq!(observers, expected);
    for look in &looks {
        assert_eq!(look["service"], *lab.service());
        assert_eq!(look["verdicts"], json!({ FIRST: "up", OTHER: "up" }), "{look:#}");
        assert_eq!(look["answering"], json!({ "region": FIRST }), "{look:#}");
        assert!(look["endpoints"].as_array().is_some_and(|endpoints| !endpoints.is_empty()), "{look:#}");
    }
    let here = lab.run(&["check", "--output", "json"]).exits(0).json();
    assert_eq!((&here["observer"], &here["verdicts"]), (&json!("local"), &looks[0]["verdicts"]));
    let table = lab.run(&["check", "--remote"]).exits(0).stdout;
    assert!(OBSERVERS.iter().all(|observer| table.contains(observer)), "{table}");
}

fn a_dry_run_changes_nothing(lab: &Lab) {
    let before = lab.aws().state(lab.service());
    let order = ["failover", "--to", OTHER, "--reason", "test", "--dry-run", "--output", "json"];
    let plan = lab.run(&order).exits(0).json();
    for (key, value) in [("kind", "failover"), ("from", FIRST), ("to", OTHER)] {
        assert_eq!(plan[key], value, "{plan:#}");
    }
    assert_eq!(plan["epoch"], 1);
    assert_eq!(plan["by"]["human"]["reason"], "test");
    assert_eq!(epoch(&lab.aws().state(lab.service())), epoch(&before));
    assert_eq!(lab.answering(), Some(FIRST));
}

fn nobody_answers_so_nothing_is_done(lab: &Lab) {
    let refused = lab.run(&["failover", "--to", OTHER, "--reason", "test"]).exits(2);
    refused.says(&["not confirmed: nothing was changed", "hint: answer `y`, or pass --yes"]);
    assert_eq!(epoch(&lab.aws().state(lab.service())), 0);
}

fn an_order_is_carried_out_once(lab: &Lab) {
    let order = ["failover", "--to", OTHER, "--reason", "test", "--yes", "--output", "json"];
    let done = lab.run(&order).exits(0).json();
    assert_eq!((&done["verified"], &done["active"], &done["plan"]["epoch"]), (&json!(true), &json!(OTHER), &json!(1)));
    assert_eq!(lab.answering(), Some(OTHER), "verified means that every name server says so");
    let status = lab.status();
    assert_eq!(status["active"], OTHER, "{status:#}");
    // The next tick already calls a region that was up all along ready to be returned to.
    let phases = ["failed_over", "failback_ready"];
    assert!(phases.iter().any(|phase| status["phase"] == *phase), "{status:#}");

    let again = lab.run(&order).exits(4).says(&["already_there", "hint:"]);
    assert!(again.stdout.is_empty(), "{again}");
    assert_eq!(lab.answering(), Some(OTHER));
}

/// A failed-over state is not drift.
fn deploying_again_undoes_nothing(lab: &Lab) {
    let deployed = lab.deploy().exits(0);
    let stacks: Vec<_> =
        deployed.stderr.lines().filter(|line| line.contains(" pointsman-") && line.contains(": ")).collect();
    let stacks: Vec<_> = stacks.into_iter().filter(|line| !line.ends_with(": runs")).collect();
    assert_eq!(stacks.len(), 9, "four artifact buckets, three observers, one control, one watch: {deployed}");
    for line in stacks {
        assert!(line.ends_with(": no changes"), "{line}\n{deployed}");
    }
    assert_eq!(lab.answering(), Some(OTHER));
    assert_eq!(lab.status()["active"], OTHER);
}

fn the_way_back(lab: &Lab) {
    // The region that was left is up, so it is made a standby again first.
    until("no plan to be in flight", seconds(30), || (!codes(&lab.status()).contains(&"plan_in_flight")).then_some(()));
    let done = lab.run(&["failback", "--reason", "back", "--yes", "--output", "json"]).exits(0).json();
    assert_eq!((&done["verified"], &done["active"]), (&json!(true), &json!(FIRST)));
    assert_eq!(done["plan"]["kind"], "failback");
    assert_eq!(lab.answering(), Some(FIRST));
}

fn a_pause_holds_until_it_is_over(lab: &Lab) {
    lab.run(&["pause", "--reason", "maintenance"]).exits(0).says(&["Route 53's own health checks are not stopped"]);
    assert_eq!(lab.status()["paused"]["reason"], "maintenance");
    let before = epoch(&lab.aws().state(lab.service()));
    lab.fault(FIRST, r#"{"kind":"down"}"#);
    let held = until("the region to have failed", seconds(30), || {
        let status = lab.status();
        (status["regions"][FIRST]["phase"] == "failed").then_some(status)
    });
    assert!(codes(&held).contains(&"paused"), "{held:#}");
    assert_eq!(epoch(&lab.aws().state(lab.service())), before);
    lab.run(&["resume"]).exits(0);
    let left = until("the region to be left", seconds(60), || {
        let status = lab.status();
        let ours = status["epoch"].as_u64().unwrap() > before;
        (ours && status["active"] == OTHER && status["phase"] == "failed_over").then_some(status)
    });
    assert_eq!(left["paused"], Value::Null);
    let state: Value = serde_json::from_slice(&lab.aws().state(lab.service())).unwrap();
    assert_eq!(state["slots"][0]["region"], OTHER, "we left it, or made final what Route 53 did: {state:#}");
}

fn a_state_that_cannot_be_read_is_left_alone(lab: &Lab) {
    let (aws, service) = (lab.aws(), lab.service());
    let good = aws.state(service);
    let cases = [("garbage", "the state object is corrupted"), (r#"{"format":99}"#, "format 99")];
    for (content, complaint) in cases {
        aws.put_state(service, content.as_bytes());
        let place = format!("s3://pointsman-state-000000000000-{CONTROL_REGION}/state/{service}.json");
        for command in [&["status"][..], &["failback", "--reason", "test", "--yes"], &["pause"]] {
            lab.run(command).exits(1).says(&[&place, complaint, "hint: it was left as it is"]);
        }
        lab.deploy().exits(1).says(&[&place, complaint, "hint: it was left as it is"]);
        // Each round, in which a region is down, starts the failover function too.
        for observer in OBSERVERS {
            let round = || aws.observation(observer, service).and_then(|it| it["round"].as_u64()).unwrap();
            let enough = round() + 8;
            until("eight rounds", seconds(30), || (round() >= enough).then_some(()));
        }
        assert_eq!(aws.state(service), content.as_bytes(), "it was overwritten");
    }
    aws.put_state(service, &good);
    assert_eq!(lab.status()["active"], OTHER);
}

fn destroy_leaves_records_and_state(lab: &Lab) {
    lab.run(&["destroy"]).exits(2).says(&["not confirmed"]);
    lab.run(&["destroy", "--yes"]).exits(0);
    for region in OBSERVERS.into_iter().chain([CONTROL_REGION]) {
        assert_eq!(lab.aws().functions(region), Vec::<String>::new(), "{region}");
    }
    assert_eq!(lab.answering(), Some(OTHER), "the records stay");
    assert!(!lab.aws().state(lab.service()).is_empty(), "the state stays");
    lab.run(&["status"]).exits(5).says(&["hint: deploy it first with `pointsman deploy`"]);
}

fn down_leaves_nothing(lab: &Lab) {
    let mut addresses = vec![lab.text("/endpoint_url").strip_prefix("http://").unwrap().to_owned()];
    for server in lab.running["name_servers"].as_array().unwrap() {
        addresses.push(server.as_str().unwrap().to_owned());
    }
    addresses.push(lab.text(&format!("/regions/{OTHER}/serves")).to_owned());
    for address in &addresses {
        assert!(traces::listens(address), "{address} is the lab's");
    }
    lab.down().exits(0).says(&["the lab is down"]);
    for address in &addresses {
        assert!(!traces::listens(address), "{address} still listens");
    }
    assert_eq!(traces::of_lab(lab.pid()), Vec::<String>::new());
    assert!(traces::run_folders(lab.place()).is_empty(), "left behind in .pointsman/run");
    assert!(!lab.place().join(".pointsman/lab.json").exists());
    let status = || program::run(pointsman(lab.place(), ["lab", "status"]), program::COMMAND);
    status().exits(3).says(&["no lab is up"]);
    lab.down().exits(0).says(&["no lab is up"]);
}

fn epoch(state: &[u8]) -> u64 {
    let state: Value = serde_json::from_slice(state).unwrap();
    state["epoch"].as_u64().unwrap()
}

fn codes(status: &Value) -> Vec<&str> {
    status["hold_reasons"].as_array().unwrap().iter().map(|reason| reason["code"].as_str().unwrap()).collect()
}
