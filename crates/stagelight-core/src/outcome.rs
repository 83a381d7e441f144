//! How a request ended.

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It was answered in full, and not with a server error.
    Ok,
    /// It failed, or its body did.
    Error,
    /// A time limit ended it.
    Timeout,
    /// It was dropped before its end: the client went away, or the task was aborted.
    Cancelled,
    /// Its code panicked.
    Panic,
}

// === impl Outcome ===

impl Outcome {
    /// All outcomes, in the order in which they are shown.
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

    /// Returns the outcome with this label value, if there is one.
    #[must_use]
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == label)
    }
}
