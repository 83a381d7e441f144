//! Is the telemetry itself healthy? From the service's SDK over the collector to Prometheus and Alertmanager.

use stagelight_core::catalog::{self, Label, SPAN_QUEUE_CAPACITY, SPAN_QUEUE_SIZE};

use super::{
    dashboard::{Dashboard, Row},
    limits,
    overriding::Override,
    panel::{Panel, View},
    pipeline_servers::{alertmanager, collector, prometheus},
    query::Series,
    slo,
    unit::Unit,
    variable::Variable,
};

const NO_EXPORT: &str = "No service exports by OTLP here";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "stagelight-pipeline",
        title: "Telemetry pipeline",
        description: "Whether what the other dashboards show can be trusted: what services export, the collector passes on and Prometheus takes in, and what is lost on the way.",
        variables: vec![
            Variable::DATASOURCE,
            // Of what the services say of their export: one that measures no request is here, too.
            Variable::values("job", "Job", r#"__name__=~"otel_sdk_exporter_.*""#, "job", ".+"),
            Variable::values(
                "instance",
                "Instance",
                r#"__name__=~"otel_sdk_exporter_.*", job=~"$job""#,
                "instance",
                ".+",
            ),
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

fn points() -> Series {
    Series::of(&catalog::METRIC_EXPORTER, 0)
}

fn spans() -> Series {
    Series::of(&catalog::SPAN_EXPORTER, 0)
}

fn at_a_glance() -> Vec<Panel> {
    vec![
        Panel::new(View::Stats, "Targets down", Unit::Count, "Prometheus scrapes nothing")
            .about("Of what Prometheus scrapes: collector, Alertmanager, itself, services with a page.")
            .query("count(up) - sum(up)".to_owned(), "down")
            .limit(1.0)
            .size(6, 5),
        Panel::new(View::Stats, "Measurements dropped", Unit::Count, NO_EXPORT)
            .about("By services, in the time shown, because a limit was reached. Should be none.")
            .query(
                format!("{} or vector(0)", Series::of(&catalog::DROPPED, 0).over_range().increase(&[])),
                "dropped",
            )
            .limit(1.0)
            .size(6, 5),
        Panel::new(View::Stats, "Spans lost", Unit::Count, NO_EXPORT)
            .about("By services, in the time shown, on the way to the collector: refused by it, or dropped because it did not answer. Metrics are not lost by that.")
            .query(
                format!(
                    "({} or vector(0)) + ({} or vector(0))",
                    spans().with(r#"error_type!="""#).over_range().increase(&[]),
                    Series::of(&catalog::SPAN_PROCESSOR, 0)
                        .with(r#"error_type!="""#)
                        .over_range()
                        .increase(&[]),
                ),
                "lost",
            )
            .limit(1.0)
            .size(6, 5),
        Panel::new(View::Stats, "Fullest queue of a collector", Unit::Ratio, "No collector is scraped")
            .about("Full, it refuses, and services keep what they have.")
            .query("max(otelcol:exporter_queue:ratio)".to_owned(), "queue")
            .alerts(limits::QUEUE)
            .max(1.0)
            .size(6, 5),
        slo::alerts(),
        Panel::new(View::Table, "Last export of each service", Unit::Seconds, NO_EXPORT)
            .about("Seconds since the last sample of each service that exported in the time shown. More than two export intervals: it was stopped, or its way here is cut.")
            .query(
                // Of what still comes, to the second; of what has ended, to the subquery's step.
                format!(
                    "time() - max by (job, instance) (timestamp({0}) or max_over_time(timestamp({0})[$__range:30s]))",
                    points().selector("")
                ),
                "",
            )
            .column("job", "Job")
            .column("instance", "Instance")
            .column("Value", "Ago").sorted_by("Ago")
            .alerts(limits::EXPORT_AGE)
            .overriding(Override::of_column("Ago").colored()),
    ]
}

fn services() -> Vec<Panel> {
    let by = [Label::ErrorType];
    vec![
        Panel::new(View::Lines, "Data points exported", Unit::PerSecond, NO_EXPORT)
            .about("Delivered, and by error not. Metrics are cumulative: what fails is in the next export.")
            .query(points().with(r#"error_type="""#).rate(&[]), "delivered")
            .query(points().with(r#"error_type!="""#).rate(&by), "failed: {{error_type}}")
            .overriding(Override::of_query("B").red()),
        Panel::new(View::Lines, "Spans exported", Unit::PerSecond, NO_EXPORT)
            .about("Delivered, and by error lost.")
            .query(spans().with(r#"error_type="""#).rate(&[]), "delivered")
            .query(spans().with(r#"error_type!="""#).rate(&by), "lost: {{error_type}}")
            .overriding(Override::of_query("B").red()),
        Panel::new(View::Lines, "Queue of spans", Unit::Ratio, NO_EXPORT)
            .about("How full the queue to the exporter is; full, new spans are dropped, and counted on the right.")
            .query(
                format!(
                    "sum by (job, instance) ({}) / sum by (job, instance) ({})",
                    Series::of(&catalog::SPAN_QUEUE, SPAN_QUEUE_SIZE).selector(""),
                    Series::of(&catalog::SPAN_QUEUE, SPAN_QUEUE_CAPACITY).selector(""),
                ),
                "{{job}} {{instance}}",
            )
            .alerts(limits::SPAN_QUEUE)
            .max(1.0),
        Panel::new(View::Lines, "Spans dropped before the exporter", Unit::PerSecond, "No span was dropped")
            .about("By reason. The queue was full: the exporter does not keep up, or the collector does not answer.")
            .query(Series::of(&catalog::SPAN_PROCESSOR, 0).with(r#"error_type!="""#).rate(&by), "{{error_type}}")
            .none_because_of(limits::SPANS_DROPPED),
        Panel::new(View::Lines, "Measurements dropped, by reason", Unit::PerSecond, "Nothing was dropped")
            .about("label_limit and series_limit: a label has too many values, the rest is in \"other\"; outside_request: a stage without a request; too_many_requests, too_many_stages: more open at once than there is room for.")
            .query(Series::of(&catalog::DROPPED, 0).rate(&[Label::Reason]), "{{reason}}")
            .none_because_of(limits::MEASUREMENTS_DROPPED),
        Panel::new(
            View::Lines,
            "Room for series, by family",
            Unit::Ratio,
            "No service measures here, or the recording rules are not loaded",
        )
        .about("Used part of the series that the fullest process keeps apart in a family. Beyond, they are counted together, and above as dropped.")
        .query(
            r#"max by (job, family) (job_instance_family:stagelight_series:ratio{job=~"$job"})"#.to_owned(),
            "{{job}} {{family}}",
        )
        .alerts(limits::SERIES)
        .max(1.0),
    ]
}
