//! Variables: the drop-downs at the top of a dashboard.

use serde_json::{Value, json};
use stagelight_core::catalog::{Label, labels};

use super::series;

/// A drop-down.
#[derive(Clone, Debug)]
pub(crate) enum Variable {
    /// A data source of a kind.
    DataSource { name: &'static str, label: &'static str, kind: &'static str },
    /// The values of a label in the time range. Multi-select, defaults to all.
    LabelValues { name: &'static str, label: &'static str, query: String, all: &'static str },
    /// One of a fixed list. Defaults to the first.
    OneOf { name: &'static str, label: &'static str, values: &'static [&'static str] },
}

/// The value of "all" that also matches series without the label.
const OR_NONE: &str = ".*";

// === impl Variable ===

impl Variable {
    pub(crate) const DATASOURCE: Self =
        Self::DataSource { name: "datasource", label: "Metrics", kind: "prometheus" };
    pub(crate) const TRACES: Self =
        Self::DataSource { name: "traces", label: "Traces", kind: "tempo" };
    /// How far back comparisons look.
    pub(crate) const OFFSET: Self = Self::OneOf {
        name: "offset",
        label: "Compare with",
        values: &["1d", "1h", "3h", "6h", "12h", "2d", "7d", "14d", "28d"],
    };

    /// Returns the variables of a dashboard about services: data sources, services, processes,
    /// endpoints and backends.
    pub(crate) fn for_services() -> Vec<Self> {
        let backends = format!(r#"{}, job=~"$job""#, series::ttfb().name_matcher());
        let models = format!(r#"{backends}, provider=~"$provider""#);
        vec![
            Self::DATASOURCE,
            Self::TRACES,
            Self::label_values("job", "Job", &series::requests().name_matcher(), "job", ".+"),
            Self::instance(),
            Self::endpoint(),
            Self::of_label("provider", "Provider", &backends, labels::Provider::LABEL),
            Self::of_label("model", "Model", &models, labels::Model::LABEL),
        ]
    }

    /// The processes of the selected services.
    pub(crate) fn instance() -> Self {
        let matchers = format!(r#"{}, job=~"$job""#, series::requests().name_matcher());
        Self::label_values("instance", "Instance", &matchers, "instance", ".+")
    }

    /// The endpoints of the selected services.
    pub(crate) fn endpoint() -> Self {
        let matchers = format!(r#"{}, job=~"$job""#, series::requests().name_matcher());
        // HTTP metrics have no route where no route matched.
        Self::of_label("endpoint", "Endpoint", &matchers, labels::Endpoint::LABEL)
    }

    /// The values of `of` among the series that `matchers` select. `all` is the pattern for "all".
    pub(crate) fn label_values(
        name: &'static str,
        label: &'static str,
        matchers: &str,
        of: &str,
        all: &'static str,
    ) -> Self {
        Self::LabelValues { name, label, query: format!("label_values({{{matchers}}}, {of})"), all }
    }

    fn of_label(name: &'static str, label: &'static str, matchers: &str, of: &Label) -> Self {
        Self::label_values(name, label, matchers, of.prometheus_name, OR_NONE)
    }

    /// Returns the name in queries, without the dollar sign.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::DataSource { name, .. }
            | Self::LabelValues { name, .. }
            | Self::OneOf { name, .. } => name,
        }
    }

    /// Returns the variable as Grafana reads it.
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
            Self::LabelValues { name, label, query, all } => json!({
                "type": "query",
                "name": name,
                "label": label,
                "datasource": {"type": "prometheus", "uid": "${datasource}"},
                "query": {
                    "qryType": 1,
                    "query": query,
                    "refId": "PrometheusVariableQueryEditor-VariableQuery",
                },
                "regex": "",
                // On every change of the time range.
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
