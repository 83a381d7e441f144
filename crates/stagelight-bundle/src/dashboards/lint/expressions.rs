//! Rules on queries.

use promql_parser::parser::{self, Expr};

use serde_json::Value;

use crate::dashboards::queries::{Place, Query, Variables, queries};

use super::{Names, Sheet, labels};

/// Functions that make something useful of a counter.
const OF_COUNTERS: [&str; 6] =
    ["rate", "increase", "irate", "resets", "histogram_avg", "timestamp"];

/// A query that could be parsed, with its variables put in.
pub(super) struct Parsed {
    query: Query,
    expr: Expr,
}

/// Parses all queries; those that cannot be parsed are [`syntax`]'s business.
pub(super) fn parse_all(dashboard: &Value, variables: &Variables) -> Vec<Parsed> {
    let parse = |query: Query| {
        let expr = parse(&query, variables).ok()?;
        Some(Parsed { query, expr })
    };
    queries(dashboard).into_iter().filter_map(parse).collect()
}

fn parse(query: &Query, variables: &Variables) -> Result<Expr, String> {
    let text = variables.substitute(&query.expr).map_err(|error| error.to_string())?;
    parser::parse(&text)
}

pub(super) fn syntax(sheet: &Sheet<'_>) -> Vec<String> {
    let error =
        |it: Query| Some(format!("{}: {}", it.place_name(), parse(&it, &sheet.variables).err()?));
    sheet.queries().into_iter().filter_map(error).collect()
}

/// Somebody has to emit or record it.
pub(super) fn metrics(sheet: &Sheet<'_>) -> Vec<String> {
    each_selector(sheet, |_, metric, _| {
        sheet.names.labels(metric).is_none().then(|| format!("nobody makes a metric {metric:?}"))
    })
}

/// What is matched has to be a label of the metric.
pub(super) fn matched_labels(sheet: &Sheet<'_>) -> Vec<String> {
    each_selector(sheet, |_, metric, matchers| {
        let known = sheet.names.labels(metric)?;
        let strange: Vec<_> = matchers
            .iter()
            .map(|it| it.0.as_str())
            .filter(|it| *it != "__name__" && !known.contains(*it))
            .collect();
        (!strange.is_empty()).then(|| format!("{metric} has no label {}", strange.join(", ")))
    })
}

/// One service's figures are not mixed with another's.
pub(super) fn job_and_instance(sheet: &Sheet<'_>) -> Vec<String> {
    let variables: Vec<_> = sheet.variables().filter_map(|it| it["name"].as_str()).collect();
    each_selector(sheet, |query, metric, matchers| {
        if matches!(query.place, Place::Variable { .. } | Place::Annotation { .. }) {
            return None;
        }
        let labels = sheet.names.labels(metric)?;
        let is_of_service = sheet.names.is_catalogued(metric) || Names::is_recorded(metric);
        // The collector's own series are of its job.
        let wanted: Vec<_> = ["job", "instance"]
            .into_iter()
            .filter(|it| {
                is_of_service
                    && labels.contains(*it)
                    && variables.contains(it)
                    && !metric.starts_with("otelcol:")
            })
            .filter(|it| !(Names::is_recorded(metric) && *it == "instance"))
            .collect();
        let missing: Vec<_> = wanted
            .into_iter()
            .filter(|it| !matchers.iter().any(|matcher| matcher.0 == **it))
            .collect();
        (!missing.is_empty()).then(|| format!("{metric} is not asked by {}", missing.join(", ")))
    })
}

/// A counter's value says nothing: its growth does.
pub(super) fn counters(sheet: &Sheet<'_>) -> Vec<String> {
    let mut findings = Vec::new();
    for Parsed { query, expr } in &sheet.parsed {
        if matches!(query.place, Place::Variable { .. }) {
            continue;
        }
        let mut inside = Vec::new();
        labels::walk(expr, &mut |it| {
            if let Expr::Call(call) = it
                && OF_COUNTERS.contains(&call.func.name)
            {
                inside.extend(
                    call.args
                        .args
                        .iter()
                        .flat_map(|it| labels::selectors(it))
                        .map(std::ptr::from_ref),
                );
            }
        });
        for selector in labels::selectors(expr) {
            let metric = labels::metric(selector);
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|it| metric.strip_suffix(it));
            let is_counter = ["_total", "_bucket"].iter().any(|it| metric.ends_with(it))
                || sheet.names.is_histogram(base.unwrap_or(&metric));
            if is_counter && !inside.contains(&std::ptr::from_ref(selector)) {
                findings
                    .push(format!("{}: {metric} is not in rate or increase", query.place_name()));
            }
        }
    }
    findings
}

/// Windows fit the step or the shown range, whatever the export interval is.
pub(super) fn window(sheet: &Sheet<'_>) -> Vec<String> {
    let allowed = ["[$__rate_interval]", "[$__range]", "[$__range:30s]"];
    let mut findings = Vec::new();
    for query in sheet.queries() {
        let mut rest = query.expr.as_str();
        // Character classes of regular expressions stand in quotes.
        while let Some(start) = rest.find(['[', '"']) {
            rest = &rest[start..];
            if let Some(quoted) = rest.strip_prefix('"') {
                rest = quoted.split_once('"').map_or("", |it| it.1);
            } else if let Some(it) = allowed.iter().find(|it| rest.starts_with(**it)) {
                rest = &rest[it.len()..];
            } else {
                findings.push(format!(
                    "{}: the window {} is not one of {}",
                    query.place_name(),
                    rest.split(']').next().unwrap_or_default(),
                    allowed.join(" ")
                ));
                break;
            }
        }
    }
    findings
}

