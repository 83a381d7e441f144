//! How something ended.

use crate::failure::Failure;

/// How something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// There is nothing more to come.
    Complete,
    /// It failed.
    Failed(Failure),
    /// Nobody wanted the rest.
    Cancelled,
}
