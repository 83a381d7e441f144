//! What the dashboards ask, read from their files: for whoever runs it or checks it.
//!
//! ```
//! use std::time::Duration;
//! use stagelight_bundle::dashboards::{all, queries::{Variables, queries}};
//!
//! for file in all() {
//!     let variables = Variables::of(&file.json, Duration::from_secs(60), Duration::from_secs(10));
//!     for query in queries(&file.json) {
//!         assert!(!variables.substitute(&query.expr)?.contains("$__"));
//!     }
//! }
//! # Ok::<(), stagelight_bundle::dashboards::queries::UnknownVariable>(())
//! ```

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

/// One query and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// The dashboard's `uid`.
    pub dashboard: String,
    /// What the query is of.
    pub place: Place,
    /// PromQL with Grafana's variables in it. Of a variable that asks `label_values(selector, label)`, the selector.
    pub expr: String,
}

/// What a query is of.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Place {
    /// A panel's target.
    #[non_exhaustive]
    Panel {
        /// The panel's title.
        title: String,
        /// The panel's kind: `timeseries`, `heatmap`, `gauge`, `stat` or `table`.
        kind: String,
        /// The target's letter.
        ref_id: String,
        /// Grafana's name of the unit of its values: `s`, `percent`, …; the target's own where it has one.
        unit: String,
        /// How a series is named: `{{label}}` stands for a label's value.
        legend: String,
        /// `time_series`, `table` or `heatmap`.
        format: String,
        /// Asked at the end of the range only, not over it.
        is_instant: bool,
        /// Whether exemplars are asked for, too.
        has_exemplars: bool,
    },
    /// A variable's values.
    #[non_exhaustive]
    Variable {
        /// The variable's name.
        name: String,
        /// The label whose values it offers.
        label: String,
    },
    /// An annotation: each value is an event.
    #[non_exhaustive]
    Annotation {
        /// The annotation's name.
        name: String,
        /// How an event is named, like a panel's legend.
        legend: String,
    },
}

/// Values for the variables of a dashboard, Grafana's own included.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    values: BTreeMap<String, String>,
}

/// A query names a variable that has no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no value for the variable ${name}; there are {known}")]
pub struct UnknownVariable {
    /// The variable's name.
    pub name: String,
    /// The names that have values, separated by commas.
    pub known: String,
}

/// Returns all that a dashboard asks: of its variables, its annotations, and its panels, those of closed rows included.
///
/// Annotations and variables of other data sources than Prometheus are left out.
#[must_use]
pub fn queries(dashboard: &Value) -> Vec<Query> {
    let query = |place, expr: &str| Query {
        dashboard: text(&dashboard["uid"]),
        place,
        expr: expr.to_owned(),
    };
    let variables = list(&dashboard["templating"]["list"]).filter_map(|variable| {
        let asked = text(&variable["query"]["query"]);
        let (selector, label) =
            asked.strip_prefix("label_values(")?.strip_suffix(')')?.rsplit_once(',')?;
        let place =
            Place::Variable { name: text(&variable["name"]), label: label.trim().to_owned() };
        Some(query(place, selector.trim()))
    });
    let annotations = list(&dashboard["annotations"]["list"]).filter_map(|annotation| {
        let expr = annotation["target"]["expr"].as_str()?;
        let legend =
            format!("{} {}", text(&annotation["titleFormat"]), text(&annotation["textFormat"]));
        Some(query(Place::Annotation { name: text(&annotation["name"]), legend }, expr))
    });
    let targets = panels(dashboard).flat_map(|panel| {
        list(&panel["targets"]).map(|target| {
            query(place_of(panel, target), target["expr"].as_str().unwrap_or_default())
        })
    });
    variables.chain(annotations).chain(targets).collect()
}

/// Returns a dashboard's panels, those of closed rows included, without the rows themselves.
pub fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(&dashboard["panels"])
        .flat_map(|panel| std::iter::once(panel).chain(list(&panel["panels"])))
        .filter(|panel| panel["type"] != "row")
}

