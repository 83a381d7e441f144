//! Checks, tests and lints Prometheus' rules. Needs no server.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use testbed::command::run;
use testbed::{Tools, Workspace};

use crate::tools;

const RULES: &str = "collector/prometheus/rules";
const TESTS: &str = "collector/prometheus/tests";
const PINT_CONFIG: &str = "collector/prometheus/pint.hcl";

pub(super) fn check() -> Result<()> {
    let promtool = Tools::find_or_build()?.promtool;
    run(Command::new(&promtool)
        .args(["check", "rules", "--lint=all", "--lint-fatal"])
        .args(yaml_files(RULES)?))?;
    run(Command::new(&promtool).args(["test", "rules"]).args(yaml_files(TESTS)?))?;

    run(Command::new(tools::PINT.find_or_build()?.join("pint"))
        .args(["--offline", "--no-color", "--log-level=warn", "--config", PINT_CONFIG])
        .args(["lint", "--min-severity=info", "--fail-on=info", RULES])
        .current_dir(Workspace::find().root()))
}

/// Lists a folder's YAML files by name; an error if there is none.
fn yaml_files(folder: &str) -> Result<Vec<PathBuf>> {
    let entries = Workspace::find()
        .path(folder)
        .read_dir()
        .with_context(|| format!("cannot list {folder}"))?;
    let mut files = entries.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?;
    files.retain(|it| it.extension().is_some_and(|it| it == "yaml"));
    ensure!(!files.is_empty(), "no YAML file in {folder}");
    files.sort();
    Ok(files)
}
