//! Expressions, parsed by Prometheus.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::prometheus::Prometheus;

/// A node of the tree that `/api/v1/parse_query` returns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Node<'a>(&'a Value);

/// Parses an expression.
///
/// # Errors
///
/// Returns Prometheus' error.
pub(crate) fn parse(prometheus: &Prometheus, query: &str) -> Result<Value, String> {
    prometheus.try_get("parse_query", &[("query", query)])
}

// === impl Node ===

impl<'a> Node<'a> {
    pub(crate) fn new(tree: &'a Value) -> Self {
        Self(tree)
    }

    /// Returns Prometheus' name of the node's kind: `vectorSelector`, `call` …
    pub(crate) fn kind(self) -> &'a str {
        self.text("type")
    }

    /// Returns the operator of a binary expression or an aggregation.
    pub(crate) fn op(self) -> &'a str {
        self.text("op")
    }

    /// Returns the called function's name.
    pub(crate) fn function(self) -> &'a str {
        self.0["func"]["name"].as_str().unwrap_or_default()
    }

    /// Returns a number literal's value.
    pub(crate) fn number(self) -> Option<f64> {
        if self.kind() == "parenExpr" {
            return self.children().first()?.number();
        }
        (self.kind() == "numberLiteral").then(|| self.text("val").parse().ok())?
    }

    /// Returns the labels of `by`, `on` and `group_left` clauses.
    pub(crate) fn named_labels(self) -> Vec<&'a str> {
        let matching = &self.0["matching"];
        [&self.0["grouping"], &matching["labels"], &matching["include"]]
            .into_iter()
            .filter_map(Value::as_array)
            .flatten()
            .filter_map(Value::as_str)
            .collect()
    }

    /// Returns whether the clause is `without` or `ignoring`.
    pub(crate) fn is_without(self) -> bool {
        self.0["without"] == true
            || self.0["matching"].as_object().is_some_and(|it| it["on"] == false)
    }

    /// Returns the arguments that are string literals.
    pub(crate) fn strings(self) -> Vec<&'a str> {
        let children = self.children().into_iter();
        children.filter(|it| it.kind() == "stringLiteral").map(|it| it.text("val")).collect()
    }

    /// Returns the node's children from left to right.
    pub(crate) fn children(self) -> Vec<Self> {
        let mut children: Vec<_> =
            self.0["args"].as_array().into_iter().flatten().map(Self).collect();
        let parts = ["param", "expr", "lhs", "rhs"].map(|it| &self.0[it]);
        children.extend(parts.into_iter().filter(|it| it.is_object()).map(Self));
        children
    }

    /// Returns the node and its descendants.
    pub(crate) fn all(self) -> Vec<Self> {
        let below = self.children().into_iter().flat_map(Self::all);
        std::iter::once(self).chain(below).collect()
    }

    /// Returns whether it selects series.
    pub(crate) fn is_selector(self) -> bool {
        ["vectorSelector", "matrixSelector"].contains(&self.kind())
    }

    /// Returns the selected metric's name; empty for a pattern.
    pub(crate) fn metric(self) -> &'a str {
        self.text("name")
    }

    /// Returns the pattern of the metric's name, or the name.
    pub(crate) fn name_pattern(self) -> &'a str {
        let mut matchers = self.0["matchers"].as_array().into_iter().flatten();
        let name = matchers.find(|it| it["name"] == "__name__");
        name.and_then(|it| it["value"].as_str()).unwrap_or_else(|| self.metric())
    }

    /// Returns the selector without offset and range.
    pub(crate) fn selector(self) -> String {
        self.select(|_| true)
    }

    /// Returns the selector with the matcher of the metric's name only.
    pub(crate) fn name_selector(self) -> String {
        self.select(|name| name == "__name__")
    }

    fn select(self, takes: impl Fn(&str) -> bool) -> String {
        let matchers = self.matchers().into_iter().filter(|(name, _)| takes(name));
        let matchers: BTreeSet<_> = matchers.map(|(_, matcher)| matcher).collect();
        format!("{{{}}}", matchers.into_iter().collect::<Vec<_>>().join(","))
    }

    /// Returns the names of the labels with matchers.
    pub(crate) fn matched_labels(self) -> BTreeSet<&'a str> {
        let names = self.matchers().into_iter().map(|it| it.0);
        names.filter(|it| *it != "__name__").collect()
    }

    /// Returns each matcher's label and text.
    fn matchers(self) -> Vec<(&'a str, String)> {
        let matchers = self.0["matchers"].as_array().into_iter().flatten();
        matchers
            .map(|it| {
                let part = |key: &str| it[key].as_str().unwrap_or_default();
                (part("name"), format!("{}{}{}", part("name"), part("type"), it["value"]))
            })
            .collect()
    }

    fn text(self, key: &str) -> &'a str {
        self.0[key].as_str().unwrap_or_default()
    }
}
