//! Data of the dashboards' pictures: the same queries on the same load, for longer.

use std::path::Path;

use serde_json::{Value, json};

use crate::prometheus::Prometheus;

use super::{
    dashboards::Dashboard,
    response::{Response, Span},
    variables::{Choice, Variables},
};

/// Values of variables for which `All` would show data twice (pushed and scraped) or hide the main
/// endpoint.
const OVERRIDES: &[(&str, &str)] = &[
    ("job", "llm-gateway"),
    ("endpoint", "/v1/chat/completions"),
    ("process", "llm-gateway|otelcol.*|prometheus|alertmanager"),
    ("offset", "4m"),
];

/// Writes the data of every open panel of every dashboard.
pub(crate) fn write(file: &Path, prometheus: &Prometheus, span: Span) {
    let dashboards = Dashboard::shipped();
    let dashboards: Vec<_> = dashboards.iter().map(|it| shown(prometheus, it, span)).collect();
    let all = json!({"span": [span.from, span.to], "dashboards": dashboards});
    std::fs::write(file, all.to_string()).unwrap();
}

fn shown(prometheus: &Prometheus, dashboard: &Dashboard, span: Span) -> Value {
    let (variables, bad) = Variables::look_up(prometheus, dashboard, Choice::All, OVERRIDES);
    assert!(bad.is_empty(), "{bad:#?}");
    let panels = dashboard.json["panels"].as_array().unwrap().iter();
    let open = panels.filter(|it| it["collapsed"] != true).map(|panel| {
        let mut panel = panel.clone();
        panel["answers"] = answers(prometheus, &variables, &panel, span);
        panel
    });
    json!({
        "uid": dashboard.uid,
        "title": dashboard.json["title"],
        "panels": open.collect::<Vec<_>>(),
    })
}

/// Returns the responses to a panel's queries by `refId`.
fn answers(prometheus: &Prometheus, variables: &Variables, panel: &Value, span: Span) -> Value {
    let mut answers = serde_json::Map::new();
    for target in panel["targets"].as_array().into_iter().flatten() {
        let query = variables.interpolate(target["expr"].as_str().unwrap());
        let ask = if target["instant"] == true { Response::at_the_end } else { Response::over };
        let response = ask(prometheus, &query, span).unwrap();
        let series = response.series.iter();
        let series: Vec<_> =
            series.map(|it| json!({"labels": it.labels, "points": it.points})).collect();
        answers.insert(target["refId"].as_str().unwrap().to_owned(), series.into());
    }
    answers.into()
}
