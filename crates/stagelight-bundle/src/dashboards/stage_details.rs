//! The collapsed rows of the stage breakdown.

use stagelight_core::catalog::{Label, labels};

use super::{
    common::{
        self, NO_BACKEND, NO_REQUEST, STREAMING_ALERTS, TTFB_ALERTS, backend_traces, heatmap,
        stage_traces, stage_traces_of_row,
    },
    overrides::Override,
    panel::Panel,
    query::{difference, finite, per_total, ratio},
    series::{
        BACKEND, frontend, requests, stage_busy, stage_duration, stage_share, streaming, ttfb,
    },
    unit::Unit,
    view::View::{Lines, Stacked, Table},
};

const STAGE: [&Label; 1] = [labels::Stage::LABEL];

/// Exclusive shares.
pub(super) fn shares() -> Vec<Panel> {
    let share = || stage_share().rate_of_sum(&STAGE);
    let unattributed = stage_share().with(r#"stage="unattributed""#);
    let by = [labels::Endpoint::LABEL];
    vec![
        Panel::new(Stacked, "Time per request", Unit::Seconds, NO_REQUEST)
            .description(
                "Mean request duration, split by stage. Each instant belongs to one stage, or to \
                 unattributed when no stage is open, so the stack is as high as the mean request.",
            )
            .query(per_total(&share(), &requests().rate(&[])), "{{stage}}")
            .link(stage_traces()),
        Panel::new(Stacked, "Share of all time", Unit::Percent, NO_REQUEST)
            .description(
                "Share of the time of all requests per stage, including unattributed; adds up to \
                 100. A large unattributed share means that a stage is missing.",
            )
            .query(
                format!("100 * {}", per_total(&share(), &stage_share().rate_of_sum(&[]))),
                "{{stage}}",
            )
            .max(100.0),
        Panel::new(Lines, "Unattributed time", Unit::Percent, NO_REQUEST)
            .description(
                "Share of each endpoint's time in which no stage was open. Add a stage around the \
                 work done then.",
            )
            .query(
                format!(
                    "100 * {}",
                    ratio(&unattributed.rate_of_sum(&by), &stage_share().rate_of_sum(&by))
                ),
                "{{endpoint}}",
            )
            .limits(10.0, 30.0)
            .max(100.0),
        common::stage_errors(Lines).red_above_zero().link(stage_traces()),
    ]
}

pub(super) fn busy() -> Vec<Panel> {
    let busy = || stage_busy().rate_of_sum(&STAGE);
    let duration = || stage_duration().rate_of_sum(&STAGE);
    vec![
        Panel::new(Stacked, "Busy time per second", Unit::Ratio, NO_REQUEST)
            .description(
                "Time per second in which a stage's future was being polled. 100 % is one core.",
            )
            .query(busy(), "{{stage}}"),
        Panel::new(Lines, "Busy ratio by stage", Unit::Ratio, NO_REQUEST)
            .description(
                "Share of a stage's duration in which it computes; it waits for the rest. A stage \
                 that should wait but is busy blocks the executor. A stage that should compute but \
                 waits is held up by another task.",
            )
            .query(ratio(&busy(), &duration()), "{{stage}}")
            .max(1.0),
        Panel::new(Lines, "Busy time (p95)", Unit::Seconds, NO_REQUEST)
            .description(
                "Busy time of one run of a stage. Above some milliseconds it delays other requests \
                 on the same thread: move the work to a blocking thread.",
            )
            .query(stage_busy().quantile(0.95, &STAGE), "{{stage}}")
            .limits(0.01, 0.1),
        Panel::new(Lines, "Waiting time (mean)", Unit::Seconds, NO_REQUEST)
            .description(
                "Mean time in which a stage was not being polled: waiting for a backend, a lock, a \
                 timer or a free thread.",
            )
            .query(
                ratio(&difference(&duration(), &busy()), &stage_duration().rate(&STAGE)),
                "{{stage}}",
            ),
    ]
}

pub(super) fn by_endpoint() -> Vec<Panel> {
    let by = [labels::Endpoint::LABEL, labels::Stage::LABEL];
    let stages = || stage_duration().over_range();
    vec![
        common::duration_by_endpoint(),
        common::requests_by_endpoint("Requests by endpoint"),
        Panel::new(Table, "Stages by endpoint", Unit::Seconds, NO_REQUEST)
            .description("Mean and p95 of each stage, and the number of runs, over the time range.")
            .query(finite(&stages().mean(&by)), "")
            .query(finite(&stages().quantile(0.95, &by)), "")
            .query(stages().increase(&by), "")
            .columns(&[
                ("endpoint", "Endpoint"),
                ("stage", "Stage"),
                ("Value #A", "Mean"),
                ("Value #B", "p95"),
                ("Value #C", "Runs"),
            ])
            .sorted_by("Mean")
            .with_override(Override::for_column("Runs").unit(Unit::Count))
            .size(24, 9)
            .link(stage_traces_of_row()),
    ]
}

pub(super) fn by_backend() -> Vec<Panel> {
    vec![
        common::requests_by_backend("Backend requests"),
        Panel::new(Lines, "Backend TTFB (mean)", Unit::Seconds, NO_BACKEND)
            .description("The mean is exact; quantiles are interpolated within a bucket.")
            .query(ttfb().mean(&BACKEND), "{{provider}} {{model}}")
            .alerts(TTFB_ALERTS)
            .link(backend_traces()),
        Panel::new(Lines, "Backend TTFB by provider (p95)", Unit::Seconds, NO_BACKEND)
            .description(
                "All models of a provider. Providers that rise at the same time share a cause on \
                 your side.",
            )
            .query_with_exemplars(ttfb().quantile(0.95, &[labels::Provider::LABEL]), "{{provider}}")
            .alerts(TTFB_ALERTS),
        Panel::new(Lines, "Streaming by model (p95)", Unit::Seconds, NO_BACKEND)
            .description("All providers of a model.")
            .query_with_exemplars(streaming().quantile(0.95, &[labels::Model::LABEL]), "{{model}}")
            .alerts(STREAMING_ALERTS),
    ]
}

pub(super) fn distributions() -> Vec<Panel> {
    vec![
        heatmap("Request duration", &requests(), NO_REQUEST, "Requests by duration."),
        heatmap(
            "Backend TTFB",
            &ttfb(),
            NO_REQUEST,
            "Backend requests by time to the response head. Two bands indicate two kinds of \
             requests, or a cache.",
        ),
        heatmap("Streaming duration", &streaming(), NO_REQUEST, "Streams by duration."),
        heatmap(
            "Frontend processing",
            &frontend(),
            NO_REQUEST,
            "Requests by the time of the service's own work.",
        ),
    ]
}
