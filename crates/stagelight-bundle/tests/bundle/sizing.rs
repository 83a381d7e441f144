//! The table of series per label set in `collector/README.md`.

use stagelight_bundle::sizing;

use crate::files::check_generated_region;

#[test]
fn the_table_in_the_readme_is_up_to_date() {
    check_generated_region("collector/README.md", "series", &sizing::markdown());
}

#[test]
fn a_histogram_has_a_series_per_bound_and_three_more() {
    let all = sizing::series_by_labels();
    let of = |labels: &[&str]| all.iter().find(|it| it.0 == labels).unwrap().1;

    // `frontend_processing_seconds` has eight bounds, and shares its label with other families.
    assert!(8 + 3 < of(&["endpoint"]));
    // `http_server_active_requests` and `stagelight_dropped_total` are one series each.
    assert_eq!(of(&["http_request_method", "url_scheme"]), 1);
    assert_eq!(of(&["reason", "stage"]), 1);
}
