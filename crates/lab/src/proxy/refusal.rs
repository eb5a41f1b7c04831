//! An AWS error as the called service words it: its protocol, and the code that it throttles with.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use quick_xml::escape::escape;

use super::Call;
use super::calls::Identity;

/// Nobody looks our requests up, yet clients expect an id.
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// An error that a service answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    code: String,
    message: &'static str,
}

impl Refusal {
    /// An error of a scenario's choice.
    pub(super) fn new(status: u16, code: &str) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        Self { status, code: code.to_owned(), message: "A fault of the scenario refuses this call." }
    }

    /// What the service says to one call too many; with another code if the scenario names one.
    pub(super) fn throttled(identity: &Identity, code: Option<&str>) -> Self {
        let (status, own, message) = match (identity.service.as_str(), identity.operation.as_str()) {
            // R42: one change at a time a zone, and five requests a second an account.
            ("route53", "ChangeResourceRecordSets") => (
                400,
                "PriorRequestNotComplete",
                "The request was rejected because Route 53 was still processing a prior request.",
            ),
            ("s3", _) => (503, "SlowDown", "Please reduce your request rate."),
            ("lambda", _) => (429, "TooManyRequestsException", "Rate Exceeded."),
            ("events", _) => (400, "ThrottlingException", "Rate exceeded"),
            ("sns", _) => (400, "Throttled", "Rate exceeded"),
            _ => (400, "Throttling", "Rate exceeded"),
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
        Self { status, code: code.unwrap_or(own).to_owned(), message }
    }

    /// The answer, in the protocol of the call.
    pub(super) fn answer(&self, identity: &Identity, call: &Call) -> Response<Bytes> {
        let kind = call.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let (kind, body) = if kind.starts_with("application/cbor") {
            ("application/cbor", self.cbor())
        } else if identity.service == "lambda" || kind.starts_with("application/x-amz-json") {
            let body = serde_json::json!({ "__type": self.code, "message": self.message, "Message": self.message });
            ("application/json", Bytes::from(body.to_string()))
        } else {
            ("text/xml", self.xml(&identity.service))
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        if kind == "application/cbor" {
            headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        }
        if let Ok(code) = HeaderValue::from_str(&self.code) {
            headers.insert("x-amzn-errortype", code);
        }
        response
    }

    fn xml(&self, service: &str) -> Bytes {
        let (code, message) = (escape(&self.code), self.message);
        let error = format!("<Code>{code}</Code><Message>{message}</Message>");
        Bytes::from(if service == "s3" {
            format!("<Error>{error}<RequestId>{REQUEST_ID}</RequestId></Error>")
        } else {
            let sender = if self.status.is_server_error() { "Receiver" } else { "Sender" };
            format!(
                "<ErrorResponse><Error><Type>{sender}</Type>{error}</Error><RequestId>{REQUEST_ID}</RequestId></ErrorResponse>"
            )
        })
    }

    /// A map of two texts: `CloudWatch`'s protocol, of which an error needs no more.
    fn cbor(&self) -> Bytes {
        let mut map = vec![0xA2];
        for text in ["__type", &self.code, "message", self.message] {
            map.extend([0x78, u8::try_from(text.len()).unwrap_or(u8::MAX)]);
            map.extend(text.bytes().take(usize::from(u8::MAX)));
        }
        map.into()
    }
}
