//! The telemetry pipeline: services, collector, Prometheus, Alertmanager.

use stagelight_core::catalog::{MetricId, labels};
use stagelight_otel::catalog::{
    OTEL_SDK_PROCESSOR_SPAN_QUEUE_CAPACITY, OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE, SpanQueueFamily,
};

use super::{
    common::{self, QUEUE_ALERTS},
    dashboard::{Dashboard, Row},
    overrides::Override,
    panel::Panel,
    pipeline_servers::{alertmanager, collector, prometheus},
    query::{Series, sum_by},
    series::{dropped, exported_points, exported_spans, processed_spans},
    unit::Unit,
    variable::Variable,
    view::View::{Lines, Stats, Table},
};

const NO_EXPORT: &str = "No service exports over OTLP";
const OK: &str = r#"error_type="""#;
const FAILED: &str = r#"error_type!="""#;

pub(super) fn dashboard() -> Dashboard {
    // The exporters' own metrics also cover services without requests.
    let exporters = r#"__name__=~"otel_sdk_exporter_.*""#;
    let instances = format!(r#"{exporters}, job=~"$job""#);
    Dashboard {
        uid: "stagelight-pipeline",
        title: "Telemetry pipeline",
        description: "Whether the other dashboards can be trusted: exports of the services, the \
                      collector, Prometheus, Alertmanager, and losses in between.",
        variables: vec![
            Variable::DATASOURCE,
            Variable::label_values("job", "Job", exporters, "job", ".+"),
            Variable::label_values("instance", "Instance", &instances, "instance", ".+"),
        ],
        rows: vec![
            Row::open("At a glance", at_a_glance()),
            Row::open("Services", services()),
            Row::collapsed("Collector", collector()),
            Row::collapsed("Prometheus", prometheus()),
            Row::collapsed("Alertmanager", alertmanager()),
        ],
        from: "now-1h",
    }
}

fn at_a_glance() -> Vec<Panel> {
    let lost = |spans: Series| spans.with(FAILED).over_range().increase(&[]);
    vec![
        Panel::new(Stats, "Targets down", Unit::Count, "Prometheus scrapes no targets")
            .description(
                "Scrape targets of Prometheus: the collector, Alertmanager, Prometheus itself, \
                 services with a metrics page.",
            )
            .query("count(up) - sum(up)", "down")
            .red_from(1.0)
            .size(6, 5),
        Panel::new(Stats, "Measurements dropped", Unit::Count, NO_EXPORT)
            .description("By services, in the time range, at a limit. Should be 0.")
            .query(format!("{} or vector(0)", dropped().over_range().increase(&[])), "dropped")
            .red_from(1.0)
            .size(6, 5),
        Panel::new(Stats, "Spans lost", Unit::Count, NO_EXPORT)
            .description(
                "By services, in the time range, on the way to the collector: rejected by it, or \
                 dropped because it was unreachable. Metrics are unaffected.",
            )
            .query(
                format!(
                    "({} or vector(0)) + ({} or vector(0))",
                    lost(exported_spans()),
                    lost(processed_spans())
                ),
                "lost",
            )
            .red_from(1.0)
            .size(6, 5),
        Panel::new(
            Stats,
            "Fullest collector queue",
            Unit::Ratio,
            "Prometheus scrapes no collector",
        )
        .description("A full queue rejects data, and services keep their own.")
        .query("max(otelcol:exporter_queue:ratio)", "queue")
        .alerts(QUEUE_ALERTS)
        .max(1.0)
        .size(6, 5),
        common::firing_alerts(),
        last_export(),
    ]
}

fn last_export() -> Panel {
    // Exact for services that still export; to the subquery's step for those that stopped.
    let points = exported_points().selector("");
    let query = format!(
        "time() - max by (job, instance) \
         (timestamp({points}) or max_over_time(timestamp({points})[$__range:30s]))"
    );
    Panel::new(Table, "Last export by service", Unit::Seconds, NO_EXPORT)
        .description(
            "Seconds since the last sample of each service that exported in the time range. After \
             more than two export intervals, the service stopped or its connection is broken.",
        )
        .query(query, "")
        .columns(&[("job", "Job"), ("instance", "Instance"), ("Value", "Ago")])
        .sorted_by("Ago")
        .alerts(&["ServiceStoppedExporting"])
        .with_override(Override::for_column("Ago").colored())
}

fn services() -> Vec<Panel> {
    let by = [labels::ErrorType::LABEL];
    let exports = |title: &str, series: &dyn Fn() -> Series, description: &str| {
        Panel::new(Lines, title, Unit::PerSecond, NO_EXPORT)
            .description(description)
            .query(series().with(OK).rate(&[]), "exported")
            .query(series().with(FAILED).rate(&by), "failed: {{error_type}}")
            .with_override(Override::for_query("B").red())
    };
    let queue = |metric: MetricId<SpanQueueFamily>| {
        sum_by("job, instance", &Series::new(metric).selector(""))
    };
    vec![
        exports(
            "Data points exported",
            &exported_points,
            "Exported data points, and failed ones by error. Metrics are cumulative: the next \
             export covers failed ones.",
        ),
        exports(
            "Spans exported",
            &exported_spans,
            "Exported spans, and failed ones by error. Failed spans are lost.",
        ),
        Panel::new(Lines, "Span queue", Unit::Ratio, NO_EXPORT)
            .description("Fill level of the exporter's queue. A full queue drops new spans.")
            .query(
                format!(
                    "{} / {}",
                    queue(OTEL_SDK_PROCESSOR_SPAN_QUEUE_SIZE),
                    queue(OTEL_SDK_PROCESSOR_SPAN_QUEUE_CAPACITY)
                ),
                "{{job}} {{instance}}",
            )
            .alerts(&["SpanQueueFilling"])
            .max(1.0),
        Panel::new(Lines, "Spans dropped before export", Unit::PerSecond, "No spans dropped")
            .description(
                "By reason. The queue was full: the exporter is too slow, or the collector does \
                 not respond.",
            )
            .query(processed_spans().with(FAILED).rate(&by), "{{error_type}}")
            .alerts_above_zero(&["SpansDropped"]),
        Panel::new(
            Lines,
            "Measurements dropped, by reason",
            Unit::PerSecond,
            "No measurements dropped",
        )
        .description(
            "label_limit, series_limit: a label has too many values; the rest counts as \"other\". \
             outside_request: a stage without a request. too_many_requests, too_many_stages: more \
             were open at the same time than the limit allows.",
        )
        .query(dropped().rate(&[labels::Reason::LABEL]), "{{reason}}")
        .alerts_above_zero(&["MeasurementsDropped", "CardinalityLimitReached"]),
        series_limit(),
    ]
}

fn series_limit() -> Panel {
    let used = r#"max by (job, family) (job_instance_family:stagelight_series:ratio{job=~"$job"})"#;
    let no_value = "No service measures, or the recording rules are not loaded";
    Panel::new(Lines, "Series limit used, by family", Unit::Ratio, no_value)
        .description(
            "Share of a family's series limit used by the fullest process. Further series are \
             merged, and counted as dropped.",
        )
        .query(used, "{{job}} {{family}}")
        .alerts(&["CardinalityNearLimit"])
        .max(1.0)
}
