//! What `collector/README.md` says of Prometheus' size.

use std::{fs, path::Path};

use stagelight_bundle::sizing;

const BEGIN: &str = "<!-- series -->\n";
const END: &str = "<!-- /series -->";

#[test]
fn the_readme_counts_the_series_of_today() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../collector/README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (head, rest) = readme.split_once(BEGIN).unwrap();
    let (shown, tail) = rest.split_once(END).unwrap();
    let expected = sizing::markdown();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{expected}{END}{tail}")).unwrap();
    } else {
        assert!(
            shown == expected,
            "the table is not what the catalogue gives; run this test with UPDATE_EXPECT=1\n{expected}"
        );
    }
}

#[test]
fn a_histogram_has_a_series_for_each_bound_and_three_more() {
    let all = sizing::series_by_labels();
    let of = |labels: &[&str]| all.iter().find(|it| it.0 == labels).unwrap().1;

    // `frontend_processing_seconds` has eight bounds, and is not alone in having this label.
    assert!(8 + 3 < of(&["endpoint"]));
    // `http_server_active_requests` and `stagelight_dropped_total` are one series each.
    assert_eq!(of(&["http_request_method", "url_scheme"]), 1);
    assert_eq!(of(&["reason"]), 1);
}
