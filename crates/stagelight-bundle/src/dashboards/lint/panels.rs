//! Rules on panels.

use std::collections::BTreeSet;

use serde_json::Value;

use super::Sheet;

/// Returns a message for each panel that is not as it has to be.
fn each(sheet: &Sheet<'_>, message: &str, is_bad: impl Fn(&Value) -> bool) -> Vec<String> {
    sheet.panels().filter(|it| is_bad(it)).map(|it| format!("{}: {message}", it["title"])).collect()
}

fn is_empty(value: &Value) -> bool {
    value.as_str().is_none_or(|it| it.trim().is_empty())
}

fn defaults(panel: &Value) -> &Value {
    &panel["fieldConfig"]["defaults"]
}

pub(super) fn title_and_description(sheet: &Sheet<'_>) -> Vec<String> {
    each(sheet, "no title or no description", |it| {
        is_empty(&it["title"]) || is_empty(&it["description"])
    })
}

pub(super) fn unit(sheet: &Sheet<'_>) -> Vec<String> {
    each(sheet, "no unit", |it| is_empty(&defaults(it)["unit"]))
}

pub(super) fn no_value(sheet: &Sheet<'_>) -> Vec<String> {
    each(sheet, "no text for when there is no value", |it| is_empty(&defaults(it)["noValue"]))
}

/// A scale begins at zero, unless values are differences or what is left.
pub(super) fn min(sheet: &Sheet<'_>) -> Vec<String> {
    let may_be_negative =
        |title: &str| ["Change", "slower", "budget left"].iter().any(|it| title.contains(it));
    each(sheet, "min is not 0", |it| {
        defaults(it)["min"] != 0.0 && !may_be_negative(it["title"].as_str().unwrap_or_default())
    })
}

pub(super) fn thresholds(sheet: &Sheet<'_>) -> Vec<String> {
    each(sheet, "thresholds are missing or do not rise", |it| {
        let steps =
            defaults(it)["thresholds"]["steps"].as_array().map(Vec::as_slice).unwrap_or_default();
        let values: Vec<_> =
            steps.iter().skip(1).map(|it| it["value"].as_f64().unwrap_or(f64::NAN)).collect();
        steps.first().is_none_or(|it| !it["value"].is_null()) || !values.is_sorted_by(|a, b| a < b)
    })
}

pub(super) fn legend(sheet: &Sheet<'_>) -> Vec<String> {
    each(sheet, "its legend computes nothing", |it| {
        let calcs = it["options"]["legend"]["calcs"].as_array();
        it["type"] == "timeseries" && calcs.is_none_or(Vec::is_empty)
    })
}

pub(super) fn datasource(sheet: &Sheet<'_>) -> Vec<String> {
    each(sheet, "another data source than ${datasource}", |it| {
        let is_other = |it: &Value| {
            it["datasource"]["uid"] != "${datasource}" || it["datasource"]["type"] != "prometheus"
        };
        is_other(it) || it["targets"].as_array().into_iter().flatten().any(is_other)
    })
}

pub(super) fn targets(sheet: &Sheet<'_>) -> Vec<String> {
    each(sheet, "no query, or two with one letter", |it| {
        let targets = it["targets"].as_array().map(Vec::as_slice).unwrap_or_default();
        let letters: BTreeSet<_> = targets.iter().map(|it| it["refId"].to_string()).collect();
        targets.is_empty() || letters.len() != targets.len()
    })
}

pub(super) fn ids(sheet: &Sheet<'_>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let rows = sheet.list("panels").filter(|it| it["type"] == "row");
    let all: Vec<_> = sheet.panels().chain(rows).collect();
    all.into_iter()
        .filter(|it| it["id"].as_u64().is_none_or(|id| !seen.insert(id)))
        .map(|it| format!("{}: no id, or another panel's", it["title"]))
        .collect()
}

/// Panels are within the grid, and none lies on another. Those of closed rows are compared with each other only.
pub(super) fn grid(sheet: &Sheet<'_>) -> Vec<String> {
    let mut findings = overlaps(&sheet.list("panels").collect::<Vec<_>>());
    for row in sheet.list("panels") {
        let inside: Vec<_> = row["panels"].as_array().into_iter().flatten().collect();
        findings.extend(overlaps(&inside));
    }
    findings
}

fn overlaps(panels: &[&Value]) -> Vec<String> {
    let number =
        |panel: &Value, name: &str| panel["gridPos"][name].as_u64().unwrap_or(u64::MAX / 4);
    let span = |panel: &Value, from: &str, size: &str| {
        let start = number(panel, from);
        start..start + number(panel, size)
    };
    let meet =
        |a: &std::ops::Range<u64>, b: &std::ops::Range<u64>| a.start < b.end && b.start < a.end;
    let mut findings = Vec::new();
    for (position, panel) in panels.iter().enumerate() {
        let (x, y) = (span(panel, "x", "w"), span(panel, "y", "h"));
        if 24 < x.end {
            findings.push(format!("{}: is outside of the grid", panel["title"]));
        }
        let others = panels.iter().skip(position + 1);
        let hidden =
            others.filter(|it| meet(&x, &span(it, "x", "w")) && meet(&y, &span(it, "y", "h")));
        findings.extend(hidden.map(|it| format!("{}: lies on {}", it["title"], panel["title"])));
    }
    findings
}

/// A runbook that there is, or that of the alert in the row.
fn is_runbook(sheet: &Sheet<'_>, url: &str) -> bool {
    let file = url.split_once("/collector/runbooks/").map(|it| it.1);
    file.is_some_and(|it| {
        it.starts_with("${__data.fields.") || sheet.names.runbooks.iter().any(|known| known == it)
    })
}

/// Links lead to dashboards that exist, to runbooks, or to traces.
pub(super) fn links(sheet: &Sheet<'_>) -> Vec<String> {
    let mut findings = Vec::new();
    for panel in sheet.panels() {
        let of_values = defaults(panel)["links"].as_array().into_iter().flatten();
        let of_panel = panel["links"].as_array().into_iter().flatten();
        for link in of_values.chain(of_panel) {
            let url = link["url"].as_str().unwrap_or_default();
            let is_ours = |uid: &str| sheet.names.dashboards.iter().any(|it| it == uid);
            let is_good = match url.strip_prefix("/d/").and_then(|it| it.split_once('?')) {
                Some((uid, _)) => is_ours(uid),
                None => url.starts_with("/explore?") || is_runbook(sheet, url),
            };
            if !is_good || is_empty(&link["title"]) {
                findings.push(format!("{}: a link leads to {url:?}", panel["title"]));
            }
        }
    }
    findings
}
