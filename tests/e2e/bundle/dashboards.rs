//! The queries in a dashboard's file.

use std::fs;

use serde_json::Value;
use testbed::Workspace;

/// A parsed dashboard file.
#[derive(Clone, Debug)]
pub(crate) struct Dashboard {
    pub(crate) uid: String,
    pub(crate) json: Value,
}

/// A panel, also one in a row.
#[derive(Clone, Debug)]
pub(crate) struct Panel<'a> {
    pub(crate) title: &'a str,
    pub(crate) json: &'a Value,
}

/// One query of a panel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Target<'a> {
    pub(crate) panel: &'a Value,
    pub(crate) json: &'a Value,
}

// === impl Dashboard ===

impl Dashboard {
    /// Reads the shipped dashboards by file name.
    pub(crate) fn shipped() -> Vec<Self> {
        let folder = Workspace::find().path("grafana/dashboards");
        let mut files: Vec<_> =
            fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
        files.retain(|it| it.extension().is_some_and(|it| it == "json"));
        files.sort();
        files.iter().map(|it| Self::parse(&fs::read_to_string(it).unwrap())).collect()
    }

    pub(crate) fn parse(text: &str) -> Self {
        let json: Value = serde_json::from_str(text).unwrap();
        Self { uid: json["uid"].as_str().unwrap_or_default().to_owned(), json }
    }

    /// Returns the panels in order, those of collapsed rows included.
    pub(crate) fn panels(&self) -> Vec<Panel<'_>> {
        let mut panels = Vec::new();
        for panel in list(&self.json["panels"]) {
            panels.extend(list(&panel["panels"]).iter().map(Panel::read));
            if panel["type"] != "row" {
                panels.push(Panel::read(panel));
            }
        }
        panels
    }

    pub(crate) fn variables(&self) -> &[Value] {
        list(&self.json["templating"]["list"])
    }

    pub(crate) fn annotations(&self) -> &[Value] {
        list(&self.json["annotations"]["list"])
    }
}

// === impl Panel ===

impl<'a> Panel<'a> {
    fn read(json: &'a Value) -> Self {
        Self { title: json["title"].as_str().unwrap_or_default(), json }
    }

    /// Returns the Prometheus queries.
    pub(crate) fn targets(&self) -> Vec<Target<'a>> {
        let targets = list(&self.json["targets"]).iter();
        let targets = targets.map(|json| Target { panel: self.json, json });
        targets.filter(|it| !it.query().is_empty()).collect()
    }
}

// === impl Target ===

impl<'a> Target<'a> {
    pub(crate) fn ref_id(self) -> &'a str {
        self.json["refId"].as_str().unwrap_or_default()
    }

    pub(crate) fn query(self) -> &'a str {
        self.json["expr"].as_str().unwrap_or_default()
    }

    /// Returns whether it is an instant query.
    pub(crate) fn is_instant(self) -> bool {
        self.json["instant"] == true
    }

    pub(crate) fn is_heatmap(self) -> bool {
        self.json["format"] == "heatmap"
    }

    pub(crate) fn wants_exemplars(self) -> bool {
        self.json["exemplar"] == true
    }

    /// Returns the label names in the legend.
    pub(crate) fn legend_labels(self) -> Vec<&'a str> {
        let legend = self.json["legendFormat"].as_str().unwrap_or_default();
        let parts = legend.split("{{").skip(1).filter_map(|it| it.split_once("}}"));
        parts.map(|it| it.0.trim()).collect()
    }

    /// Returns a setting of the values' field, from an override or the defaults.
    pub(crate) fn setting(self, key: &str) -> Option<&'a Value> {
        let overrides = list(&self.panel["fieldConfig"]["overrides"]).iter();
        let of_it = overrides.filter(|it| self.is_matched_by(&it["matcher"]));
        let mut properties = of_it.flat_map(|it| list(&it["properties"]));
        properties
            .rfind(|it| it["id"] == key)
            .map(|it| &it["value"])
            .or_else(|| self.panel["fieldConfig"]["defaults"].get(key))
    }

    pub(crate) fn unit(self) -> &'a str {
        self.setting("unit").and_then(Value::as_str).unwrap_or_default()
    }

    fn is_matched_by(self, matcher: &Value) -> bool {
        let options = matcher["options"].as_str().unwrap_or_default();
        match matcher["id"].as_str() {
            Some("byFrameRefID") => options == self.ref_id(),
            Some("byName") => self.names().iter().any(|it| it == options),
            _ => false,
        }
    }

    /// Returns the possible names of the values' field.
    fn names(self) -> Vec<String> {
        let column = format!("Value #{}", self.ref_id());
        let legend = self.json["legendFormat"].as_str().unwrap_or_default().to_owned();
        let renamed = list(&self.panel["transformations"]).iter().filter_map(|it| {
            let names = &it["options"]["renameByName"];
            names[&column].as_str().or(names["Value"].as_str()).map(str::to_owned)
        });
        renamed.chain([column.clone(), "Value".to_owned(), legend]).collect()
    }
}

/// Returns an array's elements; none if it is not an array.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
