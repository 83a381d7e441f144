//! Checking the ways to deploy, with the program in `tools/deploy`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use crate::cache::Cache;
use crate::tools;
use crate::workspace::Workspace;

/// What reads Compose files and Kubernetes manifests as Compose and the API server do.
///
/// It takes the folder that holds `collector` and `grafana`: the workspace's root, or a copy.
#[derive(Clone, Debug)]
pub struct Deploy {
    program: PathBuf,
}

/// A collector, as a container is to start it.
#[derive(Clone, Debug, Deserialize)]
pub struct DeployedCollector {
    /// In which container of which object.
    #[serde(rename = "where")]
    pub name: String,
    /// All of its environment.
    pub environment: BTreeMap<String, String>,
    /// What is in its configuration files, in the order in which they are merged.
    pub configurations: Vec<String>,
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

    /// Checks the Compose file and what it mounts.
    ///
    /// # Errors
    ///
    /// Says everything that is wrong, a line each.
    pub fn compose(&self, root: &Path) -> Result<()> {
        self.run("compose", [compose_file(root)]).map(drop)
    }

    /// Builds every overlay for Kubernetes with kustomize and checks what comes out.
    ///
    /// # Errors
    ///
    /// Says everything that is wrong, a line each; or that the schemas of the Prometheus operator cannot be fetched.
    pub fn kubernetes(&self, root: &Path) -> Result<()> {
        let prometheus = root.join("collector/prometheus/prometheus.yaml");
        let mut arguments = vec![prometheus, tools::definitions::find_or_fetch()?];
        arguments.extend(overlays(root)?);
        self.run("kubernetes", arguments).map(drop)
    }

    /// Returns the collectors of the Compose file and of every overlay for Kubernetes.
    ///
    /// # Errors
    ///
    /// When a file of theirs is missing or cannot be read.
    pub fn collectors(&self, root: &Path) -> Result<Vec<DeployedCollector>> {
        let mut arguments = vec![compose_file(root)];
        arguments.extend(overlays(root)?);
        let answer = self.run("collectors", arguments)?;
        serde_json::from_str(&answer).context("cannot read what deploy said about collectors")
    }

    fn run(&self, verb: &str, arguments: impl IntoIterator<Item: AsRef<OsStr>>) -> Result<String> {
        let output = Command::new(&self.program)
            .arg(verb)
            .args(arguments)
            .output()
            .with_context(|| format!("cannot start {}", self.program.display()))?;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
        }
        String::from_utf8(output.stdout).context("deploy printed something that is not UTF-8")
    }
}

// === impl DeployedCollector ===

impl DeployedCollector {
    /// Lets a collector judge the configurations, with nothing else in its environment.
    ///
    /// # Errors
    ///
    /// Says what the collector said.
    pub fn validate(&self, program: &Path) -> Result<()> {
        let folder = tempfile::tempdir().context("cannot make a folder for configurations")?;
        let mut command = Command::new(program);
        command.arg("validate").env_clear().envs(&self.environment);
        if self.environment.contains_key("STAGELIGHT_HOST_ROOT") {
            // Looked for when a configuration is judged, and not there outside of the container.
            command.env("STAGELIGHT_HOST_ROOT", "/");
        }
        for (number, text) in self.configurations.iter().enumerate() {
            let file = folder.path().join(format!("{number}.yaml"));
            fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
            command.arg("--config").arg(file);
        }
        let output = command.output().context("cannot start the collector")?;
        if !output.status.success() {
            bail!("{}: {}", self.name, String::from_utf8_lossy(&output.stderr).trim_end());
        }
        Ok(())
    }
}

fn compose_file(root: &Path) -> PathBuf {
    root.join("collector/compose.yaml")
}

fn overlays(root: &Path) -> Result<Vec<PathBuf>> {
    let folder = root.join("collector/kubernetes/overlays");
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut overlays = entries.map(|it| Ok(it?.path())).collect::<Result<Vec<_>>>()?;
    overlays.sort();
    Ok(overlays)
}
