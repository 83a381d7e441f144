//! What pictures of the dashboards are drawn from: the same queries, on the same load, for longer.

use std::path::Path;

use serde_json::{Value, json};

use crate::prometheus::Prometheus;

use super::{
    answer::{Answer, Span},
    dashboards::Dashboard,
    variables::{Choice, Variables},
};

/// What is chosen where all would show something twice (what is pushed and scraped of one service), or what nobody looks for.
const INSTEAD: &[(&str, &str)] = &[
    ("job", "llm-gateway"),
    ("endpoint", "/v1/chat/completions"),
    ("process", "llm-gateway|otelcol.*|prometheus|alertmanager"),
    ("offset", "4m"),
];

/// Writes what every open panel of every dashboard shows.
pub(crate) fn write(file: &Path, prometheus: &Prometheus, span: Span) {
    let dashboards = Dashboard::shipped();
    let dashboards: Vec<_> = dashboards.iter().map(|it| shown(prometheus, it, span)).collect();
    let all = json!({"span": [span.from, span.to], "dashboards": dashboards});
    std::fs::write(file, all.to_string()).unwrap();
}

fn shown(prometheus: &Prometheus, dashboard: &Dashboard, span: Span) -> Value {
    let (variables, bad) = Variables::look_up(prometheus, dashboard, Choice::All, INSTEAD);
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

/// Returns the answers to a panel's queries by their `refId`.
fn answers(prometheus: &Prometheus, variables: &Variables, panel: &Value, span: Span) -> Value {
    let mut answers = serde_json::Map::new();
    for target in panel["targets"].as_array().into_iter().flatten() {
        let query = variables.put_into(target["expr"].as_str().unwrap());
        let ask = if target["instant"] == true { Answer::at_the_end } else { Answer::over };
        let answer = ask(prometheus, &query, span).unwrap();
        let series = answer.series.iter();
        let series: Vec<_> =
            series.map(|it| json!({"labels": it.labels, "points": it.points})).collect();
        answers.insert(target["refId"].as_str().unwrap().to_owned(), series.into());
    }
    answers.into()
}
