//! Every alert has a runbook, and every runbook an alert.

use std::{collections::BTreeSet, fmt::Write as _, path::Path};

use stagelight_bundle::dashboards;

use crate::files::{self, Rule, check_generated_region};

/// The address of the runbooks in the rules. Change both for a copy of your own.
const BASE: &str = "https://github.com/stagelight-rs/stagelight/blob/main/collector/runbooks";

/// The sections of every runbook, in order.
const SECTIONS: [&str; 4] = ["## Meaning", "## Diagnosis", "## Mitigation", "## Silence"];

const FOLDER: &str = "collector/runbooks";

fn runbook(rule: &Rule) -> String {
    files::read(Path::new(FOLDER).join(format!("{}.md", rule.name)))
}

#[test]
fn every_alert_links_its_own_runbook() {
    for rule in files::alerts() {
        assert_eq!(rule.annotations["runbook_url"], format!("{BASE}/{}.md", rule.name));
    }
}

#[test]
fn every_runbook_belongs_to_an_alert() {
    let found: BTreeSet<_> =
        files::list(FOLDER).into_iter().filter(|it| it != "README.md").collect();
    let wanted: BTreeSet<_> = files::alerts().iter().map(|it| format!("{}.md", it.name)).collect();

    assert_eq!(found, wanted);
}

#[test]
fn every_runbook_has_all_sections_and_a_silence_command() {
    for rule in files::alerts() {
        let text = runbook(&rule);
        assert!(text.starts_with(&format!("# {}\n", rule.name)), "{}: the title", rule.name);
        let sections: Vec<_> = text.lines().filter(|it| it.starts_with("## ")).collect();
        assert_eq!(sections, SECTIONS, "{}", rule.name);
        let silence = format!("silence add alertname={} ", rule.name);
        assert!(text.contains(&silence), "{}: no command with {silence:?}", rule.name);
    }
}

#[test]
fn every_panel_named_in_a_runbook_is_on_that_dashboard() {
    let dashboards = dashboards::all();
    let mut panels = 0;
    for rule in files::alerts() {
        // For example: dashboard `pipeline`, "Queue" and "Lost".
        for line in runbook(&rule).lines().filter(|it| it.contains("dashboard `")) {
            let name =
                line.split("dashboard `").nth(1).and_then(|it| it.split('`').next()).unwrap();
            let dashboard = dashboards.iter().find(|it| it.name == format!("{name}.json"));
            let dashboard = dashboard.unwrap_or_else(|| panic!("{}: no {name}", rule.name));
            let titles: BTreeSet<_> =
                files::panels(&dashboard.json).filter_map(|it| it["title"].as_str()).collect();
            for quoted in line.split('"').skip(1).step_by(2) {
                assert!(titles.contains(quoted), "{}: no panel {quoted:?} on {name}", rule.name);
                panels += 1;
            }
        }
    }
    assert!(files::alerts().len() < panels, "only {panels} panels are named");
}

#[test]
fn the_index_lists_every_alert() {
    let mut table = String::from("| alert | severity | after | says |\n|---|---|---|---|\n");
    for rule in files::alerts() {
        let Rule { name, labels, hold, annotations, .. } = &rule;
        let summary = annotations["summary"].replace("{{ $labels.", "*").replace(" }}", "*");
        writeln!(table, "| [{name}]({name}.md) | {} | {hold} | {summary} |", labels["severity"])
            .unwrap();
    }

    check_generated_region("collector/runbooks/README.md", "alerts", &table);
}
