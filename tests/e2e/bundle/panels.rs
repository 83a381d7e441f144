//! Executes the queries of dashboards.

use serde_json::Value;

use crate::prometheus::{Exemplar, Labels};

use super::{
    checker::{Checker, Expected},
    dashboards::{Dashboard, Panel, Target},
    promql::Node,
    response::Response,
    variables::{Choice, Variables},
};

/// Values of variables whose defaults reach back further than the test runs.
const OVERRIDES: &[(&str, &str)] = &[("offset", "20s")];

/// Relative tolerance of parts that add up to a whole.
const TOLERANCE: f64 = 0.01;

/// Executes every variable, annotation and target of a dashboard.
pub(crate) fn check(checker: &Checker<'_>, dashboard: &Dashboard, choice: Choice) {
    let (variables, bad) = Variables::look_up(checker.prometheus, dashboard, choice, OVERRIDES);
    for it in bad {
        let place = format!("{} / ${}", dashboard.uid, it.name);
        checker.add(&place, &it.query, it.problem);
    }
    for annotation in dashboard.annotations() {
        check_annotation(checker, dashboard, annotation, &variables);
    }
    for panel in dashboard.panels() {
        for target in panel.targets() {
            check_target(checker, dashboard, &panel, target, &variables);
        }
        check_whole(checker, dashboard, &panel, &variables);
    }
}

fn check_annotation(
    checker: &Checker<'_>,
    dashboard: &Dashboard,
    annotation: &Value,
    variables: &Variables,
) {
    let query = annotation["target"]["expr"].as_str().or(annotation["expr"].as_str());
    let Some(query) = query.filter(|it| !it.is_empty()) else { return };
    let place = format!("{} / annotation / {}", dashboard.uid, text(&annotation["name"]));
    checker.check(&place, &variables.interpolate(query), Expected::default());
}

fn check_target(
    checker: &Checker<'_>,
    dashboard: &Dashboard,
    panel: &Panel<'_>,
    target: Target<'_>,
    variables: &Variables,
) {
    let place = format!("{} / {} / {}", dashboard.uid, panel.title, target.ref_id());
    let query = variables.interpolate(target.query());
    let expected = Expected {
        is_instant: target.is_instant(),
        // A heatmap's values are counts; its unit is that of the buckets.
        unit: (!target.is_heatmap()).then(|| target.unit()),
        // Other maxima limit the scale, not the values.
        max: whole_of(target).and_then(|_| target.setting("max")).and_then(Value::as_f64),
    };
    let Some(response) = checker.check(&place, &query, expected) else { return };
    // A native histogram contains its buckets.
    if !response.series.iter().all(|it| it.is_histogram) {
        check_legend(checker, &place, &query, target, &response);
        if target.is_heatmap() {
            check_heatmap(checker, &place, &query, &response);
        }
    }
    if target.wants_exemplars() {
        check_exemplars(checker, &place, &query);
    }
}

/// Checks that some series have the labels in the legend.
///
/// Not all have them: a request without a route has no such label.
fn check_legend(
    checker: &Checker<'_>,
    place: &str,
    query: &str,
    target: Target<'_>,
    response: &Response,
) {
    for label in target.legend_labels() {
        if !response.series.iter().any(|it| it.labels.contains_key(label)) {
            let labels: Vec<_> = response.series.iter().map(|it| &it.labels).collect();
            let problem = format!("the legend has {label:?}, but no series of {labels:?}");
            checker.add(place, query, problem);
        }
    }
}

/// Checks that stacked parts add up to the end of the scale.
fn check_whole(
    checker: &Checker<'_>,
    dashboard: &Dashboard,
    panel: &Panel<'_>,
    variables: &Variables,
) {
    let targets = panel.targets();
    let [target] = targets[..] else { return };
    let Some(whole) = whole_of(target) else { return };
    if target.setting("max").and_then(Value::as_f64) != Some(whole) {
        return;
    }
    let stacking = &panel.json["fieldConfig"]["defaults"]["custom"]["stacking"]["mode"];
    if stacking != "normal" && stacking != "percent" && panel.json["type"] != "piechart" {
        return;
    }
    let query = variables.interpolate(target.query());
    let Ok(response) = Response::at_the_end(checker.prometheus, &query, checker.span) else {
        return;
    };
    let sum: f64 = response.series.iter().flat_map(|it| &it.points).map(|it| it.1).sum();
    if sum.is_nan() || whole * TOLERANCE < (sum - whole).abs() {
        let place = format!("{} / {} / {}", dashboard.uid, panel.title, target.ref_id());
        checker.add(&place, &query, format!("adds up to {sum} instead of {whole}"));
    }
}

/// Returns the value of the whole in a target's unit; `None` if the values are not parts.
fn whole_of(target: Target<'_>) -> Option<f64> {
    match target.unit() {
        "percent" => Some(100.0),
        "percentunit" => Some(1.0),
        _ => None,
    }
}

/// Checks that buckets are cumulative and include `+Inf`.
fn check_heatmap(checker: &Checker<'_>, place: &str, query: &str, response: &Response) {
    let bound = |labels: &Labels| labels.get("le").and_then(|it| it.parse::<f64>().ok());
    let mut buckets: Vec<_> =
        response.at(checker.span.to).map(|(labels, count)| (bound(labels), count)).collect();
    if buckets.iter().any(|it| it.0.is_none()) {
        checker.add(place, query, "not every series of the heatmap has `le`");
        return;
    }
    buckets.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal));
    if buckets.last().is_none_or(|it| it.0 != Some(f64::INFINITY)) {
        checker.add(place, query, format!("no +Inf bucket: {buckets:?}"));
    }
    if !buckets.is_sorted_by(|a, b| a.1 <= b.1 * 1.000_001 + 1e-9 && a.0 < b.0) {
        checker.add(place, query, format!("buckets are not cumulative: {buckets:?}"));
    }
}

/// Checks that a target with exemplars turned on has exemplars.
fn check_exemplars(checker: &Checker<'_>, place: &str, query: &str) {
    let Some(tree) = checker.parse(place, query) else { return };
    let selectors = Node::new(&tree).all().into_iter().filter(|it| it.is_selector());
    let exemplars: Vec<Exemplar> =
        selectors.flat_map(|it| checker.prometheus.exemplars(&it.selector())).collect();
    if exemplars.is_empty() {
        checker.add(place, query, "no exemplars");
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
