//! Checks the shipped dashboards against Grafana's schema, with the program in `tools/dashboards`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use testbed::Workspace;

use crate::tools;

/// Checks every file in `grafana/dashboards/`.
pub(super) fn check() -> Result<()> {
    let folder = Workspace::find().path("grafana/dashboards");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    check_files(&entries.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?)
}

/// Fails with a line for each problem.
fn check_files(files: &[PathBuf]) -> Result<()> {
    let program = tools::DASHBOARDS.find_or_build()?.join("dashboards");
    let output = Command::new(&program)
        .args(files)
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_rejects_fields_and_values_outside_of_the_schema() {
        let path = Workspace::find().path("grafana/dashboards/stage-breakdown.json");
        let text = fs::read_to_string(path).unwrap();
        let folder = tempfile::tempdir().unwrap();
        for (from, to, expected) in [
            ("\"gridPos\"", "\"gridPosition\"", "unexpected field 'gridPosition'"),
            ("\"showHeader\"", "\"showHeaders\"", "showHeaders"),
            ("\"graphTooltip\": 1", "\"graphTooltip\": \"1\"", "graphTooltip"),
            ("\"templating\"", "\"template\"", "templating"),
            ("\"titleFormat\"", "\"titleformat\"", "titleformat"),
            ("\"uid\"", "uid", "invalid character"),
        ] {
            assert!(text.contains(from), "{from}");
            let file = folder.path().join("dashboard.json");
            fs::write(&file, text.replace(from, to)).unwrap();

            let error = check_files(&[file]).unwrap_err().to_string();

            assert!(error.contains(expected), "expected {expected:?}: {error}");
        }
    }
}
