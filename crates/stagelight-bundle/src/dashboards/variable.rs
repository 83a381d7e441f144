//! What a dashboard can be asked for: the drop-downs at its top.

use serde_json::{Value, json};
use stagelight_core::catalog::{self, Family, Label};

/// A drop-down.
#[derive(Clone, Debug)]
pub(crate) enum Variable {
    /// A data source of a kind.
    DataSource { name: &'static str, label: &'static str, kind: &'static str },
    /// The values that a label has now. All of them at first; any number can be chosen.
    Values { name: &'static str, label: &'static str, query: String, all: &'static str },
    /// One of a few; the first at first.
    OneOf { name: &'static str, label: &'static str, values: &'static [&'static str] },
}

/// Names of a histogram's count, classic or native: either tells all labels.
fn counts(family: &Family, position: usize) -> String {
    let name = family.metrics[position].prometheus_name();
    format!(r#"__name__=~"{name}(_count)?""#)
}

// === impl Variable ===

impl Variable {
    pub(crate) const DATASOURCE: Self =
        Self::DataSource { name: "datasource", label: "Metrics", kind: "prometheus" };
    pub(crate) const TRACES: Self =
        Self::DataSource { name: "traces", label: "Traces", kind: "tempo" };
    /// How much earlier is "before".
    pub(crate) const OFFSET: Self = Self::OneOf {
        name: "offset",
        label: "Compare with",
        values: &["1d", "1h", "3h", "6h", "12h", "2d", "7d", "14d", "28d"],
    };

    /// The services that measure requests.
    pub(crate) fn job() -> Self {
        Self::values("job", "Job", &counts(&catalog::REQUEST, 0), "job", ".+")
    }

    /// Their processes.
    pub(crate) fn instance() -> Self {
        let of = format!(r#"{}, job=~"$job""#, counts(&catalog::REQUEST, 0));
        Self::values("instance", "Instance", &of, "instance", ".+")
    }

    pub(crate) fn endpoint() -> Self {
        let of = format!(r#"{}, job=~"$job""#, counts(&catalog::REQUEST, 0));
        // Whatever matches nothing too: HTTP's metrics have no route where no route matched.
        Self::values("endpoint", "Endpoint", &of, &Label::Endpoint.prometheus_name(), ".*")
    }

    pub(crate) fn provider() -> Self {
        let of = format!(r#"{}, job=~"$job""#, counts(&catalog::BACKEND, catalog::BACKEND_TTFB));
        Self::values("provider", "Provider", &of, &Label::Provider.prometheus_name(), ".*")
    }

    pub(crate) fn model() -> Self {
        let counts = counts(&catalog::BACKEND, catalog::BACKEND_TTFB);
        let of = format!(r#"{counts}, job=~"$job", provider=~"$provider""#);
        Self::values("model", "Model", &of, &Label::Model.prometheus_name(), ".*")
    }

    pub(crate) fn values(
        name: &'static str,
        label: &'static str,
        matchers: &str,
        of: &str,
        all: &'static str,
    ) -> Self {
        Self::Values { name, label, query: format!("label_values({{{matchers}}}, {of})"), all }
    }

    /// Returns the name that queries use, without the dollar sign.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::DataSource { name, .. }
            | Self::Values { name, .. }
            | Self::OneOf { name, .. } => name,
        }
    }

    /// Writes the variable as Grafana reads it.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::DataSource { name, label, kind } => json!({
                "type": "datasource",
                "name": name,
                "label": label,
                "query": kind,
                "regex": "",
                "refresh": 1,
                "hide": 0,
                "includeAll": false,
                "multi": false,
                "skipUrlSync": false,
                "options": [],
            }),
            Self::Values { name, label, query, all } => json!({
                "type": "query",
                "name": name,
                "label": label,
                "datasource": {"type": "prometheus", "uid": "${datasource}"},
                "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
                "regex": "",
                // With the time range: what is not there any more is not offered.
                "refresh": 2,
                "sort": 1,
                "hide": 0,
                "includeAll": true,
                "allValue": all,
                "multi": true,
                "skipUrlSync": false,
                "current": {"selected": true, "text": ["All"], "value": ["$__all"]},
                "options": [],
            }),
            Self::OneOf { name, label, values } => {
                let first = values.first().copied().unwrap_or_default();
                let option = |it: &&str| json!({"selected": *it == first, "text": it, "value": it});
                json!({
                    "type": "custom",
                    "name": name,
                    "label": label,
                    "query": values.join(","),
                    "hide": 0,
                    "includeAll": false,
                    "multi": false,
                    "skipUrlSync": false,
                    "current": {"selected": true, "text": first, "value": first},
                    "options": values.iter().map(option).collect::<Vec<_>>(),
                })
            }
        }
    }
}
