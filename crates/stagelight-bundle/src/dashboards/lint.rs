//! What every dashboard has to hold, besides Grafana's schema.
//!
//! These are the rules of Grafana's dashboard-linter, as far as they make sense for metrics that come by OTLP, and what good dashboards
//! have beyond them. Rules on queries parse the PromQL, with the variables put in.

mod names;
mod foreign;
mod labels;
mod board;
mod variables;
mod panels;
mod expressions;

use std::{fmt, time::Duration};

use serde_json::Value;

use super::queries::{self, Query, Variables};

use self::expressions::Parsed;

pub use names::{Names, NamesError};

/// One thing that is not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule's name.
    pub rule: &'static str,
    /// Where and what.
    pub message: String,
}

/// A rule: its name, and what finds offences against it.
type Rule = (&'static str, fn(&Sheet<'_>) -> Vec<String>);

/// A dashboard and what may be asked for.
struct Sheet<'a> {
    dashboard: &'a Value,
    names: &'a Names,
    /// Any values: enough to parse queries.
    variables: Variables,
    parsed: Vec<Parsed>,
}

const RULES: &[Rule] = &[
    ("uid", board::uid),
    ("title-description", board::title_and_description),
    ("schema-version", board::schema_version),
    ("uneditable", board::uneditable),
    ("shared-tooltip", board::shared_tooltip),
    ("links", board::links),
    ("annotations", board::annotations),
    ("first-row-open", board::first_row_open),
    ("datasource-variable", variables::datasource),
    ("variable-many-values", variables::many_values),
    ("variable-time-range", variables::time_range),
    ("variable-label", variables::label),
    ("variable-known", variables::known),
    ("variable-used", variables::used),
    ("panel-title-description", panels::title_and_description),
    ("panel-unit", panels::unit),
    ("panel-no-value", panels::no_value),
    ("panel-min", panels::min),
    ("panel-thresholds", panels::thresholds),
    ("panel-legend", panels::legend),
    ("panel-datasource", panels::datasource),
    ("panel-targets", panels::targets),
    ("panel-ids", panels::ids),
    ("panel-grid", panels::grid),
    ("panel-links", panels::links),
    ("query-syntax", expressions::syntax),
    ("query-metric", expressions::metrics),
    ("query-label", expressions::matched_labels),
    ("query-job-instance", expressions::job_and_instance),
    ("query-counter", expressions::counters),
    ("query-window", expressions::window),
    ("query-le", expressions::bounds),
    ("query-exemplars", expressions::exemplars),
    ("query-legend", expressions::legends),
    ("query-native", expressions::native),
];

/// Returns everything in a dashboard that offends against a rule; nothing, if all is well.
#[must_use]
pub fn lint(dashboard: &Value, names: &Names) -> Vec<Finding> {
    // Parsed once: every second rule looks at the queries.
    let variables = Variables::of(dashboard, Duration::from_secs(3600), Duration::from_secs(60));
    let parsed = expressions::parse_all(dashboard, &variables);
    let sheet = Sheet { dashboard, names, variables, parsed };
    let findings = |&(rule, check): &Rule| {
        check(&sheet).into_iter().map(move |message| Finding { rule, message })
    };
    RULES.iter().flat_map(findings).collect()
}

/// Returns the metrics of a PromQL query that nobody makes.
///
/// # Errors
///
/// What is wrong with a query that is none.
pub fn unknown_metrics(query: &str, names: &Names) -> Result<Vec<String>, String> {
    let expr = promql_parser::parser::parse(query)?;
    let metrics = labels::selectors(&expr).into_iter().map(labels::metric);
    Ok(metrics.filter(|it| names.labels(it).is_none()).collect())
}

/// Returns the names of all rules, in the order in which they are checked.
#[must_use]
pub fn rule_names() -> Vec<&'static str> {
    RULES.iter().map(|it| it.0).collect()
}

// === impl Sheet ===

impl Sheet<'_> {
    fn list(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.dashboard[name].as_array().into_iter().flatten()
    }

    fn annotations(&self) -> impl Iterator<Item = &Value> {
        self.dashboard["annotations"]["list"].as_array().into_iter().flatten()
    }

    fn variables(&self) -> impl Iterator<Item = &Value> {
        self.dashboard["templating"]["list"].as_array().into_iter().flatten()
    }

    /// All panels but rows, those of closed rows included.
    fn panels(&self) -> impl Iterator<Item = &Value> {
        queries::panels(self.dashboard)
    }

    fn queries(&self) -> Vec<Query> {
        queries::queries(self.dashboard)
    }

    /// The fields that a table shows.
    fn columns(&self, title: &str) -> Vec<String> {
        let of_panel = self.panels().filter(|it| it["title"] == *title);
        let shown = of_panel
            .flat_map(|it| it["transformations"].as_array().into_iter().flatten())
            .flat_map(|it| it["options"]["include"]["names"].as_array().into_iter().flatten());
        shown.filter_map(|it| it.as_str().map(str::to_owned)).collect()
    }
}

// === impl Finding ===

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.rule, self.message)
    }
}

#[cfg(test)]
mod tests;
