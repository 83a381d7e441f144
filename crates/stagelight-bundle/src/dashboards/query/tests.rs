use stagelight_core::catalog;

use super::*;

fn ttfb() -> Series {
    Series::of(&catalog::BACKEND, catalog::BACKEND_TTFB)
}

#[track_caller]
fn is_one_line(query: &str, expected: &str) {
    assert_eq!(query, expected);
    assert!(promql_parser::parser::parse(&query.replace("$__rate_interval", "1m")).is_ok());
}

#[test]
fn a_series_is_filtered_by_the_variables_of_its_labels() {
    is_one_line(
        &ttfb().with(r#"model!="""#).selector("_count"),
        r#"backend_ttfb_seconds_count{job=~"$job", instance=~"$instance", provider=~"$provider", model=~"$model", endpoint=~"$endpoint", model!=""}"#,
    );
    is_one_line(
        &Series::of(&catalog::DROPPED, 0).selector(""),
        r#"stagelight_dropped_total{job=~"$job", instance=~"$instance"}"#,
    );
}

#[test]
fn a_quantile_is_asked_of_classic_and_of_native_histograms() {
    let query = Series::of(&catalog::REQUEST, 0).quantile(0.95, &[Label::Endpoint]);

    let selected =
        r#"{job=~"$job", instance=~"$instance", endpoint=~"$endpoint"}[$__rate_interval]"#;
    is_one_line(
        &query,
        &format!(
            "histogram_quantile(0.95, sum by (le, endpoint) (rate(request_duration_seconds_bucket{selected})))\n\
             or\n\
             histogram_quantile(0.95, sum by (endpoint) (rate(request_duration_seconds{selected})))"
        ),
    );
}

#[test]
fn a_counter_is_asked_for_by_its_own_name() {
    is_one_line(
        &Series::of(&catalog::DROPPED, 0).rate(&[Label::Reason]),
        r#"sum by (reason) (rate(stagelight_dropped_total{job=~"$job", instance=~"$instance"}[$__rate_interval]))"#,
    );
}

#[test]
fn both_spellings_of_a_bound_are_one_row_of_a_heatmap() {
    let query = ttfb().heatmap();

    assert!(query.contains(r#", "le", "$1", "le", "([0-9]+)[.]0")"#), "{query}");
}

#[test]
fn what_is_asked_of_before_is_so_on_every_selector() {
    let query = ttfb().earlier().mean(&[Label::Provider]);

    let selectors = query.matches("backend_ttfb_seconds").count();
    assert_eq!(query.matches("[$__rate_interval] offset $offset").count(), selectors, "{query}");
}
