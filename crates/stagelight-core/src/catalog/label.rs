//! Labels: the attributes that metrics carry.

use crate::{catalog::metric::is_escaped, symbol::Symbol};

/// A label as readers see it. [`TypedLabel`] is the type that recording code uses.
///
/// Labels are compared by their OpenTelemetry names.
#[derive(Debug)]
pub struct Label {
    /// The OpenTelemetry attribute's name.
    pub otel_name: &'static str,
    /// The label's name in Prometheus.
    pub prometheus_name: &'static str,
    /// Whether OpenTelemetry expects the value as an integer.
    pub is_integer: bool,
    /// How many different values are kept apart; others are recorded as `other`.
    ///
    /// A well-behaved service stays below it; memory stays bounded in every other one.
    pub cap: usize,
    /// Values that are kept apart in any case: all values of a closed set.
    pub(crate) known: &'static [&'static str],
    /// Position in [`Label::ALL`]; `None` for other crates' labels.
    pub(crate) index: Option<usize>,
}

/// A label's type: one for each label, so that two labels cannot be swapped.
///
/// Closed sets, such as [`Outcome`](super::Outcome), are enums; others, such as
/// [`Stage`](super::labels::Stage), wrap a string. An `Option` of a typed label is one that may be
/// absent. [`labels!`](crate::labels) declares them.
pub trait TypedLabel: Copy {
    /// The label as readers see it.
    const LABEL: &'static Label;

    /// Returns the value to record.
    fn value(&self) -> LabelValue<'_>;
}

/// The value of a label. An empty text is an absent label.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LabelValue<'a>(pub(crate) Value<'a>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'a> {
    Text(&'a str),
    /// Position in [`Label::known`].
    Known(u8),
    Symbol(Symbol),
}

/// The labels of a family: one typed label, or a tuple of two to six.
pub trait LabelSet: Copy {
    /// The labels as readers see them.
    const LABELS: &'static [&'static Label];

    /// Calls `visit` with position, label and value of each label, in the family's order.
    fn for_each(&self, visit: impl FnMut(usize, &'static Label, LabelValue<'_>));
}

// === impl Label ===

impl Label {
    /// Creates a label that keeps `cap` different values apart.
    ///
    /// # Panics
    ///
    /// If `prometheus_name` is not `otel_name` with `_` for each `.`, or `cap` is above 10,000.
    /// In a row of the catalogue that is a compile error.
    #[must_use]
    pub const fn new(otel_name: &'static str, prometheus_name: &'static str, cap: usize) -> Self {
        assert!(
            is_escaped(prometheus_name, &[otel_name]),
            "the Prometheus name is not derived from the OpenTelemetry name"
        );
        assert!(cap <= 10_000, "a label keeps at most 10,000 values apart");
        Self { otel_name, prometheus_name, is_integer: false, cap, known: &[], index: None }
    }

    /// Exports the value as an integer.
    #[must_use]
    pub const fn integer(self) -> Self {
        Self { is_integer: true, ..self }
    }

    /// Keeps these values apart in any case. They count towards the cap.
    ///
    /// # Panics
    ///
    /// If there are more than the cap allows.
    #[must_use]
    pub const fn with_known(self, known: &'static [&'static str]) -> Self {
        assert!(known.len() <= self.cap, "more known values than the label keeps apart");
        Self { known, ..self }
    }

    pub(crate) const fn at(self, index: usize) -> Self {
        Self { index: Some(index), ..self }
    }
}

impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        self.otel_name == other.otel_name
    }
}

impl Eq for Label {}

// === impl TypedLabel ===

impl<L: TypedLabel> TypedLabel for Option<L> {
    const LABEL: &'static Label = L::LABEL;

    #[inline]
    fn value(&self) -> LabelValue<'_> {
        self.as_ref().map_or(LabelValue::ABSENT, L::value)
    }
}

// === impl LabelValue ===

impl<'a> LabelValue<'a> {
    /// The label is absent.
    pub const ABSENT: Self = Self(Value::Symbol(Symbol::ABSENT));

    /// Creates a value of an open set.
    #[inline]
    #[must_use]
    pub const fn text(value: &'a str) -> Self {
        Self(Value::Text(value))
    }

    /// Creates a value from its position in the label's known values.
    #[inline]
    #[must_use]
    pub const fn known(position: u8) -> Self {
        Self(Value::Known(position))
    }

    #[inline]
    pub(crate) const fn symbol(symbol: Symbol) -> Self {
        Self(Value::Symbol(symbol))
    }

