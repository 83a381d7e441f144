//! Every variable that is read, spelled once.
#![doc = include_str!("variables.md")]

use crate::signal::Signal;

/// A variable: its name, and what may stand in it.
#[derive(Debug)]
pub struct Variable {
    /// The name; of a variable with forms for each signal, the form for all.
    pub name: &'static str,
    /// Whether there are forms for each signal: `OTEL_EXPORTER_OTLP_TRACES_…`, `OTEL_EXPORTER_OTLP_METRICS_…`.
    pub per_signal: bool,
    /// Whether the value may hold a secret, and is never shown.
    pub secret: bool,
    /// What applies without it.
    pub default: &'static str,
    /// What is allowed.
    pub allowed: &'static str,
    /// What it is for.
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
    "Exports nothing and makes no trace; the stage store still works for live readers.",
);
/// `OTEL_SERVICE_NAME`
pub static SERVICE_NAME: Variable = Variable::new(
    "OTEL_SERVICE_NAME",
    "unknown_service:<program>",
    "any text",
    "`service.name` of the resource; goes before the one in `OTEL_RESOURCE_ATTRIBUTES`.",
);
/// `OTEL_RESOURCE_ATTRIBUTES`
pub static RESOURCE_ATTRIBUTES: Variable = Variable::new(
    "OTEL_RESOURCE_ATTRIBUTES",
    "none",
    "`name=value` pairs separated by commas, values percent-encoded",
    "Attributes of the resource, the same for all signals.",
);
/// `OTEL_TRACES_EXPORTER`
pub static TRACES_EXPORTER: Variable =
    Variable::new("OTEL_TRACES_EXPORTER", "otlp", EXPORTER, "Where spans go.");
/// `OTEL_METRICS_EXPORTER`
pub static METRICS_EXPORTER: Variable =
    Variable::new("OTEL_METRICS_EXPORTER", "otlp", EXPORTER, "Where metrics go.");
/// `OTEL_EXPORTER_OTLP_PROTOCOL`
pub static PROTOCOL: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "http/protobuf (grpc without the feature `otlp-http`)",
    "`grpc` or `http/protobuf`",
    "How OTLP is spoken.",
);
/// `OTEL_EXPORTER_OTLP_ENDPOINT`
pub static ENDPOINT: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "http://localhost:4318, for grpc http://localhost:4317",
    "`http://HOST[:PORT][/PATH]` or `https://…`, for grpc also `HOST:PORT`, without user name",
    "The collector. For http/protobuf `/v1/traces` and `/v1/metrics` are appended; the forms for one signal are used as they are.",
);
/// `OTEL_EXPORTER_OTLP_HEADERS`
pub static HEADERS: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_HEADERS",
    "none",
    "`name=value` pairs separated by commas, values percent-encoded, that are valid HTTP headers",
    "Headers of each export; those for one signal are added to, and go before, those for all. Never shown in a message.",
)
.secret();
/// `OTEL_EXPORTER_OTLP_TIMEOUT`
pub static TIMEOUT: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "10000",
    MILLIS,
    "The most time for one export, retries included.",
);
/// `OTEL_EXPORTER_OTLP_COMPRESSION`
pub static COMPRESSION: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_COMPRESSION",
    "none",
    "`gzip` or `none`",
    "Compression of what is sent; `gzip` needs the feature `gzip`.",
);
/// `OTEL_EXPORTER_OTLP_INSECURE`
pub static INSECURE: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_INSECURE",
    "false",
    BOOL,
    "Whether a grpc endpoint without a scheme is spoken to without TLS.",
);
/// `OTEL_EXPORTER_OTLP_CERTIFICATE`
pub static CERTIFICATE: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_CERTIFICATE",
    "the system's certificate authorities",
    FILE,
    "Authorities that may have signed the collector's certificate (feature `tls`).",
);
/// `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE`
pub static CLIENT_CERTIFICATE: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
    "none",
    FILE,
    "This side's certificate, with `OTEL_EXPORTER_OTLP_CLIENT_KEY` (feature `tls`).",
);
/// `OTEL_EXPORTER_OTLP_CLIENT_KEY`
pub static CLIENT_KEY: Variable = Variable::per_signal(
    "OTEL_EXPORTER_OTLP_CLIENT_KEY",
    "none",
    FILE,
    "This side's private key, with `OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE` (feature `tls`).",
);
/// `OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`
pub static TEMPORALITY: Variable = Variable::new(
    "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
    "cumulative",
    "`cumulative`",
    "Metrics are always cumulative: what a failed export carried, the next one carries too.",
);
/// `OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`
pub static HISTOGRAMS: Variable = Variable::new(
    "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
    "explicit_bucket_histogram",
    "`explicit_bucket_histogram` or `base2_exponential_bucket_histogram`",
    "As what histograms are exported; exponential ones are Prometheus' native histograms, and have no `_bucket` series.",
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
    "The most time for collecting and exporting metrics once.",
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
    "The part of traces that `traceidratio` records.",
);
/// `STAGELIGHT_TRACES_ENDPOINT_RATIOS`
pub static ENDPOINT_RATIOS: Variable = Variable::new(
    "STAGELIGHT_TRACES_ENDPOINT_RATIOS",
    "none",
    "`endpoint=ratio` pairs separated by commas, each ratio a number from 0 to 1",
    "The part of an endpoint's requests that is traced, in place of the sampler's: `/healthz=0,/v1/chat/completions=0.1`.",
);
/// `STAGELIGHT_TRACES_FORCING_HEADER`
pub static FORCING_HEADER: Variable = Variable::new(
    "STAGELIGHT_TRACES_FORCING_HEADER",
    "none",
    "one `name=value` that is a valid HTTP header, its value not empty",
    "A request that comes with this header is traced, whatever the sampler and the caller say. Never shown in a message.",
)
.secret();
/// `OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT`
pub static SPAN_ATTRIBUTES: Variable = Variable::new(
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "128",
    LIMIT,
    "How many attributes a span keeps; the rest is counted.",
);
/// `OTEL_SPAN_EVENT_COUNT_LIMIT`
pub static SPAN_EVENTS: Variable = Variable::new(
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "128",
    LIMIT,
    "How many events a span keeps; the rest is counted.",
);
/// `OTEL_SPAN_LINK_COUNT_LIMIT`
pub static SPAN_LINKS: Variable = Variable::new(
    "OTEL_SPAN_LINK_COUNT_LIMIT",
    "128",
    LIMIT,
    "How many links a span keeps; the rest is counted.",
);
/// `OTEL_BSP_SCHEDULE_DELAY`
pub static SPAN_DELAY: Variable =
    Variable::new("OTEL_BSP_SCHEDULE_DELAY", "5000", MILLIS, "Time between two exports of spans.");
