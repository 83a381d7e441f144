//! The dashboards are up to date, and everything they refer to exists.

use std::{collections::BTreeSet, path::Path};

use serde_json::Value;
use stagelight_bundle::dashboards;

use crate::files::{self, check_generated, panels, strings, variables};

const FOLDER: &str = "grafana/dashboards";

#[test]
fn the_committed_dashboards_are_up_to_date() {
    for file in dashboards::all() {
        check_generated(Path::new(FOLDER).join(&file.name), &file.text());
    }
}

#[test]
fn every_committed_dashboard_is_generated() {
    let generated: BTreeSet<_> = dashboards::all().into_iter().map(|it| it.name).collect();

    assert_eq!(files::list(FOLDER), Vec::from_iter(generated));
}

#[test]
fn exactly_the_variables_in_use_are_defined() {
    for file in dashboards::all() {
        let used: BTreeSet<_> =
            strings(&file.json).into_iter().flat_map(|it| variables(it.1)).collect();
        let defined = file.json["templating"]["list"].as_array().unwrap().iter();
        let defined: BTreeSet<_> = defined.map(|it| it["name"].as_str().unwrap()).collect();

        assert_eq!(used, defined, "{}", file.name);
    }
}

#[test]
fn every_link_leads_to_a_dashboard_a_runbook_or_the_traces() {
    let files = dashboards::all();
    let uids: BTreeSet<_> = files.iter().map(|it| it.json["uid"].as_str().unwrap()).collect();
    let runbooks = files::list("collector/runbooks");
    assert_eq!(uids.len(), files.len());
    let leads_somewhere = |url: &str| {
        if let Some(uid) = url.strip_prefix("/d/").and_then(|it| it.split('?').next()) {
            return uids.contains(uid);
        }
        let runbook = url.split_once("/collector/runbooks/").map(|it| it.1);
        runbook.map_or(url.starts_with("/explore?"), |file| {
            // The alert in the table's row, or a file.
            file.starts_with("${__data.fields.") || runbooks.iter().any(|it| it == file)
        })
    };
    for file in &files {
        for panel in panels(&file.json) {
            let urls = strings(panel).into_iter().filter(|it| it.0 == "url");
            for (_, url) in urls {
                assert!(leads_somewhere(url), "{}, {}: {url}", file.name, panel["title"]);
            }
        }
    }
}

#[test]
fn every_table_column_is_a_label_of_its_queries() {
    for file in dashboards::all() {
        for table in panels(&file.json).filter(|it| it["type"] == "table") {
            let columns = table["transformations"][1]["options"]["include"]["names"].as_array();
            let columns = columns.unwrap().iter().filter_map(Value::as_str);
            for column in columns.filter(|it| !it.starts_with("Value")) {
                for query in files::queries(table) {
                    let mut groups =
                        query.split("by (").skip(1).filter_map(|it| it.split(')').next());
                    let has_label = groups.any(|it| it.split(", ").any(|it| it == column));
                    assert!(has_label, "{}: no {column} in {query}", table["title"]);
                }
            }
        }
    }
}
