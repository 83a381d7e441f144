//! Which stage, and whose fault: the seven panels that people know, then what they could not see in them.

use stagelight_core::catalog::{self, Label};

use super::{
    dashboard::{Dashboard, Row},
    limits,
    link::Link,
    overriding::Override,
    panel::{Panel, View},
    query::{Series, finite, part_of, top_ten},
    stage_details,
    unit::Unit,
    variable::Variable,
    why_slow,
};

pub(super) const BACKENDS: [Label; 2] = [Label::Provider, Label::Model];
pub(super) const NO_REQUEST: &str = "No request in this time";
pub(super) const NO_BACKEND: &str = "No backend was asked in this time";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "stagelight-stage-breakdown",
        title: "Stage breakdown",
        description: "Where requests spend their time: which stage, which backend, and whether it computed or waited.",
        variables: vec![
            Variable::DATASOURCE,
            Variable::TRACES,
            Variable::job(),
            Variable::instance(),
            Variable::endpoint(),
            Variable::provider(),
            Variable::model(),
            Variable::OFFSET,
        ],
        rows: vec![
            Row::open("Stages and backends", the_seven()),
            Row::collapsed("Where each second goes", stage_details::shares()),
            Row::collapsed("Computing or waiting", stage_details::busy()),
            Row::collapsed("By endpoint", stage_details::by_endpoint()),
            Row::collapsed("By provider and model", stage_details::by_backend()),
            Row::collapsed("Distributions, with traces", stage_details::distributions()),
            Row::collapsed("Why was it slow?", why_slow::panels()),
        ],
        from: "now-1h",
    }
}

pub(super) fn ttfb() -> Series {
    Series::of(&catalog::BACKEND, catalog::BACKEND_TTFB)
}

pub(super) fn streaming() -> Series {
    Series::of(&catalog::BACKEND, catalog::STREAMING_DURATION)
}

pub(super) fn frontend() -> Series {
    Series::of(&catalog::FRONTEND, 0)
}

pub(super) fn requests() -> Series {
    Series::of(&catalog::REQUEST, 0)
}

pub(super) fn share() -> Series {
    Series::of(&catalog::STAGE, catalog::STAGE_SHARE)
}

pub(super) fn duration() -> Series {
    Series::of(&catalog::STAGE, catalog::STAGE_DURATION)
}

fn percentage() -> Series {
    Series::of(&catalog::PERCENTAGE, 0)
}

