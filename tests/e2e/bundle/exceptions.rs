//! The queries that give nothing on a healthy stack under load, each with its reason.
//!
//! This is the only list: whatever else is empty is a defect, and so is an entry that is not needed.

/// A query that is empty for a reason.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exception {
    /// As in the defect that it would be.
    pub(crate) place: &'static str,
    pub(crate) reason: &'static str,
}

pub(crate) const EXCEPTIONS: &[Exception] = &[];
