//! Every metric of this crate, one row each.
//!
//! Exporters, documentation, dashboards, rules and tests take names, units, labels and buckets from
//! here. Metrics that are recorded together and carry the same labels form a [`Family`]; the store
//! keeps one block of cells per series of a family.
//!
//! # Recording
//!
//! A family's type ties labels and metrics together:
//!
//! ```
//! use stagelight_core::{Engine, catalog::{self, labels::{Endpoint, Stage}}};
//!
//! let engine = Engine::new();
//! let labels = (Stage::new("auth_validation"), Endpoint::new("/v1/chat"));
//! engine.record(&catalog::STAGE, labels, &[catalog::REQUEST_STAGE_DURATION.value(1_500_000)]);
//! ```
//!
//! Swapped labels do not compile:
//!
//! ```compile_fail,E0308
//! # use stagelight_core::{Engine, catalog::{self, labels::{Endpoint, Stage}}};
//! # let engine = Engine::new();
//! let labels = (Endpoint::new("/v1/chat"), Stage::new("auth_validation"));
//! engine.record(&catalog::STAGE, labels, &[catalog::REQUEST_STAGE_DURATION.value(1_500_000)]);
//! ```
//!
//! Nor does a missing label:
//!
//! ```compile_fail,E0308
//! # use stagelight_core::{Engine, catalog::{self, labels::{Endpoint, Stage}}};
//! # let engine = Engine::new();
//! let labels = Stage::new("auth_validation");
//! engine.record(&catalog::STAGE, labels, &[catalog::REQUEST_STAGE_DURATION.value(1_500_000)]);
//! ```
//!
//! Nor an extra one:
//!
//! ```compile_fail,E0308
//! # use stagelight_core::{Engine, Outcome, catalog::{self, labels::{Endpoint, Stage}}};
//! # let engine = Engine::new();
//! let labels = (Stage::new("auth_validation"), Endpoint::new("/v1/chat"), Outcome::Ok);
//! engine.record(&catalog::STAGE, labels, &[catalog::REQUEST_STAGE_DURATION.value(1_500_000)]);
//! ```
//!
//! Nor a metric of another family:
//!
//! ```compile_fail,E0308
//! # use stagelight_core::{Engine, catalog::{self, labels::{Endpoint, Stage}}};
//! # let engine = Engine::new();
//! let labels = (Stage::new("auth_validation"), Endpoint::new("/v1/chat"));
//! engine.record(&catalog::STAGE, labels, &[catalog::REQUEST_DURATION.value(1_500_000)]);
//! ```
//!
//! # Other crates
//!
//! declare rows of their own with [`labels!`](crate::labels) and [`families!`](crate::families).

#[macro_use]
mod label;
#[macro_use]
mod family;
mod bounds;
pub mod labels;
mod metric;
mod streams;

use bounds::{
    BACKEND_SECONDS, BODY_BYTES, CHUNKS, FRONTEND_SECONDS, GAP_SECONDS, HTTP_SECONDS,
    REQUEST_SECONDS, STAGE_SECONDS, STREAM_SECONDS,
};

pub use family::{Family, Measurement, MetricId, TypedFamily};
pub(crate) use label::Value;
pub use label::{Label, LabelSet, LabelValue, TypedLabel};
pub use labels::Outcome;
use labels::{
    Endpoint, ErrorType, HttpRequestMethod, HttpResponseStatusCode, HttpRoute, Model,
    NetworkProtocolVersion, Provider, Reason, ServerAddress, ServerPort, Stage, UrlScheme,
};
pub use metric::{Instrument, Metric, Unit};
pub use streams::{STREAM_METRICS, StreamFamily};

