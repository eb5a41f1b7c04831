//! S3 does not answer, and a person moves the traffic with the command line all the same: by the zone alone.

use std::{
    fs,
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, TcpListener},
    thread,
};

use lab::{emulator::Kind, region::free_port};
use serde_json::Value;

use crate::{
    SERVICE,
    account::Account,
    support::{
        aws::{CONTROL_REGION, OBSERVERS},
        program, seconds, until,
    },
};

const FIRST: Ipv4Addr = Ipv4Addr::new(127, 1, 1, 1);
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 1, 2, 1);

/// Both regions, each well, until the test ends.
fn serve() -> u16 {
    let addresses = [FIRST, OTHER].map(IpAddr::from);
    let port = free_port(&addresses).unwrap();
    for address in addresses {
        let listener = TcpListener::bind((address, port)).unwrap();
        thread::spawn(move || {
            for mut client in listener.incoming().flatten() {
                // A probe of TCP alone asks nothing.
                if client.read(&mut [0; 4_096]).is_ok_and(|read| read > 0) {
                    let _: std::io::Result<()> =
                        client.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                }
            }
        });
    }
    port
}

/// Every observer looks once, then the failover function does.
fn look(account: &Account) {
    for region in OBSERVERS {
        account.aws().invoke(region, "pointsman-checker", r#"{"once":true}"#);
    }
    account.aws().invoke(CONTROL_REGION, "pointsman-failover", "{}");
}

#[test]
fn while_s3_is_away_a_person_moves_the_traffic_by_the_zone_alone() {
    let account = Account::empty(Kind::Ministack, 15);
    let port = serve();
    let file = account.path().join("pointsman.toml");
    let written = fs::read_to_string(&file).unwrap();
    let config = written
        .replace("kind = \"http\"", &format!("kind = \"http\", port = {port}"))
        .replace("port = 80 ", &format!("port = {port} "))
        .replace("ttl = ", "policy.failback = \"auto\"\nttl = ");
    fs::write(&file, config).unwrap();
    account.deploy(&["--yes"]).exits(0);
    until("every region to be seen up", seconds(60), || {
        look(&account);
        (account.run(&["status"]).code() == Some(0)).then_some(())
    });
    assert_eq!(account.answers(), [FIRST]);

    account.fail("service = \"s3\"\nkind = \"error\"\nerror = { statusCode = 503, code = \"ServiceUnavailable\" }");
    account.run(&["status"]).exits(6).says(&["hint: "]);
    let order = |more: &[&str]| {
        let arguments = ["failover", "--to", "us-east-1", "--reason", "S3 is away", "--output", "json"];
        let mut command = account.command(&[&arguments, more].concat());
        command.env("USER", "ada");
        program::run(command, seconds(60))
    };
    let zone = account.records();
    order(&["--yes"]).exits(4).says(&["[quorum_lost]", "[no_target]", "hint: a rule can be overridden"]);
    let forced = ["--force", "quorum_lost", "--force", "no_target"];
    let dry = order(&[&forced[..], &["--dry-run"]].concat()).exits(0).json();
    assert_eq!((&dry["from"], &dry["to"], &dry["epoch"]), (&"eu-west-1".into(), &"us-east-1".into(), &1.into()));
    assert_eq!(account.records(), zone, "nothing was moved");

    let done = order(&[&forced[..], &["--yes"]].concat()).exits(0);
    let done = done.says(&[
        "warning: what is deployed can't be read: going by pointsman.toml and the zone's records",
        "keep what is printed here, the audit trail lacks it",
    ]);
    let result = done.json();
    assert_eq!((&result["active"], &result["audited"]), (&"us-east-1".into(), &false.into()), "{result:#}");
    assert_eq!(account.answers(), [OTHER]);
    let plan = result["plan"]["id"].as_str().unwrap();
    let fence = format!("epoch=1 plan={plan} to=us-east-1 by=ada");
    assert!(account.records().0.contains(&fence), "{fence}: {}", account.records().0);
    // The state still says otherwise, and whoever goes by it is too late.
    account.fail("");
    let state = || -> Value { serde_json::from_slice(&account.aws().state(SERVICE)).unwrap() };
    assert_eq!(state()["epoch"], 0);
    until("the function to find whose order it was", seconds(60), || {
        look(&account);
        (state()["by_hand"]["by"] == "ada" && state()["in_flight"].is_null()).then_some(())
    });
    let status = account.run(&["status", "--output", "json"]).exits(0).json();
    assert_eq!((&status[0]["active"], &status[0]["phase"]), (&"us-east-1".into(), &"failed_over".into()), "{status:#}");
    let reasons = status[0]["hold_reasons"].as_array().unwrap();
    let by_hand = reasons.iter().find(|reason| reason["code"] == "by_hand").unwrap_or_else(|| panic!("{status:#}"));
    assert!(by_hand["text"].as_str().unwrap().starts_with("ada ordered the traffic to us-east-1 at "), "{by_hand}");
    assert_eq!(account.answers(), [OTHER], "the policy would return by itself");
}
