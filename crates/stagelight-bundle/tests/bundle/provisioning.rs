//! Grafana's provisioning files fit each other, the dashboards and the metrics.

use std::{collections::BTreeSet, path::Path};

use yaml_rust2::{Yaml, YamlLoader};

use crate::files;

const DATA_SOURCES: &str = "provisioning/datasources/stagelight.yaml";
const DASHBOARDS: &str = "provisioning/dashboards/stagelight.yaml";

fn text(file: &str) -> String {
    files::read(Path::new("grafana").join(file))
}

fn yaml(file: &str) -> Yaml {
    YamlLoader::load_from_str(&text(file)).unwrap().remove(0)
}

fn data_source(kind: &str) -> Yaml {
    let all = yaml(DATA_SOURCES)["datasources"].clone();
    all.into_iter().find(|it| it["type"].as_str() == Some(kind)).unwrap()
}

/// Returns the environment variables that Grafana expands: `$name`, `${name}`, not `$$name`.
fn variables(file: &str) -> BTreeSet<String> {
    let text = text(file).replace("$$", "");
    let lines = text.lines().filter(|it| !it.trim_start().starts_with('#'));
    lines.flat_map(files::variables).map(str::to_owned).collect()
}

#[test]
fn exactly_the_variables_in_use_have_a_value() {
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
fn exemplars_link_to_traces_and_spans_to_metrics() {
    let (metrics, traces) = (data_source("prometheus"), data_source("tempo"));

    let exemplars = &metrics["jsonData"]["exemplarTraceIdDestinations"][0];
    assert_eq!(exemplars["datasourceUid"], traces["uid"]);
    assert_eq!(exemplars["name"].as_str(), Some("trace_id"));
    assert_eq!(traces["jsonData"]["tracesToMetrics"]["datasourceUid"], metrics["uid"]);
    assert_eq!(metrics["jsonData"]["httpMethod"].as_str(), Some("POST"));
}

/// Returns the PromQL queries that spans link to, as Grafana sends them.
pub(crate) fn queries() -> Vec<String> {
    let traces = data_source("tempo");
    let queries = traces["jsonData"]["tracesToMetrics"]["queries"].as_vec().unwrap();
    let text = |it: &Yaml| it["query"].as_str().unwrap().replace("$$", "$");
    queries.iter().map(text).collect()
}

#[test]
fn the_queries_of_spans_are_filtered_by_their_tags() {
    let queries = queries();

    assert!(3 < queries.len());
    for query in queries {
        assert!(query.contains("$__tags"), "{query}");
    }
}

#[test]
fn data_sources_and_dashboards_are_read_only() {
    for source in yaml(DATA_SOURCES)["datasources"].as_vec().unwrap() {
        assert_eq!(source["editable"].as_bool(), Some(false), "{source:?}");
    }
    let provider = &yaml(DASHBOARDS)["providers"][0];
    assert_eq!(provider["allowUiUpdates"].as_bool(), Some(false));
}

#[test]
fn the_files_contain_no_secret() {
    for file in [DATA_SOURCES, DASHBOARDS, "provisioning.env"] {
        let text = text(file).to_lowercase();
        let found = ["password", "token", "secure", "basicauth"].map(|it| text.contains(it));
        assert_eq!(found, [false; 4], "{file}");
    }
}
