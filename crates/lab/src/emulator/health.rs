//! Asks an emulator whether it is there, and which it is.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{StatusCode, Uri};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde::Deserialize;

const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// What one GET brought.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    body: Bytes,
}

impl Answer {
    /// The version that both emulators' health tells.
    pub(super) fn version(&self) -> Option<String> {
        let health: Health = serde_json::from_slice(&self.body).ok()?;
        Some(health.version)
    }
}

#[derive(Deserialize)]
struct Health {
    version: String,
}

/// The answer to one GET; the error says in words why there is none.
pub(super) async fn ask(url: &str) -> Result<Answer, String> {
    let uri: Uri = url.parse().map_err(|error| format!("{error}"))?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let answer = async {
        let (head, body) = client.get(uri).await.map_err(|error| innermost(&error).to_string())?.into_parts();
        let body = body.collect().await.map_err(|error| innermost(&error).to_string())?.to_bytes();
        Ok(Answer { status: head.status, body })
    };
    match tokio::time::timeout(ANSWER_WITHIN, answer).await {
        Ok(answer) => answer,
        Err(_) => Err(format!("no answer in {} s", ANSWER_WITHIN.as_secs())),
    }
}

/// hyper's outer errors say no more than "client error".
fn innermost<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    error.source().map_or(error, innermost)
}
