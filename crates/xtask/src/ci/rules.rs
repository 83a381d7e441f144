//! Holds Prometheus' rules to their syntax, to their tests and to good habits. Asks no server.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::cache::Cache;
use crate::command::run;
use crate::tools::{Tools, pint};
use crate::workspace::Workspace;

/// The rules, from the root.
const RULES: &str = "collector/prometheus/rules";
/// What they do on made-up series, from the root.
const TESTS: &str = "collector/prometheus/tests";
/// What pint asks of them, from the root.
const PINT_CONFIG: &str = "collector/prometheus/pint.hcl";

/// Checks, tests and lints all rules.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    let cache = Cache::of_user()?;
    let tools = Tools::find_or_build(workspace, &cache)?;
    let rules = yaml_files(workspace, RULES)?;
    let tests = yaml_files(workspace, TESTS)?;

    run(Command::new(&tools.promtool)
        .args(["check", "rules", "--lint=all", "--lint-fatal"])
        .args(&rules))?;
    run(Command::new(&tools.promtool).args(["test", "rules"]).args(&tests))?;

    run(Command::new(pint::find_or_build(workspace, &cache)?)
        .args(["--offline", "--no-color", "--log-level=warn", "--config", PINT_CONFIG])
        .args(["lint", "--min-severity=info", "--fail-on=info", RULES])
        .current_dir(workspace.root()))
}

/// Lists a folder's YAML files by name.
///
/// # Errors
///
/// Also when there is none: a check of nothing passes.
fn yaml_files(workspace: &Workspace, folder: &str) -> Result<Vec<PathBuf>> {
    let entries =
        workspace.path(folder).read_dir().with_context(|| format!("cannot list {folder}"))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|it| it == "yaml") {
            files.push(path);
        }
    }
    anyhow::ensure!(!files.is_empty(), "there is no YAML file in {folder}");
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_yaml_files_is_an_error_not_a_passed_check() {
        let error = yaml_files(&Workspace::find(), "crates/xtask/src").unwrap_err().to_string();

        assert_eq!(error, "there is no YAML file in crates/xtask/src");
    }
}
