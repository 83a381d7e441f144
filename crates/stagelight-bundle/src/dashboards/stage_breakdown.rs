//! Which stage, and whose fault: the seven panels that people know, then what they could not see in them.

use stagelight_core::catalog::{self, Label};

use super::{
    dashboard::{Dashboard, Row},
    limits,
    link::Link,
    overriding::Override,
    panel::{Panel, View},
    query::{Series, finite, part_of, ratio, top_ten},
    unit::Unit,
    variable::Variable,
    why_slow,
};

const BACKENDS: [Label; 2] = [Label::Provider, Label::Model];
const NO_REQUEST: &str = "No request in this time";
const NO_BACKEND: &str = "No backend was asked in this time";

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
            Row::collapsed("Where each second goes", shares()),
            Row::collapsed("Computing or waiting", busy()),
            Row::collapsed("By endpoint", by_endpoint()),
            Row::collapsed("By provider and model", by_backend()),
            Row::collapsed("Distributions, with traces", distributions()),
            Row::collapsed("Why was it slow?", why_slow::panels()),
        ],
        from: "now-1h",
    }
}

pub(super) fn ttfb() -> Series {
    Series::of(&catalog::BACKEND, catalog::BACKEND_TTFB)
}

fn streaming() -> Series {
    Series::of(&catalog::BACKEND, catalog::STREAMING_DURATION)
}

fn frontend() -> Series {
    Series::of(&catalog::FRONTEND, 0)
}

pub(super) fn requests() -> Series {
    Series::of(&catalog::REQUEST, 0)
}

pub(super) fn share() -> Series {
    Series::of(&catalog::STAGE, catalog::STAGE_SHARE)
}

fn duration() -> Series {
    Series::of(&catalog::STAGE, catalog::STAGE_DURATION)
}

