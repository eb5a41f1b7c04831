//! The name servers alone, for a load from outside: `dns FOLDER [PORT]`.
//!
//! Serves 100 names on 127.0.0.1 until its stdin is closed. Leaves in the folder what they are asked (`queries`, as dnsperf
//! reads it) and the zone as another server may hold it (`zone`). Prints one line of JSON once it answers.

use std::{
    error::Error,
    fmt::Write as _,
    fs,
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr},
    path::Path,
    time::Duration,
};

use lab::{
    dns::NameServers,
    hosted::{Delays, Route53, ZoneId},
};
use route53::{CheckConfig, CheckKind, RecordSet, RecordType, Role, Routing, Target, Zone};

const APEX: &str = "example.com";
const HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (folder, port) = match &arguments[..] {
        [folder] => (Path::new(folder), 0),
        [folder, port] => (Path::new(folder), port.parse()?),
        _ => return Err("usage: dns FOLDER [PORT]".into()),
    };
    let names: Vec<Named> = (0..100).map(Named::new).collect();
    write(folder, &names)?;
    let route53 =
        Route53::new(Delays { propagation: Duration::ZERO, status: Duration::ZERO, second: Duration::from_secs(1) });
    for check in names.iter().flat_map(|name| &name.checks) {
        // A calculated check without children is healthy only if none needs to be.
        let kind = CheckKind::Calculated { children: [].into(), threshold: u16::from(!check.healthy) };
        route53.put_check(&check.id.as_str().into(), CheckConfig { kind, inverted: false, disabled: false });
    }
    let soa = set(APEX, RecordType::Soa, "ns-1.example.net. admin.example.net. 1 7200 900 1209600 86400");
    let sets = names.into_iter().flat_map(|name| name.sets).chain([soa]);
    route53.host(ZoneId("Z1".into()), Zone::new(APEX.parse()?, sets));
    let servers = NameServers::start(route53, &[HOST], port, 1).await?;
    writeln!(io::stdout(), "{}", serde_json::json!({ "port": servers.addresses()[0].port() }))?;
    tokio::task::spawn_blocking(|| io::stdin().read_to_end(&mut Vec::new())).await??;
    Ok(())
}

/// What dnsperf asks, and the zone with one of each name's answers.
fn write(folder: &Path, names: &[Named]) -> Result<(), Box<dyn Error>> {
    let mut queries = String::new();
    let mut zone = format!(
        "$ORIGIN {APEX}.\n@ 60 SOA ns-1.example.net. admin.example.net. 1 7200 900 1209600 86400\n\
         @ 60 NS ns-1.example.net.\n"
    );
    for (number, Named { name, .. }) in names.iter().enumerate() {
        writeln!(queries, "{name} A")?;
        writeln!(zone, "{name}. 60 A 192.0.2.{number}")?;
    }
    fs::create_dir_all(folder)?;
    fs::write(folder.join("queries"), queries)?;
    fs::write(folder.join("zone"), zone)?;
    Ok(())
}

struct Check {
    id: String,
    healthy: bool,
}

struct Named {
    name: String,
    sets: Vec<RecordSet>,
    checks: Vec<Check>,
}

impl Named {
    /// Of ten names in a row four fail over, four are weighted, one is a tree of aliases above others, and one is plain.
    fn new(number: u8) -> Self {
        let name = format!("name-{number}.{APEX}");
        let own = |at: usize| set(&name, RecordType::A, &format!("192.0.2.{}", number * 2 + u8::from(at > 0)));
        let check = |at: usize| Check {
            id: format!("{number:08}-0000-4000-8000-{at:012}"),
            healthy: !(number + 1).is_multiple_of(3) || at > 0,
        };
        let checked = |at: usize, set: RecordSet| RecordSet { health_check: Some(check(at).id.as_str().into()), ..set };
        let sets: Vec<RecordSet> = match number % 10 {
            0..4 => (0..2).map(|at| checked(at, failover(own(at), at))).collect(),
            4..8 => {
                let weighted = |at: usize| Routing::Weighted { id: at.to_string().into(), weight: [10, 20, 30][at] };
                (0..3).map(|at| checked(at, RecordSet { routing: weighted(at), ..own(at) })).collect()
            }
            8 => {
                let below = |at: usize| format!("name-{}.{APEX}", usize::from(number) - 8 + at * 4);
                (0..2).map(|at| failover(alias(own(at), &below(at)), at)).collect()
            }
            _ => vec![own(0)],
        };
        let checks =
            sets.iter().enumerate().filter(|(_, set)| set.health_check.is_some()).map(|(at, _)| check(at)).collect();
        Named { name, sets, checks }
    }
}

fn failover(set: RecordSet, at: usize) -> RecordSet {
    let role = if at == 0 { Role::Primary } else { Role::Secondary };
    RecordSet { routing: Routing::Failover { id: role.to_string().into(), role }, ..set }
}

fn alias(set: RecordSet, to: &str) -> RecordSet {
    let name = to.parse().expect("it is a name");
    RecordSet { target: Target::Alias { zone: "Z1".into(), name, evaluate_target_health: true }, ..set }
}

fn set(name: &str, kind: RecordType, value: &str) -> RecordSet {
    RecordSet {
        name: name.parse().expect("it is a name"),
        kind,
        routing: Routing::Simple,
        target: Target::Values { ttl: 60, values: vec![value.to_owned()] },
        health_check: None,
    }
}
