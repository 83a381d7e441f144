//! The rows below the seven panels: shares that add up, computing or waiting, endpoints, backends, distributions.

use stagelight_core::catalog::{self, Label};

use super::{
    limits,
    link::Link,
    overriding::Override,
    panel::{Panel, View},
    query::{Series, finite, part_of, ratio},
    stage_breakdown::{
        BACKENDS, NO_BACKEND, NO_REQUEST, backend_traces, duration, frontend, requests, share,
        stage_traces, streaming, ttfb,
    },
    unit::Unit,
};

fn busy_time() -> Series {
    Series::of(&catalog::STAGE, catalog::STAGE_BUSY)
}

/// Exclusive shares: each instant of a request is given to one place.
pub(super) fn shares() -> Vec<Panel> {
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

pub(super) fn busy() -> Vec<Panel> {
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

pub(super) fn by_endpoint() -> Vec<Panel> {
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
            .sorted_by("Mean")
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

pub(super) fn by_backend() -> Vec<Panel> {
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

pub(super) fn distributions() -> Vec<Panel> {
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

/// The difference of two rates, divided by a third.
fn part_of_each(whole: &str, part: &str, count: &str) -> String {
    format!("(\n(\n{whole}\n)\n-\n(\n{part}\n)\n)\n/\n(\n{count}\n)")
}
