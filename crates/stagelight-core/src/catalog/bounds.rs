//! The classic bounds of this crate's histograms.

use crate::buckets::Buckets;

pub(super) static STAGE_SECONDS: Buckets = Buckets::seconds(&[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
]);
pub(super) static FRONTEND_SECONDS: Buckets =
    Buckets::seconds(&[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5]);
pub(super) static BACKEND_SECONDS: Buckets =
    Buckets::seconds(&[0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0]);
/// OpenTelemetry's advice for `http.*.duration`, and two more for streams and batch jobs.
pub(super) static REQUEST_SECONDS: Buckets = Buckets::seconds(&[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0,
]);
/// OpenTelemetry's advice for `http.*.duration`, to the letter.
pub(super) static HTTP_SECONDS: Buckets = Buckets::seconds(&[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
]);
/// Powers of four from 64 B to 64 MiB, which cover usual bodies. OpenTelemetry gives no advice.
pub(super) static BODY_BYTES: Buckets = Buckets::bytes(&[
    64.0,
    256.0,
    1024.0,
    4096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
    67_108_864.0,
]);
/// Waits and times to the first chunk: from a cache hit to a model's long answer.
pub(super) static STREAM_SECONDS: Buckets = Buckets::seconds(&[
    0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0,
]);
/// Gaps between chunks: fine between 5 and 100 ms, where single tokens arrive.
pub(super) static GAP_SECONDS: Buckets = Buckets::seconds(&[
    0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0,
    10.0, 30.0,
]);
/// From a response in one chunk to 100,000 tokens.
pub(super) static CHUNKS: Buckets = Buckets::counts(&[
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0, 2000.0, 5000.0, 10_000.0,
    20_000.0, 50_000.0, 100_000.0,
]);
