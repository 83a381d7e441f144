//! The environment variables, each defined once.
#![doc = include_str!("variables.md")]

use crate::signal::Signal;

/// An environment variable.
#[derive(Debug)]
pub struct Variable {
    /// The name; for a variable with per-signal forms, the form for all signals.
    pub name: &'static str,
    /// Whether there are per-signal forms: `OTEL_EXPORTER_OTLP_TRACES_…` and
    /// `OTEL_EXPORTER_OTLP_METRICS_…`.
    pub per_signal: bool,
    /// Whether the value may hold a secret and is never printed.
    pub secret: bool,
    /// The default.
    pub default: &'static str,
    /// The allowed values.
    pub allowed: &'static str,
    /// The setting.
    pub meaning: &'static str,
}

// === impl Variable ===

impl Variable {
    const fn new(
        name: &'static str,
        default: &'static str,
        allowed: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { name, per_signal: false, secret: false, default, allowed, meaning }
    }

    const fn per_signal(
        name: &'static str,
        default: &'static str,
        allowed: &'static str,
        meaning: &'static str,
    ) -> Self {
        Self { per_signal: true, ..Self::new(name, default, allowed, meaning) }
    }

    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    /// Returns the name of the form for one signal.
    #[must_use]
    pub fn name_for(&self, signal: Signal) -> String {
        let signal = match signal {
            Signal::Traces => "OTEL_EXPORTER_OTLP_TRACES_",
            Signal::Metrics => "OTEL_EXPORTER_OTLP_METRICS_",
        };
        self.name.replacen("OTEL_EXPORTER_OTLP_", signal, 1)
    }
}

const MILLIS: &str = "a whole number of milliseconds above 0";
const COUNT: &str = "a whole number above 0";
const LIMIT: &str = "a whole number";
const BOOL: &str = "`true` or `false`";
const EXPORTER: &str = "`otlp`, `console` or `none`";
const FILE: &str = "the path of a PEM file";

/// `OTEL_SDK_DISABLED`
pub static SDK_DISABLED: Variable = Variable::new(
    "OTEL_SDK_DISABLED",
    "false",
    BOOL,
    "Exports nothing and makes no traces; `/metrics` and other readers still work.",
);
/// `OTEL_SERVICE_NAME`
pub static SERVICE_NAME: Variable = Variable::new(
    "OTEL_SERVICE_NAME",
    "unknown_service:<program>",
    "any text",
    "`service.name` of the resource; overrides the one in `OTEL_RESOURCE_ATTRIBUTES`.",
);
/// `OTEL_RESOURCE_ATTRIBUTES`
pub static RESOURCE_ATTRIBUTES: Variable = Variable::new(
    "OTEL_RESOURCE_ATTRIBUTES",
    "none",
    "`name=value` pairs separated by commas, values percent-encoded",
    "Resource attributes, the same for all signals.",
);
/// `OTEL_TRACES_EXPORTER`
pub static TRACES_EXPORTER: Variable =
    Variable::new("OTEL_TRACES_EXPORTER", "otlp", EXPORTER, "Exporter of spans.");
/// `OTEL_METRICS_EXPORTER`
pub static METRICS_EXPORTER: Variable =
    Variable::new("OTEL_METRICS_EXPORTER", "otlp", EXPORTER, "Exporter of metrics.");
