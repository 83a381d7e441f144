//! A small client of Prometheus' API.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{caller::agent, clock::eventually};

/// The labels of a series, without its name.
pub(crate) type Labels = BTreeMap<String, String>;

/// Prometheus, by its address.
#[derive(Debug)]
pub(crate) struct Prometheus {
    url: String,
    agent: ureq::Agent,
}

/// One row of an instant query's answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// The metric's name; empty if the query took it away.
    pub(crate) name: String,
    pub(crate) labels: Labels,
    pub(crate) value: f64,
}

// === impl Prometheus ===

impl Prometheus {
    pub(crate) fn new(url: &str) -> Self {
        Self { url: url.to_owned(), agent: agent() }
    }

    /// Runs an instant query.
    pub(crate) fn query(&self, query: &str) -> Vec<Sample> {
        let answer = self
            .agent
            .get(format!("{}/api/v1/query", self.url))
            .query("query", query)
            .call()
            .and_then(|mut it| it.body_mut().with_config().limit(u64::MAX).read_to_string())
            .unwrap_or_else(|error| panic!("{query}: {error}"));
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        let rows = answer["data"]["result"].as_array();
        rows.unwrap_or_else(|| panic!("{query}: {answer}")).iter().map(Sample::read).collect()
    }

    /// Runs a query that gives one number, or none yet.
    pub(crate) fn number(&self, query: &str) -> Option<f64> {
        let rows = self.query(query);
        assert!(rows.len() < 2, "{query}: {rows:#?}");
        rows.first().map(|it| it.value)
    }

    /// Waits until a query gives this number.
    #[track_caller]
    pub(crate) fn wait_for(&self, query: &str, expected: f64) {
        eventually(|| match self.number(query) {
            Some(number) if number == expected => Ok(()),
            other => Err(format!("{query}\n  gives {other:?} instead of {expected}")),
        });
    }

    /// Waits until the newest samples of this job were taken after `moment`, in seconds since 1970.
    ///
    /// All samples of an export, and all of a scrape, are of one moment.
    #[track_caller]
    pub(crate) fn wait_until_after(&self, job: &str, moment: f64) {
        let query = format!("min(timestamp(http_server_active_requests{{job={job:?}}}))");
        eventually(|| match self.number(&query) {
            Some(newest) if moment <= newest => Ok(()),
            other => Err(format!("{query}\n  gives {other:?}, not yet {moment}")),
        });
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

    /// Returns a label's value; empty if there is no such label.
    pub(crate) fn label(&self, name: &str) -> &str {
        self.labels.get(name).map_or("", String::as_str)
    }
}
