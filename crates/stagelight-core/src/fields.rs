//! The names of span fields that stagelight reads.
//!
//! A span with [`STAGE`] is a stage; a span with [`ENDPOINT`] is a request. The others may be set
//! when the span is created or recorded later, except [`GROUP`].

/// Makes a span a stage. The value is the stage's name.
pub const STAGE: &str = "stage";
/// Assigns a stage to a group, a label value of [`Group`](crate::Group). Read only when the span
/// is created.
pub const GROUP: &str = "stage.group";
/// Makes a span a request. The value is the endpoint: a route template or a job's name.
pub const ENDPOINT: &str = "stagelight.endpoint";
/// The provider of the backend that a stage calls.
pub const PROVIDER: &str = "provider";
/// The model that this backend runs.
pub const MODEL: &str = "model";
/// The class of the error with which a stage or request ended.
pub const ERROR_TYPE: &str = "error.type";
/// The outcome of a request, a label value of [`Outcome`](crate::Outcome), which ends it.
pub const OUTCOME: &str = "outcome";
