//! Grafana's provisioning files hold together: with each other, with the dashboards, with the metrics.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use stagelight_bundle::dashboards::lint::{Names, unknown_metrics};
use yaml_rust2::{Yaml, YamlLoader};

const DATA_SOURCES: &str = "provisioning/datasources/stagelight.yaml";
const DASHBOARDS: &str = "provisioning/dashboards/stagelight.yaml";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn text(file: &str) -> String {
    fs::read_to_string(root().join("grafana").join(file)).unwrap()
}

fn yaml(file: &str) -> Yaml {
    YamlLoader::load_from_str(&text(file)).unwrap().remove(0)
}

fn data_source(kind: &str) -> Yaml {
    let all = yaml(DATA_SOURCES)["datasources"].clone();
    all.into_iter().find(|it| it["type"].as_str() == Some(kind)).unwrap()
}

/// Returns the variables that Grafana puts in: `$name` and `${name}`, but not `$$name`.
fn variables(file: &str) -> BTreeSet<String> {
    let text = text(file);
    let lines = text.lines().filter(|it| !it.trim_start().starts_with('#'));
    let code = lines.collect::<Vec<_>>().join("\n").replace("$$", "");
    let name = |it: &str| {
        let it = it.trim_start_matches('{');
        it.split(|it: char| !it.is_ascii_alphanumeric() && it != '_').next().unwrap().to_owned()
    };
    code.split('$').skip(1).map(name).collect()
}

#[test]
fn every_variable_has_a_value_for_one_machine_and_no_other_has() {
    let used: BTreeSet<_> = &variables(DATA_SOURCES) | &variables(DASHBOARDS);

    let env = text("provisioning.env");
    let lines = env.lines().filter(|it| !it.is_empty() && !it.starts_with('#'));
    let set: BTreeSet<_> = lines
        .map(|it| {
            let (name, value) = it.split_once('=').unwrap();
            assert!(!value.is_empty(), "{name}");
            name.to_owned()
        })
        .collect();

    assert_eq!(used, set);
}

#[test]
fn exemplars_lead_to_the_traces_and_spans_to_the_metrics() {
    let (metrics, traces) = (data_source("prometheus"), data_source("tempo"));

    let exemplars = &metrics["jsonData"]["exemplarTraceIdDestinations"][0];
    assert_eq!(exemplars["datasourceUid"], traces["uid"]);
    assert_eq!(exemplars["name"].as_str(), Some("trace_id"));
    assert_eq!(traces["jsonData"]["tracesToMetrics"]["datasourceUid"], metrics["uid"]);
    assert_eq!(metrics["jsonData"]["httpMethod"].as_str(), Some("POST"));
}

#[test]
fn what_spans_lead_to_are_metrics_that_somebody_makes() {
    let names = Names::read(&root()).unwrap();
    let traces = data_source("tempo");
    let queries = traces["jsonData"]["tracesToMetrics"]["queries"].as_vec().unwrap();
    assert!(3 < queries.len());
    for query in queries {
        let query = query["query"].as_str().unwrap();
        // What Grafana makes of it, with its own variables put in.
        let asked = query.replace("$$__tags", "job=\"a\"").replace("$$__rate_interval", "1m");

        assert_eq!(unknown_metrics(&asked, &names), Ok(Vec::new()), "{query}");
        assert!(query.contains("$$__tags") && !asked.contains('$'), "{query}");
    }
}

#[test]
fn nothing_can_be_changed_in_the_browser_and_lost() {
    for source in yaml(DATA_SOURCES)["datasources"].as_vec().unwrap() {
        assert_eq!(source["editable"].as_bool(), Some(false), "{source:?}");
    }
    let provider = &yaml(DASHBOARDS)["providers"][0];
    assert_eq!(provider["allowUiUpdates"].as_bool(), Some(false));
}

#[test]
fn no_secret_is_in_the_files() {
    for file in [DATA_SOURCES, DASHBOARDS, "provisioning.env"] {
        let text = text(file).to_lowercase();
        let found = ["password", "token", "secure", "basicauth"].map(|it| text.contains(it));
        assert_eq!(found, [false; 4], "{file}");
    }
}
