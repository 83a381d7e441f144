//! The dashboards that are shipped are what Grafana reads.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::cache::Cache;
use crate::dashboards::Dashboards;
use crate::workspace::Workspace;

/// Checks every file in `grafana/dashboards/`.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let folder = workspace.path("grafana/dashboards");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let files = entries.map(|it| Ok(it?.path())).collect::<Result<Vec<PathBuf>>>()?;
    Dashboards::find_or_build(workspace, &Cache::of_user()?)?.check(&files)
}
