//! Values of sampled requests that stand for others in their bucket.

use crate::{clock::Ticks, units::Nanos};

/// One value of a bucket, with the trace in which it came to be.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Exemplar {
    /// Which of [`Histogram::bucket_counts`](crate::Histogram::bucket_counts) it was counted in.
    pub bucket: usize,
    /// The value, in the exported unit.
    pub value: f64,
    /// The trace's id.
    pub trace_id: u128,
    /// The id of the span: the stage's own, else the request's.
    pub span_id: u64,
    /// How long ago it was recorded.
    pub age: Nanos,
}

/// A recorded span, as the origin of a value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TraceRef {
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    pub(crate) at: Ticks,
}
