//! The dashboards are accepted as they are, and refused with one mistake in them.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use xtask::{Cache, Dashboards, Workspace};

const STAGES: &str = "grafana/dashboards/stage-breakdown.json";

fn check(files: &[PathBuf]) -> String {
    let dashboards =
        Dashboards::find_or_build(&Workspace::find(), &Cache::of_user().unwrap()).unwrap();
    dashboards.check(files).map_or_else(|error| error.to_string(), |()| "accepted".to_owned())
}

/// Checks the stage breakdown with every `from` replaced.
#[track_caller]
fn is_refused(from: &str, to: &str, expected: &str) {
    let text = fs::read_to_string(Workspace::find().path(STAGES)).unwrap();
    assert!(text.contains(from), "{STAGES} has no {from:?}");
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("mutant.json");
    fs::write(&file, text.replace(from, to)).unwrap();

    let answer = check(&[file]);

    assert!(answer.contains(expected), "expected {expected:?}, got:\n{answer}");
}

#[test]
fn every_shipped_dashboard_is_accepted() {
    let folder: &Path = &Workspace::find().path("grafana/dashboards");
    let files: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();

    assert_eq!(files.len(), 6);
    assert_eq!(check(&files), "accepted");
}

#[test]
fn a_misspelt_field_of_a_panel_is_refused() {
    is_refused("\"gridPos\"", "\"gridPosition\"", "unexpected field 'gridPosition'");
}

#[test]
fn an_option_that_a_panel_does_not_have_is_refused() {
    is_refused("\"showHeader\"", "\"showHeaders\"", "showHeaders");
}

#[test]
fn a_value_of_the_wrong_type_is_refused() {
    is_refused("\"graphTooltip\": 1", "\"graphTooltip\": \"1\"", "graphTooltip");
}

#[test]
fn a_dashboard_without_variables_and_annotations_is_refused() {
    is_refused("\"templating\"", "\"template\"", "templating");
    is_refused("\"annotations\"", "\"annotation\"", "annotations");
}

#[test]
fn a_misspelt_field_of_an_annotation_is_refused() {
    is_refused("\"titleFormat\"", "\"titleformat\"", "titleformat");
}

#[test]
fn a_file_that_is_no_json_is_refused() {
    is_refused("\"uid\"", "uid", "invalid character");
}
