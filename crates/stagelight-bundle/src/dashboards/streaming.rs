//! Streams: time to first chunk, gaps, slow backends or slow clients, outcomes.

use std::marker::PhantomData;

use stagelight_core::catalog::{
    Label, MetricId, StreamBackendFamily, StreamFamily, StreamResponseFamily, labels,
};

use super::{
    common::{self, ERROR_ALERTS, TTFB_ALERTS},
    dashboard::{Dashboard, Row},
    link::Link,
    panel::Panel,
    query::{Series, or_zero, ratio},
    series::BACKEND,
    unit::Unit,
    variable::Variable,
    view::View::{self, Lines, Stacked},
};

/// Streams in one direction.
struct Direction<F> {
    family: PhantomData<F>,
    by: &'static [&'static Label],
    legend: &'static str,
    no_value: &'static str,
    /// The source of the chunks.
    upstream: &'static str,
    span_attributes: &'static [(&'static str, &'static str)],
}

const TO_CLIENTS: Direction<StreamResponseFamily> = Direction {
    family: PhantomData,
    by: &[labels::Endpoint::LABEL],
    legend: "{{endpoint}}",
    no_value: "No streams sent in this time range",
    upstream: "the service or its backends",
    span_attributes: &[("http.route", "${__field.labels.endpoint}")],
};

const FROM_BACKENDS: Direction<StreamBackendFamily> = Direction {
    family: PhantomData,
    by: &BACKEND,
    legend: "{{provider}} {{model}}",
    no_value: "No backend streams in this time range",
    upstream: "the backend",
    span_attributes: &[
        ("stage", "stream_processing"),
        ("provider", "${__field.labels.provider}"),
        ("model", "${__field.labels.model}"),
    ],
};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "stagelight-streaming",
        title: "Streaming",
        description: "First chunks, gaps, waiting times and outcomes of streams. Responses of \
                      known length are not streams.",
        variables: Variable::for_services(),
        rows: vec![
            Row::open("Slow backend or slow client?", waiting()),
            Row::open("To clients: first byte and first chunk", TO_CLIENTS.start()),
            Row::collapsed("To clients: chunks and gaps", TO_CLIENTS.flow()),
            Row::collapsed("To clients: outcomes", TO_CLIENTS.end()),
            Row::collapsed("From backends: first byte and first chunk", FROM_BACKENDS.start()),
            Row::collapsed("From backends: chunks and gaps", FROM_BACKENDS.flow()),
            Row::collapsed("From backends: outcomes", FROM_BACKENDS.end()),
            Row::collapsed("Distributions, with traces", distributions()),
        ],
        from: "now-1h",
    }
}

fn waiting() -> Vec<Panel> {
    vec![
        TO_CLIENTS.waiting_streams("Streams to clients, by wait"),
        FROM_BACKENDS.waiting_streams("Streams from backends, by wait"),
        TO_CLIENTS.client_share("Streams to clients: share of time waiting for the client"),
        FROM_BACKENDS.client_share("Streams from backends: share of time waiting for the reader"),
    ]
}

fn distributions() -> Vec<Panel> {
    vec![
        TO_CLIENTS.heatmap("First chunk to clients", StreamResponseFamily::TIME_TO_FIRST_CHUNK),
        FROM_BACKENDS
            .heatmap("First chunk from backends", StreamBackendFamily::TIME_TO_FIRST_CHUNK),
        TO_CLIENTS.heatmap("Longest gap to clients", StreamResponseFamily::GAP_LONGEST),
        FROM_BACKENDS.heatmap("Longest gap from backends", StreamBackendFamily::GAP_LONGEST),
    ]
}

// === impl Direction ===

impl<F: StreamFamily> Direction<F> {
    fn panel(&self, view: View, title: &str, unit: Unit) -> Panel {
        Panel::new(view, title, unit, self.no_value)
    }

    fn legend(&self, statistic: &str) -> String {
        format!("{statistic} {}", self.legend)
    }

    fn traces(&self) -> Link {
        Link::spans("Traces of these streams", self.span_attributes)
    }

    /// Three quantiles of a time, with exemplars.
    fn quantiles(&self, title: &str, metric: MetricId<F>) -> Panel {
        let quantile = |quantile| Series::new(metric).quantile(quantile, self.by);
        self.panel(Lines, title, Unit::Seconds)
            .query_with_exemplars(quantile(0.5), &self.legend("p50"))
            .query_with_exemplars(quantile(0.95), &self.legend("p95"))
            .query_with_exemplars(quantile(0.99), &self.legend("p99"))
            .link(self.traces())
    }