/// Titles and order are those of the dashboard that people bring with them.
fn the_seven() -> Vec<Panel> {
    vec![
        backend_quantiles(
            "Backend API TTFB by Provider/Model (p50, p95, p99)",
            &ttfb(),
            "Time from sending the request to a backend to its response head. p95 above 2 s for five minutes is a warning, above 3 s for two critical. \
             When it rises for one model only, it is that model (cold start, load); for one provider, its service or the network to it; for all, look at our own network and CPU.",
        )
        .alerts(limits::BACKEND_TTFB),
        backend_quantiles(
            "Streaming Duration by Provider/Model (p50, p95, p99)",
            &streaming(),
            "Time from a backend's response head to the last byte passed on. Long answers take long: look at the dashboard Streaming for gaps and for who was waited for before blaming the backend.",
        )
        .alerts(limits::STREAMING),
        Panel::new(View::Lines, "Frontend Processing Time (p95, should be < 3 ms)", Unit::Seconds, NO_REQUEST)
            .about("What the service itself does before it asks a backend: parsing, authentication, preparation, added up for each request. Should be below 3 ms; above 10 ms for five minutes is a warning. The bucket bounds are 1, 5, 10 ms …: between them the value is interpolated.")
            .quantile(frontend().quantile(0.95, &[Label::Endpoint]), "{{endpoint}}")
            .alerts(limits::FRONTEND).should_be_below(limits::FRONTEND_SHOULD_SECS)
            .link(Link::traces("Traces of this endpoint", r#"{ span.http.route = "${__field.labels.endpoint}" }"#)),
        Panel::new(View::Stacked, "Request Stage Breakdown (stacked)", Unit::Seconds, NO_REQUEST)
            .about("Mean time of each stage, from its start to its end. Stages may nest and overlap, so the stack may be higher than a request is long; the row below has shares that add up.")
            .query(duration().mean(&[Label::Stage]), "{{stage}}")
            .link(stage_traces()),
        Panel::new(View::Stacked, "Time Distribution by Stage (%)", Unit::Percent, NO_REQUEST)
            .about("Where the endpoints' time went, by group of stages, each endpoint counted alike. Adds up to 100: what no stage was open for is unattributed. An endpoint without requests keeps its last values.")
            .query(
                part_of(
                    &percentage().sum(&[Label::Stage]),
                    // How many of the values that each add up to 100 there are.
                    &format!("count(count by (job, instance, endpoint) ({}))", percentage().selector("")),
                ),
                "{{stage}}",
            )
            .max(100.0),
        Panel::new(View::Table, "Top 10 Slowest Backend TTFB", Unit::Seconds, NO_BACKEND)
            .about("p95 over the whole time shown. Click a row to see traces of that backend.")
            .query(
                top_ten(&ttfb().over_range().quantile(0.95, &[Label::Provider, Label::Model, Label::Endpoint])),
                "",
            )
            .column("provider", "Provider")
            .column("model", "Model")
            .column("endpoint", "Endpoint")
            .column("Value", "p95").sorted_by("p95")
            .alerts(limits::BACKEND_TTFB)
            .overriding(Override::of_column("p95").colored())
            .link(backend_traces_of_row()),
        gauges(),
    ]
}

fn gauges() -> Panel {
    // As far again as to the gravest alert, so that its colour has room.
    let gauge =
        |letter, alerts| Override::of_query(letter).alerts(alerts).max(2.0 * limits::last(alerts));
    Panel::new(View::Gauges, "Real-time Gauge Panels", Unit::Seconds, NO_REQUEST)
        .about("p95 of the last samples over all that is chosen above, and the mean share of the backends' first byte. Colours change where alerts do.")
        .query(finite(&ttfb().quantile(0.95, &[])), "Backend TTFB p95")
        .query(finite(&streaming().quantile(0.95, &[])), "Streaming p95")
        .query(finite(&frontend().quantile(0.95, &[])), "Frontend p95")
        .query(
            format!("avg({})", percentage().with(r#"stage="backend_response""#).selector("")),
            "Backend share",
        )
        .overriding(gauge("A", limits::BACKEND_TTFB))
        .overriding(gauge("B", limits::STREAMING))
        .overriding(gauge("C", limits::FRONTEND))
        .overriding(Override::of_query("D").unit(Unit::Percent).max(100.0))
}

fn backend_quantiles(title: &str, series: &Series, about: &str) -> Panel {
    Panel::new(View::Lines, title, Unit::Seconds, NO_BACKEND)
        .about(about)
        .quantile(series.quantile(0.5, &BACKENDS), "p50 {{provider}} {{model}}")
        .quantile(series.quantile(0.95, &BACKENDS), "p95 {{provider}} {{model}}")
        .quantile(series.quantile(0.99, &BACKENDS), "p99 {{provider}} {{model}}")
        .link(backend_traces())
}

/// The same from a table, whose columns are called Provider and Model.
pub(super) fn backend_traces_of_row() -> Link {
    Link::traces(
        "Traces of this backend",
        r#"{ span.stage = "backend_fetch" && span.provider = "${__data.fields.Provider}" && span.model = "${__data.fields.Model}" }"#,
    )
}

pub(super) fn backend_traces() -> Link {
    Link::traces(
        "Traces of this backend",
        r#"{ span.stage = "backend_fetch" && span.provider = "${__field.labels.provider}" && span.model = "${__field.labels.model}" }"#,
    )
}

pub(super) fn stage_traces() -> Link {
    Link::traces("Traces with this stage", r#"{ span.stage = "${__field.labels.stage}" }"#)
}
