//! Exemplars: values of sampled requests that link a bucket to a trace.

use crate::{clock::Ticks, units::Nanos};

/// A value of a histogram bucket, with the trace in which it was recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Exemplar {
    /// The index of its bucket in
    /// [`Histogram::bucket_counts`](crate::Histogram::bucket_counts).
    pub bucket: usize,
    /// The value, in the exported unit.
    pub value: f64,
    /// The id of the trace.
    pub trace_id: u128,
    /// The id of the stage's span, or of the request's if the stage has none.
    pub span_id: u64,
    /// The time since it was recorded.
    pub age: Nanos,
}

/// The recorded span in which a value was measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TraceRef {
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    pub(crate) at: Ticks,
}