    /// p95 and mean of a size.
    fn size(&self, title: &str, unit: Unit, metric: MetricId<F>) -> Panel {
        let series = Series::new(metric);
        self.panel(Lines, title, unit)
            .query(series.quantile(0.95, self.by), &self.legend("p95"))
            .query(series.mean(self.by), &self.legend("mean"))
    }

    fn waiting_streams(&self, title: &str) -> Panel {
        self.panel(Stacked, title, Unit::Count)
            .description(&format!(
                "Average number of streams waiting for {} (polled, but no chunk is ready) and for \
                 the client (not polled). The sum is the number of open streams. Send buffers hide \
                 a slow client until they are full.",
                self.upstream
            ))
            .query(Series::new(F::WAIT_UPSTREAM).rate_of_sum(&[]), self.upstream)
            .query(Series::new(F::WAIT_CLIENT).rate_of_sum(&[]), "the client")
    }

    fn client_share(&self, title: &str) -> Panel {
        let upstream = Series::new(F::WAIT_UPSTREAM).rate_of_sum(self.by);
        let client = Series::new(F::WAIT_CLIENT).rate_of_sum(self.by);
        self.panel(Lines, title, Unit::Ratio)
            .description(&format!(
                "Near zero, {} determines the duration of streams. Near 100 %, their readers do, \
                 and a faster backend does not help.",
                self.upstream
            ))
            .query(ratio(&client, &format!("({client})\n+\n({upstream})")), self.legend)
            .limits(0.5, 0.9)
            .max(1.0)
            .link(self.traces())
    }

    fn start(&self) -> Vec<Panel> {
        vec![
            self.quantiles("Time to first byte", F::TIME_TO_FIRST_BYTE)
                .description("Time to the response head. Stage breakdown shows its parts.")
                .alerts(TTFB_ALERTS),
            self.quantiles("Time to first chunk", F::TIME_TO_FIRST_CHUNK)
                .description("Time to the first bytes of the body: a user's first word.")
                .alerts(TTFB_ALERTS),
        ]
    }

    fn flow(&self) -> Vec<Panel> {
        let size = Series::new(F::SIZE).rate_of_sum(self.by);
        let chunks = Series::new(F::CHUNKS).rate_of_sum(self.by);
        vec![
            self.quantiles("Longest gap per stream", F::GAP_LONGEST)
                .description(
                    "Longest time between two chunks of a stream: a stall for the user. Streams \
                     with at least two chunks.",
                )
                .limits(1.0, 5.0),
            self.quantiles("Mean gap per stream", F::GAP_MEAN).description(
                "Mean time between two chunks of a stream: the reading speed. Streams with at \
                 least two chunks.",
            ),
            self.size("Chunks per stream", Unit::Count, F::CHUNKS)
                .description("Many small chunks cost more than few large ones."),
            self.size("Bytes per stream", Unit::Bytes, F::SIZE)
                .description("Body bytes of a stream."),
            self.panel(Stacked, "Throughput", Unit::BytesPerSecond)
                .description("Bytes per second of finished streams.")
                .query(size.clone(), self.legend),
            self.panel(Lines, "Chunk size (mean)", Unit::Bytes)
                .description("Bytes per chunk, over all finished streams.")
                .query(ratio(&size, &chunks), self.legend),
        ]
    }

    fn end(&self) -> Vec<Panel> {
        let streams = Series::new(F::TIME_TO_FIRST_BYTE).rate(self.by);
        let part = |title: &str, metric: MetricId<F>, outcome: &str| {
            let part = Series::new(metric).rate(self.by);
            self.panel(Lines, title, Unit::Ratio)
                .query(ratio(&or_zero(&part, &streams), &streams), self.legend)
                .max(1.0)
                .link(Link::spans(&format!("{title} streams"), &[("outcome", outcome)]))
        };
        vec![
            self.panel(Stacked, "Streams", Unit::PerSecond)
                .description("Finished streams of any outcome.")
                .query(streams.clone(), self.legend),
            part("Cancelled", F::CANCELLED, "cancelled")
                .description(
                    "Share of streams dropped before their end. Some users always leave; if the \
                     share rises with the gaps, users do not want to wait.",
                )
                .alerts(&["ManyCancelledStreams"]),
            part("Timed out", F::TIMED_OUT, "timeout")
                .description("Share of streams ended by a timeout.")
                .alerts(ERROR_ALERTS),
        ]
    }

    fn heatmap(&self, title: &str, metric: MetricId<F>) -> Panel {
        common::heatmap(title, &Series::new(metric), self.no_value, "Streams by time.")
    }
}
