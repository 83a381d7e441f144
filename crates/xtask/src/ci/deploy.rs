//! Checks the Compose file and the Kubernetes manifests, with the program in `tools/deploy`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use testbed::{Tools, Workspace};

use crate::tools;

/// A collector as its container starts it.
#[derive(Clone, Debug, Deserialize)]
struct DeployedCollector {
    /// The container and its object.
    #[serde(rename = "where")]
    name: String,
    /// The complete environment.
    environment: BTreeMap<String, String>,
    /// The contents of its configuration files, in the order in which they are merged.
    configurations: Vec<String>,
}

/// Checks all files, and validates every collector's configuration.
pub(super) fn check() -> Result<()> {
    let workspace = Workspace::find();
    check_compose(workspace.root())?;
    check_kubernetes(workspace.root())?;
    let program = Tools::find_or_build()?.collector;
    collectors(workspace.root())?.iter().try_for_each(|it| it.validate(&program))
}

/// Loads the Compose file as Compose does and checks it with the files that it mounts.
///
/// `root` contains `collector` and `grafana`. Fails with a line for each problem.
fn check_compose(root: &Path) -> Result<()> {
    deploy("compose", &[compose_file(root)]).map(drop)
}

/// Builds every Kubernetes overlay with kustomize and checks the objects as the API server does.
fn check_kubernetes(root: &Path) -> Result<()> {
    let prometheus = root.join("collector/prometheus/prometheus.yaml");
    let mut arguments = vec![prometheus, tools::operator_schemas()?];
    arguments.extend(overlays(root)?);
    deploy("kubernetes", &arguments).map(drop)
}

/// Returns the collectors of the Compose file and of every Kubernetes overlay.
fn collectors(root: &Path) -> Result<Vec<DeployedCollector>> {
    let mut arguments = vec![compose_file(root)];
    arguments.extend(overlays(root)?);
    let json = deploy("collectors", &arguments)?;
    serde_json::from_str(&json).context("cannot parse the output of deploy")
}

fn deploy(verb: &str, arguments: &[PathBuf]) -> Result<String> {
    let program = tools::DEPLOY.find_or_build()?.join("deploy");
    let output = Command::new(&program)
        .arg(verb)
        .args(arguments)
        .output()
        .with_context(|| format!("cannot start {}", program.display()))?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim_end());
    }
    String::from_utf8(output.stdout).context("deploy printed invalid UTF-8")
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

// === impl DeployedCollector ===

impl DeployedCollector {
    /// Runs the collector's own validation, in the container's environment only.
    fn validate(&self, program: &Path) -> Result<()> {
        let folder = tempfile::tempdir().context("cannot create a folder for configurations")?;
        let mut command = Command::new(program);
        command.arg("validate").env_clear().envs(&self.environment);
        if self.environment.contains_key("STAGELIGHT_HOST_ROOT") {
            // Validation requires the folder, which exists only in the container.
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

#[cfg(test)]
mod tests;
