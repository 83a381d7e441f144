//! Families: metrics that are recorded together and carry the same labels.

use std::{fmt::Debug, marker::PhantomData, ops::Deref};

use crate::catalog::{Label, LabelSet, Metric};

/// A family as readers see it. [`TypedFamily`] is the type that recording code uses.
#[derive(Debug)]
pub struct Family {
    /// The labels of every metric in it.
    pub labels: &'static [&'static Label],
    /// The metrics.
    pub metrics: &'static [Metric],
    /// Position in [`ALL`](super::ALL); `None` for other crates' families.
    pub(crate) index: Option<usize>,
}

/// A family's type, which ties its labels to its metrics at compile time.
///
/// It dereferences to the [`Family`] that readers take. [`families!`](crate::families) implements
/// it.
pub trait TypedFamily: Deref<Target = Family> + Copy + Debug + 'static {
    /// The labels: one [`TypedLabel`](super::TypedLabel), or a tuple of them.
    type Labels<'a>: LabelSet;

    /// The family as readers see it.
    const FAMILY: &'static Family;
}

/// A metric of the family `F`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetricId<F> {
    position: usize,
    family: PhantomData<F>,
}

/// A value of one metric of the family `F`, in the recorded unit: nanoseconds or bytes.
#[derive(Clone, Copy, Debug)]
pub struct Measurement<F> {
    pub(crate) metric: MetricId<F>,
    pub(crate) value: u64,
}

// === impl Family ===

impl Family {
    /// Creates a family. [`families!`](crate::families) calls this for each row.
    #[must_use]
    pub const fn new(labels: &'static [&'static Label], metrics: &'static [Metric]) -> Self {
        Self { labels, metrics, index: None }
    }

    pub(crate) const fn at(self, index: usize) -> Self {
        Self { index: Some(index), ..self }
    }
}

impl PartialEq for Family {
    /// Compares addresses: each family is one static.
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl Eq for Family {}

// === impl MetricId ===

impl<F: TypedFamily> MetricId<F> {
    /// Finds a metric by its OpenTelemetry name.
    ///
    /// # Panics
    ///
    /// If the family has no such metric; in a `const`, that is a compile error.
    #[must_use]
    pub const fn named(name: &str) -> Self {
        Self::ending_with(name)
    }

    /// Finds the first metric with an OpenTelemetry name that ends with `suffix`.
    ///
    /// # Panics
    ///
    /// If the family has no such metric; in a `const`, that is a compile error.
    pub(super) const fn ending_with(suffix: &str) -> Self {
        let mut position = 0;
        while !ends_with(F::FAMILY.metrics[position].name, suffix) {
            position += 1;
        }
        Self { position, family: PhantomData }
    }

    /// Returns the position in [`Family::metrics`].
    #[inline]
    #[must_use]
    pub const fn position(self) -> usize {
        self.position
    }

    /// Returns the metric as readers see it.
    #[must_use]
    pub const fn metric(self) -> &'static Metric {
        &F::FAMILY.metrics[self.position]
    }

    /// Returns the family as readers see it.
    #[must_use]
    pub const fn family(self) -> &'static Family {
        F::FAMILY
    }

    /// Returns a measurement of this metric, in nanoseconds or bytes; a counter grows by `value`.
    #[inline]
    #[must_use]
    pub const fn value(self, value: u64) -> Measurement<F> {
        Measurement { metric: self, value }
    }
}

const fn ends_with(text: &str, suffix: &str) -> bool {
    let (text, suffix) = (text.as_bytes(), suffix.as_bytes());
    if text.len() < suffix.len() {
        return false;
    }
    let mut index = 0;
    while index < suffix.len() {
        if text[text.len() - suffix.len() + index] != suffix[index] {
            return false;
        }
        index += 1;
    }
    true
}

