//! `pointsman.toml`: what is accepted, what is filled in, and what each mistake is told.

use domain::{
    Config, Endpoint, Failback, LabExemption, Mode, NativeReturn, Period, ProbeKind, RegionCheck, RoutingPolicy,
    Service, ServiceState, StateError, Statistic, TimeUnit,
};

const GOOD: &str = r#"control_region = "eu-north-1"
observers = ["us-west-2", "eu-central-1", "ap-southeast-2"]

[[service]]
name = "api.example.com"
hosted_zone = "/hostedzone/Z1"
policy.preset = "brisk"

[[service.region]]
name = "eu-west-1"
a = ["52.95.110.1"]

[[service.region]]
name = "us-east-1"
a = ["52.95.110.2"]
endpoint = "use1.example.com"

[[service.probe]]
name = "health"
kind = "https"
path = "/health"
"#;

fn good() -> Config {
    Config::parse("pointsman.toml", GOOD).expect("it is good")
}

fn wrong(from: &str, to: &str) -> String {
    let source = GOOD.replacen(from, to, 1);
    assert_ne!(source, GOOD, "`{from}` stands in the good configuration");
    Config::parse("pointsman.toml", &source).expect_err("it is wrong").to_string()
}

#[test]
fn defaults_are_filled_in() {
    let config = good();
    let Service { policy, regions, probes, check, ttl_s, hosted_zone, routing, .. } = &config.services[0];
    assert_eq!(config.stack.as_str(), "pointsman");
    assert_eq!((policy.interval, policy.down_after, policy.up_after), (Period::seconds(3), 4, 20));
    assert_eq!((policy.timeout, policy.stale_after), (Period::millis(2_400), Period::seconds(45)));
    assert_eq!((policy.quorum, policy.min_observers, policy.corroborate), (2, 2, true));
    assert_eq!(
        (policy.mode, policy.failback, policy.native_return),
        (Mode::Auto, Failback::Manual, NativeReturn::Forbid)
    );
    assert_eq!((*ttl_s, hosted_zone.as_str(), *routing), (20, "Z1", RoutingPolicy::Failover));
    assert_eq!(regions[0].endpoint, Endpoint::Address("52.95.110.1".parse().unwrap()));
    assert_eq!(regions[1].endpoint, Endpoint::Name("use1.example.com".parse().unwrap()));
    assert_eq!((check.https, check.port, check.path.as_deref()), (true, 443, Some("/health")));
    assert!(matches!(&probes[0].kind, ProbeKind::Http(http) if http.host.as_str() == "api.example.com"));
}

#[test]
fn an_observer_may_look_from_inside_a_vpc() {
    let network = "[vpc.us-west-2]\nsubnets = [\"subnet-1\", \"subnet-2\"]\nsecurity_groups = [\"sg-1\"]\n";
    let config = Config::parse("pointsman.toml", &format!("{GOOD}\n{network}")).expect("it is good");
    let (region, vpc) = config.vpc.first_key_value().expect("there is one");
    assert_eq!((region.as_str(), vpc.subnets.len(), vpc.security_groups[0].as_str()), ("us-west-2", 2, "sg-1"));
    assert_ne!(config.hash(), good().hash());
    for (from, to, told) in [
        ("us-west-2", "us-west-1", "`us-west-1` is no observer's region"),
        ("\"sg-1\"", "", "0 security groups of `us-west-2`; there are 1 to 5"),
        ("subnet-1", "sg-1", "it must begin with `subnet-`"),
    ] {
        let source = format!("{GOOD}\n{}", network.replace(from, to));
        let error = Config::parse("pointsman.toml", &source).expect_err("it is wrong").to_string();
        assert!(error.contains(told) && error.contains("pointsman.toml:"), "{error}");
    }
}

#[test]
fn the_hash_is_the_contents_not_the_layout() {
    let commented = Config::parse("other.toml", &GOOD.replace("[[service]]", "# a remark\n[[service]]")).unwrap();
    assert_eq!(commented.hash(), good().hash());
    let changed = Config::parse("pointsman.toml", &GOOD.replace("brisk", "fast")).unwrap();
    assert_ne!(changed.hash(), good().hash());
}

