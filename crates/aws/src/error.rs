//! What AWS says when it does not do what it was asked.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// An AWS call that failed, after the SDK's own retries.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AwsError {
    /// No answer: the network, the endpoint, a time-out.
    #[error("failed to reach AWS for {operation}: {cause}")]
    Unreachable {
        /// The API's name for the call.
        operation: &'static str,
        /// What the network said.
        cause: String,
    },
    /// Too many calls.
    #[error("failed to get through to {operation}: AWS throttles ({code})")]
    Throttled {
        /// The API's name for the call.
        operation: &'static str,
        /// AWS's error code.
        code: String,
    },
    /// The credentials don't allow it, or there are none.
    #[error("failed to be allowed {operation}: {code}: {message}")]
    Denied {
        /// The API's name for the call.
        operation: &'static str,
        /// AWS's error code.
        code: String,
        /// AWS's words.
        message: String,
    },
    /// Any other refusal.
    #[error("failed at {operation}: {code}: {message}")]
    Refused {
        /// The API's name for the call.
        operation: &'static str,
        /// AWS's error code.
        code: String,
        /// AWS's words.
        message: String,
    },
}

impl AwsError {
    /// AWS's error code, when it gave one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Unreachable { .. } => None,
            Self::Throttled { code, .. } | Self::Denied { code, .. } | Self::Refused { code, .. } => Some(code),
        }
    }

    /// What is wrong with Route 53's control plane, in words that stay the same while it is.
    #[must_use]
    pub fn of_the_control_plane(&self) -> String {
        match self {
            Self::Unreachable { .. } => "control plane unreachable".to_owned(),
            Self::Throttled { .. } => "control plane throttles".to_owned(),
            Self::Refused { code, .. }
                if matches!(code.as_str(), "ServiceUnavailable" | "InternalError" | "InternalFailure") =>
            {
                "control plane unreachable".to_owned()
            }
            Self::Denied { code, .. } | Self::Refused { code, .. } => format!("control plane refuses ({code})"),
        }
    }

    /// What to try.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } => "check the network, --region and --endpoint-url (or AWS_ENDPOINT_URL)",
            Self::Throttled { .. } => "wait a few seconds and run it again; nothing is lost by that",
            Self::Denied { .. } => "check --profile and its permissions (`aws sts get-caller-identity`)",
            Self::Refused { .. } => "read AWS's message above; run it again once that is settled",
        }
    }
}

/// Makes an [`AwsError`] of what the SDK returned for `operation`.
pub(crate) fn failed<E, R>(operation: &'static str) -> impl FnOnce(SdkError<E, R>) -> AwsError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    move |error| {
        let Some(service) = error.as_service_error() else {
            let cause = chain(&error);
            let denied = cause.contains("credentials");
            return if denied {
                AwsError::Denied { operation, code: "NoCredentials".to_owned(), message: cause }
            } else {
                AwsError::Unreachable { operation, cause }
            };
        };
        let code = service.code().unwrap_or("Unknown").to_owned();
        let message = service.message().unwrap_or("no message").to_owned();
        match code.as_str() {
            "Throttling"
            | "ThrottlingException"
            | "PriorRequestNotComplete"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "SlowDown"
            | "LimitExceededException" => AwsError::Throttled { operation, code },
            "AccessDenied"
            | "AccessDeniedException"
            | "UnauthorizedOperation"
            | "ExpiredToken"
            | "InvalidClientTokenId"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException" => AwsError::Denied { operation, code, message },
            _ => AwsError::Refused { operation, code, message },
        }
    }
}

/// An error and what caused it; the SDK's own display of that ends in a page of `Debug`.
fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