/// Declares families: each row is the whole definition of one.
///
/// A row names the family's static, its type and its labels. Each metric follows with its constant
/// (the OpenTelemetry name in capitals), its help text as a doc comment, both of its names, its
/// unit and its instrument. `ALL` lists the families, for readers. An engine needs no registration:
/// it learns of a family when something is recorded in it, and of at most 16 outside of this crate.
///
/// ```
/// use stagelight_core::{Buckets, Engine, families, labels};
/// use stagelight_core::catalog::{Instrument, Label, Outcome, Unit, labels::Endpoint};
///
/// labels! {
///     /// Name of a job queue.
///     pub struct Queue = Label::new("queue.name", "queue_name", 32);
/// }
///
/// static WAIT_SECONDS: Buckets = Buckets::seconds(&[0.001, 0.01, 0.1, 1.0, 10.0]);
///
/// families! {
///     /// The families of this crate, for documentation and checks.
///     pub const ALL;
///
///     /// Jobs taken from a queue.
///     pub static QUEUE: QueueFamily<'a> = (Queue<'a>, Endpoint<'a>, Option<Outcome>) {
///         /// Time between adding a job and starting it.
///         QUEUE_WAIT: "queue.wait" => "queue_wait_seconds",
///             Unit::Seconds, Instrument::quantiles(&WAIT_SECONDS);
///         /// Jobs started.
///         QUEUE_JOBS: "queue.jobs" => "queue_jobs_total",
///             Unit::Count("job"), Instrument::Counter;
///     }
/// }
///
/// let engine = Engine::new();
/// let labels = (Queue::new("mail"), Endpoint::new("send_mail"), None);
/// engine.record(&QUEUE, labels, &[QUEUE_WAIT.value(2_500_000), QUEUE_JOBS.value(1)]);
///
/// let snapshot = engine.snapshot();
/// let series = snapshot.of(&QUEUE).next().unwrap();
/// assert_eq!(&*series.values[0], "mail");
/// assert_eq!(series.histogram(QUEUE_WAIT).unwrap().sum(), 0.0025);
/// ```
///
/// A Prometheus name that does not follow from the other fields does not compile:
///
/// ```compile_fail
/// # use stagelight_core::{families, catalog::{Instrument, Unit, labels::Endpoint}};
/// families! {
///     /// The families of this crate.
///     pub const ALL;
///
///     /// Jobs taken from a queue.
///     pub static QUEUE: QueueFamily<'a> = (Endpoint<'a>) {
///         /// Jobs started.
///         QUEUE_JOBS: "queue.jobs" => "queue_jobs", Unit::Count("job"), Instrument::Counter;
///     }
/// }
/// ```
#[macro_export]
macro_rules! families {
    (@core $(#[$all_meta:meta])* $all_vis:vis const ALL; $(
        $(#[$meta:meta])* $vis:vis static $FAMILY:ident: $Type:ident<$lt:lifetime> =
            $labels:tt $metrics:tt
    )+) => {
        #[expect(clippy::enum_variant_names, reason = "the names of the families' types")]
        enum Order { $($Type),+ }
        $($crate::families! {
            @family [.at(Order::$Type as usize)]
            $(#[$meta])* $vis static $FAMILY: $Type<$lt> = $labels $metrics
        })+
        $crate::families! { @all [$(#[$all_meta])* $all_vis] $($Type)+ }
    };

    (@labels $label:ty) => { $label };
    (@labels $($label:ty),+) => { ($($label),+) };

    (@all [$($head:tt)*] $($Type:ident)+) => {
        $($head)* const ALL: [&'static $crate::catalog::Family; [$(stringify!($Type)),+].len()] =
            [$(<$Type as $crate::catalog::TypedFamily>::FAMILY),+];
    };

    (@family [$($at:tt)*]
        $(#[$meta:meta])* $vis:vis static $FAMILY:ident: $Type:ident<$lt:lifetime> =
            ($($label:ty),+ $(,)?) { $(
                $(#[doc = $help:literal])+
                $METRIC:ident: $name:literal => $prometheus_name:literal,
                    $unit:expr, $instrument:expr;
            )+ }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug)]
        $vis struct $Type;

        $(#[$meta])*
        $vis static $FAMILY: $Type = $Type;

        impl $crate::catalog::TypedFamily for $Type {
            type Labels<$lt> = $crate::families!(@labels $($label),+);

            const FAMILY: &'static $crate::catalog::Family = {
                static METRICS: &[$crate::catalog::Metric] = &[$(
                    $crate::catalog::Metric::new(
                        $name,
                        $prometheus_name,
                        $unit,
                        $instrument,
                        concat!($($help),+).trim_ascii(),
                    )
                ),+];
                static FAMILY: $crate::catalog::Family = $crate::catalog::Family::new(
                    <<$Type as $crate::catalog::TypedFamily>::Labels<'static>
                        as $crate::catalog::LabelSet>::LABELS,
                    METRICS,
                )$($at)*;
                &FAMILY
            };
        }

        impl ::core::ops::Deref for $Type {
            type Target = $crate::catalog::Family;

            fn deref(&self) -> &Self::Target {
                <Self as $crate::catalog::TypedFamily>::FAMILY
            }
        }

        $(
            $(#[doc = $help])+
            $vis const $METRIC: $crate::catalog::MetricId<$Type> =
                $crate::catalog::MetricId::named($name);
        )+
    };

    ($(#[$all_meta:meta])* $all_vis:vis const ALL; $(
        $(#[$meta:meta])* $vis:vis static $FAMILY:ident: $Type:ident<$lt:lifetime> =
            $labels:tt $metrics:tt
    )+) => {
        $($crate::families! {
            @family []
            $(#[$meta])* $vis static $FAMILY: $Type<$lt> = $labels $metrics
        })+
        $crate::families! { @all [$(#[$all_meta])* $all_vis] $($Type)+ }
    };
}
