//! The alerts use the numbers of `stagelight_bundle::thresholds`.

use std::collections::BTreeSet;

use stagelight_bundle::thresholds::{self, Statistic, Threshold};

use crate::{
    expression::{Limit, limits},
    files::{self, Rule, WATCHDOG},
};

const TABLE: &str = "crates/stagelight-bundle/src/thresholds/table.rs";

#[test]
fn every_alert_has_a_threshold_and_every_threshold_an_alert() {
    let alerts: Vec<_> = files::alerts().into_iter().map(|it| it.name).collect();
    let unique: BTreeSet<_> = alerts.iter().map(String::as_str).collect();
    assert_eq!(unique.len(), alerts.len(), "two alerts have one name: {alerts:?}");

    let mut expected: BTreeSet<_> = thresholds::ALL.iter().map(|it| it.alert).collect();
    expected.insert(WATCHDOG);
    assert_eq!(unique, expected, "left: collector/prometheus/rules, right: {TABLE}");
}

#[test]
fn every_alert_compares_with_its_threshold() {
    let mut wrong = Vec::new();
    for (rule, threshold) in pairs() {
        let sign = threshold.comparison.as_str().to_owned();
        let value = Limit { sign, value: threshold.value };
        let guard = Limit { sign: ">=".to_owned(), value: f64::from(threshold.min_events) };
        let limits = limits(&rule.query);
        let guards: Vec<_> = limits.iter().filter(|it| it.sign == ">=").collect();
        let values: Vec<_> = limits.iter().filter(|it| it.sign != ">=").collect();

        if values.is_empty() || values.iter().any(|it| **it != value) {
            wrong.push(format!(
                "{}, {}: compares with {values:?}, {TABLE} with {value:?}",
                rule.file, rule.name
            ));
        }
        let wanted: &[_] = if threshold.min_events == 0 { &[] } else { &[&guard] };
        if guards != wanted {
            wrong.push(format!(
                "{}, {}: is guarded by {guards:?}, {TABLE} by min_events({})",
                rule.file, rule.name, threshold.min_events
            ));
        }
    }

    assert!(wrong.is_empty(), "rules and table differ:\n{}", wrong.join("\n"));
}

#[test]
fn every_alert_has_the_duration_and_severity_of_its_threshold() {
    let mut wrong = Vec::new();
    for (rule, threshold) in pairs() {
        let mut check = |what: &str, is: String, says: String| {
            if is != says {
                let Rule { file, name, .. } = &rule;
                wrong.push(format!("{file}, {name}: {what} is {is}, in {TABLE} {says}"));
            }
        };
        let hold = threshold.hold.as_secs();
        check("for", seconds(&rule.hold).to_string() + " s", hold.to_string() + " s");
        check("severity", rule.labels["severity"].clone(), threshold.severity.as_str().to_owned());
    }

    assert!(wrong.is_empty(), "rules and table differ:\n{}", wrong.join("\n"));
}

#[test]
fn every_description_names_the_limit() {
    for (rule, threshold) in pairs() {
        let Some(limit) = spelled(threshold) else { continue };
        let description = &rule.annotations["description"];
        assert!(
            description.contains(&format!("limit {limit}")),
            "{}, {}: the description does not say \"limit {limit}\": {description}",
            rule.file,
            rule.name
        );
    }
}

#[test]
fn every_alert_has_the_same_labels_and_annotations() {
    for rule in files::alerts() {
        let labels: Vec<_> = rule.labels.keys().map(String::as_str).collect();
        let expected: &[_] = if rule.name == WATCHDOG {
            &["severity", "team"]
        } else {
            &["cause", "severity", "team"]
        };
        assert_eq!(labels, expected, "{}", rule.name);

        let annotations: Vec<_> = rule.annotations.keys().map(String::as_str).collect();
        assert_eq!(annotations, ["description", "runbook_url", "summary"], "{}", rule.name);
    }
}

/// Returns the alerts that have a threshold.
fn pairs() -> impl Iterator<Item = (Rule, &'static Threshold)> {
    let alerts = files::alerts().into_iter();
    alerts.filter_map(|rule| thresholds::for_alert(&rule.name).map(|it| (rule, it)))
}

/// Formats the limit for people; `None` where the number alone says nothing.
fn spelled(threshold: &Threshold) -> Option<String> {
    let value = threshold.value;
    match threshold.statistic {
        Statistic::P95 | Statistic::Age if value < 1.0 => Some(format!("{} ms", value * 1000.0)),
        Statistic::P95 | Statistic::Age => Some(format!("{value} s")),
        Statistic::Ratio => Some(format!("{} %", (value * 1e6).round() / 1e4)),
        Statistic::BurnRate => Some(value.to_string()),
        _ => None,
    }
}

fn seconds(duration: &str) -> u64 {
    let (number, unit) = duration.split_at(duration.len() - 1);
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        other => panic!("{duration}: an unknown unit {other:?}"),
    };
    number.parse::<u64>().unwrap() * unit
}

#[test]
fn durations_parse_like_in_prometheus() {
    assert_eq!(["30s", "5m", "3h"].map(seconds), [30, 300, 10_800]);
}
