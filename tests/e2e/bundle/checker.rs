//! Executes queries and checks the results.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::Value;

use crate::prometheus::Prometheus;

use super::{
    dimension::{self, Recorded},
    exceptions::{self, EXCEPTIONS},
    promql::{self, Node},
    response::{Response, Span},
};

/// Checks queries on a Prometheus under load, and collects the problems. Displays all of them.
#[derive(Debug)]
pub(crate) struct Checker<'a> {
    pub(crate) prometheus: &'a Prometheus,
    pub(crate) span: Span,
    /// The expressions of recorded series.
    pub(crate) recorded: Recorded,
    problems: RefCell<Vec<Problem>>,
    /// Indices of the exceptions that a query needed.
    used_exceptions: RefCell<BTreeSet<usize>>,
    /// The label names of the series that a selector selects, by selector.
    labels: RefCell<BTreeMap<String, BTreeSet<String>>>,
}

/// A query with an unexpected result.
#[derive(Clone, Debug)]
struct Problem {
    /// Dashboard, panel and refId; or rule group and rule.
    place: String,
    query: String,
    problem: String,
}

/// The expected values of a query.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expected<'a> {
    pub(crate) is_instant: bool,
    /// Grafana's name of the unit; `None` if the values are not shown.
    pub(crate) unit: Option<&'a str>,
    /// The end of the scale.
    pub(crate) max: Option<f64>,
}

// === impl Checker ===

impl<'a> Checker<'a> {
    pub(crate) fn new(prometheus: &'a Prometheus, span: Span, recorded: Recorded) -> Self {
        let (problems, used_exceptions) = (RefCell::default(), RefCell::default());
        Self { prometheus, span, recorded, problems, used_exceptions, labels: RefCell::default() }
    }

    pub(crate) fn add(&self, place: &str, query: &str, problem: impl Into<String>) {
        let (place, query) = (place.to_owned(), query.to_owned());
        self.problems.borrow_mut().push(Problem { place, query, problem: problem.into() });
    }

    pub(crate) fn has_problems(&self) -> bool {
        !self.problems.borrow().is_empty()
    }

    /// Adds a problem for each exception that no query needed.
    pub(crate) fn add_unused_exceptions(&self) {
        let used = self.used_exceptions.borrow().clone();
        for (_, it) in EXCEPTIONS.iter().enumerate().filter(|(index, _)| !used.contains(index)) {
            let problem = format!("has series, or no query has it, despite: {}", it.reason);
            self.add("the list of exceptions", it.metric, problem);
        }
    }

    /// Returns whether the list of exceptions has a metric, or its series with one of these labels.
    fn is_exception(&self, metric: &str, labels: &BTreeSet<&str>) -> bool {
        let found = EXCEPTIONS
            .iter()
            .position(|it| it.metric == metric && (labels.is_empty() || labels.contains(it.label)));
        found.is_some_and(|index| {
            self.used_exceptions.borrow_mut().insert(index);
            true
        })
    }

    /// Executes a query; returns the response unless it is empty.
    pub(crate) fn check(
        &self,
        place: &str,
        query: &str,
        expected: Expected<'_>,
    ) -> Option<Response> {
        let tree = self.parse(place, query)?;
        let tree = Node::new(&tree);
        let execute = if expected.is_instant { Response::at_the_end } else { Response::over };
        let response = match execute(self.prometheus, query, self.span) {
            Ok(response) => response,
            Err(error) => {
                self.add(place, query, error);
                return None;
            }
        };
        if let Some(problem) = dimension_problem(tree, &self.recorded, expected.unit) {
            self.add(place, query, problem);
        }
        if response.is_empty() {
            if let Some(problem) = self.why_empty(tree) {
                self.add(place, query, problem);
            }
            return None;
        }
        self.check_labels(place, query, tree);
        self.check_values(place, query, tree, &response, expected);
        Some(response)
    }

