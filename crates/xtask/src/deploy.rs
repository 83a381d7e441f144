//! Checking the ways to deploy, with the program in `tools/deploy`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, bail};

use crate::cache::Cache;
use crate::tools;
use crate::workspace::Workspace;

/// The program that reads Compose files and Kubernetes manifests as Compose and the API server would.
#[derive(Clone, Debug)]
pub struct Deploy {
    program: PathBuf,
}

// === impl Deploy ===

impl Deploy {
    /// Finds the program in the user's cache, and builds it (about a minute) if it is not there.
    ///
    /// # Errors
    ///
    /// When there is no Go or a too old one, a module cannot be fetched, or the build fails.
    pub fn find_or_build(workspace: &Workspace, cache: &Cache) -> Result<Self> {
        let program = tools::DEPLOY.find_or_build(workspace, cache)?.join("deploy");
        Ok(Self { program })
    }

    /// Checks a Compose file and what it mounts.
    ///
    /// # Errors
    ///
    /// Says everything that is wrong, a line each.
    pub fn compose(&self, file: &Path) -> Result<()> {
        self.run(Command::new(&self.program).arg("compose").arg(file)).map(drop)
    }

    fn run(&self, command: &mut Command) -> Result<Output> {
        let output =
            command.output().with_context(|| format!("cannot start {}", self.program.display()))?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(output)
    }
}
