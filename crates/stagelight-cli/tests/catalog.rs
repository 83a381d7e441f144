//! `stagelight catalog`, and the table in docs/metrics.md generated from it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path, process::Command};

use expect_test::expect;
use serde_json::Value;
use stagelight_core::catalog;

const BEGIN: &str = "<!-- catalog:begin -->\n";
const END: &str = "<!-- catalog:end -->";

fn print(format: &str) -> String {
    let command = Command::new(env!("CARGO_BIN_EXE_stagelight"))
        .args(["catalog", "--format", format])
        .output()
        .unwrap();
    assert!(command.status.success(), "{}", String::from_utf8_lossy(&command.stderr));
    String::from_utf8(command.stdout).unwrap()
}

#[test]
fn the_documentation_shows_the_current_catalogue() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md");
    let document = fs::read_to_string(&path).unwrap_or_default();
    let parts = document
        .split_once(BEGIN)
        .and_then(|(head, rest)| Some((head, rest.split_once(END)?)))
        .unwrap_or_else(|| panic!("docs/metrics.md lacks {BEGIN:?} followed by {END:?}"));
    let (head, (shown, tail)) = parts;
    let expected = format!("\n{}\n", print("markdown"));
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{expected}{END}{tail}")).unwrap();
    } else {
        assert!(
            shown == expected,
            "docs/metrics.md differs from `stagelight catalog --format markdown`; run this test \
             with UPDATE_EXPECT=1 to update it.\nexpected:\n{expected}\nfound:\n{shown}"
        );
    }
}

#[test]
fn json_has_one_object_for_each_metric() {
    let entries: Vec<Value> = serde_json::from_str(&print("json")).unwrap();
    let families = catalog::ALL.iter().chain(&stagelight_otel::catalog::ALL);
    let metrics: usize = families.map(|it| it.metrics.len()).sum();
    assert_eq!(entries.len(), metrics);
    let errors = entries.iter().find(|it| it["name"] == "request.stage.errors").unwrap();
    expect![[r#"
        {
          "attributes": [
            "stage",
            "endpoint",
            "error.type"
          ],
          "buckets": [],
          "help": "Stages that ended with an error.",
          "kind": "counter",
          "name": "request.stage.errors",
          "prometheus_name": "request_stage_errors_total",
          "unit": "{error}"
        }"#]]
    .assert_eq(&serde_json::to_string_pretty(errors).unwrap());
}

#[test]
fn the_table_fits_a_terminal() {
    let table = print("table");
    let first = table.split("\n\n").next().unwrap();
    expect![[r#"
    request.stage.duration (s, histogram)
      Prometheus  request_stage_duration_seconds
      attributes  stage, endpoint
      buckets     0.0001 0.00025 0.0005 0.001 0.0025 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10
      meaning     Time from the start of a stage to its end. Stages may nest and overlap."#]]
    .assert_eq(first);
    for line in table.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn an_unknown_format_is_rejected_with_the_possible_values() {
    let command = Command::new(env!("CARGO_BIN_EXE_stagelight"))
        .args(["catalog", "--format", "xml"])
        .output()
        .unwrap();
    assert_eq!(command.status.code(), Some(2));
    let message = String::from_utf8(command.stderr).unwrap();
    assert!(message.contains("[possible values: table, json, markdown]"), "{message}");
}
