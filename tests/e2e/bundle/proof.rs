//! Executes queries and judges what comes back.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::Value;

use crate::prometheus::Prometheus;

use super::{
    answer::{Answer, Span},
    defects::Defects,
    dimension::{self, Recorded},
    exceptions,
    promql::{self, Node},
};

/// One look at a Prometheus under load.
#[derive(Debug)]
pub(crate) struct Proof<'a> {
    pub(crate) prometheus: &'a Prometheus,
    pub(crate) span: Span,
    pub(crate) recorded: Recorded,
    pub(crate) defects: Defects,
    /// The names of the labels of the series that a selector selects, by selector.
    labels: RefCell<BTreeMap<String, BTreeSet<String>>>,
}

/// What a query's values are to be like.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Expected<'a> {
    pub(crate) is_instant: bool,
    /// Grafana's name of a unit; `None` if the values are not shown.
    pub(crate) unit: Option<&'a str>,
    /// The end of the scale.
    pub(crate) max: Option<f64>,
}

// === impl Proof ===

impl<'a> Proof<'a> {
    /// Looks at what is there in `span`. `recorded` are the expressions behind recorded series.
    pub(crate) fn new(prometheus: &'a Prometheus, span: Span, recorded: Recorded) -> Self {
        let (defects, labels) = (Defects::default(), RefCell::default());
        Self { prometheus, span, recorded, defects, labels }
    }

    /// Makes another look at the same moment, with nothing found yet.
    pub(crate) fn again(&self) -> Self {
        Self::new(self.prometheus, self.span, self.recorded.clone())
    }

    /// Executes a query, and returns the answer if there is something in it.
    pub(crate) fn check(&self, place: &str, query: &str, expected: Expected<'_>) -> Option<Answer> {
        let tree = self.parse(place, query)?;
        let tree = Node::new(&tree);
        let ask = if expected.is_instant { Answer::at_the_end } else { Answer::over };
        let answer = match ask(self.prometheus, query, self.span) {
            Ok(answer) => answer,
            Err(error) => {
                self.defects.add(place, query, error);
                return None;
            }
        };
        if let Some(problem) = dimension_problem(tree, &self.recorded, expected.unit) {
            self.defects.add(place, query, problem);
        }
        if answer.is_empty() {
            if let Some(problem) = self.why_empty(tree) {
                self.defects.add(place, query, problem);
            }
            return None;
        }
        self.check_labels(place, query, tree);
        self.check_values(place, query, tree, &answer, expected);
        Some(answer)
    }

    pub(crate) fn parse(&self, place: &str, query: &str) -> Option<Value> {
        let parsed = promql::parse(self.prometheus, query);
        parsed.map_err(|error| self.defects.add(place, query, error)).ok()
    }

    /// Checks each selector of a query on its own: there are such series, with such labels.
    pub(crate) fn check_selectors(&self, place: &str, query: &str, tree: Node<'_>) {
        for node in tree.all().into_iter().filter(|it| it.is_selector()) {
            if let Some(problem) = self.selector_problem(node) {
                self.defects.add(&format!("{place} / {}", node.selector()), query, problem);
            }
        }
    }

    /// Whether series are listed as absent, and are; or are recorded of nothing else.
    fn is_excused(&self, node: Node<'_>) -> bool {
        let is_recorded_of_absent = |rule: &Vec<Value>| {
            rule.iter().all(|it| {
                let nodes = Node::new(it).all().into_iter();
                nodes.filter(|it| it.is_selector()).any(|it| self.is_excused(it))
            })
        };
        let labels = self.labels_of_metric(node);
        if labels.is_empty() {
            // Even so, a label that the catalogue does not give it is a mistake.
            let has_labels = exceptions::catalogued_labels(node.metric())
                .is_none_or(|it| unknown(node.matched_labels(), &it).is_empty());
            return has_labels && self.defects.excuse(node.name_pattern(), &BTreeSet::new())
                || self.recorded.get(node.metric()).is_some_and(is_recorded_of_absent);
        }
        let missing = unknown(node.matched_labels(), &labels);
        !missing.is_empty() && self.defects.excuse(node.name_pattern(), &missing)
    }

