//! Asks APIs that answer in JSON.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::targets::Target;
use crate::doctor::http::{HttpClient, ProbeError};

/// One server's API.
#[derive(Clone, Copy, Debug)]
pub(super) struct Api<'a> {
    pub(super) http: &'a HttpClient,
    pub(super) place: &'a Target,
}

// === impl Api ===

impl Api<'_> {
    /// Asks for a path, which is put after the address, and returns the answer with how far the server's clock is ahead.
    pub(super) async fn json(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Result<(Value, Option<f64>), ProbeError> {
        let encode = |it: &str| utf8_percent_encode(it, NON_ALPHANUMERIC).to_string();
        let pairs: Vec<_> = parameters
            .iter()
            .map(|(name, it)| format!("{}={}", encode(name), encode(it)))
            .collect();
        let mark = if pairs.is_empty() { "" } else { "?" };
        let url = format!("{}{path}{mark}{}", self.place.url, pairs.join("&"));
        let answer = self.http.get(&url, &self.place.credentials).await?;
        let json = serde_json::from_str(&answer.body);
        Ok((json.map_err(|_| ProbeError::UnexpectedBody("JSON"))?, answer.clock_ahead))
    }

    /// Asks Prometheus' API, and returns the `data` of its answer.
    pub(super) async fn data(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, ProbeError> {
        let (mut answer, _) = self.json(&format!("/api/v1/{path}"), parameters).await?;
        if answer["status"] != "success" {
            return Err(ProbeError::UnexpectedBody("one of Prometheus' API"));
        }
        Ok(answer["data"].take())
    }

    /// Runs an instant query, and returns the rows of its answer; none if it fails.
    pub(super) async fn query(&self, query: &str) -> Vec<Row> {
        let data = self.data("query", &[("query", query)]).await.unwrap_or_default();
        list(&data["result"]).iter().filter_map(Row::read).collect()
    }
}

/// One row of an instant query's answer.
#[derive(Clone, Debug)]
pub(super) struct Row {
    labels: Value,
    pub(super) value: f64,
}

// === impl Row ===

impl Row {
    /// Returns a label's value; empty if the row does not have it.
    pub(super) fn label(&self, name: &str) -> String {
        text(&self.labels[name])
    }

    fn read(row: &Value) -> Option<Self> {
        let value = row["value"][1].as_str()?.parse().ok()?;
        Some(Self { labels: row["metric"].clone(), value })
    }
}

/// Returns the items of an array; none if it is something else.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Returns a string; empty if it is something else.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
