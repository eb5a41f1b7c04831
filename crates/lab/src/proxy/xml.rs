//! Route 53's XML: reading requests, writing answers and refusals.

use bytes::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Response, StatusCode};
use quick_xml::{de, se};
use route53::{InvalidInput, Refusal, UnsupportedAlarm};
use serde::Serialize;
use serde::de::DeserializeOwned;

const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";
/// Nobody looks our requests up, yet clients expect an id.
const REQUEST_ID: &str = "00000000-0000-4000-8000-000000000000";

/// Why Route 53 refuses a request.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    #[error(transparent)]
    InvalidInput(#[from] InvalidInput),
    #[error("Invalid parameter : {0}")]
    UnsupportedAlarm(#[from] UnsupportedAlarm),
    #[error("Unexpected XML: {0}")]
    MalformedXml(#[from] quick_xml::DeError),
    #[error("[{}]", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    InvalidChangeBatch(Vec<Refusal>),
    #[error("Rate exceeded")]
    Throttling,
    #[error("The request was rejected because Route 53 was still processing a prior request.")]
    PriorRequestNotComplete,
    #[error("The specified hosted zone contains non-required resource record sets and so cannot be deleted.")]
    HostedZoneNotEmpty,
    #[error("A health check with id {0} does not exist.")]
    NoSuchHealthCheck(String),
    #[error("A health check with the caller reference {0} exists with another configuration, or has been deleted.")]
    HealthCheckAlreadyExists(String),
    #[error("The health check has version {held}, not {given}.")]
    HealthCheckVersionMismatch { held: u64, given: u64 },
    #[error("the lab's Route 53 does not know {0}")]
    Unsupported(String),
    /// What the emulator said instead of what we needed; it goes to the client as it is.
    #[error("the emulator refused the call")]
    Emulator(Box<Response<Bytes>>),
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorResponse<'a> {
    error: ErrorBody<'a>,
    request_id: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ErrorBody<'a> {
    r#type: &'static str,
    code: &'a str,
    message: String,
}

impl ApiError {
    fn code(&self) -> (StatusCode, &'static str) {
        match self {
            ApiError::InvalidInput(InvalidInput::UnknownPolicy(_)) | ApiError::Unsupported(_) => {
                (StatusCode::NOT_IMPLEMENTED, "NotImplemented")
            }
            ApiError::InvalidInput(_) | ApiError::UnsupportedAlarm(_) => (StatusCode::BAD_REQUEST, "InvalidInput"),
            ApiError::MalformedXml(_) => (StatusCode::BAD_REQUEST, "MalformedXML"),
            ApiError::InvalidChangeBatch(_) => (StatusCode::BAD_REQUEST, "InvalidChangeBatch"),
            ApiError::Throttling => (StatusCode::BAD_REQUEST, "Throttling"),
            ApiError::PriorRequestNotComplete => (StatusCode::BAD_REQUEST, "PriorRequestNotComplete"),
            ApiError::HostedZoneNotEmpty => (StatusCode::BAD_REQUEST, "HostedZoneNotEmpty"),
            ApiError::NoSuchHealthCheck(_) => (StatusCode::NOT_FOUND, "NoSuchHealthCheck"),
            ApiError::HealthCheckAlreadyExists(_) => (StatusCode::CONFLICT, "HealthCheckAlreadyExists"),
            ApiError::HealthCheckVersionMismatch { .. } => (StatusCode::CONFLICT, "HealthCheckVersionMismatch"),
            ApiError::Emulator(_) => (StatusCode::BAD_GATEWAY, "Emulator"),
        }
    }

    pub(super) fn into_response(self) -> Response<Bytes> {
        let (status, code) = self.code();
        match self {
            ApiError::Emulator(response) => *response,
            error => {
                let error = ErrorBody { r#type: "Sender", code, message: error.to_string() };
                response(status, "ErrorResponse", &ErrorResponse { error, request_id: REQUEST_ID })
            }
        }
    }
}

/// A body in Route 53's namespace.
pub(super) fn response<T: Serialize>(status: StatusCode, root: &str, body: &T) -> Response<Bytes> {
    let xml = se::to_string_with_root(root, body).expect("the shapes in this module have an XML form");
    let rest = &xml[1 + root.len()..];
    let xml = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns=\"{NAMESPACE}\"{rest}");
    let response = Response::builder().status(status).header(CONTENT_TYPE, "text/xml");
    response.body(Bytes::from(xml)).expect("status and header are valid")
}

/// A request's body, or the emulator's.
pub(super) fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, ApiError> {
    Ok(de::from_reader(body.as_ref())?)
}
