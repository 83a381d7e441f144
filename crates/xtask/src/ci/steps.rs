//! The table of steps.

use std::path::PathBuf;
use std::process::Command;
use std::thread::available_parallelism;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use testbed::command::{cargo, output, progress, run};
use testbed::{GatewaySource, Tools, Workspace};

use crate::{bench, fuzz, tasks, tools};

use super::{alertmanager, dashboards, deploy, rules};

/// A step of CI.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) action: Action,
}

/// The work of a step.
#[derive(Debug)]
pub(super) enum Action {
    /// Cargo with these arguments.
    Cargo(&'static [&'static str]),
    Task(fn() -> Result<()>),
}

/// The published crates with features, and the sets of features to check.
const FEATURES: &[(&str, &[&str])] = &[
    ("stagelight-http", &["axum", "reqwest", "timeout", "hyper", "tonic"]),
    ("stagelight-live", &["axum"]),
    ("stagelight-otel", &["otlp-grpc", "otlp-http", "otlp-grpc,tls", "otlp-http,gzip"]),
    ("stagelight", &["axum", "reqwest", "otlp-grpc", "otlp-http"]),
    ("stagelight-cli", &["tls"]),
];

const CLIPPY: &[&str] =
    &["clippy", "--locked", "--workspace", "--all-targets", "--all-features", "--", "-Dwarnings"];
const BUILD: &[&str] = &["build", "--locked", "--workspace", "--all-targets", "--all-features"];

/// All steps, ordered so that mistakes are found early.
pub(super) const STEPS: &[Step] = &[
    step("fmt", "code is formatted", Action::Cargo(&["fmt", "--all", "--check"])),
    step("clippy", "no warnings of compiler and clippy, MSRV included", Action::Cargo(CLIPPY)),
    step("build", "all libraries, programs, examples and tests compile", Action::Cargo(BUILD)),
    step(
        "features",
        "published crates compile without features and with each one",
        Action::Task(features),
    ),
    step("bench", "benchmarks compile and stay within their ceilings", Action::Task(bench::check)),
    step("doc", "documentation has no warnings", Action::Task(doc)),
    step("tools", "collector, Prometheus and Alertmanager build from pins", Action::Task(tools)),
    step(
        "alertmanager",
        "Alertmanager configurations are valid and route every alert",
        Action::Task(alertmanager::check),
    ),
    step(
        "deploy",
        "Compose file and Kubernetes manifests are valid and least-privileged",
        Action::Task(deploy::check),
    ),
    step("dashboards", "dashboards match Grafana's schema", Action::Task(dashboards::check)),
    step("rules", "Prometheus rules load, pass their tests and lint", Action::Task(rules::check)),
    step("test", "unit, doc, compile-fail and end-to-end tests pass", Action::Task(test)),
    step("model", "loom models hold for all schedules", Action::Task(tasks::model)),
    step("fuzz", "short fuzzing finds nothing, if nightly is installed", Action::Task(fuzz::check)),
    step("soak", "counts are exact and memory is flat under full load", Action::Task(soak)),
    step("deny", "licences, sources, duplicates and advisories pass", Action::Task(deny)),
];

const fn step(name: &'static str, description: &'static str, action: Action) -> Step {
    Step { name, description, action }
}

// === impl Action ===

impl Action {
    pub(super) fn run(&self) -> Result<()> {
        match self {
            Self::Cargo(arguments) => in_workspace(cargo().args(*arguments)),
            Self::Task(task) => task(),
        }
    }
}

fn in_workspace(command: &mut Command) -> Result<()> {
    run(command.current_dir(Workspace::find().root()))
}

/// Checks the sets of features that other steps, with all features, do not compile.
fn features() -> Result<()> {
    let check = |package: &str, features: &str| {
        in_workspace(
            cargo()
                .args(["clippy", "--locked", "--no-default-features", "--package", package])
                .args(["--features", features, "--", "-Dwarnings"]),
        )
    };
    FEATURES.iter().try_for_each(|(package, features)| {
        check(package, "")?;
        features.iter().try_for_each(|it| check(package, it))
    })
}

fn doc() -> Result<()> {
    in_workspace(
        cargo()
            .args(["doc", "--locked", "--workspace", "--no-deps", "--all-features"])
            .env("RUSTDOCFLAGS", "-Dwarnings"),
    )
}

fn tools() -> Result<()> {
    Tools::find_or_build().map(drop)
}

/// Runs all tests, with the gateway of the step `build`.
fn test() -> Result<()> {
    /// The part of `cargo metadata` that is read here.
    #[derive(Deserialize)]
    struct Metadata {
        target_directory: PathBuf,
    }

    let metadata = output(
        cargo()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(Workspace::find().root()),
    )?;
    let metadata: Metadata =
        serde_json::from_str(&metadata).context("cannot parse the output of `cargo metadata`")?;
    let gateway = metadata.target_directory.join("debug/llm-gateway");
    // End-to-end tests mostly wait for servers.
    let threads = 2 * available_parallelism().map_or(1, Into::into);
    in_workspace(
        cargo()
            .args(["test", "--locked", "--workspace", "--all-features"])
            .env(GatewaySource::VARIABLE, gateway)
            .env("RUST_TEST_THREADS", threads.to_string()),
    )
}

/// Runs the soak test for two minutes, the time of a million paths on two processors.
fn soak() -> Result<()> {
    tasks::soak(&["--minutes=2".to_owned()])
}

/// Runs cargo-deny. Advisories are checked only where their Git repository can be reached.
fn deny() -> Result<()> {
    let program = tools::cargo_deny()?;
    let deny = |arguments: &[&str]| {
        in_workspace(
            Command::new(&program)
                .args(["--workspace", "--locked", "--config", ".deny.toml"])
                .args(arguments),
        )
    };
    deny(&["check", "bans", "licenses", "sources"])?;
    if let Err(error) = deny(&["fetch", "db"]) {
        progress(format_args!("advisories are NOT checked, no database: {error:#}"));
        return Ok(());
    }
    deny(&["check", "advisories"])
}
