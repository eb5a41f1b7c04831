//! Probes against real sockets on loopback that behave as badly as the world does.
#![allow(clippy::unwrap_used, reason = "clippy takes only the test functions themselves for tests")]

mod answering;
mod dns;
mod http;
mod servers;
mod tls;

use std::net::SocketAddr;

use domain::{Config, Endpoint, LabExemption, ProbeReport, Service};
use probe::Prober;

/// A configuration under the lab's exemption with two regions, `one` and `two`, the first probed at `endpoint`.
/// The second, `127.0.0.2`, refuses all. `time_out` and `probe` are TOML.
fn config(endpoint: &str, time_out: &str, probe: &str) -> Config {
    let source = format!(
        r#"
        control_region = "eu-north-1"
        observers = ["eu-west-1", "us-east-1", "ap-south-1"]
        [[service]]
        name = "api.example.com"
        hosted_zone = "Z1"
        policy = {{ timeout = "{time_out}" }}
        check = {{ kind = "tcp", port = 443 }}
        region = [
            {{ name = "one", a = ["192.0.2.1", "192.0.2.11"], aaaa = ["2001:db8::1"], endpoint = "{endpoint}" }},
            {{ name = "two", a = ["192.0.2.2"], aaaa = ["2001:db8::2"], endpoint = "refused.example.net" }},
        ]
        probe = [{{ name = "probe", {probe} }}]
        "#
    );
    let mut config = Config::parse("pointsman.toml", &source).unwrap();
    config.lab = Some(LabExemption { speed: 1.0, name_servers: vec![], sources: [].into(), environment: [].into() });
    // As a name it would be resolved too; as an address it could not be read beside some probes.
    config.services[0].regions[1].endpoint = Endpoint::Address([127, 0, 0, 2].into());
    config.resolvers = vec![SocketAddr::from(([127, 0, 0, 1], 1))];
    config
}

/// The service of [`config`].
fn service(config: &Config) -> &Service {
    &config.services[0]
}

/// One round by a prober; the report on region `one`.
async fn report(prober: &Prober, config: &Config) -> ProbeReport {
    let mut reports = prober.round(service(config)).await;
    reports.regions.remove("one").unwrap().remove(0)
}

/// One round by a new prober; the report on region `one`.
async fn round(config: &Config) -> ProbeReport {
    report(&Prober::new(config).unwrap(), config).await
}
