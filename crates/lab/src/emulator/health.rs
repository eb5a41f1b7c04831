//! Asks an emulator whether it is there.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{StatusCode, Uri};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// The status of one GET; the error says in words why there is none.
pub(super) async fn ask(url: &str) -> Result<StatusCode, String> {
    let uri: Uri = url.parse().map_err(|error| format!("{error}"))?;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    match tokio::time::timeout(ANSWER_WITHIN, client.get(uri)).await {
        Ok(Ok(answer)) => Ok(answer.status()),
        Ok(Err(error)) => Err(innermost(&error).to_string()),
        Err(_) => Err(format!("no answer in {} s", ANSWER_WITHIN.as_secs())),
    }
}

/// hyper's outer errors say no more than "client error".
fn innermost<'a>(error: &'a (dyn std::error::Error + 'static)) -> &'a (dyn std::error::Error + 'static) {
    error.source().map_or(error, innermost)
}
