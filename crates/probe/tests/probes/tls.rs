//! HTTP over TLS, with certificates made for each test.

use std::sync::Arc;

use domain::{Fault, Period, ProbeReport, ProbeStatus};
use probe::Prober;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use tokio::io::AsyncWriteExt;
use tokio_rustls::TlsAcceptor;

use crate::{
    config, report,
    servers::{accept, head},
};

/// A root and what it issues.
struct Authority {
    root: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "the root");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).unwrap().der().clone();
        Self { root, issuer: Issuer::new(params, key) }
    }

    /// An HTTPS server whose certificate is for `name`, valid until `year`, signed by itself or by the root.
    async fn serve(&self, name: &str, year: i32, self_signed: bool) -> u16 {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = date_time_ymd(2000, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let certificate =
            if self_signed { params.self_signed(&key) } else { params.signed_by(&key, &self.issuer) }.unwrap();
        let server = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(server));
        let address = accept(move |stream| {
            let acceptor = acceptor.clone();
            async move {
                if let Ok(mut stream) = acceptor.accept(stream).await {
                    head(&mut stream).await;
                    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
                    stream.shutdown().await.unwrap();
                }
            }
        })
        .await;
        address.port()
    }

    async fn probe(&self, port: u16, time_out: &str) -> ProbeReport {
        let config = config("127.0.0.1", time_out, &format!(r#"kind = "https", port = {port}"#));
        report(&Prober::with_roots(&config, vec![self.root.clone()]).unwrap(), &config).await
    }
}

#[tokio::test]
async fn a_valid_certificate_is_up_and_the_handshake_is_timed() {
    let authority = Authority::new();
    let report = authority.probe(authority.serve("api.example.com", 2100, false).await, "4s").await;
    assert_eq!((report.status, report.fault), (ProbeStatus::Ok, None), "{}", report.evidence);
    assert!(report.phases_ms.tls.unwrap() > 0.0);
    assert_eq!(report.seen.certificate_until, Some(4_102_444_800), "1 January 2100");
    assert_eq!((report.seen.failed, report.seen.body), (0.0, Some(0)));
}

#[tokio::test]
async fn a_certificate_that_is_not_valid_for_the_name_is_a_tls_fault() {
    let authority = Authority::new();
    for (name, year, self_signed, why) in [
        ("api.example.com", 2001, false, "expired"),
        ("other.example.com", 2100, false, "not valid for name"),
        ("api.example.com", 2100, true, "UnknownIssuer"),
    ] {
        let report = authority.probe(authority.serve(name, year, self_signed).await, "4s").await;
        assert_eq!(report.fault, Some(Fault::Tls), "{why}");
        assert!(report.evidence.contains(why), "{}", report.evidence);
    }
}

#[tokio::test]
async fn what_speaks_no_tls_is_a_tls_fault_and_silence_a_tls_time_out() {
    let authority = Authority::new();
    let plain = accept(async |mut stream| {
        stream.write_all(b"SSH-2.0-OpenSSH_9.9\r\n").await.unwrap();
    })
    .await;
    let report = authority.probe(plain.port(), "4s").await;
    assert_eq!(report.fault, Some(Fault::Tls), "{}", report.evidence);
    let silent = accept(async |stream| {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let report = authority.probe(silent.port(), "200ms").await;
    assert_eq!(report.fault, Some(Fault::TlsTimeout), "{}", report.evidence);
}

#[tokio::test]
async fn a_certificate_that_expires_before_long_is_told_by_looking_ahead() {
    const YEAR_S: u64 = 365 * 86_400;
    let authority = Authority::new();
    let port = authority.serve("api.example.com", 2100, false).await;
    let config = config("127.0.0.1", "4s", &format!(r#"kind = "https", port = {port}"#));
    for (years, fault) in [(0, None), (1, None), (100, Some(Fault::Tls))] {
        let prober = Prober::with_roots(&config, vec![authority.root.clone()]).unwrap();
        let report = report(&prober.ahead(Period::seconds(years * YEAR_S)), &config).await;
        assert_eq!(report.fault, fault, "{years} years on: {}", report.evidence);
    }
}
