use stagelight_core::catalog::{self, labels};

use super::*;

fn ttfb() -> Series {
    Series::new(catalog::BACKEND_TTFB)
}

#[track_caller]
fn check_query(query: &str, expected: &str) {
    assert_eq!(query, expected);
    assert!(promql_parser::parser::parse(&query.replace("$__rate_interval", "1m")).is_ok());
}

#[test]
fn a_series_is_filtered_by_the_variables_of_its_labels() {
    check_query(
        &ttfb().with(r#"model!="""#).selector("_count"),
        "backend_ttfb_seconds_count{job=~\"$job\", instance=~\"$instance\", \
         provider=~\"$provider\", model=~\"$model\", endpoint=~\"$endpoint\", model!=\"\"}",
    );
    check_query(
        &Series::new(catalog::STAGELIGHT_DROPPED).selector(""),
        r#"stagelight_dropped_total{job=~"$job", instance=~"$instance"}"#,
    );
}

#[test]
fn a_quantile_queries_classic_and_native_histograms() {
    let query = Series::new(catalog::REQUEST_DURATION).quantile(0.95, &[labels::Endpoint::LABEL]);

    let selected =
        r#"{job=~"$job", instance=~"$instance", endpoint=~"$endpoint"}[$__rate_interval]"#;
    check_query(
        &query,
        &format!(
            "histogram_quantile(0.95, sum by (le, endpoint) \
             (rate(request_duration_seconds_bucket{selected})))\n\
             or\n\
             histogram_quantile(0.95, sum by (endpoint) (rate(request_duration_seconds{selected})))"
        ),
    );
}

#[test]
fn a_counter_has_no_suffix() {
    check_query(
        &Series::new(catalog::STAGELIGHT_DROPPED).rate(&[labels::Reason::LABEL]),
        "sum by (reason) (rate(stagelight_dropped_total\
         {job=~\"$job\", instance=~\"$instance\"}[$__rate_interval]))",
    );
}

#[test]
fn both_spellings_of_a_bound_are_one_row_of_a_heatmap() {
    let query = ttfb().heatmap();

    assert!(query.contains(r#", "le", "$1", "le", "([0-9]+)[.]0")"#), "{query}");
}

#[test]
fn an_offset_applies_to_every_selector() {
    let query = ttfb().before().mean(&[labels::Provider::LABEL]);

    let selectors = query.matches("backend_ttfb_seconds").count();
    assert_eq!(query.matches("[$__rate_interval] offset $offset").count(), selectors, "{query}");
}
