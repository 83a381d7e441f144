//! Pictures of the dashboards, drawn from what Prometheus answers to their queries.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::command::{cargo, run};
use crate::workspace::Workspace;

/// The test that makes what is drawn, and the variable that tells it where to.
const TEST: &str = "bundle::what_pictures_are_drawn_from_is_written";
const VARIABLE: &str = "STAGELIGHT_PICTURES_DATA";

/// Draws `grafana/pictures/`.
///
/// The stack runs for seven minutes under a load of every kind. What Prometheus then answers is left in
/// `tools/pictures/data.json`, from which `again` draws without a stack. Drawing needs Node and npm, which nothing else here does.
///
/// # Errors
///
/// When there is no stack to be had, no Node, or nothing to draw again.
pub fn pictures(workspace: &Workspace, again: bool) -> Result<()> {
    let folder = workspace.path("tools/pictures");
    let data = folder.join("data.json");
    if again {
        ensure!(data.exists(), "{} is not there: draw once without --again", data.display());
    } else {
        run(cargo()
            .args(["test", "--package", "e2e", "--", "--exact", TEST, "--ignored"])
            .current_dir(workspace.root())
            .env(VARIABLE, &data))?;
    }
    run(Command::new("npm").args(["ci", "--no-audit", "--no-fund"]).current_dir(&folder))
        .context("the pictures are drawn by Node 20 or newer, with npm")?;
    run(Command::new("node")
        .arg("draw.mjs")
        .arg(&data)
        .arg(workspace.path("grafana/pictures"))
        .current_dir(&folder))
}
