//! Every metric, spelled once.
//!
//! The exporters, the documentation, dashboards, rules and tests take names, units, attributes and buckets
//! from here. Metrics that are always recorded together and carry the same attributes form a
//! [`Family`]; the store keeps one block of cells a series of a family.

mod export;
mod label;
mod metric;
mod streams;

use crate::buckets::Buckets;

pub use export::{
    METRIC_EXPORTER, SPAN_EXPORTER, SPAN_PROCESSOR, SPAN_QUEUE, SPAN_QUEUE_CAPACITY,
    SPAN_QUEUE_SIZE,
};
pub use label::Label;
pub use metric::{Family, Instrument, Metric, Unit};
pub use streams::{
    STREAM_BACKEND, STREAM_CANCELLED, STREAM_CHUNKS, STREAM_FIRST_BYTE, STREAM_FIRST_CHUNK,
    STREAM_LONGEST_GAP, STREAM_MEAN_GAP, STREAM_RESPONSE, STREAM_SIZE, STREAM_TIMED_OUT,
    STREAM_WAIT_CLIENT, STREAM_WAIT_UPSTREAM,
};

const STAGE_SECONDS: Buckets = Buckets::seconds(&[
    0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
    5.0, 10.0,
]);
const FRONTEND_SECONDS: Buckets =
    Buckets::seconds(&[0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5]);
