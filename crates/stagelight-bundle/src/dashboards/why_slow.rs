//! The row that compares now with before: what has changed is what made it slow.

use stagelight_core::catalog::{self, Label};

use super::{
    link::Link,
    overriding::Override,
    panel::{Panel, View},
    query::{Series, finite, part_of, ratio},
    stage_breakdown::{backend_traces_of_row, requests, share, ttfb},
    unit::Unit,
};

const NOTHING_BEFORE: &str =
    "Nothing now, or nothing that long ago: choose another time in \"Compare with\"";

pub(super) fn panels() -> Vec<Panel> {
    vec![quantiles(), outcomes(), stages(), backends(), stage_lines(), load()]
}

fn quantiles() -> Panel {
    Panel::new(View::Lines, "Request duration (p95), now and before", Unit::Seconds, NOTHING_BEFORE)
        .about("Is it slower than it was, and since when? Dashes are the same time of the period chosen in \"Compare with\".")
        .quantile(requests().quantile(0.95, &[]), "now")
        .query(requests().earlier().quantile(0.95, &[]), "$offset before")
        .overriding(Override::of_query("B").dashed())
}

fn outcomes() -> Panel {
    Panel::new(View::Lines, "Requests, now and before", Unit::RequestsPerSecond, NOTHING_BEFORE)
        .about("More load, or other outcomes? Slow because there is more to do, or although there is not?")
        .query(requests().rate(&[Label::Outcome]), "{{outcome}} now")
        .query(requests().earlier().rate(&[Label::Outcome]), "{{outcome}} $offset before")
        .overriding(Override::of_query("B").dashed())
}

/// The table to begin with: which stage's part of a request has grown.
fn stages() -> Panel {
    let by = [Label::Stage];
    let now = part_of(&share().over_range().rate_of_sum(&by), &requests().over_range().rate(&[]));
    let before = part_of(
        &share().over_range().earlier().rate_of_sum(&by),
        &requests().over_range().earlier().rate(&[]),
    );
    changes("Which stage got slower?", &now, &before)
        .about("Mean time that a request spends in each stage, over the whole time shown and that long before. The changes add up to the change of the mean request.")
        .column("stage", "Stage")
        .link(Link::traces("Traces with this stage", r#"{ span.stage = "${__data.fields.Stage}" }"#))
        .column("Value #A", "Now")
        .column("Value #B", "Before")
        .column("Value #C", "Change").sorted_by("Change")
}

fn backends() -> Panel {
    let by = [Label::Provider, Label::Model];
    changes(
        "Which backend got slower?",
        &ttfb().over_range().mean(&by),
        &ttfb().over_range().earlier().mean(&by),
    )
    .about(
        "Mean time to a backend's response head, over the whole time shown and that long before.",
    )
    .column("provider", "Provider")
    .column("model", "Model")
    .link(backend_traces_of_row())
    .column("Value #A", "Now")
    .column("Value #B", "Before")
    .column("Value #C", "Change")
    .sorted_by("Change")
}

fn stage_lines() -> Panel {
    let by = [Label::Stage];
    let now = part_of(&share().rate_of_sum(&by), &requests().rate(&[]));
    let before = part_of(&share().earlier().rate_of_sum(&by), &requests().earlier().rate(&[]));
    Panel::new(View::Lines, "Change of time per request, by stage", Unit::Seconds, NOTHING_BEFORE)
        .about("When did it begin, and in which stage? Above zero it takes longer than before.")
        .query(difference(&now, &before), "{{stage}}")
        .signed()
}

fn load() -> Panel {
    let busy = Series::of(&catalog::STAGE, catalog::STAGE_BUSY);
    let duration = Series::of(&catalog::STAGE, catalog::STAGE_DURATION);
    let by = [Label::Stage];
    let part =
        |busy: Series, duration: Series| ratio(&busy.rate_of_sum(&by), &duration.rate_of_sum(&by));
    Panel::new(View::Lines, "Change of the busy part, by stage", Unit::Ratio, NOTHING_BEFORE)
        .about("Above zero a stage computes for more of its time than before: look at what it does. Around zero while it got slower, it waits longer: look at whom it waits for.")
        .query(
            difference(
                &part(busy.clone(), duration.clone()),
                &part(busy.earlier(), duration.earlier()),
            ),
            "{{stage}}",
        )
        .signed()
}

/// A table of two queries and their difference.
fn changes(title: &str, now: &str, before: &str) -> Panel {
    Panel::new(View::Table, title, Unit::Seconds, NOTHING_BEFORE)
        .query(finite(now), "")
        .query(finite(before), "")
        .query(difference(&finite(now), &finite(before)), "")
        .limits(0.01, 0.1)
        .signed()
        .overriding(Override::of_column("Change").colored())
}

fn difference(now: &str, before: &str) -> String {
    format!("(\n{now}\n)\n-\n(\n{before}\n)")
}
