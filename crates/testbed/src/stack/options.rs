//! The options of a stack.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::command::{cargo, describe, output};
use crate::workspace::Workspace;

/// The options of a stack. The defaults are those of `cargo xtask stack`.
#[derive(Clone, Debug)]
pub struct StackOptions {
    /// The gateway's executable. Defaults to a release build.
    pub gateway: GatewaySource,
    /// Seed of the upstream's random choices. Defaults to 1.
    pub seed: u64,
    /// The gateway's export interval. Defaults to 1 s.
    pub export_interval: Duration,
    /// Prometheus' scrape interval; `None` turns scraping off. Defaults to 1 s.
    pub scrape_interval: Option<Duration>,
    /// Whether Prometheus evaluates the shipped rules. Defaults to `true`.
    pub rules: bool,
    /// Interval of rule groups that do not set one. Defaults to 1 s; the shipped file has 15 s.
    pub evaluation_interval: Duration,
    /// Divisor of the durations of alerting. Defaults to 1, as shipped.
    ///
    /// It applies to the stack's copies of the rules (`[5m]`, `for`, `keep_firing_for`, `offset`,
    /// a group's `interval`) and of Alertmanager's file (`group_wait`, `group_interval`,
    /// `repeat_interval`), down to one second. Thresholds in seconds do not change.
    pub alert_speed: u32,
    /// Alertmanager's settings; `None` starts none. Defaults to those for a laptop.
    pub alertmanager: Option<Alertmanager>,
    /// Whether Prometheus accepts OTLP; without it nothing pushed arrives. Defaults to `true`.
    pub otlp_receiver: bool,
    /// Whether Prometheus stores exemplars. Defaults to `true`.
    pub exemplar_storage: bool,
    /// Further arguments of Prometheus.
    pub prometheus_args: Vec<String>,
    /// Further scrape jobs: the text of a file in Prometheus' folder `scrape/`.
    pub scrape_jobs: Option<String>,
    /// The folder of the servers' logs. Defaults to one that is removed at the end.
    pub log_dir: Option<PathBuf>,
    /// Further arguments of `llm-gateway serve`.
    pub gateway_args: Vec<String>,
    /// Environment of `llm-gateway serve`; overrides the stack's.
    pub gateway_env: Vec<(String, String)>,
    /// Further arguments of `llm-gateway upstream`.
    pub upstream_args: Vec<String>,
    /// Further arguments of the collector. Another `--config` is merged over the first.
    pub collector_args: Vec<String>,
}

/// One of the shipped Alertmanager configurations, with its secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alertmanager {
    /// A file in `collector/alertmanager`. Defaults to `alertmanager-local.yaml`, which has no
    /// receivers.
    pub config: String,
    /// The contents of the secret files, by name.
    pub secrets: Vec<(String, String)>,
    /// PagerDuty's URL; `None` for the real one. Slack's and the webhook's are among the secrets.
    pub pagerduty_url: Option<String>,
}

/// The source of the gateway's executable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewaySource {
    /// No gateway and no upstream: collector and Prometheus only.
    None,
    /// Built by Cargo from `examples/llm-gateway`.
    Build(Profile),
    /// An existing executable.
    Program(PathBuf),
}

/// Cargo's profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// `dev`, which compiles fast.
    Dev,
    /// `release`, which runs fast.
    Release,
}

/// The part of Cargo's JSON messages that is read here.
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
    /// The variable in which `cargo xtask ci` passes its own build of the gateway to the tests.
    pub const VARIABLE: &str = "STAGELIGHT_GATEWAY_PROGRAM";

    /// Returns the executable in `STAGELIGHT_GATEWAY_PROGRAM`, or a build if it is not set.
    ///
    /// With the variable set, a CI run does not build the gateway again with other features.
    #[must_use]
    pub fn from_env_or_build(profile: Profile) -> Self {
        std::env::var_os(Self::VARIABLE)
            .map_or(Self::Build(profile), |program| Self::Program(program.into()))
    }

    /// Builds the executable now, so that starting a stack does not.
    ///
    /// # Errors
    ///
    /// If the build fails.
    pub fn build(self) -> Result<Self> {
        Ok(self.find_or_build()?.map_or(Self::None, Self::Program))
    }

    /// Returns the executable, or `None` for no gateway.
    pub(super) fn find_or_build(&self) -> Result<Option<PathBuf>> {
        match self {
            Self::None => Ok(None),
            Self::Program(program) => Ok(Some(program.clone())),
            Self::Build(profile) => profile.build_gateway().map(Some),
        }
    }
}

// === impl Profile ===

impl Profile {
    fn build_gateway(self) -> Result<PathBuf> {
        let mut build = cargo();
        build
            .args(["build", "--package", "stagelight-example-gateway", "--bin", "llm-gateway"])
            .args(["--quiet", "--message-format", "json-render-diagnostics"])
            .current_dir(Workspace::find().root())
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
            .with_context(|| format!("`{}` built no executable", describe(&build)))
    }
}