/// `OTEL_EXPORTER_OTLP_PROTOCOL`
pub static PROTOCOL: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "http/protobuf (grpc without the feature `otlp-http`)",
    "`grpc` or `http/protobuf`",
    "OTLP transport.",
);
/// `OTEL_EXPORTER_OTLP_ENDPOINT`
pub static ENDPOINT: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "http://localhost:4318, for grpc http://localhost:4317",
    "`http://HOST[:PORT][/PATH]` or `https://…`, for grpc also `HOST:PORT`, without a user name",
    "Address of the collector. For http/protobuf, `/v1/traces` and `/v1/metrics` are appended; \
     per-signal forms are used unchanged.",
);
/// `OTEL_EXPORTER_OTLP_HEADERS`
pub static HEADERS: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_HEADERS",
    "none",
    "`name=value` pairs separated by commas, values percent-encoded, each a valid HTTP header",
    "Headers of each export; per-signal headers are added and override those for all signals. \
     Never logged.",
)
.secret();
/// `OTEL_EXPORTER_OTLP_TIMEOUT`
pub static TIMEOUT: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "10000",
    MILLIS,
    "Limit for one export, retries included.",
);
/// `OTEL_EXPORTER_OTLP_COMPRESSION`
pub static COMPRESSION: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    "none",
    "`gzip` or `none`",
    "Compression of exports; `gzip` requires the feature `gzip`.",
);
/// `OTEL_EXPORTER_OTLP_INSECURE`
pub static INSECURE: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_INSECURE",
    "false",
    BOOL,
    "Whether a grpc address without a scheme is used without TLS.",
);
/// `OTEL_EXPORTER_OTLP_CERTIFICATE`
pub static CERTIFICATE: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "the system's certificate authorities",
    FILE,
    "Certificate authorities to trust (feature `tls`).",
);
/// `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`
pub static CLIENT_CERTIFICATE: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    "none",
    FILE,
    "Client certificate, with `OTEL_EXPORTER_OTLP_CLIENT_KEY` (feature `tls`).",
);
/// `OTEL_EXPORTER_OTLP_CLIENT_KEY`
pub static CLIENT_KEY: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    "none",
    FILE,
    "Client private key, with `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE` (feature `tls`).",
);
/// `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`
pub static TEMPORALITY: Variable = Variable::new(
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    "cumulative",
    "`cumulative`",
    "Metrics are always cumulative, so that the next export covers a failed one.",
);
/// `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`
pub static HISTOGRAMS: Variable = Variable::new(
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
    "explicit_bucket_histogram",
    "`explicit_bucket_histogram` or `base2_exponential_bucket_histogram`",
    "Histogram format. Exponential histograms are native histograms in Prometheus, without \
     `_bucket` series.",
);
/// `OTEL_METRIC_EXPORT_INTERVAL`
pub static EXPORT_INTERVAL: Variable = Variable::new(
    "OTEL_METRIC_EXPORT_INTERVAL",
    "60000",
    MILLIS,
    "Time between two exports of metrics.",
);
/// `OTEL_METRIC_EXPORT_TIMEOUT`
pub static EXPORT_TIMEOUT: Variable = Variable::new(
    "OTEL_METRIC_EXPORT_TIMEOUT",
    "30000",
    MILLIS,
    "Limit for collecting and exporting metrics once.",
);
/// `OTEL_TRACES_SAMPLER`
pub static SAMPLER: Variable = Variable::new(
    "OTEL_TRACES_SAMPLER",
    "parentbased_always_on",
    "`always_on`, `always_off`, `traceidratio`, or one of them after `parentbased_`",
    "Which traces are recorded.",
);
/// `OTEL_TRACES_SAMPLER_ARG`
pub static SAMPLER_ARG: Variable = Variable::new(
    "OTEL_TRACES_SAMPLER_ARG",
    "1.0",
    "a number from 0 to 1",
    "Ratio of traces that `traceidratio` records.",
);
/// `STAGELIGHT_TRACES_ENDPOINT_RATIOS`
pub static ENDPOINT_RATIOS: Variable = Variable::new(
    "STAGELIGHT_TRACES_ENDPOINT_RATIOS",
    "none",
    "`route=ratio` pairs separated by commas, each ratio a number from 0 to 1",
    "Sampling ratio of a route's requests, overriding the sampler's: \
     `/healthz=0,/v1/chat/completions=0.1`.",
);
/// `STAGELIGHT_TRACES_FORCING_HEADER`
pub static FORCING_HEADER: Variable = Variable::new(
    "STAGELIGHT_TRACES_FORCING_HEADER",
    "none",
    "one `name=value`, a valid HTTP header with a value",
    "Requests that carry this header are always sampled, overriding sampler, caller and route \
     ratio. Never logged.",
)
.secret();
/// `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`
pub static SPAN_ATTRIBUTES: Variable = Variable::new(
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "128",
    LIMIT,
    "Attributes kept in a span; more are counted.",
);
/// `OTEL_SPAN_EVENT_COUNT_LIMIT`
pub static SPAN_EVENTS: Variable = Variable::new(
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "128",
    LIMIT,
    "Events kept in a span; more are counted.",
);
/// `OTEL_SPAN_LINK_COUNT_LIMIT`
pub static SPAN_LINKS: Variable = Variable::new(
    "OTEL_SPAN_LINK_COUNT_LIMIT",
    "128",
    LIMIT,
    "Links kept in a span; more are counted.",
);
/// `OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT`
pub static SPAN_VALUE_LENGTH: Variable = Variable::new(
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT, then 4096",
    LIMIT,
    "Characters of a string in a span; longer ones are truncated.",
);
/// `OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT`
pub static VALUE_LENGTH: Variable = Variable::new(
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "4096",
    LIMIT,
    "The same, unless the variable for spans is set.",
);
/// `OTEL_BSP_SCHEDULE_DELAY`
pub static SPAN_DELAY: Variable =
    Variable::new("OTEL_BSP_SCHEDULE_DELAY", "5000", MILLIS, "Time between two exports of spans.");
