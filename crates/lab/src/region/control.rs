//! Sets a region's faults over HTTP, whichever process it runs in.

use std::{
    collections::BTreeSet,
    error::Error,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use super::RegionError;
use scenario::fault::Fault;

/// A region whose processor is saturated still answers in this time.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Sets a region's faults.
#[derive(Debug, Clone)]
pub struct Control {
    admin: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Control {
    pub(super) fn new(admin: SocketAddr) -> Self {
        Self { admin, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Where people do the same: `GET`, `PUT`, `POST` and `DELETE /faults`, `GET` and `PUT /cut-off`.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin
    }

    /// These faults and no others. In force on return: the listener is closed, or open again.
    pub async fn set(&self, faults: Vec<Fault>) -> Result<(), RegionError> {
        self.ask::<_, Vec<Fault>>(Method::PUT, "faults", &faults).await.map(drop)
    }

    /// One more fault.
    pub async fn add(&self, fault: Fault) -> Result<(), RegionError> {
        self.ask::<_, Vec<Fault>>(Method::POST, "faults", &fault).await.map(drop)
    }

    /// No fault. Who is cut off stays so.
    pub async fn clear(&self) -> Result<(), RegionError> {
        self.set(Vec::new()).await
    }

    /// The faults in force.
    pub async fn faults(&self) -> Result<Vec<Fault>, RegionError> {
        self.ask(Method::GET, "faults", &()).await
    }

    /// Connections from these addresses, and from no others, are taken and never answered.
    pub async fn cut_off(&self, sources: BTreeSet<IpAddr>) -> Result<(), RegionError> {
        self.ask::<_, BTreeSet<IpAddr>>(Method::PUT, "cut-off", &sources).await.map(drop)
    }

    async fn ask<B: Serialize, A: DeserializeOwned>(
        &self,
        method: Method,
        what: &'static str,
        body: &B,
    ) -> Result<A, RegionError> {
        let admin = self.admin;
        let body = serde_json::to_vec(body).expect("faults and addresses are plain data");
        let request = Request::builder()
            .method(method)
            .uri(format!("http://{admin}/{what}"))
            .body(Full::new(Bytes::from(body)))
            .expect("an address and a word make a URL");
        let asking = async {
            let response = self.client.request(request).await?;
            let status = response.status();
            Ok::<_, Box<dyn Error + Send + Sync>>((status, response.into_body().collect().await?.to_bytes()))
        };
        let answer = timeout(ANSWER_WITHIN, asking).await.unwrap_or_else(|late| Err(late.into()));
        let (status, answer) = answer.map_err(|source| RegionError::Unreachable { admin, source })?;
        serde_json::from_slice(&answer).ok().filter(|_| status.is_success()).ok_or_else(|| RegionError::Refused {
            admin,
            status,
            said: String::from_utf8_lossy(&answer).into_owned(),
        })
    }
}