/// The bound 1 is `1` by OTLP and `1.0` by scrape.
pub(super) fn bounds(sheet: &Sheet<'_>) -> Vec<String> {
    each_selector(sheet, |_, metric, matchers| {
        let is_trap = |value: &str| value.parse::<f64>().is_ok_and(|it| it.fract() == 0.0);
        let literal = matchers.iter().find(|(name, value)| name == "le" && is_trap(value))?;
        Some(format!(
            "{metric} is asked for le={:?}: match le=~\"{}([.]0)?\"",
            literal.1, literal.1
        ))
    })
}

/// From a quantile of now or a heatmap there is a way to the traces.
pub(super) fn exemplars(sheet: &Sheet<'_>) -> Vec<String> {
    let mut findings = Vec::new();
    for Parsed { query, expr } in &sheet.parsed {
        let Place::Panel { format, is_instant, has_exemplars, kind, .. } = &query.place else {
            continue;
        };
        let selectors = labels::selectors(expr);
        // Times have traces behind them; sizes and counts are not what one looks for in one.
        let is_time = selectors.iter().any(|it| labels::metric(it).ends_with("_seconds_bucket"))
            && selectors.iter().all(|it| sheet.names.is_catalogued(&labels::metric(it)));
        let is_quantile =
            query.expr.starts_with("histogram_quantile") && !query.expr.contains(" offset ");
        let is_busy = query.expr.contains("request_stage_busy");
        let wants =
            format == "heatmap" || (kind == "timeseries" && is_time && is_quantile && !is_busy);
        if wants && (*is_instant || !has_exemplars) {
            findings.push(format!("{}: does not ask for exemplars", query.place_name()));
        }
    }
    findings
}

/// What a legend or a table's column names has to be a label of the result.
pub(super) fn legends(sheet: &Sheet<'_>) -> Vec<String> {
    let mut findings = Vec::new();
    for Parsed { query, expr } in &sheet.parsed {
        let labels = labels::of(expr, sheet.names);
        let wanted = match &query.place {
            Place::Panel { legend, .. } | Place::Annotation { legend, .. } => names_in(legend),
            Place::Variable { label, .. } => vec![label.clone()],
        };
        for name in wanted.iter().filter(|it| !labels.contains(*it)) {
            findings.push(format!("{}: {name} is not a label of the result", query.place_name()));
        }
        if let Place::Panel { title, kind, legend, is_instant, .. } = &query.place {
            if kind != "table" && legend.is_empty() {
                findings.push(format!("{}: no legend", query.place_name()));
            }
            if kind == "table" && !is_instant {
                findings.push(format!("{}: a table of a range", query.place_name()));
            }
            let columns = sheet
                .columns(title)
                .into_iter()
                .filter(|it| kind == "table" && !it.starts_with("Value"));
            for column in columns.filter(|it| !labels.contains(it)) {
                findings.push(format!(
                    "{}: the column {column} is not a label of the result",
                    query.place_name()
                ));
            }
        }
    }
    findings
}

/// Whoever asks for a classic histogram asks for the native one, too.
pub(super) fn native(sheet: &Sheet<'_>) -> Vec<String> {
    let mut findings = Vec::new();
    for Parsed { query, expr } in &sheet.parsed {
        let metrics: Vec<_> = labels::selectors(expr).into_iter().map(labels::metric).collect();
        for metric in &metrics {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|it| metric.strip_suffix(it));
            let Some(base) = base.filter(|it| sheet.names.is_histogram(it)) else { continue };
            if !metrics.iter().any(|it| it == base) {
                findings.push(format!(
                    "{}: {metric} without {base}, which native histograms have",
                    query.place_name()
                ));
            }
        }
    }
    findings
}

/// Calls the function with each query, each metric in it, and the names and values of its matchers.
fn each_selector(
    sheet: &Sheet<'_>,
    check: impl Fn(&Query, &str, &[(String, String)]) -> Option<String>,
) -> Vec<String> {
    let mut findings = Vec::new();
    for Parsed { query, expr } in &sheet.parsed {
        for selector in labels::selectors(expr) {
            let matchers: Vec<_> = selector
                .matchers
                .matchers
                .iter()
                .map(|it| (it.name.clone(), labels::value(it)))
                .collect();
            let message = check(query, &labels::metric(selector), &matchers);
            findings.extend(message.map(|it| format!("{}: {it}", query.place_name())));
        }
    }
    findings
}

/// Returns the labels that stand in double braces.
fn names_in(legend: &str) -> Vec<String> {
    let after = legend.split("{{").skip(1);
    after.filter_map(|it| Some(it.split_once("}}")?.0.trim().to_owned())).collect()
}