#[test]
fn what_the_functions_read_is_what_was_written() {
    let json = serde_json::to_string(&good()).unwrap();
    assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), good());
}

#[test]
fn what_a_region_answers_and_how_it_is_checked_is_not_contradictory() {
    for (from, to, told) in [
        ("a = [\"52.95.110.2\"]", "a = [\"52.95.110.1\"]", "service[0].region[1]: answers as eu-west-1 does"),
        (
            "a = [\"52.95.110.2\"]",
            "a = [\"52.95.110.2\"]\nalias = { name = \"lb.example.net\", zone = \"Z2\" }",
            "service[0].region[1]: give either addresses (`a`, `aaaa`), a `cname` or an `alias`",
        ),
        (
            "a = [\"52.95.110.2\"]",
            "alias = { name = \"d1.cloudfront.net\", zone = \"Z2FDTNDATAQYW2\", evaluate_target_health = true, ipv6 = false }",
            "service[0].region[1].alias.evaluate_target_health: Route 53 can't evaluate the health of a CloudFront distribution",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\ncheck = { kind = \"metric\", at_least = 1 }",
            "service[0].region[1].check.at_least: has no meaning for this kind of check",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\ncheck = { kind = \"calculated\", children = [] }",
            "service[0].region[1].check: a `calculated` check has 1 to 255 `children`",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\ncheck = { kind = \"calculated\", children = [\"c1\", \"c2\"], at_least = 3 }",
            "service[0].region[1].check.at_least: 3 of 2 would make the check always healthy, or never",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\ncheck = { kind = \"calculated\", children = [{ kind = \"tcp\", port = 1, path = \"/\" }] }",
            "pointsman.toml:15:70: service[0].region[1].check.children[0].path: has no meaning for `tcp`",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\ncheck = { kind = \"calculated\", children = [\"c1\", { kind = \"https\" }] }",
            "service[0].region[1].check.children[1]: a check that asks needs a `port`",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\ncheck = { kind = \"calculated\", children = [{ kind = \"metric\", port = 1 }] }",
            "service[0].region[1].check.children[0].port: has no meaning for this kind of check",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\ncheck = { kind = \"calculated\", children = [{ kind = \"tcp\", port = 1 }, { kind = \"tcp\", port = 1 }] }",
            "service[0].region[1].check.children[1]: duplicate check `tcp :1`",
        ),
    ] {
        let error = wrong(from, to);
        assert!(error.contains(told), "{error}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn each_mistake_names_line_and_key() {
    let counts =
        |child: &str| format!("name = \"us-east-1\"\ncheck = {{ kind = \"calculated\", children = [\n{child},\n] }}");
    for (child, told) in [
        ("{ kind = \"https\", port = 443, colour = 1 }", "pointsman.toml:16:31: unknown field `colour`"),
        ("{ kind = \"calculated\" }", "pointsman.toml:16:10: unknown variant `calculated`, expected one of `http`"),
        ("\"no id\"", "pointsman.toml:16:1: `no id` is not a health check id"),
        ("1", "pointsman.toml:16:1: invalid type: integer `1`, expected the id of a health check, or a table"),
    ] {
        let error = wrong("name = \"us-east-1\"", &counts(child));
        assert!(error.contains(told), "{error}");
    }
    for (from, to, told) in [
        ("[[service]]", "colour = 1\n[[service]]", "pointsman.toml:4:1: unknown field `colour`"),
        (
            "[[service.region]]",
            "routing = \"weighted\"\n[[service.region]]\nname = \"sa-east-1\"\na = [\"52.95.110.3\"]\n[[service.region]]",
            "pointsman.toml:9:1: service[0].routing: `weighted` is for two regions: of more,",
        ),
        ("kind = \"https\"", "kind = \"carrier-pigeon\"", "pointsman.toml:20:8: unknown variant `carrier-pigeon`"),
        ("policy.preset = \"brisk\"", "policy.interval = \"10\"", "pointsman.toml:7:19: `10` is not a duration"),
        (
            "policy.preset = \"brisk\"",
            "policy.interval = \"100ms\"",
            "pointsman.toml:7:8: service[0].policy.interval: 100ms is shorter than 1s",
        ),
        (
            "policy.preset = \"brisk\"",
            "policy.timeout = \"20s\"",
            "service[0].policy.timeout: 20s is not shorter than the interval, 10s",
        ),
        (
            "policy.preset = \"brisk\"",
            "policy.quorum = 4",
            "service[0].policy.quorum: 4 of 3 observers can never agree",
        ),
        ("policy.preset = \"brisk\"", "policy.cooldown = \"10s\"", "clients would still be on their way"),
        ("policy.preset = \"brisk\"", "policy.verify_within = \"15s\"", "no observer could have seen the answer"),
        (
            "policy.preset = \"brisk\"",
            "policy.max_auto_failovers_per_hour = 7",
            "7 can never be used up in 1h with a cooldown of 10m",
        ),
        ("policy.preset = \"brisk\"", "policy.panic_threshold = 50", "50 is not a share"),
        ("policy.preset = \"brisk\"", "policy.quorum = 1", "one observer's word moves no traffic"),
        ("policy.preset = \"brisk\"", "policy.up_after = 3", "returning must be slower than leaving"),
        ("policy.preset = \"brisk\"", "policy.stale_after = \"10s\"", "one late round would count as silence"),
        (
            "name = \"us-east-1\"",
            "name = \"eu-west-1\"",
            "pointsman.toml:14:1: service[0].region[1].name: duplicate region `eu-west-1`",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"eu-north-1\"",
            "service[0].region[1].name: `eu-north-1` is the control region, which may serve nothing",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\nreplication_lag = [{ namespace = \"AWS/RDS\", metric = \"ReplicaLag\", region = \"eu-west-1\" }]",
            "pointsman.toml:15:68: service[0].region[1].replication_lag[0].region: eu-west-1 may be the region that is left",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\nreplication_lag = [{ namespace = \"AWS/RDS\", metric = \"ReplicaLag\", unit = \"ms\" }]",
            "service[0].region[1].replication_lag[0].unit: AWS's ReplicaLag counts in s, not in ms",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\nbuckets = [\"mirror\"]",
            "service[0].region[1].buckets: 1 here and 0 in the first region",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\nbuckets = [\"s3://mirror\"]",
            "service[0].region[1].buckets[0]: `s3://mirror` is not a bucket's name",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\nsecrets = [\"orders/database\"]",
            "service[0].region[1].secrets: 1 here and 0 in the first region",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\nsecrets = [\"arn:aws:secretsmanager:us-east-1:1:secret:orders\"]",
            "service[0].region[1].secrets[0]: `arn:aws:secretsmanager:us-east-1:1:secret:orders` is not a secret's name",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\nbackups = [{ vault = \"my vault\", max_age = \"26h\" }]",
            "service[0].region[1].backups[0].vault: `my vault` is not a vault's name",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\nbackups = [{ vault = \"orders\", resource = \"orders\", max_age = \"26h\" }]",
            "service[0].region[1].backups[0].resource: is an ARN",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\nbackups = [{ vault = \"orders\", max_age = \"26m\" }]",
            "service[0].region[1].backups[0].max_age: 26m is less than 1h",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\nreplication_lag = [{ namespace = \"Orders\", metric = \"Behind\" }]",
            "replication_lag[0]: say what Behind counts in",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\nreplication_lag = [{ namespace = \"Orders\", metric = \"Behind\", unit = \"s\", stale_after = \"30s\" }]",
            "replication_lag[0].stale_after: 30s is not between 2m",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\nalarm = { region = \"us-east-1\", name = \"errors\" }",
            "pointsman.toml:15:11: service[0].region[1].alarm.region: us-east-1 is the region that the alarm speaks of",
        ),
        (
            "name = \"us-east-1\"",
            "name = \"us-east-1\"\nalarm = { region = \"us-west-2\", name = \"\" }",
            "service[0].region[1].alarm.name: an alarm's name has 1 to 255 characters",
        ),
        ("\"ap-southeast-2\"]", "]", "pointsman.toml:2:1: observers: 2 given; a quorum needs at least 3"),
        ("\"ap-southeast-2\"", "\"us-west-2\"", "pointsman.toml:2:43: observers[2]: duplicate observer `us-west-2`"),
        ("a = [\"52.95.110.2\"]", "cname = \"us.example.net\"", "a switch would leave the missing type behind"),
        (
            "a = [\"52.95.110.2\"]",
            "",
            "service[0].region[1]: give either addresses (`a`, `aaaa`), a `cname` or an `alias`",
        ),
        (
            "path = \"/health\"",
            "path = \"health\"",
            "pointsman.toml:21:1: service[0].probe[0].path: `health` is not a path",
        ),
        ("kind = \"https\"", "kind = \"tcp\"", "service[0].probe[0].path: has no meaning for `tcp`"),
        ("name = \"health\"", "name = \"Health!\"", "`Health!` is not a probe name"),
        ("hosted_zone", "ttl = \"1500ms\"\nhosted_zone", "service[0].ttl: a TTL is a whole number of seconds"),
        (
            "[[service]]",
            "lab = { speed = 90, name_servers = [] }\n[[service]]",
            "lab.speed: 90 is not between 1 and 20",
        ),
    ] {
        let message = wrong(from, to);
        assert!(message.contains(told), "`{to}` was told:\n{message}\nand not:\n{told}");
    }
}

#[test]
fn every_mistake_is_told_at_once() {
    let source = GOOD.replace("policy.preset = \"brisk\"", "policy.quorum = 9\npolicy.down_after = 0");
    let message = Config::parse("p.toml", &source).unwrap_err().to_string();
    assert!(message.contains("policy.quorum") && message.contains("policy.down_after"), "{message}");
}

#[test]
fn a_lab_scales_every_period_alike() {
    let name_servers = vec!["127.0.53.1:5300".parse().unwrap()];
    let sources = [("us-west-2".parse().unwrap(), "127.0.100.1".parse().unwrap())].into();
    let config = good().in_lab(LabExemption { speed: 4.0, name_servers, sources, environment: [].into() });
    assert_eq!(config.source(&"us-west-2".parse().unwrap()), Some("127.0.100.1".parse().unwrap()));
    assert_eq!(config.source(&"us-east-2".parse().unwrap()), None);
    let service = &config.services[0];
    assert_eq!((config.minute, service.ttl_s), (Period::seconds(15), 5));
    assert_eq!((service.policy.interval, service.policy.hold_down), (Period::millis(750), Period::seconds(75)));
    assert!(config.may_probe("127.0.0.1".parse().unwrap()));
    assert!(!good().may_probe("127.0.0.1".parse().unwrap()));
    assert!(!config.may_probe("169.254.169.254".parse().unwrap()), "loopback alone is exempt");
}

#[test]
fn a_state_that_is_corrupted_or_newer_is_refused_by_name() {
    let state = ServiceState::new(&good().services[0]);
    let json = serde_json::to_vec(&state).unwrap();
    assert_eq!(ServiceState::parse(&json), Ok(state));
    assert!(matches!(ServiceState::parse(b"{"), Err(StateError::Corrupted(_))));
    assert!(matches!(ServiceState::parse(b"{\"format\":1}"), Err(StateError::Corrupted(_))));
    let newer = String::from_utf8(json).unwrap().replace("\"format\":2", "\"format\":3");
    assert_eq!(ServiceState::parse(newer.as_bytes()), Err(StateError::Newer { found: 3 }));
}

#[test]
fn the_readme_shows_a_configuration_that_is_accepted() {
    let readme = include_str!("../../../README.md");
    let (_, rest) = readme.split_once("```toml\n").unwrap();
    let (source, _) = rest.split_once("```").unwrap();
    let config = Config::parse("README.md", source).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.services[0].probes.len(), 3);
}

/// A state object as the build before this one wrote it.
#[test]
fn a_state_of_format_1_becomes_one_of_today() {
    let fresh = ServiceState::new(&good().services[0]);
    let mut older = serde_json::to_value(&fresh).unwrap();
    let fields = older.as_object_mut().unwrap();
    fields["format"] = 1.into();
    for later in ["by_hand", "unacknowledged", "recommended"] {
        fields.remove(later).unwrap();
    }
    assert_eq!(ServiceState::parse(older.to_string().as_bytes()), Ok(fresh));
}

/// Aurora's, `DynamoDB`'s, S3's, RDS's and one of the user's own.
#[test]
fn what_tells_how_far_data_are_behind_is_read_with_its_unit() {
    let lags = r#"name = "us-east-1"
replication_lag = [
    { namespace = "AWS/RDS", metric = "AuroraGlobalDBReplicationLag", dimensions = { DBClusterIdentifier = "orders" } },
    { namespace = "AWS/DynamoDB", metric = "ReplicationLatency", region = "us-west-2", statistic = "Average", dimensions = { TableName = "carts", ReceivingRegion = "us-east-1" } },
    { namespace = "AWS/S3", metric = "ReplicationLatency", dimensions = { SourceBucket = "a", DestinationBucket = "b", RuleId = "c" } },
    { namespace = "AWS/RDS", metric = "ReplicaLag", dimensions = { DBInstanceIdentifier = "orders" }, unit = "s" },
    { namespace = "Orders", metric = "Behind", unit = "us", stale_after = "10m" },
]"#;
    let source = GOOD.replacen("name = \"us-east-1\"", lags, 1);
    let config = Config::parse("pointsman.toml", &source).unwrap();
    let lags = &config.services[0].regions[1].replication_lag;
    let units: Vec<_> = lags.iter().map(|lag| lag.unit).collect();
    assert_eq!(units, [TimeUnit::Ms, TimeUnit::Ms, TimeUnit::S, TimeUnit::S, TimeUnit::Us]);
    assert_eq!((lags[0].stale_after, lags[4].stale_after), (Period::seconds(300), Period::seconds(600)));
    assert_eq!((lags[0].metric.statistic, lags[1].metric.statistic), (Statistic::Maximum, Statistic::Average));
    let told = "AWS/DynamoDB ReplicationLatency of ReceivingRegion=us-east-1, TableName=carts in us-west-2";
    assert_eq!(lags[1].to_string(), told);
    assert_eq!(lags[0].metric.region.as_str(), "us-east-1", "where it speaks of, unless it says otherwise");
    let json = serde_json::to_string(&config).unwrap();
    assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config);
}

/// As the functions read it, whoever wrote it.
#[test]
fn what_a_calculated_check_counts_survives_json() {
    let check = r#"name = "us-east-1"
check = { kind = "calculated", at_least = 2, children = [
    "c1",
    { kind = "https", port = 443, path = "/deep", search = "ok" },
    { kind = "tcp", port = 5432 },
    { kind = "metric", alarm = { region = "us-east-1", name = "errors" } },
] }"#;
    let config = Config::parse("pointsman.toml", &GOOD.replacen("name = \"us-east-1\"", check, 1)).unwrap();
    let Some(RegionCheck::Calculated { children, at_least: 2 }) = &config.services[0].regions[1].check else {
        panic!("{config:?}")
    };
    let told: Vec<_> = children.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["c1", "https :443/deep", "tcp :5432", "metric of errors in us-east-1"]);
    let json = serde_json::to_string(&config).unwrap();
    assert!(json.contains(r#""calculated":{"children":["c1",{"#), "{json}");
    assert_eq!(serde_json::from_str::<Config>(&json).unwrap(), config);
}

#[test]
fn an_rpo_that_nothing_measures_is_warned_of() {
    assert!(good().warnings().is_empty());
    let source = GOOD.replace("policy.preset = \"brisk\"", "policy.rpo = \"10s\"");
    let lag = "name = \"us-east-1\"\nreplication_lag = [{ namespace = \"AWS/RDS\", metric = \"ReplicaLag\" }]";
    let source = source.replace("name = \"us-east-1\"", lag);
    let warnings = Config::parse("pointsman.toml", &source).unwrap().warnings().located(&source);
    let told: Vec<_> = warnings.iter().map(ToString::to_string).collect();
    let expected = "7:8: service[0].policy.rpo: nothing measures how far the data of eu-west-1 are behind";
    assert!(told.len() == 1 && told[0].starts_with(expected), "{told:?}");
}
