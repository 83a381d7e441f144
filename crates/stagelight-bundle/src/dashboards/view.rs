//! The kinds of panels and their Grafana options.

use serde_json::{Map, Value, json};

use super::unit::Unit;

/// How a panel draws its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    /// Lines over time.
    Lines,
    /// Stacked areas over time.
    Stacked,
    /// Buckets over time.
    Heatmap,
    /// One gauge per query.
    Gauges,
    /// One number per query.
    Stats,
    /// One row per series.
    Table,
}

// === impl View ===

impl View {
    /// Returns Grafana's name of the panel type.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Lines | Self::Stacked => "timeseries",
            Self::Heatmap => "heatmap",
            Self::Gauges => "gauge",
            Self::Stats => "stat",
            Self::Table => "table",
        }
    }

    /// Returns the format of the query's result.
    pub(super) fn format(self) -> &'static str {
        match self {
            Self::Heatmap => "heatmap",
            Self::Table => "table",
            Self::Lines | Self::Stacked | Self::Gauges | Self::Stats => "time_series",
        }
    }

    /// Returns whether queries return only the value at the end of the time range.
    pub(super) fn is_instant(self) -> bool {
        matches!(self, Self::Gauges | Self::Stats | Self::Table)
    }

    pub(super) fn color_mode(self) -> &'static str {
        match self {
            Self::Lines | Self::Stacked => "palette-classic",
            Self::Heatmap | Self::Gauges | Self::Stats | Self::Table => "thresholds",
        }
    }

    pub(super) fn options(self, unit: Unit, sorted_by: Option<&str>) -> Value {
        match self {
            Self::Lines | Self::Stacked => json!({
                "legend": {
                    "showLegend": true,
                    "displayMode": "table",
                    "placement": "bottom",
                    "calcs": ["mean", "max", "lastNotNull"],
                },
                "tooltip": {"mode": "multi", "sort": "desc"},
            }),
            Self::Heatmap => heatmap(unit),
            Self::Gauges => json!({
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
                "showThresholdLabels": false,
                "showThresholdMarkers": true,
                "orientation": "auto",
                "sizing": "auto",
            }),
            Self::Stats => json!({
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
                "colorMode": "value",
                "graphMode": "none",
                "justifyMode": "auto",
                "textMode": "auto",
                "orientation": "auto",
                "wideLayout": true,
            }),
            Self::Table => {
                let sorted_by: Vec<_> =
                    sorted_by.iter().map(|it| json!({"displayName": it, "desc": true})).collect();
                json!({"cellHeight": "sm", "showHeader": true, "sortBy": sorted_by})
            }
        }
    }

    /// Returns the drawing options of the fields. `has_limits` draws a dashed line at each limit.
    pub(super) fn custom(self, has_limits: bool) -> Value {
        match self {
            Self::Lines | Self::Stacked => {
                let stacked = self == Self::Stacked;
                let lines = if !stacked && has_limits { "dashed" } else { "off" };
                json!({
                    "drawStyle": "line",
                    "lineInterpolation": "linear",
                    "lineWidth": 1,
                    "fillOpacity": if stacked { 60 } else { 8 },
                    "showPoints": "auto",
                    "spanNulls": false,
                    "stacking": {"mode": if stacked { "normal" } else { "none" }, "group": "A"},
                    "thresholdsStyle": {"mode": lines},
                })
            }
            Self::Heatmap => json!({"scaleDistribution": {"type": "linear"}}),
            Self::Table => json!({"align": "auto", "filterable": true}),
            Self::Gauges | Self::Stats => json!({}),
        }
    }
}

/// Joins a table's queries into rows, and shows the given columns (field, title) in their order.
pub(super) fn transformations(columns: &[(&str, &str)]) -> Value {
    let mut order = Map::new();
    let mut titles = Map::new();
    for (position, (field, title)) in columns.iter().enumerate() {
        order.insert((*field).to_owned(), position.into());
        titles.insert((*field).to_owned(), (*title).into());
    }
    let shown: Vec<_> = columns.iter().map(|it| it.0).collect();
    json!([
        {"id": "merge", "options": {}},
        {"id": "filterFieldsByName", "options": {"include": {"names": shown}}},
        {"id": "organize", "options": {
            "excludeByName": {},
            "indexByName": order,
            "renameByName": titles,
        }},
    ])
}

fn heatmap(unit: Unit) -> Value {
    json!({
        "calculate": false,
        "cellGap": 1,
        "color": {
            "mode": "scheme",
            "scheme": "Oranges",
            "fill": "dark-orange",
            "scale": "exponential",
            "exponent": 0.5,
            "reverse": false,
            "steps": 64,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": true},
        "rowsFrame": {"layout": "auto"},
        "showValue": "never",
        "tooltip": {"mode": "single", "showColorScale": true, "yHistogram": true},
        "yAxis": {"axisPlacement": "left", "reverse": false, "unit": unit.id()},
    })
}
