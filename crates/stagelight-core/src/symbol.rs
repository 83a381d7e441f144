//! A label value as a small number, so that the key of a series takes a few bytes.

/// A value of one [label](crate::catalog::Label).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Symbol(pub(crate) u16);

// === impl Symbol ===

impl Symbol {
    /// The label is absent.
    pub(crate) const ABSENT: Self = Self(0);
    /// The value is not kept apart.
    pub(crate) const OTHER: Self = Self(1);

    /// Returns the symbol of the label's known value at `position`.
    #[expect(clippy::cast_possible_truncation, reason = "a label's cap is far below 65,536")]
    pub(crate) const fn known(position: usize) -> Self {
        Self(position as u16 + 2)
    }
}
