//! The servers and checkers that the stack and CI run, built from source at pinned versions.

mod golang;
mod program;
mod cargo_install;
pub(crate) mod cargo_deny;
pub(crate) mod cargo_fuzz;
pub(crate) mod definitions;
pub(crate) mod pint;

use std::path::PathBuf;

use anyhow::Result;
use serde::Serialize;

use crate::cache::Cache;
use crate::workspace::Workspace;

use self::program::GoProgram;

/// Where the tools are.
#[derive(Clone, Debug, Serialize)]
pub struct Tools {
    /// OpenTelemetry Collector with the components of `collector/distribution/manifest.yaml`.
    pub collector: PathBuf,
    /// Prometheus, without its web page.
    pub prometheus: PathBuf,
    /// Checks and tests Prometheus configurations and rules.
    pub promtool: PathBuf,
    /// Alertmanager, without its web page.
    pub alertmanager: PathBuf,
    /// Checks Alertmanager configurations and routes.
    pub amtool: PathBuf,
}

/// The collector; its folder is what `builder` made of the manifest.
const COLLECTOR: GoProgram = GoProgram {
    name: "collector",
    pinned_in: "collector/distribution",
    packages: &["."],
    tags: "",
    version: None,
    web_page: None,
};

/// Prometheus and promtool. The tags leave out the web page, which is not in the Go module, and
/// service discovery in other people's clouds, which is half of the compile time.
const PROMETHEUS: GoProgram = GoProgram {
    name: "prometheus",
    pinned_in: "tools/prometheus",
    packages: &[
        "github.com/prometheus/prometheus/cmd/prometheus",
        "github.com/prometheus/prometheus/cmd/promtool",
    ],
    tags: "netgo,remove_all_sd,enable_dns_sd,enable_kubernetes_sd",
    version: Some("3.15.0"),
    web_page: None,
};

/// Alertmanager and amtool.
const ALERTMANAGER: GoProgram = GoProgram {
    name: "alertmanager",
    pinned_in: "tools/alertmanager",
    packages: &[
        "github.com/prometheus/alertmanager/cmd/alertmanager",
        "github.com/prometheus/alertmanager/cmd/amtool",
    ],
    tags: "netgo",
    version: Some("0.34.2"),
    web_page: Some(program::WebPage {
        module: "github.com/prometheus/alertmanager",
        folder: "ui/app/dist",
    }),
};

/// What checks the Compose file and the Kubernetes manifests. It has Kubernetes' own code in it.
pub(crate) const DEPLOY: GoProgram = GoProgram {
    name: "deploy",
    pinned_in: "tools/deploy",
    packages: &["."],
    tags: "",
    version: None,
    web_page: None,
};

/// What checks dashboards against Grafana's own schema.
pub(crate) const DASHBOARDS: GoProgram = GoProgram {
    name: "dashboards",
    pinned_in: "tools/dashboards",
    packages: &["."],
    tags: "",
    version: None,
    web_page: None,
};

// === impl Tools ===

impl Tools {
    /// Finds the tools in the user's cache, and builds those that are not there.
    ///
    /// The first run takes about ten minutes on two cores, every later one no time.
    ///
    /// # Errors
    ///
    /// When there is no Go or a too old one, when a module cannot be fetched or has another
    /// checksum than the pinned one, when a build fails, and when the cache cannot be written.
    pub fn find_or_build(workspace: &Workspace, cache: &Cache) -> Result<Self> {
        let collector = COLLECTOR.find_or_build(workspace, cache)?;
        let prometheus = PROMETHEUS.find_or_build(workspace, cache)?;
        let alertmanager = ALERTMANAGER.find_or_build(workspace, cache)?;
        Ok(Self {
            collector: collector.join("otelcol-stagelight"),
            prometheus: prometheus.join("prometheus"),
            promtool: prometheus.join("promtool"),
            alertmanager: alertmanager.join("alertmanager"),
            amtool: alertmanager.join("amtool"),
        })
    }
}

#[cfg(test)]
mod tests;
