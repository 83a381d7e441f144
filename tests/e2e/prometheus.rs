//! A client of Prometheus' API.

use std::collections::BTreeMap;

use serde_json::Value;

use testbed::clock::{eventually, unix_seconds};
use testbed::http_client::agent;

/// The labels of a series, without its name.
pub(crate) type Labels = BTreeMap<String, String>;

/// A client of one Prometheus.
#[derive(Debug)]
pub(crate) struct Prometheus {
    url: String,
    agent: ureq::Agent,
}

/// One row of an instant query's response.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// The metric's name; empty if the query removed it.
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

/// An exemplar of any series.
#[derive(Clone, Debug)]
pub(crate) struct Exemplar {
    pub(crate) trace_id: String,
    pub(crate) span_id: String,
}

// === impl Prometheus ===

impl Prometheus {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), agent: agent() }
    }

    /// Runs an instant query.
    pub(crate) fn query(&self, query: &str) -> Vec<Sample> {
        let answer = self.get("query", &[("query", query)]);
        let rows = answer["result"].as_array();
        rows.unwrap_or_else(|| panic!("{query}: {answer}")).iter().map(Sample::read).collect()
    }

    /// Returns the exemplars of the last minutes of the selected series.
    pub(crate) fn exemplars(&self, selector: &str) -> Vec<Exemplar> {
        let (start, end) = (unix_seconds() - 600.0, unix_seconds() + 60.0);
        let (start, end) = (start.to_string(), end.to_string());
        let answer =
            self.get("query_exemplars", &[("query", selector), ("start", &start), ("end", &end)]);
        let series = answer.as_array().unwrap_or_else(|| panic!("{selector}: {answer}"));
        let exemplars = series.iter().flat_map(|it| it["exemplars"].as_array().unwrap());
        exemplars.map(Exemplar::read).collect()
    }

    /// Returns the data of a response.
    fn get(&self, what: &str, parameters: &[(&str, &str)]) -> Value {
        self.try_get(what, parameters).unwrap_or_else(|error| panic!("{parameters:?}: {error}"))
    }

    /// Returns the data of a response.
    ///
    /// # Errors
    ///
    /// Returns Prometheus' error.
    pub(crate) fn try_get(&self, what: &str, parameters: &[(&str, &str)]) -> Result<Value, String> {
        let answer = self
            .agent
            .get(format!("{}/api/v1/{what}", self.url))
            .query_pairs(parameters.iter().copied())
            .call()
            .and_then(|mut it| it.body_mut().with_config().limit(u64::MAX).read_to_string())
            .map_err(|error| error.to_string())?;
        let mut answer: Value = serde_json::from_str(&answer).map_err(|it| it.to_string())?;
        if answer["status"] == "success" {
            Ok(answer["data"].take())
        } else {
            Err(answer.to_string())
        }
    }

    /// Pushes a request that Prometheus cannot decode.
    pub(crate) fn push_invalid(&self) {
        let request = self.agent.post(format!("{}/api/v1/otlp/v1/metrics", self.url));
        let answer = request.header("content-type", "application/x-protobuf").send("not protobuf");
        assert!(!answer.unwrap().status().is_success());
    }

    /// Runs a query with at most one row and returns its value.
    pub(crate) fn number(&self, query: &str) -> Option<f64> {
        let rows = self.query(query);
        assert!(rows.len() < 2, "{query}: {rows:#?}");
        rows.first().map(|it| it.value)
    }

    /// Waits until a query returns this number.
    #[track_caller]
    pub(crate) fn wait_for(&self, query: &str, expected: f64) {
        eventually(|| match self.number(query) {
            Some(number) if number == expected => Ok(()),
            other => Err(format!("{query}\n  gives {other:?} instead of {expected}")),
        });
    }

    /// Waits until the newest samples of a job are from after `moment`, in seconds since 1970.
    ///
    /// All samples of one export or one scrape have the same timestamp.
    #[track_caller]
    pub(crate) fn wait_until_after(&self, job: &str, moment: f64) {
        let query = format!("min(timestamp(http_server_active_requests{{job={job:?}}}))");
        eventually(|| match self.number(&query) {
            Some(newest) if moment <= newest => Ok(()),
            other => Err(format!("{query}\n  gives {other:?}, not yet {moment}")),
        });
    }
}

// === impl Exemplar ===

impl Exemplar {
    fn read(exemplar: &Value) -> Self {
        let label = |name: &str| exemplar["labels"][name].as_str().unwrap().to_owned();
        Self { trace_id: label("trace_id"), span_id: label("span_id") }
    }
}

// === impl Sample ===

impl Sample {
    fn read(row: &Value) -> Self {
        let labels = row["metric"].as_object().unwrap();
        let mut labels: Labels =
            labels.iter().map(|(key, it)| (key.clone(), it.as_str().unwrap().to_owned())).collect();
        let name = labels.remove("__name__").unwrap_or_default();
        let value = row["value"][1].as_str().unwrap().parse().unwrap();
        Self { name, labels, value }
    }

    /// Returns a label's value, empty if the series does not have the label.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}
