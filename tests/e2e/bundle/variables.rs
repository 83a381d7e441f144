//! A dashboard's variables: their values from Prometheus, interpolated as in Grafana.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::prometheus::Prometheus;

use super::dashboards::Dashboard;

/// Grafana's built-in variables, longer names first.
///
/// `$__rate_interval` is four scrapes of fifteen seconds, as with the shipped data source.
const BUILT_IN: [(&str, &str); 7] = [
    ("__rate_interval", "1m"),
    ("__interval_ms", "15000"),
    ("__interval", "15s"),
    ("__range_ms", "300000"),
    ("__range_s", "300"),
    ("__range", "5m"),
    ("__all", "$__all"),
];

/// Maximum age of the last sample of an active series, in seconds.
const ACTIVE_WITHIN: f64 = 5.0;

/// The selected value of a variable.
#[derive(Clone, Debug)]
struct Chosen {
    name: String,
    text: String,
}

/// The variables of a dashboard with their selected values.
#[derive(Clone, Debug, Default)]
pub(crate) struct Variables {
    // Longer names first, so that `$stage` does not match in `$stage_group`.
    chosen: Vec<Chosen>,
}

/// The values to select.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// All, if the variable allows that; otherwise the file's selection.
    All,
    /// One value with current samples; all instances, because a new one has no errors yet.
    One,
}

/// A variable's query and its problem.
#[derive(Clone, Debug)]
pub(crate) struct BadVariable {
    pub(crate) name: String,
    pub(crate) query: String,
    pub(crate) problem: String,
}

// === impl Variables ===

impl Variables {
    /// Queries all values in the order of dependencies. `overrides` replaces values by name.
    pub(crate) fn look_up(
        prometheus: &Prometheus,
        dashboard: &Dashboard,
        choice: Choice,
        overrides: &[(&str, &str)],
    ) -> (Self, Vec<BadVariable>) {
        let mut variables = Self::default();
        let mut bad = Vec::new();
        for json in dashboard.variables() {
            let name = json["name"].as_str().unwrap_or_default();
            let choice = if name == "instance" { Choice::All } else { choice };
            let text = match (overrides.iter().find(|it| it.0 == name), json["type"].as_str()) {
                (Some((_, text)), _) => (*text).to_owned(),
                (_, Some("query")) => match variables.values_of(prometheus, json, choice) {
                    Ok(values) => choose(json, &values, choice),
                    Err((query, problem)) => {
                        bad.push(BadVariable { name: name.to_owned(), query, problem });
                        String::new()
                    }
                },
                (_, Some("custom")) => choose(json, &listed(json), choice),
                _ => current(json),
            };
            variables.chosen.push(Chosen { name: name.to_owned(), text });
            variables.chosen.sort_by_key(|it| std::cmp::Reverse(it.name.len()));
        }
        (variables, bad)
    }

    /// Replaces the variables in a query.
    pub(crate) fn interpolate(&self, query: &str) -> String {
        let own = self.chosen.iter().map(|it| (it.name.as_str(), it.text.as_str()));
        BUILT_IN.into_iter().chain(own).fold(query.to_owned(), |query, (name, text)| {
            let formatted = |format: &str| format!("${{{name}:{format}}}");
            query
                .replace(&formatted("regex"), text)
                .replace(&formatted("pipe"), text)
                .replace(&formatted("raw"), text)
                .replace(&format!("${{{name}}}"), text)
                .replace(&format!("[[{name}]]"), text)
                .replace(&format!("${name}"), text)
        })
    }

    fn values_of(
        &self,
        prometheus: &Prometheus,
        json: &Value,
        choice: Choice,
    ) -> Result<Vec<String>, (String, String)> {
        let query = json["query"]["query"].as_str().or(json["query"].as_str()).unwrap_or_default();
        let query = self.interpolate(query);
        let values = label_values(prometheus, &query, choice).map_err(|it| (query.clone(), it))?;
        if values.is_empty() {
            return Err((query, "no values".to_owned()));
        }
        Ok(values)
    }
}

/// Runs a variable's query.
fn label_values(
    prometheus: &Prometheus,
    query: &str,
    choice: Choice,
) -> Result<Vec<String>, String> {
    let inner = query.strip_prefix("label_values(").and_then(|it| it.strip_suffix(')'));
    let Some((selector, label)) = inner.and_then(|it| it.rsplit_once(',')) else {
        return Err("only label_values(SELECTOR, LABEL) is supported".to_owned());
    };
    let (selector, label) = (selector.trim(), label.trim());
    if choice == Choice::One {
        return newest(prometheus, selector, label);
    }
    let start = (testbed::clock::unix_seconds() - 900.0).to_string();
    let parameters = [("match[]", selector), ("start", &start)];
    let response = prometheus.try_get(&format!("label/{label}/values"), &parameters)?;
    let values = response.as_array().into_iter().flatten().filter_map(Value::as_str);
    Ok(values.map(str::to_owned).collect())
}

/// Returns the first value with current samples: the series of a replaced instance are stale.
fn newest(prometheus: &Prometheus, selector: &str, label: &str) -> Result<Vec<String>, String> {
    let selector = match selector.strip_suffix('}') {
        Some(matchers) => format!("{matchers}, {label}!=\"\"}}"),
        None => format!("{selector}{{{label}!=\"\"}}"),
    };
    let query = format!("max by ({label}) (timestamp({selector}))");
    let response = prometheus.try_get("query", &[("query", &query)])?;
    let rows = response["result"].as_array().into_iter().flatten();
    let rows: BTreeMap<_, f64> = rows
        .filter_map(|it| {
            let last = it["value"][1].as_str()?.parse().ok()?;
            Some((it["metric"][label].as_str()?.to_owned(), last))
        })
        .collect();
    let newest = rows.values().copied().fold(0.0, f64::max);
    let active = rows.into_iter().find(|it| newest - it.1 < ACTIVE_WITHIN);
    Ok(active.map(|it| it.0).into_iter().collect())
}

/// Returns the values in the file: `a,b` or `name : a, name : b`.
fn listed(json: &Value) -> Vec<String> {
    let query = json["query"].as_str().unwrap_or_default();
    let values = query.split(',').map(|it| it.rsplit(" : ").next().unwrap_or(it));
    values.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()).collect()
}

/// Returns the file's selection.
fn current(json: &Value) -> String {
    let value = json["current"]["value"].as_str().or(json["query"].as_str());
    value.unwrap_or_default().to_owned()
}

/// Formats a selection like Grafana's Prometheus data source.
fn choose(json: &Value, values: &[String], choice: Choice) -> String {
    let (is_multi, has_all) = (json["multi"] == true, json["includeAll"] == true);
    if !is_multi && !has_all {
        let current = current(json);
        return if values.contains(&current) { current } else { values[0].clone() };
    }
    match (choice, json["allValue"].as_str().filter(|it| !it.is_empty())) {
        (Choice::One, _) => escape(&values[0]),
        (Choice::All, Some(all)) => all.to_owned(),
        (Choice::All, None) if values.len() == 1 => escape(&values[0]),
        (Choice::All, None) => {
            let values: Vec<_> = values.iter().map(|it| escape(it)).collect();
            format!("({})", values.join("|"))
        }
    }
}

/// Escapes a value for a regular expression in a string.
fn escape(value: &str) -> String {
    let mut escaped = String::new();
    for it in value.chars() {
        match it {
            '\\' => escaped.push_str(r"\\\\"),
            it if "$^*{}[]'+?.()|".contains(it) => {
                escaped.push_str(r"\\");
                escaped.push(it);
            }
            it => escaped.push(it),
        }
    }
    escaped
}
