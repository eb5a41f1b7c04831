//! An emulated account whose calls pass a proxy that the test holds, so that they can be refused, or end who makes them.

use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, mpsc},
    time::Duration,
};

use aws::{Session, SessionOptions, Switch};
use lab::{
    dns::NameServers,
    emulator::{Embedded, Emulator, Kind},
    health::Pace,
    hosted::{Delays, Route53},
    processes::Marker,
    proxy::{Interruption, Point, Proxy},
    region::free_port,
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use scenario::{Scenario, aws::AwsFault};
use tokio::runtime::Runtime;

use crate::support::{
    aws::{Aws, CONTROL_REGION, OBSERVERS},
    dns,
    lab::Place,
    program::{self, Finished, Program, pointsman},
    seconds, until, workspace,
};

/// How long a deployment may take on a busy machine.
const DEPLOYED: Duration = seconds(120);
/// As the proxy knows the command line that is to be killed.
const CALLER: &str = "person";
pub(crate) const SERVICE: &str = "api.deploy.test";

pub(crate) struct Account {
    pub(crate) proxy: Proxy,
    name_servers: NameServers,
    _emulator: Emulator,
    artifacts: PathBuf,
    zone: String,
    place: Place,
    // Last, as all of the above ends on it.
    _runtime: Runtime,
}

impl Account {
    /// Accounts beside each other have name servers of their own, told apart by a number.
    pub(crate) fn empty(kind: Kind, number: u8) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let place = Place::new();
        let artifacts = place.artifacts();
        let run = place.path().join("run");
        fs::create_dir(&run).unwrap();
        let (proxy, name_servers, emulator, zone) = runtime.block_on(async {
            let at_once =
                Delays { propagation: Duration::ZERO, status: Duration::ZERO, second: Duration::from_millis(1) };
            let route53 = Route53::new(at_once);
            let hosts: Vec<IpAddr> = (1..=2).map(|last| IpAddr::from([127, 0, 90 + number, last])).collect();
            let name_servers = NameServers::start(Arc::clone(&route53), &hosts, 0, 1).await.unwrap();
            let port = free_port(&[IpAddr::V4(Ipv4Addr::LOCALHOST)]).unwrap();
            let proxy = Proxy::start(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), route53).await.unwrap();
            let functions = vec![("AWS_ENDPOINT_URL".to_owned(), proxy.endpoint())];
            let (folder, marker) = (workspace().join(".pointsman"), Marker::fresh());
            fs::create_dir_all(&folder).unwrap();
            let settings = Embedded { kind, folder: &folder, run: &run, marker, functions, port: Some(port) };
            let emulator = Emulator::start(&settings, &|_| ()).await.unwrap();
            let options = SessionOptions {
                region: Some(CONTROL_REGION.to_owned()),
                endpoint_url: Some(proxy.endpoint()),
                ..SessionOptions::default()
            };
            let session = Session::load(options).await.with_test_credentials();
            let zone = Switch::new(&session, 50.0).create_zone(&"deploy.test".parse().unwrap(), "zone").await.unwrap();
            (proxy, name_servers, emulator, zone.to_string())
        });
        let account = Self { proxy, name_servers, _emulator: emulator, artifacts, zone, place, _runtime: runtime };
        account.configure(20);
        account
    }

    pub(crate) fn aws(&self) -> Aws {
        Aws::at(&self.proxy.endpoint())
    }

    /// The folder with the functions.
    pub(crate) fn artifacts(&self) -> &Path {
        &self.artifacts
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    /// Writes a configuration, another one for each TTL.
    pub(crate) fn configure(&self, ttl_s: u32) {
        self.configure_in(CONTROL_REGION, &OBSERVERS, ttl_s);
    }

    /// The same in other regions.
    pub(crate) fn configure_in(&self, control: &str, observers: &[&str], ttl_s: u32) {
        self.write(control, observers, &self.service(SERVICE, ttl_s));
    }

    /// The same with so many services.
    pub(crate) fn configure_many(&self, services: usize) {
        let services: String = (1..=services).map(|it| self.service(&format!("api-{it}.deploy.test"), 20)).collect();
        self.write(CONTROL_REGION, &OBSERVERS, &services);
    }

    fn service(&self, name: &str, ttl_s: u32) -> String {
        let zone = &self.zone;
        format!(
            r#"
            [[service]]
            name = "{name}"
            hosted_zone = "{zone}"
            ttl = "{ttl_s}s"
            region = [{{ name = "eu-west-1", a = ["127.1.1.1"] }}, {{ name = "us-east-1", a = ["127.1.2.1"] }}]
            probe = [{{ name = "http", kind = "http" }}, {{ name = "tcp", kind = "tcp", port = 80 }}]
            "#
        )
    }

    fn write(&self, control: &str, observers: &[&str], services: &str) {
        let observers = observers.iter().map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(", ");
        let servers = self.name_servers.addresses().iter().map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(", ");
        let text = format!(
            r#"
            control_region = "{control}"
            observers = [{observers}]
            {services}
            [lab]
            speed = 20
            name_servers = [{servers}]
            "#
        );
        fs::write(self.path().join("pointsman.toml"), text).unwrap();
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = pointsman(self.path(), arguments);
        command.env("AWS_ENDPOINT_URL", self.proxy.endpoint());
        command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test"), ("AWS_REGION", "us-east-1")]);
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Finished {
        program::run(self.command(arguments), DEPLOYED)
    }

    pub(crate) fn deploy(&self, arguments: &[&str]) -> Finished {
        self.run(&self.deployment(arguments))
    }

    /// A deployment that goes on while the test does something else.
    pub(crate) fn start(&self, arguments: &[&str]) -> Program {
        Program::start(self.command(&self.deployment(arguments)))
    }

    fn deployment<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        [&["deploy", "--artifacts", self.artifacts.to_str().unwrap()], arguments].concat()
    }

    /// `deploy --yes`, ended at one of its calls, or of those of one operation, as if by `kill -9`; what came of
    /// it where it had ended before.
    pub(crate) fn deploy_killed_at(&self, operation: Option<&str>, call: usize, point: Point) -> Option<Finished> {
        let (told, pid) = mpsc::channel();
        let (killed, was_killed) = mpsc::channel();
        let end = Box::new(move |operation: &str| {
            kill(pid.recv().unwrap(), Signal::SIGKILL).unwrap();
            killed.send(operation.to_owned()).unwrap();
        });
        self.proxy.interrupt(CALLER, Interruption { operation: operation.map(str::to_owned), call, point, end });
        let mut command = self.command(&self.deployment(&["--yes"]));
        command.env("AWS_SDK_UA_APP_ID", CALLER);
        let mut program = Program::start(command);
        told.send(Pid::from_raw(program.pid().cast_signed())).unwrap();
        let finished = program.end(DEPLOYED);
        was_killed.try_recv().is_err().then_some(finished)
    }

    /// A call of CloudFormation about a stack, as somebody else makes it.
    pub(crate) fn call(&self, region: &str, stack: &str, action: &str, arguments: &[(&str, &str)]) {
        let mut body = form_urlencoded::Serializer::new(String::new());
        body.extend_pairs([("Action", action), ("Version", "2010-05-15"), ("StackName", stack)])
            .extend_pairs(arguments);
        let said = self.aws().cloudformation(region, &body.finish());
        assert!(!said.contains("<Error>"), "{action}: {said}");
    }

    pub(crate) fn until_status(&self, region: &str, stack: &str, status: &str) {
        let body = format!("Action=DescribeStacks&Version=2010-05-15&StackName={stack}");
        until(status, seconds(30), || {
            let said = self.aws().cloudformation(region, &body);
            said.contains(&format!("<StackStatus>{status}</StackStatus>")).then_some(())
        });
    }

    /// The addresses that every name server gives for the service.
    pub(crate) fn answers(&self) -> Vec<Ipv4Addr> {
        let servers = self.name_servers.addresses().iter();
        let mut answers = servers.map(|server| dns::addresses(&server.to_string(), SERVICE));
        let first = answers.next().unwrap();
        assert!(answers.all(|other| other == first));
        first
    }

    /// Record sets and health checks, as they stand.
    pub(crate) fn records(&self) -> (String, String) {
        let sets = self.aws().route53("GET", &format!("hostedzone/{}/rrset", self.zone), "");
        (sets, self.aws().route53("GET", "healthcheck", ""))
    }

    /// Makes a region refuse an operation; a `status` of 429 throttles it.
    pub(crate) fn refuse(&self, service: &str, operation: &str, region: &str, status: u16) {
        let effect = match status {
            429 => "kind = \"throttle\"".to_owned(),
            status => format!("kind = \"error\"\nerror = {{ statusCode = {status}, code = \"AccessDenied\" }}"),
        };
        self.fail(&format!("service = \"{service}\"\noperation = \"{operation}\"\nregion = \"{region}\"\n{effect}"));
    }

    /// Makes AWS fail by these rules, as a scenario writes them, and by no others.
    pub(crate) fn fail(&self, rules: &str) {
        let faults: BTreeMap<usize, AwsFault> = if rules.is_empty() { BTreeMap::new() } else { faults(rules) };
        self.proxy.fail(&faults, Pace { speed: 50.0, seed: 1 });
    }
}

fn faults(rules: &str) -> BTreeMap<usize, AwsFault> {
    let text = format!(
        "name = \"x\"\ntitle = \"x\"\nregions = [\"a\", \"b\"]\nsteady.for = \"1s\"\n\
         [[truth]]\nregion = \"a\"\nmust_stay = true\n[[truth]]\nregion = \"b\"\nmust_stay = true\n\
         [[aws]]\nat = \"0s\"\nfor = \"9s\"\n{rules}\n"
    );
    let scenario = Scenario::parse("x.toml", &text).unwrap_or_else(|error| panic!("{error}"));
    scenario.faults.iter().map(|fault| fault.what.aws().unwrap().clone()).enumerate().collect()
}
