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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_traces_is_a_query_once_grafana_has_put_the_values_in() {
        let link =
            Link::traces("t", r#"{ span.provider = "${__field.labels.provider}" && a > 1s }"#);

        assert!(link.url.contains("%22${__field.labels.provider}"), "{}", link.url);
        let url = link.url.replace("${__field.labels.provider}", "northwind");
        let panes = decode(url.split_once("&panes=").unwrap().1);
        let panes: Value = serde_json::from_str(&panes).unwrap();
        let query = &panes["traces"]["queries"][0];
        assert_eq!(query["query"], "{ span.provider = \"northwind\" && a > 1s }");
        assert_eq!(query["datasource"]["uid"], "${traces}");
    }

    #[test]
    fn what_is_not_ascii_is_encoded_byte_by_byte() {
        assert_eq!(encode("ä $x ${y} }"), "%C3%A4%20%24x%20${y}%20%7D");
    }

    fn decode(text: &str) -> String {
        let mut parts = text.split('%');
        let mut bytes = parts.next().unwrap().as_bytes().to_vec();
        for part in parts {
            bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
            bytes.extend(&part.as_bytes()[2..]);
        }
        String::from_utf8(bytes).unwrap()
    }
}
