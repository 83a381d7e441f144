//! Ways from a value to the traces behind it.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// Where the alerts' `runbook_url` points, too.
const RUNBOOKS: &str = "https://github.com/stagelight-rs/stagelight/blob/main/collector/runbooks";

/// A link that a value or a panel has.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    title: String,
    url: String,
}

// === impl Link ===

impl Link {
    /// Opens Explore with a search for traces, over the dashboard's time range.
    ///
    /// `traceql` may hold Grafana's macros, such as `${__field.labels.provider}`. The data source is the one of the variable `traces`.
    pub(crate) fn traces(title: &str, traceql: &str) -> Self {
        let panes = json!({"traces": {
            "datasource": "${traces}",
            "queries": [{
                "refId": "A",
                "datasource": {"type": "tempo", "uid": "${traces}"},
                "queryType": "traceql",
                "query": traceql,
                "limit": 20,
            }],
            "range": {"from": "${__from}", "to": "${__to}"},
        }});
        let url = format!("/explore?schemaVersion=1&panes={}", encode(&panes.to_string()));
        Self { title: title.to_owned(), url }
    }

    /// Opens another of our dashboards, with the same time range and variables.
    pub(crate) fn dashboard(title: &str, uid: &str) -> Self {
        let url = format!("/d/{uid}?${{__url_time_range}}&${{__all_variables}}");
        Self { title: title.to_owned(), url }
    }

    /// Opens the runbook of an alert.
    pub(crate) fn runbook(alert: &str) -> Self {
        Self { title: format!("Runbook: {alert}"), url: format!("{RUNBOOKS}/{alert}.md") }
    }

    /// Writes the link as one of a panel's head.
    pub(crate) fn of_panel(&self) -> Value {
        json!({
            "type": "link",
            "title": self.title,
            "url": self.url,
            "targetBlank": true,
            "icon": "doc",
            "tooltip": "",
            "tags": [],
            "asDropdown": false,
            "includeVars": false,
            "keepTime": false,
        })
    }

    /// Writes the link as one of a value.
    pub(crate) fn to_json(&self) -> Value {
        json!({"title": self.title, "url": self.url, "targetBlank": true})
    }
}

/// Percent-encodes all but Grafana's macros, which it has to find.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    let mut in_macro = false;
    let mut characters = text.chars().peekable();
    while let Some(it) = characters.next() {
        in_macro |= it == '$' && characters.peek() == Some(&'{');
        if in_macro || it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.' | '~') {
            encoded.push(it);
        } else {
            for byte in it.to_string().bytes() {
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
        in_macro &= it != '}';
    }
    encoded
}
