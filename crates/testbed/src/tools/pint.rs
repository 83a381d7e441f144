//! pint, which lints Prometheus' rules.

use std::path::PathBuf;

use anyhow::Result;

use crate::cache::Cache;
use crate::workspace::Workspace;

use super::program::GoProgram;

pub(super) const PINT: GoProgram = GoProgram {
    name: "pint",
    pinned_in: "tools/pint",
    packages: &["github.com/cloudflare/pint/cmd/pint"],
    tags: "",
    version: None,
    web_page: None,
};

/// Returns the `pint` executable, after building it if it is not in the cache.
pub(crate) fn find_or_build(workspace: &Workspace, cache: &Cache) -> Result<PathBuf> {
    Ok(PINT.find_or_build(workspace, cache)?.join("pint"))
}