fn place_of(panel: &Value, target: &Value) -> Place {
    let ref_id = text(&target["refId"]);
    let defaults = &panel["fieldConfig"]["defaults"];
    let own_unit = list(&panel["fieldConfig"]["overrides"])
        .filter(|it| it["matcher"]["id"] == "byFrameRefID" && it["matcher"]["options"] == *ref_id)
        .flat_map(|it| list(&it["properties"]))
        .find(|it| it["id"] == "unit");
    Place::Panel {
        title: text(&panel["title"]),
        kind: text(&panel["type"]),
        unit: text(own_unit.map_or(&defaults["unit"], |it| &it["value"])),
        legend: text(&target["legendFormat"]),
        format: text(&target["format"]),
        is_instant: target["instant"] == true,
        has_exemplars: target["exemplar"] == true,
        ref_id,
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

// === impl Query ===

impl Query {
    /// Says where it stands: the panel's title and the target's letter, or the variable, or the annotation.
    #[must_use]
    pub fn place_name(&self) -> String {
        match &self.place {
            Place::Panel { title, ref_id, .. } => format!("{title:?} {ref_id}"),
            Place::Variable { name, .. } => format!("variable {name}"),
            Place::Annotation { name, .. } => format!("annotation {name:?}"),
        }
    }
}

// === impl Variables ===

impl Variables {
    /// Takes "all" for variables with many values and the first choice of the others; the shown range and `$__rate_interval` are given.
    ///
    /// `$__interval` is the same as `$__rate_interval`. `$__range_s` and `$__range_ms` are numbers, the others have a unit.
    #[must_use]
    pub fn of(dashboard: &Value, range: Duration, rate_interval: Duration) -> Self {
        let mut variables = Self::default()
            .with("__range", &format!("{}s", range.as_secs()))
            .with("__range_s", &range.as_secs().to_string())
            .with("__range_ms", &range.as_millis().to_string())
            .with("__rate_interval", &format!("{}ms", rate_interval.as_millis()))
            .with("__interval", &format!("{}ms", rate_interval.as_millis()));
        for variable in list(&dashboard["templating"]["list"]) {
            let value = variable["allValue"].as_str().or(variable["current"]["value"].as_str());
            variables = variables.with(&text(&variable["name"]), value.unwrap_or_default());
        }
        variables
    }

    /// Sets one; `name` is without the dollar sign. Of several values of one variable, give a regular expression: `(a|b)`.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.values.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Puts values in place of `$name`, `${name}` and `${name:format}`; the format is ignored. Leaves `$1` as it is.
    ///
    /// # Errors
    ///
    /// [`UnknownVariable`] when one has no value.
    pub fn substitute(&self, text: &str) -> Result<String, UnknownVariable> {
        let mut parts = text.split('$');
        let mut substituted = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = split_name(part);
            // Not a variable, but the first group of a regular expression.
            if name.bytes().all(|it| it.is_ascii_digit()) {
                substituted.push('$');
                substituted.push_str(part);
                continue;
            }
            let value = self.values.get(name).ok_or_else(|| self.unknown(name))?;
            substituted.push_str(value);
            substituted.push_str(rest);
        }
        Ok(substituted)
    }

    fn unknown(&self, name: &str) -> UnknownVariable {
        let known: Vec<_> = self.values.keys().map(String::as_str).collect();
        UnknownVariable { name: name.to_owned(), known: known.join(", ") }
    }
}

/// Splits what follows a dollar sign into a variable's name and the rest.
fn split_name(part: &str) -> (&str, &str) {
    if let Some((inside, rest)) = part.strip_prefix('{').and_then(|it| it.split_once('}')) {
        return (inside.split_once(':').map_or(inside, |it| it.0), rest);
    }
    let end = part.find(|it: char| !it.is_ascii_alphanumeric() && it != '_').unwrap_or(part.len());
    part.split_at(end)
}

#[cfg(test)]
mod tests;
