//! Queries JSON APIs and scrapes metrics pages.

use std::time::{Duration, SystemTime};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::targets::Target;
use crate::doctor::{
    http::{HttpClient, ProbeError},
    page::Page,
};

/// A result, and how far the server's clock is ahead of ours, in seconds.
pub(super) type Timed<T> = (Result<T, ProbeError>, Option<f64>);

/// The HTTP API of one server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Api<'a> {
    pub(super) http: &'a HttpClient,
    pub(super) target: &'a Target,
}

/// One row of an instant query's result.
#[derive(Clone, Debug)]
pub(super) struct Row {
    labels: Value,
    pub(super) value: f64,
}

// === impl Api ===

impl Api<'_> {
    /// Scrapes the target as a metrics page.
    pub(super) async fn scrape(self) -> Timed<Page> {
        match self.http.get(&self.target.url, &self.target.credentials).await {
            Ok(response) => {
                let page = Page::parse(&response.body);
                (page.ok_or(ProbeError::UnexpectedBody("a metrics page")), response.clock_ahead)
            }
            Err(error) => (Err(error), None),
        }
    }

    /// Requests a path below the target; returns the JSON and the server's clock offset.
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
        let separator = if pairs.is_empty() { "" } else { "?" };
        let url = format!("{}{path}{separator}{}", self.target.url, pairs.join("&"));
        let response = self.http.get(&url, &self.target.credentials).await?;
        let json = serde_json::from_str(&response.body);
        Ok((json.map_err(|_| ProbeError::UnexpectedBody("JSON"))?, response.clock_ahead))
    }

    /// Requests an endpoint of Prometheus' API; returns `data`.
    pub(super) async fn data(
        &self,
        path: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Value, ProbeError> {
        let (mut response, _) = self.json(&format!("/api/v1/{path}"), parameters).await?;
        if response["status"] != "success" {
            return Err(ProbeError::UnexpectedBody("one of Prometheus' API"));
        }
        Ok(response["data"].take())
    }

    /// Runs an instant query; returns no rows if it fails.
    pub(super) async fn query(&self, query: &str) -> Vec<Row> {
        let data = self.data("query", &[("query", query)]).await.unwrap_or_default();
        list(&data["result"]).iter().filter_map(Row::from_json).collect()
    }
}

// === impl Row ===

impl Row {
    /// Returns a label's value; empty if the row lacks it.
    pub(super) fn label(&self, name: &str) -> String {
        text(&self.labels[name])
    }

    fn from_json(row: &Value) -> Option<Self> {
        let value = row["value"][1].as_str()?.parse().ok()?;
        Some(Self { labels: row["metric"].clone(), value })
    }
}

/// Returns the items of an array; none for other values.
pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Returns a string; empty for other values.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// Returns our time in Unix seconds.
pub(super) fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs_f64()
}
