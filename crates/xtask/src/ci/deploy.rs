//! The ways to deploy that are shipped hold together.

use anyhow::Result;

use crate::cache::Cache;
use crate::deploy::Deploy;
use crate::workspace::Workspace;

/// Checks the Compose file.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let deploy = Deploy::find_or_build(workspace, &Cache::of_user()?)?;
    deploy.compose(&workspace.path("collector/compose.yaml"))
}
