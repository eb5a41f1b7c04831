//! The emulators that a lab runs by itself, and all in which they differ.

use std::{fmt, time::Duration};

use super::python::Version;

/// An emulated AWS that a lab can install and run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Small and ready in a second; the default.
    Ministack,
    /// 4.14.0, with a Lambda executor of ours.
    Localstack,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ministack => "MiniStack",
            Self::Localstack => "LocalStack",
        })
    }
}

impl Kind {
    /// As in `--emulator`, file names and reports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ministack => "ministack",
            Self::Localstack => "localstack",
        }
    }

    pub(super) const fn requirements(self) -> &'static str {
        match self {
            Self::Ministack => include_str!("../../../../localstack/requirements-ministack.txt"),
            Self::Localstack => include_str!("../../../../localstack/requirements-localstack.txt"),
        }
    }

    pub(super) const fn oldest_python(self) -> Version {
        match self {
            Self::Ministack => Version::new(3, 10),
            Self::Localstack => Version::new(3, 12),
        }
    }

    /// What `python -m` would run.
    pub(super) const fn module(self) -> &'static str {
        match self {
            Self::Ministack => "ministack",
            Self::Localstack => "localstack.runtime.main",
        }
    }

    /// Asked of an unknown one too: `MiniStack` answers at both, so it is asked first.
    pub(super) const fn health_path(self) -> &'static str {
        match self {
            Self::Ministack => "/_ministack/health",
            Self::Localstack => "/_localstack/health",
        }
    }

    pub(super) const fn ready_within(self) -> Duration {
        Duration::from_secs(match self {
            Self::Ministack => 20,
            Self::Localstack => 60,
        })
    }

    /// The variables that put it on this port of loopback, and nothing of it anywhere else.
    pub(super) fn settings(self, port: u16) -> Vec<(&'static str, String)> {
        let fixed: &[(&str, &str)] = match self {
            Self::Ministack => &[
                ("BIND_HOST", "127.0.0.1"),
                // Else it listens on port 8883 of every interface.
                ("IOT_MTLS_ENABLED", "0"),
                ("SFTP_ENABLED", "0"),
            ],
            Self::Localstack => &[
                ("LAMBDA_RUNTIME_EXECUTOR", "process"),
                // Else all that run on this machine share a folder, which the first to end removes.
                ("PROVIDER_OVERRIDE_S3", "apart"),
                // Else it answers DNS on every interface.
                ("DNS_ADDRESS", "0"),
                ("DISABLE_EVENTS", "1"),
                ("SKIP_SSL_CERT_DOWNLOAD", "1"),
            ],
        };
        let listen = match self {
            Self::Ministack => ("GATEWAY_PORT", port.to_string()),
            // It listens on all of IPv4 whatever IPv4 address it is given, but takes an IPv6 one at its word.
            Self::Localstack => ("GATEWAY_LISTEN", format!("[::ffff:127.0.0.1]:{port}")),
        };
        fixed.iter().map(|(name, value)| (*name, (*value).to_owned())).chain([listen]).collect()
    }

    /// The server's variable by which its functions get this one: those of `MiniStack` inherit its environment.
    pub(super) fn for_functions(self, name: &str) -> String {
        match self {
            Self::Ministack => name.to_owned(),
            Self::Localstack => format!("PROCESS_EXECUTOR_ENV_{name}"),
        }
    }
}