/// `OTEL_BSP_MAX_QUEUE_SIZE`
pub static SPAN_QUEUE: Variable = Variable::new(
    "OTEL_BSP_MAX_QUEUE_SIZE",
    "2048",
    COUNT,
    "How many finished spans wait at most; more are dropped and counted.",
);
/// `OTEL_BSP_MAX_EXPORT_BATCH_SIZE`
pub static SPAN_BATCH: Variable = Variable::new(
    "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
    "512",
    "a whole number above 0, and not above OTEL_BSP_MAX_QUEUE_SIZE",
    "How many spans go into one export; as soon as so many wait they are exported.",
);
/// `OTEL_BSP_EXPORT_TIMEOUT`
pub static SPAN_TIMEOUT: Variable = Variable::new(
    "OTEL_BSP_EXPORT_TIMEOUT",
    "30000",
    MILLIS,
    "The most time for exporting spans once; the shorter of this and the exporter's timeout holds.",
);
/// `OTEL_PROPAGATORS`
pub static PROPAGATORS: Variable = Variable::new(
    "OTEL_PROPAGATORS",
    "tracecontext,baggage",
    "`tracecontext` and `baggage`, separated by commas, or `none`",
    "How trace context crosses process borders.",
);
/// `STAGELIGHT_STRICT`
pub static STRICT: Variable = Variable::new(
    "STAGELIGHT_STRICT",
    "false",
    "`1`, `true`, `0` or `false`",
    "Makes a value that cannot be used an error at the start instead of a warning.",
);
/// `STAGELIGHT_SHUTDOWN_TIMEOUT`
pub static SHUTDOWN_TIMEOUT: Variable = Variable::new(
    "STAGELIGHT_SHUTDOWN_TIMEOUT",
    "5000",
    MILLIS,
    "The most time that delivering the rest may take when the program ends.",
);

/// Every variable, in the order in which it is documented.
pub static ALL: [&Variable; 32] = [
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
    &SPAN_DELAY,
    &SPAN_QUEUE,
    &SPAN_BATCH,
    &SPAN_TIMEOUT,
    &PROPAGATORS,
    &STRICT,
    &SHUTDOWN_TIMEOUT,
];
