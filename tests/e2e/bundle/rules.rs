//! Executes the rules that Prometheus has loaded.

use std::{collections::BTreeSet, fs};

use serde_json::Value;
use testbed::Workspace;

use crate::prometheus::Prometheus;

use super::{
    checker::{Checker, Expected},
    dimension::Recorded,
    promql::{self, Node},
};

/// A rule with its group.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) file: String,
    pub(crate) group: String,
    pub(crate) json: Value,
}

/// Returns all loaded rules.
pub(crate) fn all(prometheus: &Prometheus) -> Vec<Rule> {
    let response = prometheus.try_get("rules", &[]).unwrap();
    let groups = response["groups"].as_array().into_iter().flatten();
    groups
        .flat_map(|group| {
            let text = |key: &str| group[key].as_str().unwrap_or_default().to_owned();
            let rules = group["rules"].as_array().into_iter().flatten();
            rules.map(move |rule| Rule {
                file: text("file"),
                group: text("name"),
                json: rule.clone(),
            })
        })
        .collect()
}

/// Returns the parsed expressions of recorded series.
pub(crate) fn recorded(prometheus: &Prometheus, rules: &[Rule]) -> Recorded {
    let mut recorded = Recorded::new();
    for rule in rules.iter().filter(|it| it.is_recording()) {
        let parsed = promql::parse(prometheus, rule.query());
        recorded.entry(rule.name().to_owned()).or_default().extend(parsed);
    }
    recorded
}

/// Checks that every file is loaded and every rule is evaluated on existing series.
pub(crate) fn check(checker: &Checker<'_>, rules: &[Rule]) {
    let loaded: BTreeSet<_> = rules.iter().filter_map(|it| it.file.rsplit('/').next()).collect();
    for file in shipped() {
        if !loaded.contains(file.as_str()) {
            checker.add(&file, "", "no rule of this file is loaded");
        }
    }
    for rule in rules {
        check_rule(checker, rule);
    }
}

fn check_rule(checker: &Checker<'_>, rule: &Rule) {
    let place = format!("{} / {}", rule.group, rule.name());
    if rule.json["health"] != "ok" {
        let problem = format!("health is {}: {}", rule.json["health"], rule.json["lastError"]);
        checker.add(&place, rule.query(), problem);
    }
    let Some(tree) = checker.parse(&place, rule.query()) else { return };
    if rule.is_recording() {
        // The recorded series rather than the expression.
        checker.check(&place, rule.name(), Expected::default());
    }
    checker.check_selectors(&place, rule.query(), Node::new(&tree));
}

/// Returns the names of the shipped rule files.
fn shipped() -> Vec<String> {
    let folder = Workspace::find().path("collector/prometheus/rules");
    let files = fs::read_dir(folder).unwrap();
    let names = files.map(|it| it.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|it| it.ends_with(".yaml")).collect()
}

// === impl Rule ===

impl Rule {
    pub(crate) fn name(&self) -> &str {
        self.json["name"].as_str().unwrap_or_default()
    }

    pub(crate) fn query(&self) -> &str {
        self.json["query"].as_str().unwrap_or_default()
    }

    pub(crate) fn is_recording(&self) -> bool {
        self.json["type"] == "recording"
    }
}
