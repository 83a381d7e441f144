//! What each kind of panel is told besides its values.

use serde_json::{Map, Value, json};

use super::panel::{Panel, View};

pub(super) fn kind(view: View) -> &'static str {
    match view {
        View::Lines | View::Stacked => "timeseries",
        View::Heatmap => "heatmap",
        View::Gauges => "gauge",
        View::Stats => "stat",
        View::Table => "table",
    }
}

pub(super) fn color_mode(view: View) -> &'static str {
    match view {
        View::Lines | View::Stacked => "palette-classic",
        View::Heatmap | View::Gauges | View::Stats | View::Table => "thresholds",
    }
}

pub(super) fn options(panel: &Panel) -> Value {
    match panel.view {
        View::Lines | View::Stacked => json!({
            "legend": {
                "showLegend": true,
                "displayMode": "table",
                "placement": "bottom",
                "calcs": ["mean", "max", "lastNotNull"],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        }),
        View::Heatmap => heatmap(panel),
        View::Gauges => json!({
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
            "showThresholdLabels": false,
            "showThresholdMarkers": true,
            "orientation": "auto",
            "sizing": "auto",
        }),
        View::Stats => json!({
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "auto",
            "textMode": "auto",
            "orientation": "auto",
            "wideLayout": true,
        }),
        View::Table => {
            let sorted_by: Vec<_> =
                panel.sorted_by.iter().map(|it| json!({"displayName": it, "desc": true})).collect();
            json!({"cellHeight": "sm", "showHeader": true, "sortBy": sorted_by})
        }
    }
}

pub(super) fn custom(panel: &Panel) -> Value {
    match panel.view {
        View::Lines | View::Stacked => {
            let stacked = panel.view == View::Stacked;
            // A line at each threshold, where there is one.
            let thresholds = if !stacked && 1 < panel.steps.len() { "dashed" } else { "off" };
            json!({
                "drawStyle": "line",
                "lineInterpolation": "linear",
                "lineWidth": 1,
                "fillOpacity": if stacked { 60 } else { 8 },
                "showPoints": "auto",
                "spanNulls": false,
                "stacking": {"mode": if stacked { "normal" } else { "none" }, "group": "A"},
                "thresholdsStyle": {"mode": thresholds},
            })
        }
        View::Heatmap => json!({"scaleDistribution": {"type": "linear"}}),
        View::Table => json!({"align": "auto", "filterable": true}),
        View::Gauges | View::Stats => json!({}),
    }
}

/// Joins a table's queries into rows, and shows the named columns in their order.
pub(super) fn transformations(panel: &Panel) -> Value {
    let mut order = Map::new();
    let mut titles = Map::new();
    for (position, (field, title)) in panel.columns.iter().enumerate() {
        order.insert((*field).to_owned(), position.into());
        titles.insert((*field).to_owned(), (*title).into());
    }
    let shown: Vec<_> = panel.columns.iter().map(|it| it.0).collect();
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

fn heatmap(panel: &Panel) -> Value {
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
        "yAxis": {"axisPlacement": "left", "reverse": false, "unit": panel.unit.id()},
    })
}
