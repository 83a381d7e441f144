//! What a stack can be told before it starts.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::command::{cargo, describe, output};
use crate::workspace::Workspace;

/// How a stack is to be. [`default`](Self::default) is what `cargo xtask stack` starts.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// Where the gateway comes from. Defaults to a release build.
    pub gateway: GatewaySource,
    /// Decides every random choice of the upstream. Defaults to 1.
    pub seed: u64,
    /// How often the gateway exports. Defaults to 1 s.
    pub export_interval: Duration,
    /// How often Prometheus asks for `/metrics`; `None` for never. Defaults to 1 s.
    pub scrape_interval: Option<Duration>,
    /// Whether Prometheus evaluates the shipped rules. Defaults to yes.
    pub rules: bool,
    /// How often Prometheus evaluates rule groups that have no interval of their own. Defaults to
    /// 1 s; the shipped file says 15 s.
    pub evaluation_interval: Duration,
    /// How much faster than shipped alerts come and go. Defaults to 1, as shipped.
    ///
    /// Every duration in the stack's copies of the rules (`[5m]`, `for`, `keep_firing_for`,
    /// `offset`, a group's `interval`) and of Alertmanager's file (`group_wait`, `group_interval`,
    /// `repeat_interval`) is divided by it, down to one second at the least. Numbers that an
    /// expression compares seconds with stay as they are.
    pub alert_speed: u32,
    /// What notifies of alerts; `None` for nothing. Defaults to Alertmanager as on a laptop.
    pub alertmanager: Option<Alertmanager>,
    /// Whether Prometheus takes OTLP, without which nothing pushed arrives. Defaults to yes.
    pub otlp_receiver: bool,
    /// Whether Prometheus keeps exemplars. Defaults to yes.
    pub exemplar_storage: bool,
    /// More arguments for Prometheus.
    pub prometheus_args: Vec<String>,
    /// More jobs for Prometheus: the text of a file in the folder `scrape/` beside its own.
    pub scrape_jobs: Option<String>,
    /// Where the servers' logs go. Defaults to a folder that is removed at the end.
    pub log_dir: Option<PathBuf>,
    /// More arguments for `llm-gateway serve`.
    pub gateway_args: Vec<String>,
    /// More environment for `llm-gateway serve`; it wins over what the stack sets.
    pub gateway_env: Vec<(String, String)>,
    /// More arguments for `llm-gateway upstream`.
    pub upstream_args: Vec<String>,
    /// More arguments for the collector: another `--config` adds to the first, and wins over it.
    pub collector_args: Vec<String>,
}

/// Which of the shipped configurations Alertmanager gets, and what it needs for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alertmanager {
    /// A file in `collector/alertmanager`. Defaults to `alertmanager-local.yaml`, which notifies
    /// nobody.
    pub config: String,
    /// Contents of the secret files by name, put where the configuration looks for them.
    pub secrets: Vec<(String, String)>,
    /// Where PagerDuty is; `None` for where it really is. Slack's and the webhook's addresses are
    /// secrets already.
    pub pagerduty_url: Option<String>,
}

/// Where the gateway's executable comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewaySource {
    /// No gateway and no upstream: collector and Prometheus only.
    None,
    /// Built by Cargo from `examples/llm-gateway` if it is not up to date.
    Build(Profile),
    /// An executable that is there already.
    Program(PathBuf),
}

/// How Cargo builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Builds fast.
    Dev,
    /// Runs fast.
    Release,
}

/// What we read of a line that Cargo prints about what it has built.
#[derive(Deserialize)]
struct Artifact {
    executable: Option<PathBuf>,
}

// === impl StackOptions ===

impl Default for StackOptions {
    fn default() -> Self {
        Self {
            gateway: GatewaySource::Build(Profile::Release),
            seed: 1,
            export_interval: Duration::from_secs(1),
            scrape_interval: Some(Duration::from_secs(1)),
            rules: true,
            evaluation_interval: Duration::from_secs(1),
            alert_speed: 1,
            alertmanager: Some(Alertmanager::default()),
            otlp_receiver: true,
            exemplar_storage: true,
            prometheus_args: Vec::new(),
            scrape_jobs: None,
            log_dir: None,
            gateway_args: Vec::new(),
            gateway_env: Vec::new(),
            upstream_args: Vec::new(),
            collector_args: Vec::new(),
        }
    }
}

// === impl Alertmanager ===

impl Default for Alertmanager {
    fn default() -> Self {
        Self {
            config: "alertmanager-local.yaml".to_owned(),
            secrets: Vec::new(),
            pagerduty_url: None,
        }
    }
}

// === impl GatewaySource ===

impl GatewaySource {
    /// The variable with which `cargo xtask ci` hands its own build of the gateway to the tests.
    pub(crate) const VARIABLE: &str = "STAGELIGHT_GATEWAY_PROGRAM";

    /// Uses the executable that `STAGELIGHT_GATEWAY_PROGRAM` names, or else builds one.
    ///
    /// For tests: with the variable set, a run that has built everything already builds nothing
    /// again with other features.
    #[must_use]
    pub fn from_env_or_build(profile: Profile) -> Self {
        std::env::var_os(Self::VARIABLE)
            .map_or(Self::Build(profile), |program| Self::Program(program.into()))
    }

    /// Builds now what there is to build, so that starting the stack takes no time.
    ///
    /// # Errors
    ///
    /// When the build fails.
    pub fn build(self, workspace: &Workspace) -> Result<Self> {
        Ok(self.find_or_build(workspace)?.map_or(Self::None, Self::Program))
    }

    /// Returns the executable, or `None` for no gateway.
    pub(crate) fn find_or_build(&self, workspace: &Workspace) -> Result<Option<PathBuf>> {
        match self {
            Self::None => Ok(None),
            Self::Program(program) => Ok(Some(program.clone())),
            Self::Build(profile) => profile.build_gateway(workspace.root()).map(Some),
        }
    }
}

// === impl Profile ===

impl Profile {
    fn build_gateway(self, root: &Path) -> Result<PathBuf> {
        let mut build = cargo();
        build
            .args(["build", "--package", "llm-gateway", "--bin", "llm-gateway"])
            .args(["--quiet", "--message-format", "json-render-diagnostics"])
            .current_dir(root)
            .stdin(Stdio::null());
        if self == Self::Release {
            build.arg("--release");
        }
        let artifacts = output(&mut build)?;
        let mut executables = artifacts
            .lines()
            .filter_map(|line| serde_json::from_str::<Artifact>(line).ok()?.executable);
        executables
            .next_back()
            .with_context(|| format!("`{}` has built no executable", describe(&build)))
    }
}
