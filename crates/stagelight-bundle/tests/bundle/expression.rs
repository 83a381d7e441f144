//! Reads series names and limits from a PromQL expression.

use std::collections::BTreeSet;

use promql_parser::parser::{Expr, VectorSelector};

/// A comparison that decides whether an alert fires: the operator and the number on its right.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Limit {
    pub(crate) sign: String,
    pub(crate) value: f64,
}

/// Returns the names, or the patterns of names, of all selected series.
pub(crate) fn names(expr: &Expr) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    walk(expr, &mut |selector| {
        let by_matcher = || {
            let mut matchers = selector.matchers.matchers.iter();
            matchers.find(|it| it.name == "__name__").map(|it| it.value.clone())
        };
        names.extend(selector.name.clone().or_else(by_matcher));
    });
    names
}

/// Returns the comparisons that decide, from left to right.
///
/// Leaves out those below an arithmetic operator (they guard a division by zero) and those on the
/// right of `unless`.
pub(crate) fn limits(expr: &Expr) -> Vec<Limit> {
    match expr {
        Expr::Paren(it) => limits(&it.expr),
        Expr::Binary(it) => {
            let sign = it.op.to_string();
            match (sign.as_str(), it.rhs.as_ref()) {
                ("and" | "or", right) => [limits(&it.lhs), limits(right)].concat(),
                ("unless", _) => limits(&it.lhs),
                (">" | ">=" | "<" | "<=" | "==", Expr::NumberLiteral(right)) => {
                    vec![Limit { sign, value: right.val }]
                }
                _ => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

fn walk(expr: &Expr, visit: &mut impl FnMut(&VectorSelector)) {
    match expr {
        Expr::Aggregate(it) => {
            walk(&it.expr, visit);
            it.param.iter().for_each(|it| walk(it, visit));
        }
        Expr::Unary(it) => walk(&it.expr, visit),
        Expr::Binary(it) => {
            walk(&it.lhs, visit);
            walk(&it.rhs, visit);
        }
        Expr::Paren(it) => walk(&it.expr, visit),
        Expr::Subquery(it) => walk(&it.expr, visit),
        Expr::VectorSelector(it) => visit(it),
        Expr::MatrixSelector(it) => visit(&it.vs),
        Expr::Call(it) => it.args.args.iter().for_each(|it| walk(it, visit)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

#[test]
fn all_series_of_an_expression_are_found() {
    let expr = r#"sum by (a) (rate({__name__=~"x(_total)?"}[5m]))
        / on (a) max_over_time(timestamp(y)[6h:1m]) > 1 unless on (a) -z"#;
    let found = names(&promql_parser::parser::parse(expr).unwrap());

    assert_eq!(found.into_iter().collect::<Vec<_>>(), ["x(_total)?", "y", "z"]);
}

#[test]
fn only_comparisons_that_decide_are_limits() {
    let expr = "a / (b > 0) > 0.5 and on (x) c * 300 >= 10 unless on (x) d > 7";
    let found = limits(&promql_parser::parser::parse(expr).unwrap());

    let limit = |sign: &str, value| Limit { sign: sign.to_owned(), value };
    assert_eq!(found, [limit(">", 0.5), limit(">=", 10.0)]);
}
