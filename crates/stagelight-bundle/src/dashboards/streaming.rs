//! Streams: when they begin, how evenly they flow, and who holds them up.

use stagelight_core::catalog::{self, Family, Label};

use super::{
    dashboard::{Dashboard, Row},
    limits,
    link::Link,
    panel::{Panel, View},
    query::{Series, or_zero, ratio},
    unit::Unit,
    variable::Variable,
};

/// Streams of one kind, and how their series are told apart.
struct Side {
    family: &'static Family,
    by: &'static [Label],
    legend: &'static str,
    no_value: &'static str,
    /// Who is waited for when nothing is ready.
    upstream: &'static str,
    traceql: &'static str,
}

const RESPONSES: Side = Side {
    family: &catalog::STREAM_RESPONSE,
    by: &[Label::Endpoint],
    legend: "{{endpoint}}",
    no_value: "No stream was sent in this time",
    upstream: "the service or what is behind it",
    traceql: r#"{ span.http.route = "${__field.labels.endpoint}" }"#,
};

const BACKENDS: Side = Side {
    family: &catalog::STREAM_BACKEND,
    by: &[Label::Provider, Label::Model],
    legend: "{{provider}} {{model}}",
    no_value: "No stream was read from a backend in this time",
    upstream: "the backend",
    traceql: r#"{ span.stage = "stream_processing" && span.provider = "${__field.labels.provider}" && span.model = "${__field.labels.model}" }"#,
};

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "stagelight-streaming",
        title: "Streaming",
        description: "When streams begin, how evenly they flow, who holds them up, and how they end. Answers of known length are not among them.",
        variables: vec![
            Variable::DATASOURCE,
            Variable::TRACES,
            Variable::job(),
            Variable::instance(),
            Variable::endpoint(),
            Variable::provider(),
            Variable::model(),
        ],
        rows: vec![
            Row::open("Who holds streams up?", who()),
            Row::open("To clients: the beginning", RESPONSES.beginning()),
            Row::collapsed("To clients: the flow", RESPONSES.flow()),
            Row::collapsed("To clients: the end", RESPONSES.end()),
            Row::collapsed("From backends: the beginning", BACKENDS.beginning()),
            Row::collapsed("From backends: the flow", BACKENDS.flow()),
            Row::collapsed("From backends: the end", BACKENDS.end()),
            Row::collapsed("Distributions, with traces", distributions()),
        ],
        from: "now-1h",
    }
}

fn who() -> Vec<Panel> {
    vec![
        RESPONSES.waits("Streams to clients: waiting for"),
        BACKENDS.waits("Streams from backends: waiting for"),
        RESPONSES.client_part("Streams to clients: part spent waiting for the client"),
        BACKENDS.client_part("Streams from backends: part spent waiting for us or our client"),
    ]
}

fn distributions() -> Vec<Panel> {
    vec![
        RESPONSES.heatmap("First chunk to clients", catalog::STREAM_FIRST_CHUNK),
        BACKENDS.heatmap("First chunk from backends", catalog::STREAM_FIRST_CHUNK),
        RESPONSES.heatmap("Longest gap to clients", catalog::STREAM_LONGEST_GAP),
        BACKENDS.heatmap("Longest gap from backends", catalog::STREAM_LONGEST_GAP),
    ]
}

// === impl Side ===

impl Side {
    fn series(&self, position: usize) -> Series {
        Series::of(self.family, position)
    }

    fn panel(&self, view: View, title: &str, unit: Unit) -> Panel {
        Panel::new(view, title, unit, self.no_value)
    }

    /// The three quantiles of a time, with traces.
    fn quantiles(&self, title: &str, position: usize) -> Panel {
        let quantile = |quantile| self.series(position).quantile(quantile, self.by);
        let legend = |name: &str| format!("{name} {}", self.legend);
        self.panel(View::Lines, title, Unit::Seconds)
            .quantile(quantile(0.5), &legend("p50"))
            .quantile(quantile(0.95), &legend("p95"))
            .quantile(quantile(0.99), &legend("p99"))
            .link(Link::traces("Traces of these streams", self.traceql))
    }

    fn waits(&self, title: &str) -> Panel {
        let upstream = self.series(catalog::STREAM_WAIT_UPSTREAM).rate_of_sum(&[]);
        let client = self.series(catalog::STREAM_WAIT_CLIENT).rate_of_sum(&[]);
        self.panel(View::Stacked, title, Unit::Count)
            .about(&format!(
                "Streams waiting, on average: a stream waits for {} when it is asked for a chunk and has none ready, and for its client when it is not asked. Both together are the streams open at once. Send buffers hide a client's slowness until they are full.",
                self.upstream
            ))
            .query(upstream, self.upstream)
            .query(client, "the client")
    }

