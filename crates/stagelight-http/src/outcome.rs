//! The classifier of outcomes, for HTTP and gRPC, servers, clients and stages.

use http::StatusCode;
use stagelight_core::Outcome;

use crate::{failure::Failure, grpc::GrpcStatus};

/// Why a measurement ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndReason {
    /// The last byte or item was handed over.
    Complete,
    /// The same, and a gRPC status was in the trailers, or in the head of a response without a
    /// body.
    GrpcStatus(GrpcStatus),
    /// An error or a panic.
    Failed(Failure),
    /// Dropped before its end.
    Cancelled,
}

/// The side that judges a response: errors of a client are no errors of its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

/// The `error.type` of a call that was dropped before its response head.
pub(crate) const CANCELLED: &str = "cancelled";

/// The outcome and the `error.type` of a request or call.
pub(crate) type Classified<'a> = (Outcome, Option<&'a str>);

// === impl EndReason ===

impl EndReason {
    /// Returns the outcome of a measurement that ended for this reason.
    pub(crate) fn outcome(self, side: Side) -> Outcome {
        match self {
            Self::Complete => Outcome::Ok,
            Self::GrpcStatus(status) => status.outcome(side),
            Self::Cancelled => Outcome::Cancelled,
            Self::Failed(Failure::Panic) => Outcome::Panic,
            Self::Failed(Failure::Timeout) => Outcome::Timeout,
            Self::Failed(_) => Outcome::Error,
        }
    }

    /// Returns the `error.type` of a measurement that ended for this reason.
    pub(crate) fn error_type(self, side: Side) -> Option<&'static str> {
        match self {
            Self::Complete | Self::Cancelled => None,
            Self::GrpcStatus(status) => status.error_type(side),
            Self::Failed(failure) => Some(failure.as_str()),
        }
    }

    /// Classifies a request or call with this response status, or without a response head.
    ///
    /// An error status is the `error.type`, whatever happened to the body.
    pub(crate) fn classify(self, side: Side, status: Option<&StatusCode>) -> Classified<'_> {
        let error_status = status.filter(|it| side.is_error(**it));
        let is_complete = matches!(self, Self::Complete | Self::GrpcStatus(_));
        let outcome = match status {
            Some(&(StatusCode::GATEWAY_TIMEOUT | StatusCode::REQUEST_TIMEOUT)) if is_complete => {
                Outcome::Timeout
            }
            Some(_) if is_complete && error_status.is_some() => Outcome::Error,
            _ => self.outcome(side),
        };
        let error_type = error_status.map(StatusCode::as_str).or(self.error_type(side));
        let default = match (side, outcome) {
            (_, Outcome::Timeout) => Some(Failure::Timeout.as_str()),
            // A dropped response may have been enough. A call without a response failed.
            (Side::Client, Outcome::Cancelled) if status.is_none() => Some(CANCELLED),
            _ => None,
        };
        (outcome, error_type.or(default))
    }
}

// === impl Side ===

impl Side {
    /// Returns `true` if the status is an error to this side.
    pub(crate) fn is_error(self, status: StatusCode) -> bool {
        status.is_server_error() || self == Self::Client && status.is_client_error()
    }
}
