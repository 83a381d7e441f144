//! Every alert has promtool tests that show it firing and staying silent.

use std::sync::LazyLock;

use yaml_rust2::Yaml;

use crate::files::{self, WATCHDOG};

/// A promtool test of one alert.
struct Case {
    name: String,
    /// Whether the alert is expected to fire, per evaluation time.
    fires: Vec<bool>,
}

static TESTS: LazyLock<Vec<(String, Yaml)>> =
    LazyLock::new(|| files::documents("collector/prometheus/tests"));

fn cases(alert: &str) -> Vec<Case> {
    let mut cases = Vec::new();
    for (_, document) in TESTS.iter() {
        for test in document["tests"].as_vec().unwrap() {
            let looks = test["alert_rule_test"].as_vec().into_iter().flatten();
            let looks = looks.filter(|it| it["alertname"].as_str() == Some(alert));
            let is_expected = |it: &Yaml| !it["exp_alerts"].as_vec().unwrap().is_empty();
            let fires: Vec<_> = looks.map(is_expected).collect();
            let name = test["name"].as_str().unwrap().to_owned();
            if !fires.is_empty() && name.starts_with(&format!("{alert}: ")) {
                cases.push(Case { name, fires });
            }
        }
    }
    cases
}

#[test]
fn every_alert_is_tested_pending_firing_and_resolved() {
    for alert in files::alerts().iter().filter(|it| it.name != WATCHDOG) {
        let cases = cases(&alert.name);
        let ends = cases.iter().any(|it| {
            it.fires.first() == Some(&false)
                && it.fires.contains(&true)
                && it.fires.last() == Some(&false)
        });
        assert!(ends, "{}: no test goes from silent to firing and back", alert.name);
    }
    assert!(cases(WATCHDOG).iter().any(|it| it.fires.iter().all(|&it| it)));
}

#[test]
fn every_alert_is_tested_silent() {
    for alert in files::alerts().iter().filter(|it| it.name != WATCHDOG) {
        let is_silent = |it: &Case| it.name.contains("stays silent") && !it.fires.contains(&true);
        assert!(cases(&alert.name).iter().any(is_silent), "{}: no silent test", alert.name);
    }
}

#[test]
fn every_alert_that_keeps_firing_is_tested_through_a_dip() {
    for alert in files::alerts().iter().filter(|it| it.keeps_firing) {
        let holds = |it: &Case| {
            it.name.contains(", holds through ") && 3 <= it.fires.iter().filter(|it| **it).count()
        };
        assert!(cases(&alert.name).iter().any(holds), "{}: no test with a dip", alert.name);
    }
}
