//! How long one round of many endpoints takes one process, and how much memory.
//! `many [ENDPOINTS]` (500) starts itself again as the server and prints a line of JSON; half of the endpoints are HTTPS.

use std::{error::Error, io::Write, net::SocketAddr, process::Stdio, sync::Arc, time::Instant};

use domain::{Config, LabExemption, ProbeStatus};
use futures::future::join_all;
use probe::Prober;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    process::Command,
};
use tokio_rustls::TlsAcceptor;

type Outcome = Result<(), Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let argument = std::env::args().nth(1);
    if argument.as_deref() == Some("serve") {
        return serve().await;
    }
    let endpoints: usize = argument.map_or(Ok(500), |text| text.parse())?;
    let mut child =
        Command::new(std::env::current_exe()?).arg("serve").stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
    let mut said = BufReader::new(child.stdout.take().ok_or("no output")?);
    let (http, https) = (said.read_u16().await?, said.read_u16().await?);
    let mut root = vec![0; usize::from(said.read_u16().await?)];
    said.read_exact(&mut root).await?;

    let config = config(endpoints, http, https)?;
    let prober = Prober::with_roots(&config, vec![CertificateDer::from(root)])?;
    let began = Instant::now();
    let rounds = join_all(config.services.iter().map(|service| prober.round(service))).await;
    let took = began.elapsed();
    let reports: Vec<_> = rounds.iter().flat_map(|round| round.regions.values().flatten()).collect();
    if let Some(failed) = reports.iter().find(|report| report.status != ProbeStatus::Ok) {
        return Err(format!("{}: {}", failed.probe, failed.evidence).into());
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB")).ok_or("no VmHWM")?;
    let peak: u64 = peak.trim().parse()?;
    writeln!(
        std::io::stdout(),
        r#"{{"endpoints": {}, "seconds": {:.3}, "peak_bytes": {}}}"#,
        reports.len(),
        took.as_secs_f64(),
        peak * 1024
    )?;
    Ok(())
}

/// Services of two regions, each with one HTTP and one HTTPS endpoint.
fn config(endpoints: usize, http: u16, https: u16) -> Result<Config, Box<dyn Error>> {
    let services = (0..endpoints.div_ceil(4)).map(|number| {
        format!(
            r#"
            [[service]]
            name = "s{number}.example.com"
            hosted_zone = "Z1"
            region = [{{ name = "one", a = ["127.0.0.1"] }}, {{ name = "two", a = ["127.0.0.2"] }}]
            probe = [
                {{ name = "http", kind = "http", port = {http} }},
                {{ name = "https", kind = "https", port = {https}, host = "api.example.com" }},
            ]
            "#
        )
    });
    let head = r#"control_region = "eu-north-1"
        observers = ["eu-west-1", "us-east-1", "ap-south-1"]"#;
    let source: Vec<_> = std::iter::once(head.to_owned()).chain(services).collect();
    let mut config = Config::parse("many", &source.join("\n"))?;
    config.lab = Some(LabExemption { speed: 1.0, name_servers: vec![], sources: [].into(), environment: [].into() });
    config.resolvers = vec![SocketAddr::from(([127, 0, 0, 1], 1))];
    Ok(config)
}

/// Tells the ports and the certificate on stdout, then answers every request.
async fn serve() -> Outcome {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["api.example.com".to_owned()])?;
    let tls = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], PrivateKeyDer::Pkcs8(signing_key.serialize_der().into()))?;
    let acceptor = TlsAcceptor::from(Arc::new(tls));
    let (http, https) = (TcpListener::bind("0.0.0.0:0").await?, TcpListener::bind("0.0.0.0:0").await?);
    let numbers = [http.local_addr()?.port(), https.local_addr()?.port(), u16::try_from(cert.der().len())?];
    let mut stdout = std::io::stdout();
    stdout.write_all(&numbers.map(u16::to_be_bytes).concat())?;
    stdout.write_all(cert.der())?;
    stdout.flush()?;
    loop {
        tokio::select! {
            accepted = http.accept() => {
                tokio::spawn(answer(accepted?.0));
            }
            accepted = https.accept() => {
                let handshake = acceptor.accept(accepted?.0);
                tokio::spawn(async move { answer(handshake.await?).await });
            }
        }
    }
}

async fn answer(stream: impl AsyncRead + AsyncWrite + Unpin) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    while stream.read_line(&mut line).await? > 2 {
        line.clear();
    }
    let body = "x".repeat(10_000);
    stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await?;
    stream.shutdown().await
}