    fn client_part(&self, title: &str) -> Panel {
        let upstream = self.series(catalog::STREAM_WAIT_UPSTREAM).rate_of_sum(self.by);
        let client = self.series(catalog::STREAM_WAIT_CLIENT).rate_of_sum(self.by);
        self.panel(View::Lines, title, Unit::Ratio)
            .about(&format!(
                "Near zero, {} decides how long streams take; near 100 %, those who read them do, and a faster backend would not help.",
                self.upstream
            ))
            .query(ratio(&client, &format!("({client})\n+\n({upstream})")), self.legend)
            .limits(0.5, 0.9)
            .max(1.0)
            .link(Link::traces("Traces of these streams", self.traceql))
    }

    fn beginning(&self) -> Vec<Panel> {
        vec![
            self.quantiles("Time to first byte", catalog::STREAM_FIRST_BYTE)
                .about("To the response head: what comes before it is the breakdown's business.")
                .alerts(limits::BACKEND_TTFB),
            self.quantiles("Time to first chunk", catalog::STREAM_FIRST_CHUNK)
                .about(
                    "To the first bytes of the answer itself: what a user sees as the first word.",
                )
                .alerts(limits::BACKEND_TTFB),
        ]
    }

    fn flow(&self) -> Vec<Panel> {
        vec![
            self.quantiles("Longest gap of a stream", catalog::STREAM_LONGEST_GAP)
                .about("Longest time between two chunks of one stream: what a user sees as a stop. Of streams of two chunks or more.")
                .limits(1.0, 5.0),
            self.quantiles("Mean gap of a stream", catalog::STREAM_MEAN_GAP)
                .about("Mean time between two chunks of one stream: how fast it is to read. Of streams of two chunks or more."),
            self.panel(View::Lines, "Chunks a stream", Unit::Count)
                .about("How many chunks streams have. Many small ones cost more than few large ones.")
                .query(self.series(catalog::STREAM_CHUNKS).quantile(0.95, self.by), &format!("p95 {}", self.legend))
                .query(self.series(catalog::STREAM_CHUNKS).mean(self.by), &format!("mean {}", self.legend)),
            self.panel(View::Lines, "Bytes a stream", Unit::Bytes)
                .about("How long streams are.")
                .query(self.series(catalog::STREAM_SIZE).quantile(0.95, self.by), &format!("p95 {}", self.legend))
                .query(self.series(catalog::STREAM_SIZE).mean(self.by), &format!("mean {}", self.legend)),
            self.panel(View::Stacked, "Throughput", Unit::BytesPerSecond)
                .about("Bytes of streams that ended, a second.")
                .query(self.series(catalog::STREAM_SIZE).rate_of_sum(self.by), self.legend),
            self.panel(View::Lines, "Chunk size (mean)", Unit::Bytes)
                .about("Bytes a chunk, over all streams that ended.")
                .query(
                    ratio(
                        &self.series(catalog::STREAM_SIZE).rate_of_sum(self.by),
                        &self.series(catalog::STREAM_CHUNKS).rate_of_sum(self.by),
                    ),
                    self.legend,
                ),
        ]
    }

    fn end(&self) -> Vec<Panel> {
        let streams = self.series(catalog::STREAM_FIRST_BYTE).rate(self.by);
        let cancelled = self.series(catalog::STREAM_CANCELLED).rate(self.by);
        let timed_out = self.series(catalog::STREAM_TIMED_OUT).rate(self.by);
        let part = |of: &str| ratio(&or_zero(of, &streams), &streams);
        vec![
            self.panel(View::Stacked, "Streams", Unit::PerSecond)
                .about("Streams that ended, however they did.")
                .query(streams.clone(), self.legend),
            self.panel(View::Lines, "Cancelled", Unit::Ratio)
                .about("Part of the streams that were dropped before their end. Some users always leave; a rise with the gaps means that they do not want to wait.")
                .query(part(&cancelled), self.legend)
                .alerts(limits::CANCELLED)
                .max(1.0)
                .link(Link::traces("Cancelled streams", r#"{ span.outcome = "cancelled" }"#)),
            self.panel(View::Lines, "Timed out", Unit::Ratio)
                .about("Part of the streams that a time limit ended.")
                .query(part(&timed_out), self.legend)
                .alerts(limits::FAILED)
                .max(1.0)
                .link(Link::traces("Timed out", r#"{ span.outcome = "timeout" }"#)),
        ]
    }

    fn heatmap(&self, title: &str, position: usize) -> Panel {
        self.panel(View::Heatmap, title, Unit::Seconds)
            .about("How many streams, by time. Each dot is one sampled stream: click it to open its trace.")
            .query(self.series(position).heatmap(), "{{le}}")
    }
}
