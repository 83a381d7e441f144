//! What is measured of streams: those that the service sends, and those that it reads.

use super::{BODY_BYTES, Family, Label, Metric, Unit};
use crate::buckets::Buckets;

/// Waits and first chunks: from what a cache does to what a model at work on a long answer does.
const STREAM_SECONDS: Buckets = Buckets::seconds(&[
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
]);
/// Between chunks: fine where tokens come one by one, every 5 to 100 ms.
const GAP_SECONDS: Buckets = Buckets::seconds(&[
    0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0,
]);
/// From an answer in one piece to 100,000 tokens.
const CHUNKS: Buckets = Buckets::counts(&[
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0,
    20_000.0, 50_000.0, 100_000.0,
]);

/// Position of `time_to_first_byte` in [`STREAM_RESPONSE`] and [`STREAM_BACKEND`].
pub const STREAM_FIRST_BYTE: usize = 0;
/// Position of `time_to_first_chunk` in both.
pub const STREAM_FIRST_CHUNK: usize = 1;
/// Position of `chunks` in both.
pub const STREAM_CHUNKS: usize = 2;
/// Position of `size` in both.
pub const STREAM_SIZE: usize = 3;
/// Position of `gap.longest` in both.
pub const STREAM_LONGEST_GAP: usize = 4;
/// Position of `gap.mean` in both.
pub const STREAM_MEAN_GAP: usize = 5;
/// Position of `wait.upstream` in both.
pub const STREAM_WAIT_UPSTREAM: usize = 6;
/// Position of `wait.client` in both.
pub const STREAM_WAIT_CLIENT: usize = 7;
/// Position of `cancelled` in both.
pub const STREAM_CANCELLED: usize = 8;
/// Position of `timed_out` in both.
pub const STREAM_TIMED_OUT: usize = 9;

/// The metrics of one kind of stream, named `streaming.<kind>.…`.
///
/// The two kinds have names of their own, not an attribute: a relay measures each stream on both sides, and a sum over all series
/// of one name must not count it twice.
macro_rules! metrics {
    ($kind:literal, $first_byte:literal, $first_chunk:literal, $upstream:literal, $client:literal $(,)?) => {
        &[
            Metric::histogram(
                concat!("streaming.", $kind, ".time_to_first_byte"),
                Unit::Seconds,
                &STREAM_SECONDS,
                $first_byte,
            ),
            Metric::quantiles(
                concat!("streaming.", $kind, ".time_to_first_chunk"),
                &STREAM_SECONDS,
                $first_chunk,
            ),
            Metric::histogram(
                concat!("streaming.", $kind, ".chunks"),
                Unit::Count("chunk"),
                &CHUNKS,
                "Chunks of a stream that were handed on.",
            ),
            Metric::histogram(
                concat!("streaming.", $kind, ".size"),
                Unit::Bytes,
                &BODY_BYTES,
                "Bytes of a stream that were handed on.",
            ),
            Metric::histogram(
                concat!("streaming.", $kind, ".gap.longest"),
                Unit::Seconds,
                &GAP_SECONDS,
                "Longest time between two chunks of a stream; of streams of two chunks or more.",
            ),
            Metric::histogram(
                concat!("streaming.", $kind, ".gap.mean"),
                Unit::Seconds,
                &GAP_SECONDS,
                "Mean time between two chunks of a stream; of streams of two chunks or more.",
            ),
            Metric::histogram(
                concat!("streaming.", $kind, ".wait.upstream"),
                Unit::Seconds,
                &STREAM_SECONDS,
                $upstream,
            ),
            Metric::histogram(
                concat!("streaming.", $kind, ".wait.client"),
                Unit::Seconds,
                &STREAM_SECONDS,
                $client,
            ),
            Metric::counter(
                concat!("streaming.", $kind, ".cancelled"),
                Unit::Count("stream"),
                "Streams that were dropped before their end.",
            ),
            Metric::counter(
                concat!("streaming.", $kind, ".timed_out"),
                Unit::Count("stream"),
                "Streams that a time limit ended.",
            ),
        ]
    };
}

/// Responses that are streams, by endpoint.
///
/// A response is a stream when nobody knows its length beforehand, or when it is a `text/event-stream`: answers in one piece would
/// blur every figure of those that are not.
pub static STREAM_RESPONSE: Family = Family {
    index: 9,
    labels: &[Label::Endpoint],
    metrics: metrics!(
        "response",
        "Time from a request's arrival to the head of its response, of responses that are streams.",
        "Time from a request's arrival to the first bytes of the stream that answers it.",
        "Time of a stream in which the service had been asked for a chunk and had none ready; with `wait.client`, all of its time.",
        "Time of a stream in which it was not asked for a chunk, because the client (or the way to it) takes no more: back-pressure.",
    ),
};

/// Streams that backends answer with, by provider, model and endpoint.
pub static STREAM_BACKEND: Family = Family {
    index: 10,
    labels: &[Label::Provider, Label::Model, Label::Endpoint],
    metrics: metrics!(
        "backend",
        "Time from sending the backend request to its response head, of answers that are streams.",
        "Time from sending the backend request to the first bytes of the stream that answers it.",
        "Time of a stream in which the backend had been asked for a chunk and had none ready; with `wait.client`, all of its time.",
        "Time of a stream in which the service did not ask the backend for a chunk, being busy or held up by its own client.",
    ),
};