const BACKEND_SECONDS: Buckets = Buckets::seconds(&[0.1, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 5.0, 10.0]);
/// The OpenTelemetry conventions' advice for `http.*.duration`, plus two for streams and batch jobs.
const REQUEST_SECONDS: Buckets = Buckets::seconds(&[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0, 30.0, 60.0,
]);
/// The OpenTelemetry conventions' advice for `http.*.duration`, to the letter.
const HTTP_SECONDS: Buckets = Buckets::seconds(&[
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
]);
/// Powers of four from 64 B to 64 MiB, between them what requests and answers are; the conventions give no advice.
const BODY_BYTES: Buckets = Buckets::bytes(&[
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

/// Position of `request.stage.duration` in [`STAGE`].
pub const STAGE_DURATION: usize = 0;
/// Position of `request.stage.share` in [`STAGE`].
pub const STAGE_SHARE: usize = 1;
/// Position of `request.stage.busy` in [`STAGE`].
pub const STAGE_BUSY: usize = 2;
/// Position of `backend.ttfb` in [`BACKEND`].
pub const BACKEND_TTFB: usize = 0;
/// Position of `streaming.duration` in [`BACKEND`].
pub const STREAMING_DURATION: usize = 1;
/// Position of `http.server.request.duration` in [`HTTP_SERVER`].
pub const HTTP_SERVER_DURATION: usize = 0;
/// Position of `http.server.request.body.size` in [`HTTP_SERVER`].
pub const HTTP_SERVER_REQUEST_BODY: usize = 1;
/// Position of `http.server.response.body.size` in [`HTTP_SERVER`].
pub const HTTP_SERVER_RESPONSE_BODY: usize = 2;

/// Time and share of each stage, by endpoint.
pub static STAGE: Family = Family {
    index: 0,
    labels: &[Label::Stage, Label::Endpoint],
    metrics: &[
        Metric::quantiles(
            "request.stage.duration",
            &STAGE_SECONDS,
            "Time from a stage's start to its end; stages may nest and overlap.",
        ),
        Metric::histogram(
            "request.stage.share",
            Unit::Seconds,
            &STAGE_SECONDS,
            "A stage's part of its request's time, each instant given to one place; adds up, with `unattributed`, to the request.",
        ),
        Metric::histogram(
            "request.stage.busy",
            Unit::Seconds,
            &STAGE_SECONDS,
            "The part of a stage in which its future was being polled.",
        ),
    ],
};

/// Errors of stages, by type.
pub static STAGE_ERRORS: Family = Family {
    index: 1,
    labels: &[Label::Stage, Label::Endpoint, Label::ErrorType],
    metrics: &[Metric::counter(
        "request.stage.errors",
        Unit::Count("error"),
        "Stages that ended with an error.",
    )],
};

/// The service's own work, by endpoint.
pub static FRONTEND: Family = Family {
    index: 2,
    labels: &[Label::Endpoint],
    metrics: &[Metric::quantiles(
        "frontend.processing",
        &FRONTEND_SECONDS,
        "Sum of the durations of a request's stages in the group `frontend_processing`; requests with none are not counted.",
    )],
};

/// The backends, by provider and model.
pub static BACKEND: Family = Family {
    index: 3,
    labels: &[Label::Provider, Label::Model, Label::Endpoint],
    metrics: &[
        Metric::quantiles(
            "backend.ttfb",
            &BACKEND_SECONDS,
            "Time from sending the backend request to its response head: the duration of `backend_fetch`.",
        ),
        Metric::quantiles(
            "streaming.duration",
            &BACKEND_SECONDS,
            "Time from the backend's response head to the last byte passed on: the duration of `stream_processing`.",
        ),
    ],
};

/// Where each endpoint's time went lately, in percent.
///
/// Computed by a reader from two readings of [`STAGE`]; see [`Percentages`](crate::Percentages).
pub static PERCENTAGE: Family = Family {
    index: 4,
    labels: &[Label::Stage, Label::Endpoint],
    metrics: &[Metric::gauge(
        "stage.percentage",
        "Part of an endpoint's time that went to a group of stages, or `unattributed`, over the last export interval in which a request ended; 0 to 100.",
    )],
};

/// Whole requests of any kind, by endpoint and outcome.
pub static REQUEST: Family = Family {
    index: 5,
    labels: &[Label::Endpoint, Label::Outcome],
    metrics: &[Metric::quantiles(
        "request.duration",
        &REQUEST_SECONDS,
        "Time from a request's start to its last byte, or to its end if it is not HTTP.",
    )],
};

/// HTTP requests served.
pub static HTTP_SERVER: Family = Family {
    index: 6,
    labels: &[
        Label::HttpRequestMethod,
        Label::UrlScheme,
        Label::HttpResponseStatusCode,
        Label::HttpRoute,
        Label::ErrorType,
        Label::NetworkProtocolVersion,
    ],
    metrics: &[
        Metric::quantiles(
            "http.server.request.duration",
            &HTTP_SECONDS,
            "Time from a request's arrival to the last byte of its response.",
        ),
        Metric::histogram(
            "http.server.request.body.size",
            Unit::Bytes,
            &BODY_BYTES,
            "Bytes of the request's body that were read.",
        ),
        Metric::histogram(
            "http.server.response.body.size",
            Unit::Bytes,
            &BODY_BYTES,
            "Bytes of the response's body that were sent.",
        ),
    ],
};

/// HTTP requests being served.
pub static HTTP_SERVER_ACTIVE: Family = Family {
    index: 7,
    labels: &[Label::HttpRequestMethod, Label::UrlScheme],
    metrics: &[Metric::up_down_counter(
        "http.server.active_requests",
        Unit::Count("request"),
        "Requests that have begun and not ended.",
    )],
};

/// HTTP requests sent.
pub static HTTP_CLIENT: Family = Family {
    index: 8,
    labels: &[
        Label::HttpRequestMethod,
        Label::ServerAddress,
        Label::ServerPort,
        Label::HttpResponseStatusCode,
        Label::ErrorType,
        Label::NetworkProtocolVersion,
    ],
    metrics: &[Metric::quantiles(
        "http.client.request.duration",
        &HTTP_SECONDS,
        "Time from sending a request to the last byte of its response.",
    )],
};

/// What could not be measured, and why.
pub static DROPPED: Family = Family {
    index: 11,
    labels: &[Label::Reason],
    metrics: &[Metric::counter(
        "stagelight.dropped",
        Unit::Count("measurement"),
        "Measurements that were dropped because a limit was reached, by reason.",
    )],
};

/// Every family, ordered by [`Family::index`].
pub static ALL: [&Family; 16] = [
    &STAGE,
    &STAGE_ERRORS,
    &FRONTEND,
    &BACKEND,
    &PERCENTAGE,
    &REQUEST,
    &HTTP_SERVER,
    &HTTP_SERVER_ACTIVE,
    &HTTP_CLIENT,
    &STREAM_RESPONSE,
    &STREAM_BACKEND,
    &DROPPED,
    &SPAN_PROCESSOR,
    &SPAN_QUEUE,
    &SPAN_EXPORTER,
    &METRIC_EXPORTER,
];

#[cfg(test)]
mod tests;
