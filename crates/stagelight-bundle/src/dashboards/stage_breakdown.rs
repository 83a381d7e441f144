//! Where requests spend their time: the seven panels of the metric contract, then the details.

use stagelight_core::catalog::labels;

use super::{
    common::{
        FRONTEND_ALERTS, NO_BACKEND, NO_REQUEST, STREAMING_ALERTS, TTFB_ALERTS, backend_traces,
        backend_traces_of_row, endpoint_traces, stage_traces,
    },
    compare,
    dashboard::{Dashboard, Row},
    overrides::Override,
    panel::Panel,
    query::{Series, finite, per_total, top_ten},
    series::{BACKEND, frontend, percentage, stage_duration, streaming, ttfb},
    stage_details,
    steps::{self, Alerts},
    unit::Unit,
    variable::Variable,
    view::View::{Gauges, Lines, Stacked, Table},
};

/// The expected maximum of the service's own work, in seconds.
const FRONTEND_TARGET_SECS: f64 = 0.003;

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "stagelight-stage-breakdown",
        title: "Stage breakdown",
        description: "Where requests spend their time: by stage, by backend, computing or waiting.",
        variables: [Variable::for_services(), vec![Variable::OFFSET]].concat(),
        rows: vec![
            Row::open("Stages and backends", contract()),
            Row::collapsed("Time per stage", stage_details::shares()),
            Row::collapsed("Computing or waiting", stage_details::busy()),
            Row::collapsed("By endpoint", stage_details::by_endpoint()),
            Row::collapsed("By provider and model", stage_details::by_backend()),
            Row::collapsed("Distributions, with traces", stage_details::distributions()),
            Row::collapsed("Why was it slow?", compare::panels()),
        ],
        from: "now-1h",
    }
}

/// Titles and order are part of the metric contract.
fn contract() -> Vec<Panel> {
    vec![
        backend_quantiles(
            "Backend API TTFB by Provider/Model (p50, p95, p99)",
            &ttfb(),
            "Time from sending a backend request to the response head. A p95 above 2 s for five \
             minutes is a warning, above 3 s for two minutes critical. If it rises for one model, \
             suspect the model (cold start, load); for one provider, its service or the network \
             to it; for all, your own network and CPU.",
        )
        .alerts(TTFB_ALERTS),
        backend_quantiles(
            "Streaming Duration by Provider/Model (p50, p95, p99)",
            &streaming(),
            "Time from a backend's response head to the last byte sent. Long responses take long: \
             check the gaps and the waiting times in the dashboard Streaming before you blame the \
             backend.",
        )
        .alerts(STREAMING_ALERTS),
        frontend_p95(),
        Panel::new(Stacked, "Request Stage Breakdown (stacked)", Unit::Seconds, NO_REQUEST)
            .description(
                "Mean duration of each stage. Stages may nest and overlap, so the stack may exceed \
                 the request duration; the row below has exclusive shares.",
            )
            .query(stage_duration().mean(&[labels::Stage::LABEL]), "{{stage}}")
            .link(stage_traces()),
        distribution(),
        slowest_backends(),
        gauges(),
    ]
}

fn frontend_p95() -> Panel {
    let title = "Frontend Processing Time (p95, should be < 3 ms)";
    Panel::new(Lines, title, Unit::Seconds, NO_REQUEST)
        .description(
            "Time the service itself spends before the backend request: parsing, authentication, \
             preparation, summed per request. Above 10 ms for five minutes is a warning. Values \
             between the bucket bounds (1, 5, 10 ms, …) are interpolated.",
        )
        .query_with_exemplars(frontend().quantile(0.95, &[labels::Endpoint::LABEL]), "{{endpoint}}")
        .alerts(FRONTEND_ALERTS)
        .yellow_from(FRONTEND_TARGET_SECS)
        .link(endpoint_traces())
}

fn distribution() -> Panel {
    // The number of values that each add up to 100.
    let endpoints =
        format!("count(count by (job, instance, endpoint) ({}))", percentage().selector(""));
    Panel::new(Stacked, "Time Distribution by Stage (%)", Unit::Percent, NO_REQUEST)
        .description(
            "Share of the time per stage group, averaged over endpoints with equal weight. Adds up \
             to 100; time in no stage is unattributed. An endpoint without requests keeps its last \
             values.",
        )
        .query(per_total(&percentage().sum(&[labels::Stage::LABEL]), &endpoints), "{{stage}}")
        .max(100.0)
}

fn slowest_backends() -> Panel {
    let by = [labels::Provider::LABEL, labels::Model::LABEL, labels::Endpoint::LABEL];
    Panel::new(Table, "Top 10 Slowest Backend TTFB", Unit::Seconds, NO_BACKEND)
        .description("p95 over the time range. Click a row for traces of the backend.")
        .query(top_ten(&ttfb().over_range().quantile(0.95, &by)), "")
        .columns(&[
            ("provider", "Provider"),
            ("model", "Model"),
            ("endpoint", "Endpoint"),
            ("Value", "p95"),
        ])
        .sorted_by("p95")
        .alerts(TTFB_ALERTS)
        .with_override(Override::for_column("p95").colored())
        .link(backend_traces_of_row())
}

fn gauges() -> Panel {
    // Twice the highest alert, so that its colour is visible.
    let gauge = |letter, alerts: Alerts| {
        Override::for_query(letter).alerts(alerts).max(2.0 * steps::highest(alerts))
    };
    let share = percentage().with(r#"stage="backend_response""#).selector("");
    Panel::new(Gauges, "Real-time Gauge Panels", Unit::Seconds, NO_REQUEST)
        .description(
            "Current p95 over the selection, and the backend's mean share of the request time. \
             Colours change at the alerts' thresholds.",
        )
        .query(finite(&ttfb().quantile(0.95, &[])), "Backend TTFB p95")
        .query(finite(&streaming().quantile(0.95, &[])), "Streaming p95")
        .query(finite(&frontend().quantile(0.95, &[])), "Frontend p95")
        .query(format!("avg({share})"), "Backend share")
        .with_override(gauge("A", TTFB_ALERTS))
        .with_override(gauge("B", STREAMING_ALERTS))
        .with_override(gauge("C", FRONTEND_ALERTS))
        .with_override(Override::for_query("D").unit(Unit::Percent).max(100.0))
}

fn backend_quantiles(title: &str, series: &Series, description: &str) -> Panel {
    let quantile = |quantile| series.quantile(quantile, &BACKEND);
    Panel::new(Lines, title, Unit::Seconds, NO_BACKEND)
        .description(description)
        .query_with_exemplars(quantile(0.5), "p50 {{provider}} {{model}}")
        .query_with_exemplars(quantile(0.95), "p95 {{provider}} {{model}}")
        .query_with_exemplars(quantile(0.99), "p99 {{provider}} {{model}}")
        .link(backend_traces())
}