    /// Returns the value as text, for a reader that has no store.
    pub(crate) fn to_text(self, label: &Label) -> &'a str {
        match self.0 {
            Value::Text(text) => text,
            Value::Known(position) => label.known.get(usize::from(position)).copied().unwrap_or(""),
            // Only recording code makes symbols.
            Value::Symbol(_) => "",
        }
    }
}

// === impl LabelSet ===

impl<L: TypedLabel> LabelSet for L {
    const LABELS: &'static [&'static Label] = &[L::LABEL];

    #[inline(always)]
    fn for_each(&self, mut visit: impl FnMut(usize, &'static Label, LabelValue<'_>)) {
        visit(0, L::LABEL, self.value());
    }
}

macro_rules! tuples {
    ($(($($L:ident $at:tt),+))+) => {$(
        impl<$($L: TypedLabel),+> LabelSet for ($($L),+) {
            const LABELS: &'static [&'static Label] = &[$($L::LABEL),+];

            #[inline(always)]
            fn for_each(&self, mut visit: impl FnMut(usize, &'static Label, LabelValue<'_>)) {
                $(visit($at, $L::LABEL, self.$at.value());)+
            }
        }
    )+};
}

tuples! {
    (A 0, B 1)
    (A 0, B 1, C 2)
    (A 0, B 1, C 2, D 3)
    (A 0, B 1, C 2, D 3, E 4)
    (A 0, B 1, C 2, D 3, E 4, F 5)
}

/// Declares labels: each row is the whole definition of one.
///
/// A `struct` row wraps any string; an `enum` row is a closed set: all of its values are kept
/// apart. See [`families!`](crate::families) for an example.
#[macro_export]
macro_rules! labels {
    (@core $(
        $(#[$meta:meta])* $vis:vis $kind:ident $Name:ident = $label:expr $(=> $body:tt)?;
    )+) => {
        enum Order { $($Name),+ }
        $($crate::labels! {
            @label [.at(Order::$Name as usize)] $(#[$meta])* $vis $kind $Name = $label $(=> $body)?
        })+

        impl Label {
            /// The labels of this crate.
            pub const ALL: &'static [&'static Self] = &[$($Name::LABEL),+];
        }
    };

    (@label [$($at:tt)*] $(#[$meta:meta])* $vis:vis struct $Name:ident = $label:expr) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $vis struct $Name<'a>($crate::catalog::LabelValue<'a>);

        impl<'a> $Name<'a> {
            /// The label as readers see it.
            $vis const LABEL: &'static $crate::catalog::Label = {
                static LABEL: $crate::catalog::Label = $label$($at)*;
                &LABEL
            };

            /// Creates the label's value. An empty one is an absent label.
            #[inline]
            #[must_use]
            $vis const fn new(value: &'a str) -> Self {
                Self($crate::catalog::LabelValue::text(value))
            }
        }

        impl $crate::catalog::TypedLabel for $Name<'_> {
            const LABEL: &'static $crate::catalog::Label = Self::LABEL;

            #[inline]
            fn value(&self) -> $crate::catalog::LabelValue<'_> {
                self.0
            }
        }
    };

    (@label [$($at:tt)*] $(#[$meta:meta])* $vis:vis enum $Name:ident = $label:expr => {
        $($(#[$doc:meta])* $Value:ident = $text:literal),+ $(,)?
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        $vis enum $Name { $($(#[$doc])* $Value),+ }

        impl $Name {
            /// The label as readers see it.
            $vis const LABEL: &'static $crate::catalog::Label = {
                static LABEL: $crate::catalog::Label = $label.with_known(&[$($text),+])$($at)*;
                &LABEL
            };

            /// All values.
            $vis const ALL: [Self; [$($text),+].len()] = [$(Self::$Value),+];

            /// Returns the label's value.
            #[must_use]
            $vis const fn as_str(self) -> &'static str {
                match self { $(Self::$Value => $text),+ }
            }

            /// Returns the value with this text, if there is one.
            #[must_use]
            $vis fn from_label(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$Value),)+ _ => None }
            }
        }

        impl $crate::catalog::TypedLabel for $Name {
            const LABEL: &'static $crate::catalog::Label = Self::LABEL;

            #[inline]
            fn value(&self) -> $crate::catalog::LabelValue<'_> {
                $crate::catalog::LabelValue::known(*self as u8)
            }
        }
    };

    ($($(#[$meta:meta])* $vis:vis $kind:ident $Name:ident = $label:expr $(=> $body:tt)?;)+) => {
        $($crate::labels! {
            @label [] $(#[$meta])* $vis $kind $Name = $label $(=> $body)?
        })+
    };
}