/// `OTEL_BSP_MAX_QUEUE_SIZE`
pub static SPAN_QUEUE: Variable = Variable::new(
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "2048",
    COUNT,
    "Finished spans that can wait for their export; more are dropped and counted.",
);
/// `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`
pub static SPAN_BATCH: Variable = Variable::new(
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "512",
    "a whole number above 0, at most OTEL_BSP_MAX_QUEUE_SIZE",
    "Spans in one export, which starts early when this many wait.",
);
/// `OTEL_BSP_EXPORT_TIMEOUT`
pub static SPAN_TIMEOUT: Variable = Variable::new(
    "OTEL_BSP_EXPORT_TIMEOUT",
    "30000",
    MILLIS,
    "Limit for exporting spans once; the exporter's timeout applies too.",
);
/// `OTEL_PROPAGATORS`
pub static PROPAGATORS: Variable = Variable::new(
    "OTEL_PROPAGATORS",
    "tracecontext,baggage",
    "`tracecontext` and `baggage`, separated by commas, or `none`",
    "Formats in which trace context is propagated.",
);
/// `STAGELIGHT_STRICT`
pub static STRICT: Variable = Variable::new(
    "STAGELIGHT_STRICT",
    "false",
    "`1`, `true`, `0` or `false`",
    "Makes an invalid variable an error at start instead of a warning.",
);
/// `STAGELIGHT_MAX_REQUESTS`
pub static MAX_REQUESTS: Variable = Variable::new(
    "STAGELIGHT_MAX_REQUESTS",
    "16384",
    "a whole number from 1 to 1048576",
    "Open requests up to which all are measured, at 2.1 KiB each; of further ones, only duration \
     and outcome are.",
);
/// `STAGELIGHT_SHUTDOWN_TIMEOUT`
pub static SHUTDOWN_TIMEOUT: Variable = Variable::new(
    "STAGELIGHT_SHUTDOWN_TIMEOUT",
    "5000",
    MILLIS,
    "Limit for flushing and for shutting down.",
);

/// Every variable, in the order of the documentation.
pub static ALL: [&Variable; 35] = [
    &SDK_DISABLED,
    &SERVICE_NAME,
    &RESOURCE_ATTRIBUTES,
    &TRACES_EXPORTER,
    &METRICS_EXPORTER,
    &PROTOCOL,
    &ENDPOINT,
    &HEADERS,
    &TIMEOUT,
    &COMPRESSION,
    &INSECURE,
    &CERTIFICATE,
    &CLIENT_CERTIFICATE,
    &CLIENT_KEY,
    &TEMPORALITY,
    &HISTOGRAMS,
    &EXPORT_INTERVAL,
    &EXPORT_TIMEOUT,
    &SAMPLER,
    &SAMPLER_ARG,
    &ENDPOINT_RATIOS,
    &FORCING_HEADER,
    &SPAN_ATTRIBUTES,
    &SPAN_EVENTS,
    &SPAN_LINKS,
    &SPAN_VALUE_LENGTH,
    &VALUE_LENGTH,
    &SPAN_DELAY,
    &SPAN_QUEUE,
    &SPAN_BATCH,
    &SPAN_TIMEOUT,
    &PROPAGATORS,
    &STRICT,
    &MAX_REQUESTS,
    &SHUTDOWN_TIMEOUT,
];
