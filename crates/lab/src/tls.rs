//! The lab's certificate authority, and both ends of TLS made from its files.

use std::{
    fmt::Write,
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_smithy_types::base64;
use domain::DnsName;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::Resumption,
    crypto::aws_lc_rs,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{self, PemObject},
    },
};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

/// The authority's own certificate, in the folder that it writes.
pub const CA_FILE: &str = "ca.pem";

/// The first byte of every TLS connection: a handshake record. No HTTP method begins so.
const HANDSHAKE: u8 = 0x16;

/// Base64 characters a line of PEM.
const PEM_LINE: usize = 64;

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A certificate can't be made.
    #[error("tried to issue a certificate: {0}")]
    Issue(#[from] rcgen::Error),
    /// A file can't be written.
    #[error("tried to write {}: {source}", .path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file can't be read, or is no PEM.
    #[error("tried to read {}: {source}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: pem::Error,
    },
    /// A certificate or key can't be used.
    #[error("tried to use {}: {source}", .path.display())]
    Use {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        source: rustls::Error,
    },
}

/// The certificates that a region has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certificate {
    Good,
    Expired,
    WrongName,
}

impl Certificate {
    const ALL: [Self; 3] = [Self::Good, Self::Expired, Self::WrongName];

    fn file(self) -> &'static str {
        match self {
            Self::Good => "good.pem",
            Self::Expired => "expired.pem",
            Self::WrongName => "wrong-name.pem",
        }
    }
}

/// A certificate authority that only a lab trusts.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    /// A new one, with a key of its own.
    pub fn new() -> Result<Self, TlsError> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, "Pointsman lab");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Ok(Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate()?)? })
    }

    /// Writes what [`client`] and a region need into a folder: its own certificate, and certificates with their keys
    /// that are good for these names, expired, and for another name.
    pub fn write(&self, names: &[DnsName], folder: &Path) -> Result<(), TlsError> {
        write(folder.join(CA_FILE), &pem("CERTIFICATE", self.issuer.der()))?;
        for certificate in Certificate::ALL {
            write(folder.join(certificate.file()), &self.issue(certificate, names)?)?;
        }
        Ok(())
    }

    /// The certificate and its key.
    fn issue(&self, certificate: Certificate, names: &[DnsName]) -> Result<String, TlsError> {
        let names = match certificate {
            Certificate::Good | Certificate::Expired => names.iter().map(ToString::to_string).collect(),
            Certificate::WrongName => vec!["another.invalid".to_owned()],
        };
        let mut params = CertificateParams::new(names)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        if certificate == Certificate::Expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2020, 2, 1);
        }
        let key = KeyPair::generate()?;
        let signed = params.signed_by(&key, &self.issuer)?;
        Ok(pem("CERTIFICATE", signed.der()) + &pem("PRIVATE KEY", &key.serialize_der()))
    }
}

fn write(path: PathBuf, text: &str) -> Result<(), TlsError> {
    fs::write(&path, text).map_err(|source| TlsError::Write { path, source })
}

fn pem(label: &str, der: &[u8]) -> String {
    let mut text = format!("-----BEGIN {label}-----\n");
    for line in base64::encode(der).as_bytes().chunks(PEM_LINE) {
        text.extend(line.iter().copied().map(char::from).chain(['\n']));
    }
    writeln!(text, "-----END {label}-----").expect("a string takes everything");
    text
}

/// The server's end: a certificate for each state that a region can be in.
#[derive(Clone)]
pub struct Identities {
    good: TlsAcceptor,
    expired: TlsAcceptor,
    wrong_name: TlsAcceptor,
}

impl Identities {
    /// Reads what an [`Authority`] wrote.
    pub fn read(folder: &Path) -> Result<Self, TlsError> {
        let acceptor = |certificate: Certificate| acceptor(&folder.join(certificate.file()));
        Ok(Self {
            good: acceptor(Certificate::Good)?,
            expired: acceptor(Certificate::Expired)?,
            wrong_name: acceptor(Certificate::WrongName)?,
        })
    }

    pub(crate) fn acceptor(&self, certificate: Certificate) -> &TlsAcceptor {
        match certificate {
            Certificate::Good => &self.good,
            Certificate::Expired => &self.expired,
            Certificate::WrongName => &self.wrong_name,
        }
    }
}

impl std::fmt::Debug for Identities {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identities")
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect);
    read.map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

fn acceptor(path: &Path) -> Result<TlsAcceptor, TlsError> {
    let key = PrivateKeyDer::from_pem_file(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(certificates(path)?, key)
        .map_err(|source| TlsError::Use { path: path.to_owned(), source })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

/// The client's end: trusts the authority whose certificate this file is, and nobody else.
pub fn client(ca: &Path) -> Result<Arc<ClientConfig>, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate).map_err(|source| TlsError::Use { path: ca.to_owned(), source })?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("the provider supports TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // A resumed session would not look at the certificate again.
    config.resumption = Resumption::disabled();
    Ok(Arc::new(config))
}

/// Whether the client begins with TLS; waits for its first byte, which stays unread.
pub(crate) async fn is_tls(stream: &TcpStream) -> bool {
    let mut first = [0];
    matches!(stream.peek(&mut first).await, Ok(1)) && first[0] == HANDSHAKE
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;
    use tokio_rustls::TlsConnector;

    use super::*;

    /// What a client that trusts `ca` says to a server with this certificate.
    async fn handshake(folder: &Path, certificate: Certificate, ca: &Path) -> Result<(), String> {
        let (client_end, server_end) = tokio::io::duplex(64 * 1024);
        let acceptor = Identities::read(folder).unwrap().acceptor(certificate).clone();
        let connector = TlsConnector::from(client(ca).unwrap());
        let name = ServerName::try_from("api.example.com").unwrap();
        let (connected, _) = tokio::join!(connector.connect(name, client_end), acceptor.accept(server_end));
        connected.map(drop).map_err(|error| error.to_string())
    }

    #[tokio::test]
    async fn each_certificate_is_what_its_name_says_to_those_who_trust_the_authority() {
        let [ours, theirs] = [(); 2].map(|()| {
            let folder = tempfile::tempdir().unwrap();
            let names = ["api.example.com", "a.api.example.com"].map(|name| name.parse().unwrap());
            Authority::new().unwrap().write(&names, folder.path()).unwrap();
            folder
        });
        let ca = ours.path().join(CA_FILE);
        assert_eq!(handshake(ours.path(), Certificate::Good, &ca).await, Ok(()));
        for (folder, certificate, problem) in [
            (ours.path(), Certificate::Expired, "certificate expired"),
            (ours.path(), Certificate::WrongName, "not valid for name"),
            (theirs.path(), Certificate::Good, "invalid peer certificate"),
        ] {
            let refused = handshake(folder, certificate, &ca).await.unwrap_err();
            assert!(refused.contains(problem), "{certificate:?}: {refused}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        assert!(client(&folder.path().join(CA_FILE)).unwrap_err().to_string().contains("ca.pem"));
        assert!(Identities::read(folder.path()).unwrap_err().to_string().contains("good.pem"));
        let nowhere = folder.path().join("nowhere");
        assert!(Authority::new().unwrap().write(&[], &nowhere).unwrap_err().to_string().contains("nowhere/ca.pem"));
    }
}
