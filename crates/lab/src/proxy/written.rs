//! What AWS accepted: objects and notices, for reports.

use bytes::Bytes;
use hyper::Method;

use super::Call;
use super::calls::Identity;
use crate::hosted::Moment;

/// What AWS accepted, and when it was asked to.
#[derive(Debug, Clone)]
pub struct Written {
    /// When.
    pub at: Moment,
    /// What.
    pub what: Accepted,
}

/// What AWS accepted.
#[derive(Debug, Clone)]
pub enum Accepted {
    /// An object of S3's.
    Object {
        /// Its key, escaped as in the path.
        key: String,
        /// What is in it.
        body: Bytes,
    },
    /// What people are told.
    Notice {
        /// In a line.
        subject: String,
        /// In full.
        message: String,
    },
}

impl Accepted {
    pub(super) fn of(identity: &Identity, call: &Call) -> Option<Self> {
        if identity.is("sns", "Publish") {
            let field = |name: &str| {
                let found = form_urlencoded::parse(&call.body).find(|(key, _)| key == name);
                found.map(|(_, value)| value.into_owned()).unwrap_or_default()
            };
            return Some(Self::Notice { subject: field("Subject"), message: field("Message") });
        }
        let key = call.object_key().filter(|_| call.method == Method::PUT)?;
        Some(Self::Object { key, body: call.body.clone() })
    }
}
