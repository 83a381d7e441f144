//! The well-known stages and the groups that stages belong to.

/// Reading and decoding the request.
pub const REQUEST_PARSING: &str = "request_parsing";
/// Finding out who asks, and whether they may.
pub const AUTH_VALIDATION: &str = "auth_validation";
/// Making the backend's request out of the client's.
pub const REQUEST_PREPARATION: &str = "request_preparation";
/// From sending the backend request to its response head.
pub const BACKEND_FETCH: &str = "backend_fetch";
/// From the response head to the last byte passed on.
pub const STREAM_PROCESSING: &str = "stream_processing";
/// The part of a request in which no stage was open. A label value of shares, never of a span.
pub const UNATTRIBUTED: &str = "unattributed";

/// What kind of work a stage is; `stage.percentage` is told by group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Group {
    /// The service's own work before the backend is asked.
    FrontendProcessing,
    /// Waiting for the backend's first byte.
    BackendResponse,
    /// Passing the backend's answer on.
    StreamProcessing,
    /// Any stage that is not in another group.
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

    /// Returns the group with this label value, if there is one.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == label)
    }

    /// Returns the group of a well-known stage; stages of one's own are in [`Group::Other`].
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
