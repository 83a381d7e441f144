//! The outcome of a request.

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It was answered completely and without a server error.
    Ok,
    /// It or its body failed.
    Error,
    /// It exceeded a time limit.
    Timeout,
    /// It was dropped before its end: the client disconnected, or the task was aborted.
    Cancelled,
    /// Its code panicked.
    Panic,
}

// === impl Outcome ===

impl Outcome {
    /// All outcomes, in display order.
    pub const ALL: [Self; 5] = [Self::Ok, Self::Error, Self::Timeout, Self::Cancelled, Self::Panic];

    /// Returns the label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Error => "error",
            Self::Timeout => "timeout",
            Self::Cancelled => "cancelled",
            Self::Panic => "panic",
        }
    }

    /// Returns the outcome with this label value.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == label)
    }
}
