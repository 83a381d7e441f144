//! The dimension of an expression's values, inferred from the names of its metrics.

use std::collections::BTreeMap;

use super::promql::Node;

/// Powers of the base units, and whether the value is a percentage.
///
/// Counts (requests, chunks, spans) and ratios have no dimension.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dimension {
    pub(crate) seconds: i8,
    pub(crate) bytes: i8,
    pub(crate) is_percent: bool,
}

/// The dimensions of an expression.
#[derive(Clone, Copy, Debug)]
struct Measure {
    value: Dimension,
    /// The dimension of the bounds, for histograms.
    bounds: Option<Dimension>,
}

/// The parsed expressions of recorded series by name; several if they differ in labels.
pub(crate) type Recorded = BTreeMap<String, Vec<serde_json::Value>>;

const SECONDS: Dimension = Dimension { seconds: 1, bytes: 0, is_percent: false };
const BYTES: Dimension = Dimension { seconds: 0, bytes: 1, is_percent: false };
const ONE: Dimension = Dimension { seconds: 0, bytes: 0, is_percent: false };
const PERCENT: Dimension = Dimension { seconds: 0, bytes: 0, is_percent: true };

/// Functions that return counts.
const COUNTING: [&str; 7] = [
    "count_over_time",
    "changes",
    "resets",
    "absent",
    "absent_over_time",
    "vector",
    "present_over_time",
];
/// Functions whose dimension is not inferred.
const UNKNOWN: [&str; 6] = ["sqrt", "exp", "ln", "log2", "log10", "stdvar_over_time"];

/// Returns the dimension of an expression; `None` if it is unknown.
pub(crate) fn infer(expression: Node<'_>, recorded: &Recorded) -> Option<Dimension> {
    measure(expression, recorded).map(|it| it.value)
}

/// Returns whether a panel's unit fits values of this dimension.
pub(crate) fn fits(unit: &str, dimension: Dimension) -> bool {
    match unit {
        "s" | "dtdurations" | "dtdhms" | "clocks" => dimension == SECONDS,
        "bytes" | "decbytes" => dimension == BYTES,
        "Bps" | "binBps" => dimension == BYTES.per_second(),
        "percent" => dimension == PERCENT,
        "percentunit" => dimension == ONE,
        "reqps" | "ops" | "cps" | "rps" | "wps" | "hertz" => dimension == ONE.per_second(),
        // A plain number: a count or a factor.
        _ => dimension == ONE,
    }
}

// === impl Dimension ===

impl Dimension {
    fn per_second(self) -> Self {
        Self { seconds: self.seconds - 1, ..self }
    }

    fn times(self, other: Self) -> Self {
        Self {
            seconds: self.seconds + other.seconds,
            bytes: self.bytes + other.bytes,
            is_percent: self.is_percent != other.is_percent,
        }
    }

    fn divided_by(self, other: Self) -> Self {
        Self {
            seconds: self.seconds - other.seconds,
            bytes: self.bytes - other.bytes,
            is_percent: self.is_percent != other.is_percent,
        }
    }

    /// Infers the dimension from a metric's name.
    fn of_metric(name: &str) -> Self {
        let name = name.strip_suffix("_total").unwrap_or(name);
        if name == "stage_percentage" {
            PERCENT
        } else if name.ends_with("_seconds") {
            SECONDS
        } else if name.ends_with("_bytes") || name.ends_with("_memory_rss") {
            BYTES
        } else {
            ONE
        }
    }
}

// === impl Measure ===

impl Measure {
    fn plain(value: Dimension) -> Self {
        Self { value, bounds: None }
    }

    fn of_metric(name: &str) -> Self {
        if let Some(histogram) = name.strip_suffix("_bucket") {
            return Self { value: ONE, bounds: Some(Dimension::of_metric(histogram)) };
        }
        if name.strip_suffix("_count").is_some() {
            return Self::plain(ONE);
        }
        let value = Dimension::of_metric(name.strip_suffix("_sum").unwrap_or(name));
        // A native histogram has the bare name.
        Self { value, bounds: Some(value) }
    }

    fn per_second(self) -> Self {
        Self { value: self.value.per_second(), ..self }
    }

    fn times_seconds(self) -> Self {
        Self { value: self.value.times(SECONDS), ..self }
    }
}

fn measure(node: Node<'_>, recorded: &Recorded) -> Option<Measure> {
    match node.kind() {
        "vectorSelector" | "matrixSelector" => match recorded.get(node.metric()) {
            Some(rules) => {
                let measured = measure(Node::new(rules.first()?), recorded)?;
                // Recorded increases are rates times seconds.
                let operation = node.metric().rsplit(':').next().unwrap_or_default();
                Some(if operation.starts_with("increase") {
                    measured.times_seconds()
                } else {
                    measured
                })
            }
            None => Some(Measure::of_metric(family(node.name_pattern()))),
        },
        "call" => call(node, recorded),
        "aggregation" => match node.op() {
            "count" | "count_values" | "group" => Some(Measure::plain(ONE)),
            _ => measure(*node.children().last()?, recorded),
        },
        "binaryExpr" => binary(node, recorded),
        "numberLiteral" => Some(Measure::plain(ONE)),
        _ => measure(*node.children().first()?, recorded),
    }
}

/// Returns the metric's name in a pattern such as `a_metric(_total)?`.
fn family(pattern: &str) -> &str {
    let end = pattern.find(|it: char| !it.is_ascii_alphanumeric() && it != '_' && it != ':');
    &pattern[..end.unwrap_or(pattern.len())]
}

fn call(node: Node<'_>, recorded: &Recorded) -> Option<Measure> {
    let function = node.function();
    let children = node.children();
    if function == "time" || function == "timestamp" {
        return Some(Measure::plain(SECONDS));
    }
    if COUNTING.contains(&function) || function == "histogram_fraction" {
        return Some(Measure::plain(ONE));
    }
    if UNKNOWN.contains(&function) {
        return None;
    }
    let of_series = |it: &&Node<'_>| it.number().is_none() && it.kind() != "stringLiteral";
    let inner = measure(**children.iter().filter(of_series).collect::<Vec<_>>().last()?, recorded)?;
    Some(match function {
        "rate" | "irate" | "deriv" => inner.per_second(),
        "histogram_quantile" | "histogram_quantiles" | "histogram_avg" => {
            Measure::plain(inner.bounds?)
        }
        _ => inner,
    })
}

fn binary(node: Node<'_>, recorded: &Recorded) -> Option<Measure> {
    let [left, right] = node.children()[..] else { return None };
    let (a, b) = (measure(left, recorded)?, measure(right, recorded)?);
    let hundred = |it: Node<'_>| it.number() == Some(100.0);
    Some(match node.op() {
        "*" if hundred(left) => Measure::plain(b.value.times(PERCENT)),
        "*" if hundred(right) => Measure::plain(a.value.times(PERCENT)),
        "*" => Measure::plain(a.value.times(b.value)),
        "/" if hundred(right) => Measure::plain(a.value.divided_by(PERCENT)),
        "/" => Measure::plain(a.value.divided_by(b.value)),
        _ if left.number().is_some() => b,
        _ => a,
    })
}
