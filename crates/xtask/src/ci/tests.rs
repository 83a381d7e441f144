use std::collections::BTreeSet;
use std::time::Duration;

use super::report::{Outcome, Report};
use super::{CiOptions, run, step_names};

#[test]
fn step_names_are_unique() {
    let names = step_names();

    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
}

#[test]
fn an_unknown_step_is_an_error_that_lists_the_known_ones() {
    let options = CiOptions { steps: vec!["lint".to_owned()], keep_going: false };

    let error = run(&options).unwrap_err().to_string();

    assert!(error.starts_with("there is no step \"lint\"; there are fmt, clippy, "), "{error}");
}

#[test]
fn the_report_says_what_failed_and_what_did_not_run() {
    let mut report = Report::default();
    report.add("fmt", Outcome::Passed(Duration::from_millis(640)));
    report.add("clippy", Outcome::Failed(Duration::from_secs(75)));
    report.add("test", Outcome::NotRun);

    assert_eq!(report.failures(), ["clippy"]);
    let lines: Vec<_> = report
        .to_string()
        .lines()
        .map(|it| it.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        lines,
        [
            "step result seconds",
            "fmt ok 0.6",
            "clippy FAILED 75.0",
            "test not run 0.0",
            "total 75.6"
        ]
    );
}
