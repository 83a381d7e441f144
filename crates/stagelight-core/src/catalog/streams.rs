//! What both families of streams have in common.

use super::{MetricId, StreamBackendFamily, StreamResponseFamily, TypedFamily};

/// A family of streams, `streaming.<kind>.…`, so that both kinds can be measured by one function.
///
/// They are two families, not one with a label: a relay measures each stream on both sides, and a
/// sum over all series of one name would count it twice.
pub trait StreamFamily: TypedFamily {
    /// `streaming.<kind>.time_to_first_byte`
    const TIME_TO_FIRST_BYTE: MetricId<Self> = MetricId::ending_with(".time_to_first_byte");
    /// `streaming.<kind>.time_to_first_chunk`
    const TIME_TO_FIRST_CHUNK: MetricId<Self> = MetricId::ending_with(".time_to_first_chunk");
    /// `streaming.<kind>.chunks`
    const CHUNKS: MetricId<Self> = MetricId::ending_with(".chunks");
    /// `streaming.<kind>.size`
    const SIZE: MetricId<Self> = MetricId::ending_with(".size");
    /// `streaming.<kind>.gap.longest`
    const GAP_LONGEST: MetricId<Self> = MetricId::ending_with(".gap.longest");
    /// `streaming.<kind>.gap.mean`
    const GAP_MEAN: MetricId<Self> = MetricId::ending_with(".gap.mean");
    /// `streaming.<kind>.wait.upstream`
    const WAIT_UPSTREAM: MetricId<Self> = MetricId::ending_with(".wait.upstream");
    /// `streaming.<kind>.wait.client`
    const WAIT_CLIENT: MetricId<Self> = MetricId::ending_with(".wait.client");
    /// `streaming.<kind>.cancelled`
    const CANCELLED: MetricId<Self> = MetricId::ending_with(".cancelled");
    /// `streaming.<kind>.timed_out`
    const TIMED_OUT: MetricId<Self> = MetricId::ending_with(".timed_out");
}

/// How many metrics a family of streams has.
pub const STREAM_METRICS: usize = StreamResponseFamily::FAMILY.metrics.len();

const _: () = assert!(STREAM_METRICS == StreamBackendFamily::FAMILY.metrics.len());

// === impl StreamFamily ===

impl StreamFamily for StreamResponseFamily {}
impl StreamFamily for StreamBackendFamily {}
