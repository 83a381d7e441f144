//! Checking dashboards, with the program in `tools/dashboards`.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::cache::Cache;
use crate::tools;
use crate::workspace::Workspace;

/// The program that reads dashboards as strictly as Grafana's own schema can be read.
#[derive(Clone, Debug)]
pub struct Dashboards {
    program: PathBuf,
}

// === impl Dashboards ===

impl Dashboards {
    /// Finds the program in the user's cache, and builds it (half a minute) if it is not there.
    ///
    /// # Errors
    ///
    /// When there is no Go or a too old one, a module cannot be fetched, or the build fails.
    pub fn find_or_build(workspace: &Workspace, cache: &Cache) -> Result<Self> {
        let program = tools::DASHBOARDS.find_or_build(workspace, cache)?.join("dashboards");
        Ok(Self { program })
    }

    /// Checks these files.
    ///
    /// # Errors
    ///
    /// Says everything that is wrong, a line each.
    pub fn check(&self, files: &[PathBuf]) -> Result<()> {
        let output = Command::new(&self.program)
            .args(files)
            .output()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(())
    }
}
