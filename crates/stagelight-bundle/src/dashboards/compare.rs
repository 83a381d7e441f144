//! The row of the stage breakdown that compares the time range with an earlier one.

use stagelight_core::catalog::{Label, Outcome, labels};

use super::{
    common::{backend_traces_of_row, stage_traces_of_row},
    overrides::Override,
    panel::Panel,
    query::{Series, difference, finite, per_total, ratio},
    series::{BACKEND, requests, stage_busy, stage_duration, stage_share, ttfb},
    unit::Unit,
    view::View::{Lines, Table},
};

const NO_DATA: &str = "No data now or at the earlier time: choose another \"Compare with\"";
const STAGE: [&Label; 1] = [labels::Stage::LABEL];

pub(super) fn panels() -> Vec<Panel> {
    vec![
        Panel::new(Lines, "Request duration (p95), now and before", Unit::Seconds, NO_DATA)
            .description(
                "Is it slower, and since when? Dashed lines are the period chosen in \"Compare \
                 with\".",
            )
            .query_with_exemplars(requests().quantile(0.95, &[]), "now")
            .query(requests().before().quantile(0.95, &[]), "$offset before")
            .with_override(Override::for_query("B").dashed()),
        Panel::new(Lines, "Requests, now and before", Unit::RequestsPerSecond, NO_DATA)
            .description("Is there more load, or are there other outcomes?")
            .query(requests().rate(&[Outcome::LABEL]), "{{outcome}} now")
            .query(requests().before().rate(&[Outcome::LABEL]), "{{outcome}} $offset before")
            .with_override(Override::for_query("B").dashed()),
        slower_stages(),
        slower_backends(),
        time_per_request(),
        busy_ratio(),
    ]
}

/// Start here: the stage with the largest change.
fn slower_stages() -> Panel {
    let per_request = |share: Series, requests: Series| {
        per_total(&share.over_range().rate_of_sum(&STAGE), &requests.over_range().rate(&[]))
    };
    changes(
        "Which stage got slower?",
        &per_request(stage_share(), requests()),
        &per_request(stage_share().before(), requests().before()),
        &[("stage", "Stage")],
    )
    .description(
        "Mean time of a request in each stage, over the time range and the earlier one. The \
         changes add up to the change of the mean request duration.",
    )
    .link(stage_traces_of_row())
}

fn slower_backends() -> Panel {
    changes(
        "Which backend got slower?",
        &ttfb().over_range().mean(&BACKEND),
        &ttfb().over_range().before().mean(&BACKEND),
        &[("provider", "Provider"), ("model", "Model")],
    )
    .description("Mean time to a backend's response head, over the time range and the earlier one.")
    .link(backend_traces_of_row())
}

fn time_per_request() -> Panel {
    let now = per_total(&stage_share().rate_of_sum(&STAGE), &requests().rate(&[]));
    let before =
        per_total(&stage_share().before().rate_of_sum(&STAGE), &requests().before().rate(&[]));
    Panel::new(Lines, "Change of time per request, by stage", Unit::Seconds, NO_DATA)
        .description("When did it start, and in which stage? Above zero is slower than before.")
        .query(difference(&now, &before), "{{stage}}")
        .signed()
}

fn busy_ratio() -> Panel {
    let ratio = |busy: Series, duration: Series| {
        ratio(&busy.rate_of_sum(&STAGE), &duration.rate_of_sum(&STAGE))
    };
    let now = ratio(stage_busy(), stage_duration());
    let before = ratio(stage_busy().before(), stage_duration().before());
    Panel::new(Lines, "Change of the busy ratio, by stage", Unit::Ratio, NO_DATA)
        .description(
            "Above zero, a stage computes for a larger share of its time than before: check its \
             work. Around zero while it got slower, it waits longer: check what it waits for.",
        )
        .query(difference(&now, &before), "{{stage}}")
        .signed()
}

/// A table of two queries and their difference.
fn changes(title: &str, now: &str, before: &str, labels: &[(&'static str, &'static str)]) -> Panel {
    let values = [("Value #A", "Now"), ("Value #B", "Before"), ("Value #C", "Change")];
    Panel::new(Table, title, Unit::Seconds, NO_DATA)
        .query(finite(now), "")
        .query(finite(before), "")
        .query(difference(&finite(now), &finite(before)), "")
        .columns(&[labels, &values].concat())
        .sorted_by("Change")
        .limits(0.01, 0.1)
        .signed()
        .with_override(Override::for_column("Change").colored())
}
