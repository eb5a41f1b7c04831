//! Clients that we did not write, against a lab's Route 53: the `aws` command line and boto3.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

#[path = "../../crates/lab/tests/needs/mod.rs"]
mod needs;
mod support;

use std::{net::Ipv4Addr, path::Path, process::Command};

use serde_json::{Value, json};
use support::{
    clients::Clients,
    dns,
    emulator::Emulator,
    lab::Lab,
    program::{self, Finished, Program},
    seconds, until,
};

const FIRST: &str = "eu-west-1";
const OTHER: &str = "us-east-1";
const WWW: &str = "www.clients.test";

/// Both clients, of this lab.
struct OfLab<'a> {
    clients: Clients,
    lab: &'a Lab,
}

impl OfLab<'_> {
    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        self.clients.command(program, self.lab.text("/endpoint_url"), self.lab.place(), arguments)
    }

    fn aws(&self, arguments: &[&str]) -> Finished {
        let arguments = [&["route53", "--output", "json"], arguments].concat();
        program::run(self.command("aws", &arguments), program::COMMAND)
    }
}

#[test]
fn the_aws_command_line_and_boto3_find_a_route53() {
    let Some(clients) = Clients::find() else {
        needs::not_run("the aws command line and boto3 from PyPI");
        return;
    };
    let lab = Lab::up(Emulator::Ministack, include_str!("../../scenarios/region-outage.toml"), 4);
    let clients = OfLab { clients, lab: &lab };
    let zone = clients.aws(&["create-hosted-zone", "--name", "clients.test", "--caller-reference", "clients"]);
    let zone = zone.exits(0).json()["HostedZone"]["Id"].as_str().unwrap().trim_start_matches("/hostedzone/").to_owned();
    let (first, other) = (address(&lab, FIRST), address(&lab, OTHER));
    let checks = [(FIRST, &first), (OTHER, &other)].map(|(region, address)| check(&clients, region, address));

    let pair = batch(&[
        set("CREATE", "PRIMARY", &first.0.to_string(), &checks[0]),
        set("CREATE", "SECONDARY", &other.0.to_string(), &checks[1]),
    ]);
    let change = ["change-resource-record-sets", "--hosted-zone-id", &zone, "--change-batch"];
    let change = |batch: &str| clients.aws(&[&change[..], &[batch]].concat());
    let made = change(&pair).exits(0).json();
    assert_eq!(made["ChangeInfo"]["Status"], "PENDING");
    // It asks every half minute, so the rest goes on meanwhile.
    let wait = ["route53", "wait", "resource-record-sets-changed", "--id", made["ChangeInfo"]["Id"].as_str().unwrap()];
    let mut wait = Program::start(clients.command("aws", &wait));
    let answers = |wanted: Ipv4Addr| {
        until("every name server to answer with it", seconds(30), || {
            let servers = lab.running["name_servers"].as_array().unwrap();
            servers.iter().all(|server| dns::addresses(server.as_str().unwrap(), WWW) == [wanted]).then_some(())
        });
    };
    answers(first.0);

    refusals(&change, &first.0.to_string(), &checks[0]);
    let swap = batch(&[
        set("UPSERT", "PRIMARY", &other.0.to_string(), &checks[1]),
        set("UPSERT", "SECONDARY", &first.0.to_string(), &checks[0]),
    ]);
    change(&swap).exits(0);
    answers(other.0);
    let tested = ["test-dns-answer", "--hosted-zone-id", &zone, "--record-name", WWW, "--record-type", "A"];
    let tested = clients.aws(&tested).exits(0).json();
    assert_eq!((&tested["RecordData"], &tested["ResponseCode"]), (&json!([other.0.to_string()]), &json!("NOERROR")));
    versions(&clients, &checks[0]);

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/conformance.py");
    let script = [script.to_str().unwrap(), &zone, &checks[0], &checks[1]];
    program::run(clients.command("python", &script), seconds(180)).exits(0);

    let listed = ["list-resource-record-sets", "--hosted-zone-id", &zone, "--page-size", "100"];
    let listed = clients.aws(&listed).exits(0).json();
    let paged = listed["ResourceRecordSets"].as_array().unwrap();
    let paged = paged.iter().filter(|set| set["Name"].as_str().unwrap().starts_with("page")).count();
    assert_eq!(paged, 350, "those that boto3 made, over four pages");
    wait.end(seconds(90)).exits(0);
    lab.down().exits(0);
}

fn address(lab: &Lab, region: &str) -> (Ipv4Addr, u16) {
    let (address, port) = lab.text(&format!("/regions/{region}/serves")).split_once(':').unwrap();
    (address.parse().unwrap(), port.parse().unwrap())
}

fn check(clients: &OfLab<'_>, region: &str, (address, port): &(Ipv4Addr, u16)) -> String {
    let config = format!("Type=TCP,IPAddress={address},Port={port},RequestInterval=10,FailureThreshold=3");
    let made = ["create-health-check", "--caller-reference", region, "--health-check-config", &config];
    clients.aws(&made).exits(0).json()["HealthCheck"]["Id"].as_str().unwrap().to_owned()
}

fn set(action: &str, role: &str, address: &str, check: &str) -> Value {
    json!({ "Action": action, "ResourceRecordSet": {
        "Name": WWW, "Type": "A", "SetIdentifier": role, "Failover": role, "TTL": 1,
        "ResourceRecords": [{ "Value": address }], "HealthCheckId": check,
    }})
}

fn batch(changes: &[Value]) -> String {
    json!({ "Changes": changes }).to_string()
}

/// What a person sees of a refusal.
fn refusals(change: &dyn Fn(&str) -> Finished, address: &str, check: &str) {
    let refused = |changes: &[Value], code: &str, message: &str| {
        let said = format!("An error occurred ({code}) when calling the ChangeResourceRecordSets operation: {message}");
        change(&batch(changes)).exits(255).says(&[&said]);
    };
    let again = set("CREATE", "PRIMARY", address, check);
    refused(
        &[again],
        "InvalidChangeBatch",
        "[Tried to create resource record set [name='www.clients.test.', type='A', set-identifier='PRIMARY'] but it already exists]",
    );
    let mut heavy = set("CREATE", "PRIMARY", address, check);
    let fields = heavy["ResourceRecordSet"].as_object_mut().unwrap();
    fields.remove("Failover");
    fields.insert("Weight".to_owned(), json!(300));
    refused(&[heavy], "InvalidInput", "Invalid XML ; cvc-maxInclusive-valid: Value '300'");
}

/// An update that another was before is refused, and what was set can be unset.
fn versions(clients: &OfLab<'_>, check: &str) {
    let update = |more: &[&str]| clients.aws(&[&["update-health-check", "--health-check-id", check], more].concat());
    let inverted = update(&["--health-check-version", "1", "--inverted"]).exits(0).json();
    assert_eq!(
        (&inverted["HealthCheck"]["HealthCheckConfig"]["Inverted"], &inverted["HealthCheck"]["HealthCheckVersion"]),
        (&json!(true), &json!(2))
    );
    update(&["--health-check-version", "1", "--no-inverted"]).exits(255).says(&["(HealthCheckVersionMismatch)"]);
    let restored = update(&["--health-check-version", "2", "--no-inverted"]).exits(0).json();
    assert_eq!(restored["HealthCheck"]["HealthCheckConfig"]["Inverted"], false);
    let status = clients.aws(&["get-health-check-status", "--health-check-id", check]).exits(0).json();
    assert!(status["HealthCheckObservations"].is_array(), "{status}");
}
