//! Which labels the series of a query have.

use std::collections::BTreeSet;

use promql_parser::{
    label::Matcher,
    parser::{BinaryExpr, Call, Expr, LabelModifier, VectorSelector},
};

use super::Names;

/// Label names.
pub(super) type Labels = BTreeSet<String>;

/// Returns the labels that the query's result may have. An unknown metric has none.
pub(super) fn of(expr: &Expr, names: &Names) -> Labels {
    match expr {
        Expr::VectorSelector(selector) => of_selector(selector, names),
        Expr::MatrixSelector(matrix) => of_selector(&matrix.vs, names),
        Expr::Paren(paren) => of(&paren.expr, names),
        Expr::Unary(unary) => of(&unary.expr, names),
        Expr::Subquery(subquery) => of(&subquery.expr, names),
        Expr::Aggregate(aggregate) => {
            let inside = of(&aggregate.expr, names);
            // Those that choose series leave them as they are.
            if matches!(aggregate.op.to_string().as_str(), "topk" | "bottomk" | "limitk") {
                return inside;
            }
            match &aggregate.modifier {
                Some(LabelModifier::Include(kept)) => {
                    inside.intersection(&set(&kept.labels)).cloned().collect()
                }
                Some(LabelModifier::Exclude(gone)) => &inside - &set(&gone.labels),
                None => Labels::new(),
            }
        }
        Expr::Call(call) => of_call(call, names),
        Expr::Binary(binary) => of_binary(binary, names),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => Labels::new(),
    }
}

/// Returns the labels that a recorded series may have. Rules may ask for the collector's own metrics, too.
pub(super) fn of_rule(expr: &Expr, names: &Names) -> Labels {
    of(expr, &names.with_collector())
}

/// Returns every selector of a metric in a query.
pub(super) fn selectors(expr: &Expr) -> Vec<&VectorSelector> {
    let mut found = Vec::new();
    walk(expr, &mut |it| match it {
        Expr::VectorSelector(selector) => found.push(selector),
        Expr::MatrixSelector(matrix) => found.push(&matrix.vs),
        _ => {}
    });
    found
}

/// Calls the function with the expression and with all in it, from the outside to the inside.
pub(super) fn walk<'a>(expr: &'a Expr, visit: &mut impl FnMut(&'a Expr)) {
    visit(expr);
    match expr {
        Expr::Paren(it) => walk(&it.expr, visit),
        Expr::Unary(it) => walk(&it.expr, visit),
        Expr::Subquery(it) => walk(&it.expr, visit),
        Expr::Aggregate(it) => walk(&it.expr, visit),
        Expr::Call(it) => it.args.args.iter().for_each(|it| walk(it, visit)),
        Expr::Binary(it) => {
            walk(&it.lhs, visit);
            walk(&it.rhs, visit);
        }
        _ => {}
    }
}

/// Returns a selector's metric: its name, or a regular expression of names.
pub(super) fn metric(selector: &VectorSelector) -> String {
    let of_matcher =
        || selector.matchers.matchers.iter().find(|it| it.name == "__name__").map(value);
    selector.name.clone().or_else(of_matcher).unwrap_or_default()
}

/// Returns what a matcher compares with.
pub(super) fn value(matcher: &Matcher) -> String {
    matcher.value.clone()
}

fn of_selector(selector: &VectorSelector, names: &Names) -> Labels {
    names.labels(&metric(selector)).unwrap_or_default()
}

fn of_call(call: &Call, names: &Names) -> Labels {
    let mut labels: Labels = call.args.args.iter().flat_map(|it| of(it, names)).collect();
    match call.func.name {
        "histogram_quantile" => {
            labels.remove("le");
        }
        "label_replace" | "label_join" => {
            if let Some(Expr::StringLiteral(made)) = call.args.args.get(1).map(AsRef::as_ref) {
                labels.insert(made.val.clone());
            }
        }
        _ => {}
    }
    labels
}

fn of_binary(binary: &BinaryExpr, names: &Names) -> Labels {
    let left = of(&binary.lhs, names);
    let right = of(&binary.rhs, names);
    let is_number = |it: &Expr| it.value_type() == promql_parser::parser::value::ValueType::Scalar;
    if is_number(&binary.lhs) {
        return right;
    }
    if is_number(&binary.rhs) {
        return left;
    }
    match binary.op.to_string().as_str() {
        "or" => &left | &right,
        "and" | "unless" => left,
        _ => match &binary.modifier {
            // Kept: all of the side with many, and what is taken over from the other.
            Some(it) if it.card.labels().is_some() => {
                let taken = it.card.labels().map(|it| set(&it.labels)).unwrap_or_default();
                &left | &taken
            }
            Some(it) => match &it.matching {
                Some(LabelModifier::Include(kept)) => set(&kept.labels),
                Some(LabelModifier::Exclude(gone)) => &left - &set(&gone.labels),
                None => left.intersection(&right).cloned().collect(),
            },
            None => left.intersection(&right).cloned().collect(),
        },
    }
}

fn set(labels: &[String]) -> Labels {
    labels.iter().cloned().collect()
}