    pub(crate) fn parse(&self, place: &str, query: &str) -> Option<Value> {
        let parsed = promql::parse(self.prometheus, query);
        parsed.map_err(|error| self.add(place, query, error)).ok()
    }

    /// Checks that each selector of a query selects series with these labels.
    pub(crate) fn check_selectors(&self, place: &str, query: &str, tree: Node<'_>) {
        for node in tree.all().into_iter().filter(|it| it.is_selector()) {
            if let Some(problem) = self.selector_problem(node) {
                self.add(&format!("{place} / {}", node.selector()), query, problem);
            }
        }
    }

    /// Returns whether the selected series are absent as listed, or recorded only from such series.
    fn is_excepted(&self, node: Node<'_>) -> bool {
        let is_recorded_of_absent = |rule: &Vec<Value>| {
            rule.iter().all(|it| {
                let nodes = Node::new(it).all().into_iter();
                nodes.filter(|it| it.is_selector()).any(|it| self.is_excepted(it))
            })
        };
        let labels = self.labels_of_metric(node);
        if labels.is_empty() {
            // A label that is not in the catalogue is a mistake all the same.
            let has_labels = exceptions::catalogued_labels(node.metric())
                .is_none_or(|it| unknown(node.matched_labels(), &it).is_empty());
            return has_labels && self.is_exception(node.name_pattern(), &BTreeSet::new())
                || self.recorded.get(node.metric()).is_some_and(is_recorded_of_absent);
        }
        let missing = unknown(node.matched_labels(), &labels);
        !missing.is_empty() && self.is_exception(node.name_pattern(), &missing)
    }

    /// Returns what is wrong with a selector, unless an exception covers it.
    fn selector_problem(&self, node: Node<'_>) -> Option<String> {
        if self.is_excepted(node) {
            return None;
        }
        let labels = self.labels_of_metric(node);
        if labels.is_empty() {
            return Some(format!("there are no series of {}", node.name_selector()));
        }
        let unknown = unknown(node.matched_labels(), &labels);
        if !unknown.is_empty() {
            return Some(format!("no label {unknown:?} in {}", node.name_selector()));
        }
        self.labels(&node.selector())
            .is_empty()
            .then(|| format!("{} selects nothing of {labels:?}", node.selector()))
    }

    /// Returns the label names of the selected metric's series.
    ///
    /// Queries use the names of classic or of native histograms; either finds the other.
    fn labels_of_metric(&self, node: Node<'_>) -> BTreeSet<String> {
        let labels = self.labels(&node.name_selector());
        if !labels.is_empty() || node.metric().is_empty() {
            return labels;
        }
        let mut parts = ["_bucket", "_sum", "_count"].into_iter();
        let classic = format!("{{__name__=\"{}_bucket\"}}", node.metric());
        match parts.find_map(|it| node.metric().strip_suffix(it)) {
            None => self.labels(&classic),
            Some(bare) => {
                let mut labels = self.labels(&format!("{{__name__=\"{bare}\"}}"));
                if !labels.is_empty() && node.metric().ends_with("_bucket") {
                    labels.insert("le".to_owned());
                }
                labels
            }
        }
    }

    fn labels(&self, selector: &str) -> BTreeSet<String> {
        if let Some(known) = self.labels.borrow().get(selector) {
            return known.clone();
        }
        let (start, end) = (self.span.from.to_string(), self.span.to.to_string());
        let parameters = [("match[]", selector), ("start", &start), ("end", &end)];
        let series = self.prometheus.try_get("series", &parameters).unwrap_or_default();
        let series = series.as_array().into_iter().flatten().filter_map(Value::as_object);
        let labels: BTreeSet<_> = series.flat_map(|it| it.keys().cloned()).collect();
        self.labels.borrow_mut().insert(selector.to_owned(), labels.clone());
        labels
    }

