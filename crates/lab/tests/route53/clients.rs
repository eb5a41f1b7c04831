//! What clients that we did not write are answered: `dig`, `kdig` and `dnsperf`.

use std::process::Stdio;

use lab::dns::NameServers;
use route53::{CheckConfig, CheckKind, Role};
use tokio::process::Command;

use super::dns::one_server;
use super::*;

mod choosing;
mod protocol;

/// A record as the clients print it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Printed {
    name: String,
    ttl: u32,
    kind: String,
    data: String,
}

/// What a client printed.
#[derive(Debug)]
struct Said {
    status: String,
    flags: Vec<String>,
    answer: Vec<Printed>,
    authority: Vec<Printed>,
    whole: String,
}

impl Said {
    fn data(&self) -> Vec<&str> {
        self.answer.iter().map(|record| record.data.as_str()).collect()
    }

    fn has(&self, flag: &str) -> bool {
        self.flags.iter().any(|has| has == flag)
    }

    /// Reads what `dig` and `kdig` print, which differ in a few signs only.
    fn read(whole: String) -> Self {
        let mut said =
            Said { status: String::new(), flags: Vec::new(), answer: Vec::new(), authority: Vec::new(), whole };
        let mut section = None;
        for line in said.whole.lines() {
            if let Some((_, rest)) = line.split_once("status: ") {
                said.status = rest.split([',', ';']).next().unwrap().to_owned();
            } else if let Some(flags) = line.to_lowercase().strip_prefix(";; flags: ") {
                said.flags = flags.split(';').next().unwrap().split_whitespace().map(str::to_owned).collect();
            } else if line.starts_with(';') || line.is_empty() {
                section = ["ANSWER", "AUTHORITY"].into_iter().find(|of| line.starts_with(&format!(";; {of} SECTION")));
            } else if let Some(section) = section {
                let mut fields = line.split_whitespace();
                let mut field = || fields.next().unwrap_or_default().to_owned();
                let (name, ttl, _class, kind) = (field(), field(), field(), field());
                let record =
                    Printed { name, ttl: ttl.parse().unwrap(), kind, data: fields.collect::<Vec<_>>().join(" ") };
                if section == "ANSWER" { &mut said.answer } else { &mut said.authority }.push(record);
            }
        }
        said
    }
}

/// Whether a program is there; if not, that is noted.
fn is_there(program: &str) -> bool {
    let tried = std::process::Command::new(program).arg("-h").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if tried.is_err() {
        needs::not_run(program);
    }
    tried.is_ok()
}

/// The clients that are there.
fn clients() -> Vec<&'static str> {
    ["dig", "kdig"].into_iter().filter(|client| is_there(client)).collect()
}

async fn printed(client: &str, servers: &NameServers, arguments: &[&str]) -> String {
    let server = servers.addresses()[0];
    let mut command = Command::new(client);
    command.arg(format!("@{}", server.ip())).args(["-p", &server.port().to_string()]).args(arguments);
    let output = timeout(DEADLINE, command.kill_on_drop(true).output()).await.unwrap().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

async fn said(client: &str, servers: &NameServers, arguments: &[&str]) -> Said {
    Said::read(printed(client, servers, arguments).await)
}

/// The sets' name server while these checks are unhealthy and all others are not.
async fn serving(sets: impl IntoIterator<Item = RecordSet>, unhealthy: &[&str]) -> NameServers {
    let sets: Vec<_> = sets.into_iter().collect();
    let route53 = Route53::new(AT_ONCE);
    for id in sets.iter().filter_map(|set| set.health_check.as_ref()) {
        // Without children it is healthy only if none needs to be.
        let threshold = u16::from(unhealthy.contains(&id.as_str()));
        let kind = CheckKind::Calculated { children: [].into(), threshold };
        route53.put_check(id, CheckConfig { kind, inverted: false, disabled: false });
    }
    route53.host(ZoneId("Z1".into()), example_com(sets));
    one_server(&route53).await
}

fn a(owner: &str, value: &str) -> RecordSet {
    set(owner, RecordType::A, &[value])
}

fn failover(role: Role, check: Option<&str>, set: RecordSet) -> RecordSet {
    let routing = Routing::Failover { id: role.to_string().into(), role };
    RecordSet { routing, health_check: check.map(Into::into), ..set }
}

fn weighted(weight: u8, check: Option<&str>, set: RecordSet) -> RecordSet {
    let Target::Values { values, .. } = &set.target else { panic!("{set:?}") };
    let routing = Routing::Weighted { id: values.concat().into(), weight };
    RecordSet { routing, health_check: check.map(Into::into), ..set }
}

fn alias(owner: &str, to: &str, evaluate_target_health: bool) -> RecordSet {
    RecordSet { target: Target::Alias { zone: "Z1".into(), name: name(to), evaluate_target_health }, ..a(owner, "") }
}
