//! Writes the document as a table for a terminal.

use stagelight_core::Outcome;
use unicode_width::UnicodeWidthStr;

use super::{
    endpoint::{Endpoint, Stage, Summary, percent},
    format::{count, fit, pad, seconds},
};

/// The table's maximum width, which fits a narrow terminal or a mail.
const COLUMNS: usize = 100;
/// Width of a stage's name.
const NAME: usize = 24;
/// Width of a share's bar.
const BAR: usize = 10;
const NO_VALUE: &str = "-";
const LEGEND: &str =
    "share: part of the requests' time, without overlap; busy: time spent being polled\n";

/// Writes one section per endpoint.
pub(super) fn write(endpoints: &[Endpoint]) -> String {
    if endpoints.is_empty() {
        return "no request has ended yet\n".to_owned();
    }
    let sections: Vec<_> = endpoints.iter().map(section).collect();
    let mut table = sections.join("\n");
    table.push('\n');
    table.push_str(LEGEND);
    table
}

fn section(endpoint: &Endpoint) -> String {
    let mut section = header(endpoint);
    section.push_str(&row(
        "stage",
        ["count", "errors", "p50", "p95", "p99", "busy"].map(str::to_owned),
        "",
        "share",
    ));
    for stage in &endpoint.stages {
        section.push_str(&stage_row(stage));
    }
    let rest = percent(endpoint.unattributed, endpoint.duration.sum);
    section.push_str(&row(
        "unattributed",
        [NO_VALUE; 6].map(str::to_owned),
        &bar(rest),
        &share(rest),
    ));
    section
}

/// Returns the endpoint with its request counts and quantiles, wrapped if it exceeds one line.
fn header(endpoint: &Endpoint) -> String {
    let requests = match endpoint.requests {
        1 => "1 request".to_owned(),
        many => format!("{} requests", count(many)),
    };
    let outcomes = Outcome::ALL.iter().filter_map(|it| {
        let requests = *endpoint.outcomes.get(it.as_str())?;
        (0 < requests).then(|| format!("{} {}", count(requests), it.as_str()))
    });
    let [p50, p95, p99] = quantiles(&endpoint.duration);
    // One word, so that a line break cannot separate the quantiles.
    let quantiles = format!("p50 {p50}  p95 {p95}  p99 {p99}");
    let endpoint = fit(&endpoint.endpoint, COLUMNS);
    let words = [endpoint, requests].into_iter().chain(outcomes).chain([quantiles]);
    let mut header = String::new();
    let mut used = 0;
    for word in words {
        let wide = word.width();
        if used == 0 {
            used = wide;
        } else if used + 2 + wide <= COLUMNS {
            header.push_str("  ");
            used += 2 + wide;
        } else {
            header.push_str("\n    ");
            used = 4 + wide;
        }
        header.push_str(&word);
    }
    header.push('\n');
    header
}

fn stage_row(stage: &Stage) -> String {
    let [p50, p95, p99] = quantiles(&stage.duration);
    let busy = seconds(stage.busy.as_secs_f64());
    let numbers = [count(stage.count), count(stage.errors), p50, p95, p99, busy];
    row(&stage.stage, numbers, &bar(stage.share_percent), &share(stage.share_percent))
}

fn row(name: &str, numbers: [String; 6], bar: &str, share: &str) -> String {
    let name = pad(name, NAME);
    let [count, errors, p50, p95, p99, busy] = numbers;
    let numbers = format!("{count:>9} {errors:>7} {p50:>8} {p95:>8} {p99:>8} {busy:>8}");
    format!("  {name} {numbers}  {bar:<BAR$} {share:>6}\n")
}

fn quantiles(summary: &Summary) -> [String; 3] {
    [summary.p50, summary.p95, summary.p99].map(|it| it.map_or(NO_VALUE.to_owned(), seconds))
}

fn share(percent: f64) -> String {
    format!("{percent:.1}%")
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share is 0 to 100 percent"
)]
fn bar(percent: f64) -> String {
    "█".repeat((percent / 100.0 * BAR as f64).round() as usize)
}

#[cfg(test)]
mod tests;
