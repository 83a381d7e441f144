//! Links from values to traces, dashboards and runbooks.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// The address in the alerts' `runbook_url`.
const RUNBOOKS: &str = "https://github.com/stagelight-rs/stagelight/blob/main/collector/runbooks";

/// A link of a value or a panel.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    title: String,
    url: String,
}

// === impl Link ===

impl Link {
    /// Opens a trace search in Explore, over the dashboard's time range and its `traces` source.
    ///
    /// `traceql` may contain Grafana's macros, such as `${__field.labels.provider}`.
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

    /// Finds the traces with a span of these attributes; values may be Grafana's macros.
    pub(crate) fn spans(title: &str, attributes: &[(&str, &str)]) -> Self {
        let condition = |(name, value): &(&str, &str)| format!(r#"span.{name} = "{value}""#);
        let conditions: Vec<_> = attributes.iter().map(condition).collect();
        Self::traces(title, &format!("{{ {} }}", conditions.join(" && ")))
    }

    /// Opens another dashboard of the bundle with the same time range and variables.
    pub(crate) fn dashboard(title: &str, uid: &str) -> Self {
        let url = format!("/d/{uid}?${{__url_time_range}}&${{__all_variables}}");
        Self { title: title.to_owned(), url }
    }

    /// Opens the runbook of an alert.
    pub(crate) fn runbook(alert: &str) -> Self {
        Self { title: format!("Runbook: {alert}"), url: format!("{RUNBOOKS}/{alert}.md") }
    }

    /// Returns the link for a panel's header.
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

    /// Returns the link for a value.
    pub(crate) fn to_json(&self) -> Value {
        json!({"title": self.title, "url": self.url, "targetBlank": true})
    }
}

/// Percent-encodes everything except Grafana's macros, which Grafana has to find.
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
    fn a_link_to_traces_is_a_query_once_grafana_expands_the_macros() {
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
    fn non_ascii_text_is_encoded_byte_by_byte() {
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
