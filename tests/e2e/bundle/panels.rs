//! Executes everything in a dashboard.

use serde_json::Value;

use crate::prometheus::{Exemplar, Labels};

use super::{
    answer::Answer,
    dashboards::{Dashboard, Panel, Target},
    promql::Node,
    proof::{Expected, Proof},
    variables::{Choice, Variables},
};

/// Values for variables whose own reach back further than a test runs.
const INSTEAD: &[(&str, &str)] = &[("offset", "20s")];

/// How far the parts of a whole may be from it, as a part of it.
const WHOLE_ERROR: f64 = 0.01;

/// Executes every variable, annotation and target of a dashboard.
pub(crate) fn check(proof: &Proof<'_>, dashboard: &Dashboard, choice: Choice) {
    let (variables, bad) = Variables::look_up(proof.prometheus, dashboard, choice, INSTEAD);
    for it in bad {
        let place = format!("{} / ${}", dashboard.uid, it.name);
        proof.defects.add(&place, &it.query, it.problem);
    }
    for annotation in dashboard.annotations() {
        check_annotation(proof, dashboard, annotation, &variables);
    }
    for panel in dashboard.panels() {
        for target in panel.targets() {
            check_target(proof, dashboard, &panel, target, &variables);
        }
        check_whole(proof, dashboard, &panel, &variables);
    }
}

fn check_annotation(
    proof: &Proof<'_>,
    dashboard: &Dashboard,
    annotation: &Value,
    variables: &Variables,
) {
    let query = annotation["target"]["expr"].as_str().or(annotation["expr"].as_str());
    let Some(query) = query.filter(|it| !it.is_empty()) else { return };
    let place = format!("{} / annotation / {}", dashboard.uid, text(&annotation["name"]));
    proof.check(&place, &variables.put_into(query), Expected::default());
}

fn check_target(
    proof: &Proof<'_>,
    dashboard: &Dashboard,
    panel: &Panel<'_>,
    target: Target<'_>,
    variables: &Variables,
) {
    let place = format!("{} / {} / {}", dashboard.uid, panel.title, target.ref_id());
    let query = variables.put_into(target.query());
    let expected = Expected {
        is_instant: target.is_instant(),
        // The colours of a heatmap are counts, its unit is that of the buckets.
        unit: (!target.is_heatmap()).then(|| target.unit()),
        // Other scales' ends are where a pointer stops, not where values do.
        max: whole_of(target).and_then(|_| target.setting("max")).and_then(Value::as_f64),
    };
    let Some(answer) = proof.check(&place, &query, expected) else { return };
    // A native histogram has its buckets in itself.
    if !answer.series.iter().all(|it| it.is_histogram) {
        check_legend(proof, &place, &query, target, &answer);
        if target.is_heatmap() {
            check_heatmap(proof, &place, &query, &answer);
        }
    }
    if target.wants_exemplars() {
        check_exemplars(proof, &place, &query);
    }
}

/// Checks that the labels in the legend are there.
///
/// Not in every series: by the conventions, a request without a route has no such label.
fn check_legend(proof: &Proof<'_>, place: &str, query: &str, target: Target<'_>, answer: &Answer) {
    for label in target.legend_labels() {
        if !answer.series.iter().any(|it| it.labels.contains_key(label)) {
            let labels: Vec<_> = answer.series.iter().map(|it| &it.labels).collect();
            let problem = format!("the legend has {label:?}, but no series of {labels:?}");
            proof.defects.add(place, query, problem);
        }
    }
}

/// Checks that parts that are put on one another, on a scale that ends with the whole, add up to it.
fn check_whole(proof: &Proof<'_>, dashboard: &Dashboard, panel: &Panel<'_>, variables: &Variables) {
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
    let query = variables.put_into(target.query());
    let Ok(answer) = Answer::at_the_end(proof.prometheus, &query, proof.span) else { return };
    let sum: f64 = answer.series.iter().flat_map(|it| &it.points).map(|it| it.1).sum();
    if sum.is_nan() || whole * WHOLE_ERROR < (sum - whole).abs() {
        let place = format!("{} / {} / {}", dashboard.uid, panel.title, target.ref_id());
        proof.defects.add(&place, &query, format!("adds up to {sum}, not to {whole}"));
    }
}

/// Returns what all of something is in a target's unit; `None` if its values are no parts.
fn whole_of(target: Target<'_>) -> Option<f64> {
    match target.unit() {
        "percent" => Some(100.0),
        "percentunit" => Some(1.0),
        _ => None,
    }
}

/// Checks that buckets are there in order, each with all that is in the ones below.
fn check_heatmap(proof: &Proof<'_>, place: &str, query: &str, answer: &Answer) {
    let bound = |labels: &Labels| labels.get("le").and_then(|it| it.parse::<f64>().ok());
    let mut buckets: Vec<_> =
        answer.at(proof.span.to).map(|(labels, count)| (bound(labels), count)).collect();
    if buckets.iter().any(|it| it.0.is_none()) {
        proof.defects.add(place, query, "not every series of the heatmap has `le`");
        return;
    }
    buckets.sort_by(|a, b| a.0.partial_cmp(&b.0).unwrap_or(std::cmp::Ordering::Equal));
    if buckets.last().is_none_or(|it| it.0 != Some(f64::INFINITY)) {
        proof.defects.add(place, query, format!("there is no bucket without end: {buckets:?}"));
    }
    if !buckets.is_sorted_by(|a, b| a.1 <= b.1 * 1.000_001 + 1e-9 && a.0 < b.0) {
        proof.defects.add(place, query, format!("buckets are not cumulative: {buckets:?}"));
    }
}

/// Checks that there are exemplars for what a panel wants them for.
fn check_exemplars(proof: &Proof<'_>, place: &str, query: &str) {
    let Some(tree) = proof.parse(place, query) else { return };
    let selectors = Node::new(&tree).all().into_iter().filter(|it| it.is_selector());
    let exemplars: Vec<Exemplar> =
        selectors.flat_map(|it| proof.prometheus.exemplars(&it.selector())).collect();
    if exemplars.is_empty() {
        proof.defects.add(place, query, "there are no exemplars for it");
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