families! { @core
    /// The families of this crate, in the order of a snapshot.
    pub const ALL;

    /// Duration, share and busy time of each stage.
    pub static STAGE: StageFamily<'a> = (Stage<'a>, Endpoint<'a>) {
        /// Time from the start of a stage to its end. Stages may nest and overlap.
        REQUEST_STAGE_DURATION: "request.stage.duration" => "request_stage_duration_seconds",
            Unit::Seconds, Instrument::quantiles(&STAGE_SECONDS);
        /// Share of a stage in the duration of its request. Overlapping stages split the time, so
        /// that all shares and `unattributed` add up to the duration.
        REQUEST_STAGE_SHARE: "request.stage.share" => "request_stage_share_seconds",
            Unit::Seconds, Instrument::histogram(&STAGE_SECONDS);
        /// Time in which the future of a stage was polled.
        REQUEST_STAGE_BUSY: "request.stage.busy" => "request_stage_busy_seconds",
            Unit::Seconds, Instrument::histogram(&STAGE_SECONDS);
    }

    /// Errors of stages.
    pub static STAGE_ERRORS: StageErrorsFamily<'a> = (Stage<'a>, Endpoint<'a>, ErrorType<'a>) {
        /// Stages that ended with an error.
        REQUEST_STAGE_ERRORS: "request.stage.errors" => "request_stage_errors_total",
            Unit::Count("error"), Instrument::Counter;
    }

    /// The service's own work before it calls a backend.
    pub static FRONTEND: FrontendFamily<'a> = (Endpoint<'a>) {
        /// Sum of the durations of a request's stages in the group `frontend_processing`. Requests
        /// without such a stage are not counted.
        FRONTEND_PROCESSING: "frontend.processing" => "frontend_processing_seconds",
            Unit::Seconds, Instrument::quantiles(&FRONTEND_SECONDS);
    }

    /// Backends.
    pub static BACKEND: BackendFamily<'a> = (Provider<'a>, Model<'a>, Endpoint<'a>) {
        /// Time from sending a backend request to its response head: the duration of the stage
        /// `backend_fetch`. Requests without a response head are not counted.
        BACKEND_TTFB: "backend.ttfb" => "backend_ttfb_seconds",
            Unit::Seconds, Instrument::quantiles(&BACKEND_SECONDS);
        /// Time from a backend's response head to the last byte passed on: the duration of the
        /// stage `stream_processing`.
        STREAMING_DURATION: "streaming.duration" => "streaming_duration_seconds",
            Unit::Seconds, Instrument::quantiles(&BACKEND_SECONDS);
    }

    /// Time by group of stages, in percent.
    ///
    /// [`Percentages`](crate::Percentages) computes it from two snapshots of [`STAGE`].
    pub static PERCENTAGE: PercentageFamily<'a> = (Stage<'a>, Endpoint<'a>) {
        /// Share of a group of stages, or of `unattributed`, in the time of an endpoint's requests,
        /// from 0 to 100, over the last export interval in which a request ended.
        STAGE_PERCENTAGE: "stage.percentage" => "stage_percentage",
            Unit::None, Instrument::Gauge;
    }

    /// Requests of every kind: HTTP, jobs and others.
    pub static REQUEST: RequestFamily<'a> = (Endpoint<'a>, Outcome) {
        /// Time from the start of a request to its end: for HTTP, to the last byte of the response.
        REQUEST_DURATION: "request.duration" => "request_duration_seconds",
            Unit::Seconds, Instrument::quantiles(&REQUEST_SECONDS);
    }

    /// HTTP requests that the service answers.
    pub static HTTP_SERVER: HttpServerFamily<'a> = (
        HttpRequestMethod,
        UrlScheme,
        Option<HttpResponseStatusCode<'a>>,
        Option<HttpRoute<'a>>,
        Option<ErrorType<'a>>,
        NetworkProtocolVersion,
    ) {
        /// Time from the arrival of a request to the last byte of its response.
        HTTP_SERVER_REQUEST_DURATION:
            "http.server.request.duration" => "http_server_request_duration_seconds",
            Unit::Seconds, Instrument::quantiles(&HTTP_SECONDS);
        /// Bytes read from the request body.
        HTTP_SERVER_REQUEST_BODY_SIZE:
            "http.server.request.body.size" => "http_server_request_body_size_bytes",
            Unit::Bytes, Instrument::histogram(&BODY_BYTES);
        /// Bytes sent of the response body.
        HTTP_SERVER_RESPONSE_BODY_SIZE:
            "http.server.response.body.size" => "http_server_response_body_size_bytes",
            Unit::Bytes, Instrument::histogram(&BODY_BYTES);
    }

    /// HTTP requests that the service is working on.
    pub static HTTP_SERVER_ACTIVE: HttpServerActiveFamily<'a> = (HttpRequestMethod, UrlScheme) {
        /// HTTP requests that have started and not ended.
        HTTP_SERVER_ACTIVE_REQUESTS: "http.server.active_requests" => "http_server_active_requests",
            Unit::Count("request"), Instrument::UpDownCounter;
    }

    /// HTTP requests that the service sends.
    pub static HTTP_CLIENT: HttpClientFamily<'a> = (
        HttpRequestMethod,
        ServerAddress<'a>,
        Option<ServerPort<'a>>,
        Option<HttpResponseStatusCode<'a>>,
        Option<ErrorType<'a>>,
        Option<NetworkProtocolVersion>,
    ) {
        /// Time from sending a request to the last byte of its response.
        HTTP_CLIENT_REQUEST_DURATION:
            "http.client.request.duration" => "http_client_request_duration_seconds",
            Unit::Seconds, Instrument::quantiles(&HTTP_SECONDS);
    }

    /// Streamed responses: without a `content-length`, or `text/event-stream`.
    pub static STREAM_RESPONSE: StreamResponseFamily<'a> = (Endpoint<'a>) {
        /// Time from the arrival of a request to its response head; streamed responses only.
        STREAMING_RESPONSE_TIME_TO_FIRST_BYTE: "streaming.response.time_to_first_byte"
            => "streaming_response_time_to_first_byte_seconds",
            Unit::Seconds, Instrument::histogram(&STREAM_SECONDS);
        /// Time from the arrival of a request to the first body bytes of its streamed response.
        STREAMING_RESPONSE_TIME_TO_FIRST_CHUNK: "streaming.response.time_to_first_chunk"
            => "streaming_response_time_to_first_chunk_seconds",
            Unit::Seconds, Instrument::quantiles(&STREAM_SECONDS);
        /// Chunks passed on in a stream.
        STREAMING_RESPONSE_CHUNKS:
            "streaming.response.chunks" => "streaming_response_chunks",
            Unit::Count("chunk"), Instrument::histogram(&CHUNKS);
        /// Bytes passed on in a stream.
        STREAMING_RESPONSE_SIZE:
            "streaming.response.size" => "streaming_response_size_bytes",
            Unit::Bytes, Instrument::histogram(&BODY_BYTES);
        /// Longest time between two chunks of a stream with at least two chunks.
        STREAMING_RESPONSE_GAP_LONGEST:
            "streaming.response.gap.longest" => "streaming_response_gap_longest_seconds",
            Unit::Seconds, Instrument::histogram(&GAP_SECONDS);
        /// Mean time between the chunks of a stream with at least two chunks.
        STREAMING_RESPONSE_GAP_MEAN:
            "streaming.response.gap.mean" => "streaming_response_gap_mean_seconds",
            Unit::Seconds, Instrument::histogram(&GAP_SECONDS);
        /// Time a stream waited for the service to produce its next chunk. With `wait.client`, it
        /// adds up to the stream's duration.
        STREAMING_RESPONSE_WAIT_UPSTREAM:
            "streaming.response.wait.upstream" => "streaming_response_wait_upstream_seconds",
            Unit::Seconds, Instrument::histogram(&STREAM_SECONDS);
        /// Time a stream waited for its client, or the network to it, to accept more: backpressure.
        STREAMING_RESPONSE_WAIT_CLIENT:
            "streaming.response.wait.client" => "streaming_response_wait_client_seconds",
            Unit::Seconds, Instrument::histogram(&STREAM_SECONDS);
        /// Streams dropped before their end.
        STREAMING_RESPONSE_CANCELLED:
            "streaming.response.cancelled" => "streaming_response_cancelled_total",
            Unit::Count("stream"), Instrument::Counter;
        /// Streams ended by a time limit.
        STREAMING_RESPONSE_TIMED_OUT:
            "streaming.response.timed_out" => "streaming_response_timed_out_total",
            Unit::Count("stream"), Instrument::Counter;
    }

    /// Streamed responses of backends.
    pub static STREAM_BACKEND: StreamBackendFamily<'a> = (Provider<'a>, Model<'a>, Endpoint<'a>) {
        /// Time from sending a backend request to its response head; streamed responses only.
        STREAMING_BACKEND_TIME_TO_FIRST_BYTE: "streaming.backend.time_to_first_byte"
            => "streaming_backend_time_to_first_byte_seconds",
            Unit::Seconds, Instrument::histogram(&STREAM_SECONDS);
        /// Time from sending a backend request to the first body bytes of its streamed response.
        STREAMING_BACKEND_TIME_TO_FIRST_CHUNK: "streaming.backend.time_to_first_chunk"
            => "streaming_backend_time_to_first_chunk_seconds",
            Unit::Seconds, Instrument::quantiles(&STREAM_SECONDS);
        /// Chunks passed on in a stream.
        STREAMING_BACKEND_CHUNKS:
            "streaming.backend.chunks" => "streaming_backend_chunks",
            Unit::Count("chunk"), Instrument::histogram(&CHUNKS);
        /// Bytes passed on in a stream.
        STREAMING_BACKEND_SIZE:
            "streaming.backend.size" => "streaming_backend_size_bytes",
            Unit::Bytes, Instrument::histogram(&BODY_BYTES);
        /// Longest time between two chunks of a stream with at least two chunks.
        STREAMING_BACKEND_GAP_LONGEST:
            "streaming.backend.gap.longest" => "streaming_backend_gap_longest_seconds",
            Unit::Seconds, Instrument::histogram(&GAP_SECONDS);
        /// Mean time between the chunks of a stream with at least two chunks.
        STREAMING_BACKEND_GAP_MEAN:
            "streaming.backend.gap.mean" => "streaming_backend_gap_mean_seconds",
            Unit::Seconds, Instrument::histogram(&GAP_SECONDS);
        /// Time a stream waited for the backend to send its next chunk. With `wait.client`, it adds
        /// up to the stream's duration.
        STREAMING_BACKEND_WAIT_UPSTREAM:
            "streaming.backend.wait.upstream" => "streaming_backend_wait_upstream_seconds",
            Unit::Seconds, Instrument::histogram(&STREAM_SECONDS);
        /// Time a stream waited for the service, which was busy or held up by its own client, to
        /// poll it.
        STREAMING_BACKEND_WAIT_CLIENT:
            "streaming.backend.wait.client" => "streaming_backend_wait_client_seconds",
            Unit::Seconds, Instrument::histogram(&STREAM_SECONDS);
        /// Streams dropped before their end.
        STREAMING_BACKEND_CANCELLED:
            "streaming.backend.cancelled" => "streaming_backend_cancelled_total",
            Unit::Count("stream"), Instrument::Counter;
        /// Streams ended by a time limit.
        STREAMING_BACKEND_TIMED_OUT:
            "streaming.backend.timed_out" => "streaming_backend_timed_out_total",
            Unit::Count("stream"), Instrument::Counter;
    }

    /// Measurements that a limit dropped.
    pub static DROPPED: DroppedFamily<'a> = (Reason<'a>, Option<Stage<'a>>) {
        /// Measurements dropped, or recorded as `other`, because a limit was reached, by reason.
        /// Dropped stages have their name.
        STAGELIGHT_DROPPED: "stagelight.dropped" => "stagelight_dropped_total",
            Unit::Count("measurement"), Instrument::Counter;
    }
}

#[cfg(test)]
mod tests;
