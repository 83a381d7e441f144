//! The well-known stages, and the groups of stages.

/// Reading and decoding the request.
pub const REQUEST_PARSING: &str = "request_parsing";
/// Authenticating and authorizing the client.
pub const AUTH_VALIDATION: &str = "auth_validation";
/// Building the backend request from the client's request.
pub const REQUEST_PREPARATION: &str = "request_preparation";
/// From sending the backend request to its response head.
pub const BACKEND_FETCH: &str = "backend_fetch";
/// From the response head to the last byte sent to the client.
pub const STREAM_PROCESSING: &str = "stream_processing";
/// Waiting for a service or a client to accept the request: a concurrency or rate limit, a buffer.
pub const QUEUE: &str = "queue";
/// The time of a request in which no stage was open. A label value of shares; spans must not use
/// it.
pub const UNATTRIBUTED: &str = "unattributed";

/// The longest name of a stage that `#[stage]` accepts, in bytes.
///
/// A name becomes a label value of several series, and a longer one does not fit a legend.
pub const MAX_NAME_BYTES: usize = 64;

/// The well-known stages and `unattributed`. Those that the hot path compares with come first.
pub(crate) const WELL_KNOWN: [&str; 6] = [
    BACKEND_FETCH,
    STREAM_PROCESSING,
    UNATTRIBUTED,
    REQUEST_PARSING,
    AUTH_VALIDATION,
    REQUEST_PREPARATION,
];

/// The group of a stage, by which `stage.percentage` is reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Group {
    /// The service's own work before it calls the backend.
    FrontendProcessing,
    /// Waiting for the backend's response.
    BackendResponse,
    /// Streaming the backend's response to the client.
    StreamProcessing,
    /// Any other stage.
    #[default]
    Other,
}

// === impl Group ===

impl Group {
    /// All groups, in the order in which a request passes through them.
    pub const ALL: [Self; 4] =
        [Self::FrontendProcessing, Self::BackendResponse, Self::StreamProcessing, Self::Other];

    /// Returns the label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FrontendProcessing => "frontend_processing",
            Self::BackendResponse => "backend_response",
            Self::StreamProcessing => "stream_processing",
            Self::Other => "other",
        }
    }

    /// Returns the group with this label value.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == label)
    }

    /// Returns the group of a well-known stage, and [`Group::Other`] for all other stages.
    #[must_use]
    pub fn of_well_known(stage: &str) -> Self {
        match stage {
            REQUEST_PARSING | AUTH_VALIDATION | REQUEST_PREPARATION => Self::FrontendProcessing,
            BACKEND_FETCH => Self::BackendResponse,
            STREAM_PROCESSING => Self::StreamProcessing,
            _ => Self::Other,
        }
    }
}