    /// Says what is wrong with a selector; nothing if it is excused.
    fn selector_problem(&self, node: Node<'_>) -> Option<String> {
        if self.is_excused(node) {
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

    /// Returns the labels that series of the selected metric have.
    ///
    /// A native histogram has the bare name, and no `_bucket`, `_sum` and `_count`: a query that asks for either finds one.
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
        let series = self.prometheus.try_ask("series", &parameters).unwrap_or_default();
        let series = series.as_array().into_iter().flatten().filter_map(Value::as_object);
        let labels: BTreeSet<_> = series.flat_map(|it| it.keys().cloned()).collect();
        self.labels.borrow_mut().insert(selector.to_owned(), labels.clone());
        labels
    }

    /// Finds the selectors that are to blame for an answer with nothing in it; none if that is excused.
    fn why_empty(&self, tree: Node<'_>) -> Option<String> {
        let selectors: Vec<_> = tree.all().into_iter().filter(|it| it.is_selector()).collect();
        let problems: Vec<_> =
            selectors.iter().filter_map(|it| self.selector_problem(*it)).collect();
        if !problems.is_empty() {
            return Some(format!("nothing came back: {}", problems.join("; ")));
        }
        (!selectors.iter().any(|it| self.is_excused(*it))).then(|| {
            "nothing came back, or no number, though each selector selects series".to_owned()
        })
    }

    /// Checks that every label that is named anywhere is one that the series have.
    fn check_labels(&self, place: &str, query: &str, tree: Node<'_>) {
        for node in tree.all() {
            let below = || node.all().into_iter().filter(|it| it.is_selector());
            if node.is_selector() {
                // An empty part of a query that gives something all the same: `or`, or a filter.
                if let Some(problem) = self.selector_problem(node)
                    && !problem.contains("selects nothing")
                {
                    self.defects.add(place, query, problem);
                }
            } else if !node.is_without() {
                let made = node.all().into_iter().flat_map(Node::strings).map(str::to_owned);
                let known: BTreeSet<_> =
                    below().flat_map(|it| self.labels_of_metric(it)).chain(made).collect();
                let unknown = unknown(node.named_labels(), &known);
                if !unknown.is_empty() && !known.is_empty() {
                    let problem = format!("there is no label {unknown:?}, but {known:?}");
                    self.defects.add(place, query, problem);
                }
            }
        }
    }

    fn check_values(
        &self,
        place: &str,
        query: &str,
        tree: Node<'_>,
        answer: &Answer,
        expected: Expected<'_>,
    ) {
        let add = |problem: String| self.defects.add(place, query, problem);
        if let Some((labels, value)) = answer.at(self.span.to).find(|it| !it.1.is_finite()) {
            add(format!("ends with {value} for {labels:?}"));
        }
        if answer.values().any(f64::is_infinite) {
            add("is infinite at times".to_owned());
        }
        let lowest = answer.values().fold(0.0, f64::min);
        if lowest < 0.0 && !self.may_be_negative(tree) {
            add(format!("is negative: {lowest}"));
        }
        let highest = answer.values().fold(0.0, f64::max);
        if let Some(max) = expected.max.filter(|it| *it * 1.000_001 < highest) {
            add(format!("is {highest}, above its scale's end of {max}"));
        }
    }

    /// Whether there is a difference in it, or in what is recorded for it.
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

/// Returns those of `labels` that are not `known`.
fn unknown<'a>(
    labels: impl IntoIterator<Item = &'a str>,
    known: &BTreeSet<String>,
) -> BTreeSet<&'a str> {
    labels.into_iter().filter(|it| !known.contains(*it)).collect()
}

/// Says if the unit is not that of the values.
fn dimension_problem(tree: Node<'_>, recorded: &Recorded, unit: Option<&str>) -> Option<String> {
    let (unit, dimension) = (unit?, dimension::of(tree, recorded)?);
    (!dimension::fits(unit, dimension))
        .then(|| format!("is shown as {unit:?}, but is {dimension:?}"))
}
