//! The gateway's errors, in OpenAI's format.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

use crate::openai::InvalidRequest;

/// Why a request failed.
///
/// | Variant | status | `type` | `code` |
/// |---|---|---|---|
/// | `NoKey`, `WrongKey` | 401 | `invalid_request_error` | `invalid_api_key` |
/// | `Invalid` | 400 | `invalid_request_error` | `invalid_value`, with `param` |
/// | `UnknownModel` | 404 | `invalid_request_error` | `model_not_found` |
/// | `UnknownRoute` | 404 | `invalid_request_error` | `unknown_url` |
/// | `WrongMethod` | 405 | `invalid_request_error` | `method_not_supported` |
/// | `SlowCaller` | 408 | `timeout_error` | `request_timeout` |
/// | `TooLarge` | 413 | `invalid_request_error` | `request_too_large` |
/// | `Unreachable`, `UpstreamFailed` | 502 | `server_error` | `upstream_failure` |
/// | `UpstreamTimeout` | 504 | `timeout_error` | `upstream_timeout` |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// No API key was sent.
    #[error("no API key given; send it as `Authorization: Bearer KEY`")]
    NoKey,
    /// The API key is not valid.
    #[error("the API key given is not valid")]
    WrongKey,
    /// The body is invalid.
    #[error(transparent)]
    Invalid(#[from] InvalidRequest),
    /// The body did not arrive whole.
    #[error("the body could not be read")]
    BrokenBody,
    /// No provider has the model.
    #[error("the model {model:?} does not exist; GET /v1/models lists those that do")]
    UnknownModel {
        /// The model as given.
        model: String,
    },
    /// Nothing is served at that path.
    #[error("nothing is served here; there are /v1/chat/completions, /v1/models and /healthz")]
    UnknownRoute,
    /// The path is served, but not with that method.
    #[error("this path does not take that method")]
    WrongMethod,
    /// The caller did not send its body in time.
    #[error("the body did not arrive in time")]
    SlowCaller,
    /// The body is larger than allowed.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The largest body allowed, in bytes.
        limit: usize,
    },
    /// The provider could not be reached, or hung up before its response head.
    #[error("the provider {provider:?} could not be reached")]
    Unreachable {
        /// The provider's name.
        provider: String,
    },
    /// The provider answered that it failed.
    #[error("the provider {provider:?} failed with status {status}")]
    UpstreamFailed {
        /// The provider's name.
        provider: String,
        /// The status of its response.
        status: u16,
    },
    /// The provider did not answer in time.
    #[error("the provider {provider:?} did not answer in time")]
    UpstreamTimeout {
        /// The provider's name.
        provider: String,
    },
}

// === impl ApiError ===

impl ApiError {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoKey | Self::WrongKey => StatusCode::UNAUTHORIZED,
            Self::Invalid(_) | Self::BrokenBody => StatusCode::BAD_REQUEST,
            Self::UnknownModel { .. } | Self::UnknownRoute => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::SlowCaller => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unreachable { .. } | Self::UpstreamFailed { .. } => StatusCode::BAD_GATEWAY,
            Self::UpstreamTimeout { .. } => StatusCode::GATEWAY_TIMEOUT,
        }
    }

    fn code(&self) -> &'static str {
        match self {
            Self::NoKey | Self::WrongKey => "invalid_api_key",
            Self::Invalid(_) | Self::BrokenBody => "invalid_value",
            Self::UnknownModel { .. } => "model_not_found",
            Self::UnknownRoute => "unknown_url",
            Self::WrongMethod => "method_not_supported",
            Self::SlowCaller => "request_timeout",
            Self::TooLarge { .. } => "request_too_large",
            Self::Unreachable { .. } | Self::UpstreamFailed { .. } => "upstream_failure",
            Self::UpstreamTimeout { .. } => "upstream_timeout",
        }
    }

    fn kind(&self) -> &'static str {
        match self.status() {
            StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT => "timeout_error",
            it if it.is_server_error() => "server_error",
            _ => "invalid_request_error",
        }
    }

    fn param(&self) -> Option<&str> {
        match self {
            Self::Invalid(invalid) => invalid.param.as_deref(),
            Self::UnknownModel { .. } => Some("model"),
            _ => None,
        }
    }
}

/// The failing stage's `error.type` is `code`.
impl stagelight::ErrorType for ApiError {
    fn error_type(&self) -> &'static str {
        self.code()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let error = json!({
            "message": self.to_string(),
            "type": self.kind(),
            "param": self.param(),
            "code": self.code(),
        });
        let mut response = (self.status(), Json(json!({"error": error}))).into_response();
        if self.status() == StatusCode::UNAUTHORIZED {
            // HTTP requires it with every 401.
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}
