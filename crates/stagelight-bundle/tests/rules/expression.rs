//! What an expression names, and what it compares with.

use std::collections::BTreeSet;

use promql_parser::parser::{Expr, VectorSelector};

/// A comparison that decides whether an alert fires: its sign, and the number on its right.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Limit {
    pub(crate) sign: String,
    pub(crate) value: f64,
}

/// Returns the names, or regular expressions of names, of all series that are asked for.
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
/// Not those below an arithmetic operator, which guard a division by zero, nor those on the right of `unless`, which say when the alert
/// is not meant.
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

fn walk(expr: &Expr, see: &mut impl FnMut(&VectorSelector)) {
    match expr {
        Expr::Aggregate(it) => {
            walk(&it.expr, see);
            it.param.iter().for_each(|it| walk(it, see));
        }
        Expr::Unary(it) => walk(&it.expr, see),
        Expr::Binary(it) => {
            walk(&it.lhs, see);
            walk(&it.rhs, see);
        }
        Expr::Paren(it) => walk(&it.expr, see),
        Expr::Subquery(it) => walk(&it.expr, see),
        Expr::VectorSelector(it) => see(it),
        Expr::MatrixSelector(it) => see(&it.vs),
        Expr::Call(it) => it.args.args.iter().for_each(|it| walk(it, see)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

#[test]
fn all_series_of_an_expression_are_found() {
    let expr = r#"sum by (a) (rate({__name__=~"x(_total)?"}[5m])) / on (a) max_over_time(timestamp(y)[6h:1m]) > 1 unless on (a) -z"#;
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
