//! `grafana/dashboards/` is what this crate makes.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use stagelight_bundle::dashboards;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../grafana/dashboards")
}

#[test]
fn the_committed_dashboards_are_those_of_today() {
    let update = std::env::var_os("UPDATE_EXPECT").is_some();
    for file in dashboards::all() {
        let path = folder().join(&file.name);
        if update {
            fs::create_dir_all(folder()).unwrap();
            fs::write(&path, file.text()).unwrap();
        }
        assert!(
            fs::read_to_string(&path).unwrap_or_default() == file.text(),
            "{} is not what the code makes; run this test with UPDATE_EXPECT=1",
            path.display()
        );
    }
}

#[test]
fn no_dashboard_is_left_that_the_code_does_not_make() {
    let committed: BTreeSet<_> = fs::read_dir(folder())
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();

    assert_eq!(committed, dashboards::all().into_iter().map(|it| it.name).collect());
}

#[test]
fn the_first_seven_panels_are_those_that_people_know() {
    let files = dashboards::all();
    let file = files.iter().find(|it| it.name == "stage-breakdown.json").unwrap();
    let titles: Vec<_> = dashboards::queries::panels(&file.json)
        .take(7)
        .map(|panel| panel["title"].as_str().unwrap())
        .collect();

    assert_eq!(
        titles,
        [
            "Backend API TTFB by Provider/Model (p50, p95, p99)",
            "Streaming Duration by Provider/Model (p50, p95, p99)",
            "Frontend Processing Time (p95, should be < 3 ms)",
            "Request Stage Breakdown (stacked)",
            "Time Distribution by Stage (%)",
            "Top 10 Slowest Backend TTFB",
            "Real-time Gauge Panels",
        ]
    );
}