fn busy_time() -> Series {
    Series::of(&catalog::STAGE, catalog::STAGE_BUSY)
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
            .column("Value", "p95")
            .alerts(limits::BACKEND_TTFB)
            .overriding(Override::of_column("p95").colored())
            .link(Link::traces(
                "Traces of this backend",
                r#"{ span.stage = "backend_fetch" && span.provider = "${__data.fields.Provider}" && span.model = "${__data.fields.Model}" }"#,
            )),
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

/// Exclusive shares: each instant of a request is given to one place.
fn shares() -> Vec<Panel> {
    vec![
        Panel::new(View::Stacked, "Time per request", Unit::Seconds, NO_REQUEST)
            .about("Mean time of a request, split by stage. Each instant is given to one place, or to unattributed when no stage is open, so the stack is as high as the mean request is long.")
            .query(part_of(&share().rate_of_sum(&[Label::Stage]), &requests().rate(&[])), "{{stage}}")
            .link(stage_traces()),
        Panel::new(View::Stacked, "Share of all time", Unit::Percent, NO_REQUEST)
            .about("Part of all requests' time that went to each stage, weighted by time; unattributed included, so it adds up to 100. A large unattributed part says that a stage is missing.")
            .query(
                format!("100 * {}", part_of(&share().rate_of_sum(&[Label::Stage]), &share().rate_of_sum(&[]))),
                "{{stage}}",
            )
            .max(100.0),
        Panel::new(View::Lines, "Unattributed time", Unit::Percent, NO_REQUEST)
            .about("Part of each endpoint's time in which no stage was open. Wrap what happens then in a stage of its own.")
            .query(
                format!(
                    "100 * {}",
                    ratio(
                        &share().with(r#"stage="unattributed""#).rate_of_sum(&[Label::Endpoint]),
                        &share().rate_of_sum(&[Label::Endpoint]),
                    )
                ),
                "{{endpoint}}",
            )
            .limits(10.0, 30.0)
            .max(100.0),
        Panel::new(View::Lines, "Errors by stage", Unit::PerSecond, "No stage failed in this time")
            .about("Stages that ended with an error, by its type.")
            .query(
                Series::of(&catalog::STAGE_ERRORS, 0).rate(&[Label::Stage, Label::ErrorType]),
                "{{stage}} {{error_type}}",
            )
            .limit(limits::NONE)
            .link(stage_traces()),
    ]
}

fn busy() -> Vec<Panel> {
    vec![
        Panel::new(View::Stacked, "Busy time per second", Unit::Ratio, NO_REQUEST)
            .about("Processor time that stages take, in seconds a second: 100 % is one core. It is the time in which a stage's future was being polled.")
            .query(busy_time().rate_of_sum(&[Label::Stage]), "{{stage}}"),
        Panel::new(View::Lines, "Busy part of each stage", Unit::Ratio, NO_REQUEST)
            .about("Which part of a stage it computed; in the rest it waited. A stage that should wait and is busy blocks the executor; one that should compute and waits is held up by another.")
            .query(
                ratio(&busy_time().rate_of_sum(&[Label::Stage]), &duration().rate_of_sum(&[Label::Stage])),
                "{{stage}}",
            )
            .max(1.0),
        Panel::new(View::Lines, "Busy time (p95)", Unit::Seconds, NO_REQUEST)
            .about("Longest that one run of a stage keeps a thread. Above some milliseconds, other requests on the thread wait for it: move the work to a blocking thread.")
            .query(busy_time().quantile(0.95, &[Label::Stage]), "{{stage}}")
            .limits(0.01, 0.1),
        Panel::new(View::Lines, "Waiting time (mean)", Unit::Seconds, NO_REQUEST)
            .about("Mean time of a stage in which it was not being polled: waiting for a backend, a lock, a timer, or for a free thread.")
            .query(
                part_of_each(
                    &duration().rate_of_sum(&[Label::Stage]),
                    &busy_time().rate_of_sum(&[Label::Stage]),
                    &duration().rate(&[Label::Stage]),
                ),
                "{{stage}}",
            ),
    ]
}

fn by_endpoint() -> Vec<Panel> {
    let traces = || {
        Link::traces(
            "Traces of this endpoint",
            r#"{ span.http.route = "${__field.labels.endpoint}" }"#,
        )
    };
    vec![
        Panel::new(View::Lines, "Request duration by endpoint (p95)", Unit::Seconds, NO_REQUEST)
            .about("From a request's start to its last byte.")
            .quantile(requests().quantile(0.95, &[Label::Endpoint]), "{{endpoint}}")
            .alerts(limits::REQUEST)
            .link(traces()),
        Panel::new(View::Stacked, "Requests by endpoint", Unit::RequestsPerSecond, NO_REQUEST)
            .about("Requests that ended, whatever their outcome.")
            .query(requests().rate(&[Label::Endpoint]), "{{endpoint}}"),
        Panel::new(View::Table, "Stages by endpoint", Unit::Seconds, NO_REQUEST)
            .about("Over the whole time shown: mean and p95 of each stage, and how often it ran.")
            .query(finite(&duration().over_range().mean(&[Label::Endpoint, Label::Stage])), "")
            .query(
                finite(&duration().over_range().quantile(0.95, &[Label::Endpoint, Label::Stage])),
                "",
            )
            .query(duration().over_range().increase(&[Label::Endpoint, Label::Stage]), "")
            .column("endpoint", "Endpoint")
            .column("stage", "Stage")
            .column("Value #A", "Mean")
            .column("Value #B", "p95")
            .column("Value #C", "Runs")
            .overriding(Override::of_column("Runs").unit(Unit::Count))
            .size(24, 9)
            .link(Link::traces(
                "Traces with this stage",
                r#"{ span.stage = "${__data.fields.Stage}" }"#,
            )),
    ]
}

fn by_backend() -> Vec<Panel> {
    vec![
        Panel::new(View::Stacked, "Backend requests", Unit::RequestsPerSecond, NO_BACKEND)
            .about("Requests sent to backends that answered, or failed to.")
            .query(ttfb().rate(&BACKENDS), "{{provider}} {{model}}"),
        Panel::new(View::Lines, "Backend TTFB (mean)", Unit::Seconds, NO_BACKEND)
            .about("Exact, where quantiles are interpolated within a bucket.")
            .query(ttfb().mean(&BACKENDS), "{{provider}} {{model}}")
            .alerts(limits::BACKEND_TTFB)
            .link(backend_traces()),
        Panel::new(View::Lines, "Backend TTFB by provider (p95)", Unit::Seconds, NO_BACKEND)
            .about("All models of a provider together. Two providers that rise at once share a cause on our side.")
            .quantile(ttfb().quantile(0.95, &[Label::Provider]), "{{provider}}")
            .alerts(limits::BACKEND_TTFB),
        Panel::new(View::Lines, "Streaming by model (p95)", Unit::Seconds, NO_BACKEND)
            .about("All providers of a model together.")
            .quantile(streaming().quantile(0.95, &[Label::Model]), "{{model}}")
            .alerts(limits::STREAMING),
    ]
}

fn distributions() -> Vec<Panel> {
    let heatmap = |title: &str, series: &Series, about: &str| {
        Panel::new(View::Heatmap, title, Unit::Seconds, NO_REQUEST)
            .about(&format!(
                "{about} Each dot is the value of one sampled request: click it to open its trace."
            ))
            .query(series.heatmap(), "{{le}}")
    };
    vec![
        heatmap("Request duration", &requests(), "How many requests took how long."),
        heatmap(
            "Backend TTFB",
            &ttfb(),
            "How many backend requests waited how long for their response head. Two bands are two kinds of requests, or a cache.",
        ),
        heatmap("Streaming duration", &streaming(), "How many streams took how long."),
        heatmap("Frontend processing", &frontend(), "How long the service's own work took."),
    ]
}

fn backend_quantiles(title: &str, series: &Series, about: &str) -> Panel {
    Panel::new(View::Lines, title, Unit::Seconds, NO_BACKEND)
        .about(about)
        .quantile(series.quantile(0.5, &BACKENDS), "p50 {{provider}} {{model}}")
        .quantile(series.quantile(0.95, &BACKENDS), "p95 {{provider}} {{model}}")
        .quantile(series.quantile(0.99, &BACKENDS), "p99 {{provider}} {{model}}")
        .link(backend_traces())
}

fn backend_traces() -> Link {
    Link::traces(
        "Traces of this backend",
        r#"{ span.stage = "backend_fetch" && span.provider = "${__field.labels.provider}" && span.model = "${__field.labels.model}" }"#,
    )
}

fn stage_traces() -> Link {
    Link::traces("Traces with this stage", r#"{ span.stage = "${__field.labels.stage}" }"#)
}

/// The difference of two rates, divided by a third.
fn part_of_each(whole: &str, part: &str, count: &str) -> String {
    format!("(\n(\n{whole}\n)\n-\n(\n{part}\n)\n)\n/\n(\n{count}\n)")
}
