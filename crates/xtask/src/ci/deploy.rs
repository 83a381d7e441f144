//! The ways to deploy that are shipped hold together.

use anyhow::Result;

use crate::cache::Cache;
use crate::deploy::Deploy;
use crate::tools::Tools;
use crate::workspace::Workspace;

/// Checks the Compose file and the Kubernetes manifests, and lets the collector judge what it would be started with.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let cache = Cache::of_user()?;
    let deploy = Deploy::find_or_build(workspace, &cache)?;
    deploy.compose(workspace.root())?;
    deploy.kubernetes(workspace.root())?;
    let program = Tools::find_or_build(workspace, &cache)?.collector;
    deploy.collectors(workspace.root())?.iter().try_for_each(|it| it.validate(&program))
}
