//! `dns plan` and `dns apply` on a lab: what is there is adopted without a moment of no answer, drift is told and mended,
//! and a failover is none.
#![allow(missing_docs, clippy::unwrap_used, reason = "a test's name says what it shows, its panic where it failed")]

mod support;

use std::{
    fs,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use serde_json::Value;
use support::{emulator::Emulator, lab::Lab, program::Finished, seconds, until};

const FIRST: &str = "eu-west-1";
const OTHER: &str = "us-east-1";
/// Somebody's records: a simple one, weights with a third region beside in another cloud, an alias at the zone's root.
const SHOP: &str = "shop.pointsman.test";
const WWW: &str = "www.pointsman.test";
const ROOT: &str = "pointsman.test";
const CLOUD: &str = "another-cloud";

on_both!(records_are_planned_adopted_and_mended);

fn records_are_planned_adopted_and_mended(emulator: Emulator) {
    let _trial = emulator.tries("dns plan and apply: adopt, drift, failed over, deleted checks, too much of a zone");
    let scenario = include_str!("../../scenarios/region-outage.toml");
    let lab = Lab::up(emulator, &scenario.replace("failback = \"auto\"", "failback = \"manual\""), 4);
    let plan = lab.dns(&["plan"]).exits(0).json();
    assert!(actions(&plan).iter().all(|(_, action)| action == "leave"), "{plan:#}");
    assert_eq!(plan["warnings"][0]["code"], "no_aaaa", "{plan:#}");

    somebody_elses_records_are_adopted_where_they_point(&lab);
    checks_follow_alarms_and_count_others(&lab);
    what_a_check_counts_is_made_with_it(&lab);
    what_somebody_edited_is_mended(&lab);
    a_check_that_was_deleted_is_made_anew(&lab);
    a_failed_over_state_is_no_drift(&lab);
    too_much_of_a_zone_is_refused(&lab);
    what_has_weights_is_switched_by_them(&lab);
}

impl Lab {
    fn dns(&self, arguments: &[&str]) -> Finished {
        self.run(&[&["dns"], arguments, &["--output", "json"]].concat())
    }

    fn zone(&self) -> String {
        let config = fs::read_to_string(self.text("/config")).unwrap();
        let (_, rest) = config.split_once("hosted_zone = \"").unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    }

    fn address(&self, region: &str) -> Ipv4Addr {
        self.text(&format!("/regions/{region}/serves")).split_once(':').unwrap().0.parse().unwrap()
    }

    /// What every name server answers, one after the other.
    fn answers(&self, name: &str) -> Vec<Vec<Ipv4Addr>> {
        let servers = self.running["name_servers"].as_array().unwrap();
        servers.iter().map(|server| support::dns::addresses(server.as_str().unwrap(), name)).collect()
    }

    /// A region's own name.
    fn endpoint(&self, region: &str) -> String {
        format!("{region}.{}", self.service())
    }

    /// The lab's configuration with the services of others beside the first.
    fn with_others(&self) -> PathBuf {
        let config = fs::read_to_string(self.text("/config")).unwrap();
        let from = config.find("[[service]]").unwrap();
        let to = config[from..].find("\n[lab").map_or(config.len(), |end| from + end + 1);
        let named = |name: &str| {
            let found = format!("name = \"{}\"", self.service());
            let service = config[from..to].replacen(&found, &format!("name = \"{name}\""), 1);
            assert!(service.contains(name), "{config}");
            service
        };
        let cloud = format!("\n[[service.region]]\nname = \"{CLOUD}\"\na = [\"203.0.114.9\"]\n");
        let www = named(WWW) + &cloud;
        let root = [FIRST, OTHER].iter().fold(named(ROOT), |service, region| {
            let (zone, name) = (self.zone(), self.endpoint(region));
            let alias = format!("alias = {{ name = \"{name}\", zone = \"{zone}\", ipv6 = false }}");
            service.replacen(&format!("a = [\"{}\"]", self.address(region)), &alias, 1)
        });
        assert_eq!((www.matches(CLOUD).count(), root.matches("alias = ").count()), (1, 2), "{config}");
        let others = [named(SHOP), www, root].join("\n");
        self.write("others.toml", &format!("{}{others}{}", &config[..to], &config[to..]))
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.place().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

/// What each change is of, and what is done.
fn actions(plan: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let of = |change: &Value| match change["what"].as_str() {
        Some("record") => format!("{} {}", text(&change["name"]), text(&change["type"])),
        _ => format!("check {} {}", text(&change["service"]), text(&change["region"])),
    };
    plan["changes"].as_array().unwrap().iter().map(|change| (of(change), text(&change["action"]))).collect()
}

fn changed(plan: &Value) -> Vec<(String, String)> {
    actions(plan).into_iter().filter(|(_, action)| action != "leave").collect()
}

fn pair(of: &str, action: &str) -> (String, String) {
    (of.to_owned(), action.to_owned())
}

/// Asks every name server again and again, until it is stopped: never another answer, and never none.
struct Watch {
    stop: Arc<AtomicBool>,
    asking: JoinHandle<usize>,
}

impl Watch {
    fn that(lab: &Lab, names: &'static [&'static str], address: Ipv4Addr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let servers: Vec<_> =
            lab.running["name_servers"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned()).collect();
        let asking = thread::spawn(move || {
            let mut asked = 0;
            while !stopped.load(Ordering::Relaxed) {
                for (server, name) in servers.iter().flat_map(|server| names.iter().map(move |name| (server, name))) {
                    assert_eq!(
                        support::dns::addresses(server, name),
                        [address],
                        "{name} at {server}, question {asked}"
                    );
                    asked += 1;
                }
            }
            asked
        });
        Self { stop, asking }
    }

    fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        self.asking.join().unwrap()
    }
}

fn somebody_elses_records_are_adopted_where_they_point(lab: &Lab) {
    const NAMES: &[&str] = &[SHOP, WWW, ROOT];
    let (there, zone) = (lab.address(OTHER), lab.zone());
    // In a smaller zone, what is adopted would be too much of it.
    for host in ["a", "b", "c", "d"] {
        lab.aws().change_a(&zone, "CREATE", &format!("{host}.pointsman.test"), "", (300, "192.0.2.1"));
    }
    lab.aws().change_a(&zone, "CREATE", SHOP, "", (300, &there.to_string()));
    for (region, weight) in [(OTHER, 100), (FIRST, 0)] {
        let routing = format!("<SetIdentifier>{region}</SetIdentifier><Weight>{weight}</Weight>");
        lab.aws().change_a(&zone, "CREATE", WWW, &routing, (300, &lab.address(region).to_string()));
    }
    lab.aws().create_alias(&zone, ROOT, &lab.endpoint(OTHER));
    until("the records to be answered", seconds(30), || {
        let is_there = |name: &&str| lab.answers(name).iter().all(|it| it == &[there]);
        NAMES.iter().all(is_there).then_some(())
    });
    let config = lab.with_others();
    let config = config.to_str().unwrap();
    let artifacts = lab.artifacts().display().to_string();
    lab.run(&["deploy", "--yes", "--config", config, "--artifacts", &artifacts])
        .exits(2)
        .says(&["already has records", "hint: `pointsman dns plan`"]);

    let plan = lab.dns(&["plan", "--config", config]).exits(5).json();
    assert_eq!(plan["applied"], false);
    let mut expected: Vec<_> = NAMES
        .iter()
        .flat_map(|name| {
            let checks = ["", FIRST, OTHER].map(|region| pair(&format!("check {name} {region}"), "create"));
            checks
                .into_iter()
                .chain([pair(&format!("_pointsman.{name}. TXT"), "create"), pair(&format!("{name}. A"), "adopt")])
        })
        .collect();
    expected
        .extend([pair(&format!("check {WWW} {CLOUD}"), "create"), pair(&format!("_pointsman-1.{WWW}. A"), "create")]);
    expected.sort();
    let mut found = changed(&plan);
    found.sort();
    assert_eq!(found, expected);
    lab.dns(&["apply", "--config", config]).exits(2).says(&["not confirmed", "adopt   shop.pointsman.test. A"]);
    assert_eq!(lab.dns(&["plan", "--config", config]).exits(5).json(), plan, "nothing was changed");

    let watch = Watch::that(lab, NAMES, there);
    let applied = lab.dns(&["apply", "--yes", "--config", config]).exits(0).json();
    assert_eq!((&applied["applied"], &applied["changes"]), (&Value::Bool(true), &plan["changes"]), "the same shape");
    lab.dns(&["plan", "--config", config]).exits(0);
    assert!(watch.end() > 100, "it was asked throughout");
    let again = lab.dns(&["apply", "--yes", "--config", config]).exits(0).json();
    assert_eq!(changed(&again), []);
}

/// A metric check has a copy of its alarm: edited afterwards, that is drift.
fn checks_follow_alarms_and_count_others(lab: &Lab) {
    const ALARM: &str = "eu-west-1-errors";
    let others = fs::read_to_string(lab.with_others()).unwrap();
    let plan = lab.dns(&["plan", "--config", lab.with_others().to_str().unwrap()]).exits(0).json();
    let own = |region: &str| {
        let of = |change: &&Value| change["what"] == "check" && change["service"] == WWW && change["region"] == region;
        plan["changes"].as_array().unwrap().iter().find(of).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let (one, two) = (own(FIRST), own(OTHER));
    let shop = others.find(&format!("name = \"{SHOP}\"")).unwrap();
    let named = |region: &str| format!("name = \"{region}\"");
    let of = |region: &str, check: &str| format!("{}\ncheck = {{ {check} }}", named(region));
    let metric = format!("kind = \"metric\", alarm = {{ region = \"{FIRST}\", name = \"{ALARM}\" }}");
    let calculated = format!("kind = \"calculated\", children = [\"{one}\", \"{two}\"], at_least = 1");
    let shop = format!(
        "{}{}",
        &others[..shop],
        others[shop..].replacen(&named(FIRST), &of(FIRST, &metric), 1).replacen(
            &named(OTHER),
            &of(OTHER, &calculated),
            1
        )
    );
    let config = lab.write("checks.toml", &shop);
    let config = config.to_str().unwrap();

    let plan = lab.dns(&["plan", "--config", config]).exits(4).json();
    assert_eq!(plan["refusals"][0]["code"], "alarm", "there is none yet: {plan:#}");
    lab.aws().put_alarm(FIRST, ALARM, 5);
    let plan = lab.dns(&["plan", "--config", config]).exits(5).json();
    let region = |name: &str| format!("check {SHOP} {name}");
    let expected =
        [pair(&region(FIRST), "create"), pair(&region(OTHER), "create"), pair(&format!("{SHOP}. A"), "change")];
    let mut found = changed(&plan);
    found.sort();
    assert_eq!(found, expected);
    let watch = Watch::that(lab, &[SHOP], lab.address(OTHER));
    lab.dns(&["apply", "--yes", "--config", config])
        .exits(0)
        .says(&["CLOUDWATCH_METRIC of", "CALCULATED at least 1 of"]);
    lab.dns(&["plan", "--config", config]).exits(0);
    watch.end();

    lab.aws().put_alarm(FIRST, ALARM, 9);
    let plan = lab.dns(&["plan", "--config", config]).exits(5).json();
    assert_eq!(changed(&plan), [pair(&region(FIRST), "change")]);
    let edited = plan["changes"].as_array().unwrap().iter().find(|change| change["action"] == "change").unwrap();
    assert_eq!(edited["differing"], serde_json::json!(["alarm"]));
    lab.dns(&["apply", "--yes", "--config", config]).exits(0);
    lab.dns(&["plan", "--config", config]).exits(0);
}

/// One file is enough: nothing of it has to be there before.
fn what_a_check_counts_is_made_with_it(lab: &Lab) {
    const ALARM: &str = "us-east-1-orders";
    lab.aws().put_alarm(OTHER, ALARM, 5);
    let others = fs::read_to_string(lab.with_others()).unwrap();
    let metric = format!("{{ kind = \"metric\", alarm = {{ region = \"{OTHER}\", name = \"{ALARM}\" }} }}");
    let children = format!("{{ kind = \"tcp\", port = 443 }}, {metric}");
    let check = format!("check = {{ kind = \"calculated\", at_least = 1, children = [{children}] }}");
    let root = others.find(&format!("name = \"{ROOT}\"")).unwrap();
    let named = format!("name = \"{OTHER}\"");
    let counting = others[root..].replacen(&named, &format!("{named}\n{check}"), 1);
    let config = lab.write("counting.toml", &format!("{}{counting}", &others[..root]));
    let config = config.to_str().unwrap();
    let of = |plan: &Value, child: Value| {
        let is_it =
            |change: &&Value| change["service"] == ROOT && change["region"] == OTHER && change["child"] == child;
        plan["changes"].as_array().unwrap().iter().find(is_it).unwrap().clone()
    };
    let steps = |plan: &Value| {
        [Value::from(1), Value::from(2), Value::Null]
            .map(|child| of(plan, child)["action"].as_str().unwrap().to_owned())
    };
    let plan = lab.dns(&["plan", "--config", config]).exits(5).json();
    assert_eq!(steps(&plan), ["create"; 3], "{plan:#}");
    let watch = Watch::that(lab, &[ROOT], lab.address(OTHER));
    let applied = lab.dns(&["apply", "--yes", "--config", config]).exits(0);
    applied.says(&[&format!("check of {OTHER}, child 1: TCP"), "CALCULATED at least 1 of to-be-made-1-of-us-east-1"]);
    watch.end();
    let plan = lab.dns(&["plan", "--config", config]).exits(0).json();
    let ids = [1, 2].map(|child| of(&plan, child.into())["id"].clone());
    let children = |plan: &Value| of(plan, Value::Null)["before"]["ChildHealthChecks"]["ChildHealthCheck"].clone();
    assert_eq!(children(&plan), serde_json::json!(ids));
    let again = lab.dns(&["apply", "--yes", "--config", config]).exits(0).json();
    assert_eq!(changed(&again), []);

    // Route 53 deletes none that is counted; where somebody took it out first, both are mended.
    let health_check = |method: &str, id: &Value, body: &str| {
        lab.aws().route53(method, &format!("healthcheck/{}", id.as_str().unwrap()), body)
    };
    let only = format!(
        "<UpdateHealthCheckRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChildHealthChecks>\
         <ChildHealthCheck>{}</ChildHealthCheck></ChildHealthChecks></UpdateHealthCheckRequest>",
        ids[1].as_str().unwrap()
    );
    health_check("POST", &of(&plan, Value::Null)["id"], &only);
    health_check("DELETE", &ids[0], "");
    let plan = lab.dns(&["plan", "--config", config]).exits(5).json();
    assert_eq!(steps(&plan), ["create", "leave", "change"]);
    assert_eq!(of(&plan, Value::Null)["differing"], serde_json::json!(["child_health_checks"]));
    lab.dns(&["apply", "--yes", "--config", config]).exits(0);
    let plan = lab.dns(&["plan", "--config", config]).exits(0).json();
    assert_eq!(children(&plan)[1], ids[1], "the one that was left alone");
    assert_ne!(children(&plan)[0], ids[0]);
    let back = lab.with_others();
    lab.dns(&["apply", "--yes", "--config", back.to_str().unwrap()]).exits(0);
}

fn what_somebody_edited_is_mended(lab: &Lab) {
    let (zone, service) = (lab.zone(), lab.service());
    let checks = lab.dns(&["plan"]).exits(0).json();
    let id = |region: &str| {
        let of = |change: &&Value| change["what"] == "check" && change["region"] == region;
        checks["changes"].as_array().unwrap().iter().find(of).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let routing = format!(
        "<SetIdentifier>primary</SetIdentifier><Failover>PRIMARY</Failover><HealthCheckId>{}</HealthCheckId>",
        id(FIRST)
    );
    lab.aws().change_a(&zone, "UPSERT", service, &routing, (600, &lab.address(FIRST).to_string()));
    let disable = "<UpdateHealthCheckRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">\
                   <Disabled>true</Disabled></UpdateHealthCheckRequest>";
    lab.aws().route53("POST", &format!("healthcheck/{}", id(OTHER)), disable);

    let plan = lab.dns(&["plan"]).exits(5).json();
    let expected = [pair(&format!("check {service} {OTHER}"), "change"), pair(&format!("{service}. A"), "change")];
    assert_eq!(changed(&plan), expected);
    let differing = plan["changes"].as_array().unwrap().iter().find(|change| change["action"] == "change").unwrap();
    assert_eq!(differing["differing"], serde_json::json!(["disabled"]));
    lab.deploy().exits(0).says(&["route 53: records of", "differ from the configuration, and stay as they are"]);
    lab.dns(&["apply", "--yes"]).exits(0);
    lab.dns(&["plan"]).exits(0);
}

/// Route 53 never takes the caller reference of a deleted check again.
fn a_check_that_was_deleted_is_made_anew(lab: &Lab) {
    let plan = lab.dns(&["plan"]).exits(0).json();
    let of = |change: &&Value| change["what"] == "check" && change["region"] == OTHER;
    let id = plan["changes"].as_array().unwrap().iter().find(of).unwrap()["id"].as_str().unwrap();
    lab.aws().route53("DELETE", &format!("healthcheck/{id}"), "");
    let service = lab.service();
    let plan = lab.dns(&["plan"]).exits(5).json();
    let expected = [pair(&format!("check {service} {OTHER}"), "create"), pair(&format!("{service}. A"), "change")];
    assert_eq!(changed(&plan), expected);
    lab.dns(&["apply", "--yes"]).exits(0).says(&["run `pointsman deploy`"]);
    lab.dns(&["plan"]).exits(0);
    lab.deploy().exits(0);
    lab.dns(&["plan"]).exits(0);
}

fn a_failed_over_state_is_no_drift(lab: &Lab) {
    until("every region to be up for long", seconds(60), || {
        let status = lab.run(&["status", "--explain", "--output", "json"]);
        (status.code() == Some(0) && up_for_long(&status.json()[0])).then_some(())
    });
    lab.run(&["failover", "--to", OTHER, "--reason", "test", "--yes"]).exits(0);
    assert_eq!(lab.answering(), Some(OTHER));
    let plan = lab.dns(&["plan"]).exits(0).json();
    assert_eq!(changed(&plan), []);
}

/// For `up_after` rounds, so that what is left by hand is a standby at once and no plan follows to make it one.
fn up_for_long(status: &Value) -> bool {
    let lines = status["explanation"].as_array().unwrap().iter().filter_map(Value::as_str);
    let rounds = lines.filter_map(|line| line.split_once(", for ")?.1.split_once(" rounds in a row")?.0.parse().ok());
    let rounds: Vec<u32> = rounds.collect();
    rounds.len() == 2 && rounds.iter().all(|rounds| *rounds >= 20)
}

fn too_much_of_a_zone_is_refused(lab: &Lab) {
    let config = fs::read_to_string(lab.with_others()).unwrap();
    let quicker = config.replace("ttl = \"20s\"", "ttl = \"12s\"");
    assert_ne!(quicker, config, "{config}");
    let quicker = lab.write("quicker.toml", &quicker);
    refused_unless_forced(lab, &quicker);
    assert_eq!(lab.answering(), Some(OTHER), "what was failed over stays so");
}

fn refused_unless_forced(lab: &Lab, config: &Path) {
    let config = config.to_str().unwrap();
    let plan = lab.dns(&["plan", "--config", config]).exits(4).json();
    assert_eq!(plan["refusals"][0]["code"], "zone_share", "{plan:#}");
    let refused = lab.dns(&["apply", "--yes", "--config", config]).exits(4);
    refused.says(&["7 of the 22 record sets", "hint: a rule can be overridden", "--force CODE"]);
    lab.dns(&["apply", "--yes", "--config", config, "--force", "zone_share"]).exits(0);
    lab.dns(&["plan", "--config", config]).exits(0);
}

fn what_has_weights_is_switched_by_them(lab: &Lab) {
    let config = fs::read_to_string(lab.text("/config")).unwrap();
    let weighted = config.replacen("ttl = ", "routing = \"weighted\"\nttl = ", 1);
    let config = lab.write("weighted.toml", &weighted);
    let with = ["--config", config.to_str().unwrap()];
    let plan = lab.dns(&[&["plan"], &with[..]].concat()).exits(5).json();
    assert_eq!(changed(&plan), [pair(&format!("{}. A", lab.service()), "change")], "{plan:#}");
    lab.dns(&[&["apply", "--yes"], &with[..]].concat()).exits(0).says(&[&format!("{OTHER}, weight 100: ")]);
    assert_eq!(lab.answering(), Some(OTHER), "it stays failed over");
    let artifacts = lab.artifacts().display().to_string();
    lab.run(&[&["deploy", "--yes", "--artifacts", &artifacts], &with[..]].concat()).exits(0);

    until("the preferred region to be one to return to", seconds(60), || {
        let status = lab.run(&[&["status", "--explain", "--output", "json"], &with[..]].concat());
        (status.code() == Some(0) && status.json()[0]["phase"] == "failback_ready").then_some(())
    });
    lab.run(&[&["failover", "--to", FIRST, "--reason", "test", "--yes"], &with[..]].concat()).exits(0);
    assert_eq!(lab.answering(), Some(FIRST));
    let plan = lab.dns(&[&["plan"], &with[..]].concat()).exits(0).json();
    let records = plan["changes"].as_array().unwrap().iter().find(|change| change["type"] == "A").unwrap();
    let weights = records["before"].as_array().unwrap().iter().map(|set| (&set["SetIdentifier"], &set["Weight"]));
    let mut weights: Vec<_> = weights.map(|(id, weight)| (id.as_str().unwrap(), weight.as_u64().unwrap())).collect();
    weights.sort_unstable();
    assert_eq!(weights, [(FIRST, 100), (OTHER, 0)]);
}