    /// Returns why a response is empty, unless an exception covers it.
    fn why_empty(&self, tree: Node<'_>) -> Option<String> {
        let selectors: Vec<_> = tree.all().into_iter().filter(|it| it.is_selector()).collect();
        let problems: Vec<_> =
            selectors.iter().filter_map(|it| self.selector_problem(*it)).collect();
        if !problems.is_empty() {
            return Some(format!("empty response: {}", problems.join("; ")));
        }
        (!selectors.iter().any(|it| self.is_excepted(*it)))
            .then(|| "no number in the response, although each selector selects series".to_owned())
    }

    /// Checks that the series have every label that the query names.
    fn check_labels(&self, place: &str, query: &str, tree: Node<'_>) {
        for node in tree.all() {
            let below = || node.all().into_iter().filter(|it| it.is_selector());
            if node.is_selector() {
                // A part of a query may be empty: one side of `or`, or a filter.
                if let Some(problem) = self.selector_problem(node)
                    && !problem.contains("selects nothing")
                {
                    self.add(place, query, problem);
                }
            } else if !node.is_without() {
                let made = node.all().into_iter().flat_map(Node::strings).map(str::to_owned);
                let known: BTreeSet<_> =
                    below().flat_map(|it| self.labels_of_metric(it)).chain(made).collect();
                let unknown = unknown(node.named_labels(), &known);
                if !unknown.is_empty() && !known.is_empty() {
                    let problem = format!("there is no label {unknown:?}, but {known:?}");
                    self.add(place, query, problem);
                }
            }
        }
    }

    fn check_values(
        &self,
        place: &str,
        query: &str,
        tree: Node<'_>,
        response: &Response,
        expected: Expected<'_>,
    ) {
        let add = |problem: String| self.add(place, query, problem);
        if let Some((labels, value)) = response.at(self.span.to).find(|it| !it.1.is_finite()) {
            add(format!("ends with {value} for {labels:?}"));
        }
        if response.values().any(f64::is_infinite) {
            add("is infinite at times".to_owned());
        }
        let lowest = response.values().fold(0.0, f64::min);
        if lowest < 0.0 && !self.may_be_negative(tree) {
            add(format!("is negative: {lowest}"));
        }
        let highest = response.values().fold(0.0, f64::max);
        if let Some(max) = expected.max.filter(|it| *it * 1.000_001 < highest) {
            add(format!("is {highest}, above its scale's end of {max}"));
        }
    }

    /// Returns whether the expression, or one recorded for it, contains a difference.
    fn may_be_negative(&self, tree: Node<'_>) -> bool {
        tree.all().into_iter().any(|it| match it.kind() {
            "binaryExpr" => it.op() == "-",
            "call" => ["deriv", "delta", "idelta", "predict_linear"].contains(&it.function()),
            "unaryExpr" => true,
            _ => self
                .recorded
                .get(it.metric())
                .is_some_and(|rules| rules.iter().any(|it| self.may_be_negative(Node::new(it)))),
        })
    }
}

impl fmt::Display for Checker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems = self.problems.borrow();
        writeln!(f, "{} problems:", problems.len())?;
        for Problem { place, query, problem } in problems.iter() {
            writeln!(f, "\n{place}\n  {query}\n  {problem}")?;
        }
        Ok(())
    }
}

/// Returns the labels that are not `known`.
fn unknown<'a>(
    labels: impl IntoIterator<Item = &'a str>,
    known: &BTreeSet<String>,
) -> BTreeSet<&'a str> {
    labels.into_iter().filter(|it| !known.contains(*it)).collect()
}

/// Returns a problem if the unit does not fit the values' dimension.
fn dimension_problem(tree: Node<'_>, recorded: &Recorded, unit: Option<&str>) -> Option<String> {
    let (unit, dimension) = (unit?, dimension::infer(tree, recorded)?);
    (!dimension::fits(unit, dimension))
        .then(|| format!("is shown as {unit:?}, but is {dimension:?}"))
}
