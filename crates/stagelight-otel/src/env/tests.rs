use std::time::Duration;

use expect_test::{expect, expect_file};

use super::*;
use crate::signal::Signal;

fn problem(variable: &Variable, value: &str) -> String {
    EnvProblem::new(variable, variable.name.to_owned(), value, variable.default).to_string()
}

#[test]
fn an_empty_value_counts_as_unset() {
    let environment = Environment::from_pairs([("A", ""), ("B", "  "), ("C", " c ")]);
    let values = ["A", "B", "C", "D"].map(|it| environment.get(it));
    assert_eq!(values, [None, None, Some("c".to_owned()), None]);
}

#[test]
fn the_process_is_read_at_each_lookup() {
    assert!(Environment::process().get("PATH").is_some());
    assert_eq!(Environment::process().get("STAGELIGHT_NO_SUCH_VARIABLE"), None);
}

#[test]
fn a_problem_shows_the_name_the_value_and_the_allowed_values() {
    let problem = problem(&variables::EXPORT_INTERVAL, "10s");
    expect![[r#"
        invalid OTEL_METRIC_EXPORT_INTERVAL="10s":
        expected a whole number of milliseconds above 0
    "#]]
    .assert_eq(&(problem.replace(": ", ":\n") + "\n"));
}

#[test]
fn a_secret_is_not_shown() {
    for (variable, value) in [
        (&variables::HEADERS, "authorization hunter2"),
        (&variables::ENDPOINT, "http://me:hunter2@host"),
        (&variables::ENDPOINT, "me:hunter2@host:4317"),
    ] {
        let problem = problem(variable, value);
        assert!(problem.contains("(value not shown)") && !problem.contains("hunter2"), "{problem}");
    }
}

#[track_caller]
fn check_pairs(list: &str, expected: Option<&[(&str, &str)]>) {
    let expected = expected.map(|it| {
        it.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    });
    assert_eq!(parse_pairs(list), expected, "{list:?}");
}

#[test]
fn pairs_are_percent_decoded() {
    check_pairs("a=b", Some(&[("a", "b")]));
    check_pairs(" a = b , c=d, ", Some(&[("a", "b"), ("c", "d")]));
    check_pairs("a=b%20c%2Cd%3De", Some(&[("a", "b c,d=e")]));
    check_pairs("a=%C3%A4", Some(&[("a", "ä")]));
    check_pairs("a=b=c", Some(&[("a", "b=c")]));
    check_pairs("a=", Some(&[("a", "")]));
}

#[test]
fn malformed_pairs_are_rejected() {
    for list in ["a", "=b", "a=b,c", "a=%2", "a=%zz", "a=%+1", "a=%FF"] {
        check_pairs(list, None);
    }
}

#[test]
fn millis_are_whole_and_above_zero() {
    assert_eq!(parse_millis("250"), Some(Duration::from_millis(250)));
    for text in ["0", "-1", "1.5", "10s", "", "99999999999"] {
        assert_eq!(parse_millis(text), None, "{text:?}");
    }
}

#[test]
fn only_true_means_true_in_the_specification() {
    assert_eq!(["true", "TRUE", "False"].map(parse_bool), [Some(true), Some(true), Some(false)]);
    assert_eq!(["1", "yes", "on"].map(parse_bool), [None; 3]);
    assert_eq!(["1", "0", "true"].map(parse_switch), [Some(true), Some(false), Some(true)]);
}

#[test]
fn a_per_signal_form_is_named_after_the_signal() {
    assert_eq!(variables::TIMEOUT.name_for(Signal::Traces), "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT");
    assert_eq!(variables::HEADERS.name_for(Signal::Metrics), "OTEL_EXPORTER_OTLP_METRICS_HEADERS");
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = variables::ALL.iter().map(|it| it.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), variables::ALL.len());
}

/// `UPDATE_EXPECT=1 cargo test -p stagelight-otel` rewrites the table.
#[test]
fn the_documented_table_is_current() {
    expect_file!["variables.md"].assert_eq(&table());
}

fn table() -> String {
    let mut table = "\n| variable | default | allowed | meaning |\n|---|---|---|---|\n".to_owned();
    for variable in variables::ALL {
        let Variable { name, per_signal, default, allowed, meaning, .. } = variable;
        let mark = if *per_signal { " ¹" } else { "" };
        let cells = [&format!("`{name}`{mark}"), *default, *allowed, *meaning];
        let cells = cells.map(|it| it.replace('<', "\\<"));
        table.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    table.push_str(
        "\n¹ Also as `OTEL_EXPORTER_OTLP_TRACES_…` and `OTEL_EXPORTER_OTLP_METRICS_…`, \
         which override it.\n",
    );
    table
}
