//! Clients that we did not write, against a lab's Route 53: the `aws` command line and boto3.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

#[path = "../../crates/lab/tests/needs/mod.rs"]
mod needs;
mod support;

use std::{
    net::Ipv4Addr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use serde_json::{Value, json};
use support::{
    dns,
    emulator::Emulator,
    lab::Lab,
    program::{self, Finished, Program},
    seconds, until, workspace,
};

const FIRST: &str = "eu-west-1";
const OTHER: &str = "us-east-1";
const WWW: &str = "www.clients.test";

/// The folder of both clients' programs.
struct Clients {
    programs: PathBuf,
}

impl Clients {
    /// Fetched once. None: they can't be had; stderr says why.
    fn find() -> Option<Self> {
        let finder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/find.py");
        let kept = workspace().join(".pointsman");
        let found = Command::new("python3").arg(finder).arg(kept).stderr(Stdio::inherit()).output().ok()?;
        let programs = String::from_utf8(found.stdout).ok().filter(|_| found.status.success())?;
        Some(Self { programs: programs.trim_end().into() })
    }

    /// A client that knows the lab and nothing of the developer's own AWS set-up.
    fn command(&self, program: &str, lab: &Lab, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments).current_dir(lab.place()).stdin(Stdio::null()).env("HOME", lab.place());
        command.env("AWS_ENDPOINT_URL", lab.text("/endpoint_url")).env("AWS_DEFAULT_REGION", "us-east-1");
        command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_PAGER", "")]);
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    fn aws(&self, lab: &Lab, arguments: &[&str]) -> Finished {
        let arguments = [&["route53", "--output", "json"], arguments].concat();
        program::run(self.command("aws", lab, &arguments), program::COMMAND)
    }
}

#[test]
fn the_aws_command_line_and_boto3_find_a_route53() {
    let Some(clients) = Clients::find() else {
        needs::not_run("the aws command line and boto3 from PyPI");
        return;
    };
    let lab = Lab::up(Emulator::Ministack, include_str!("../../scenarios/region-outage.toml"), 4);
    let zone = clients.aws(&lab, &["create-hosted-zone", "--name", "clients.test", "--caller-reference", "clients"]);
    let zone = zone.exits(0).json()["HostedZone"]["Id"].as_str().unwrap().trim_start_matches("/hostedzone/").to_owned();
    let (first, other) = (address(&lab, FIRST), address(&lab, OTHER));
    let checks = [(FIRST, &first), (OTHER, &other)].map(|(region, address)| check(&clients, &lab, region, address));

    let pair = batch(&[
        set("CREATE", "PRIMARY", &first.0.to_string(), &checks[0]),
        set("CREATE", "SECONDARY", &other.0.to_string(), &checks[1]),
    ]);
    let change = ["change-resource-record-sets", "--hosted-zone-id", &zone, "--change-batch"];
    let change = |batch: &str| clients.aws(&lab, &[&change[..], &[batch]].concat());
    let made = change(&pair).exits(0).json();
    assert_eq!(made["ChangeInfo"]["Status"], "PENDING");
    // It asks every half minute, so the rest goes on meanwhile.
    let wait = ["route53", "wait", "resource-record-sets-changed", "--id", made["ChangeInfo"]["Id"].as_str().unwrap()];
    let mut wait = Program::start(clients.command("aws", &lab, &wait));
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
    let tested = clients.aws(&lab, &tested).exits(0).json();
    assert_eq!((&tested["RecordData"], &tested["ResponseCode"]), (&json!([other.0.to_string()]), &json!("NOERROR")));
    versions(&clients, &lab, &checks[0]);

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/conformance.py");
    let script = [script.to_str().unwrap(), &zone, &checks[0], &checks[1]];
    program::run(clients.command("python", &lab, &script), seconds(180)).exits(0);

    let listed = ["list-resource-record-sets", "--hosted-zone-id", &zone, "--page-size", "100"];
    let listed = clients.aws(&lab, &listed).exits(0).json();
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

fn check(clients: &Clients, lab: &Lab, region: &str, (address, port): &(Ipv4Addr, u16)) -> String {
    let config = format!("Type=TCP,IPAddress={address},Port={port},RequestInterval=10,FailureThreshold=3");
    let made = ["create-health-check", "--caller-reference", region, "--health-check-config", &config];
    clients.aws(lab, &made).exits(0).json()["HealthCheck"]["Id"].as_str().unwrap().to_owned()
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
fn versions(clients: &Clients, lab: &Lab, check: &str) {
    let update =
        |more: &[&str]| clients.aws(lab, &[&["update-health-check", "--health-check-id", check], more].concat());
    let inverted = update(&["--health-check-version", "1", "--inverted"]).exits(0).json();
    assert_eq!(
        (&inverted["HealthCheck"]["HealthCheckConfig"]["Inverted"], &inverted["HealthCheck"]["HealthCheckVersion"]),
        (&json!(true), &json!(2))
    );
    update(&["--health-check-version", "1", "--no-inverted"]).exits(255).says(&["(HealthCheckVersionMismatch)"]);
    let restored = update(&["--health-check-version", "2", "--no-inverted"]).exits(0).json();
    assert_eq!(restored["HealthCheck"]["HealthCheckConfig"]["Inverted"], false);
    let status = clients.aws(lab, &["get-health-check-status", "--health-check-id", check]).exits(0).json();
    assert!(status["HealthCheckObservations"].is_array(), "{status}");
}
