//! The table of steps, and the few that are more than one command.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::bench;
use crate::cache::Cache;
use crate::command::{cargo, output, run};
use crate::fuzz;
use crate::model::model;
use crate::soak;
use crate::stack::GatewaySource;
use crate::terminal::progress;
use crate::tools::{Tools, cargo_deny};
use crate::workspace::Workspace;

use super::{alertmanager, dashboards, deploy, rules};

/// One thing that has to hold.
#[derive(Debug)]
pub(crate) struct Step {
    /// How it is called on the command line and in the table.
    pub(crate) name: &'static str,
    /// What it shows, in a few words.
    pub(crate) what: &'static str,
    pub(crate) action: Action,
}

/// The published crates that have features, with their features.
const FEATURES: &[(&str, &[&str])] = &[
    ("stagelight-http", &["axum", "reqwest", "timeout"]),
    ("stagelight-live", &["axum"]),
    ("stagelight-otel", &["otlp-grpc", "otlp-http", "otlp-grpc,tls", "otlp-http,gzip"]),
    ("stagelight", &["axum", "reqwest", "otlp-grpc", "otlp-http"]),
];

/// How a step is done.
#[derive(Debug)]
pub(crate) enum Action {
    /// Cargo with these arguments.
    Cargo(&'static [&'static str]),
    /// More than that.
    Task(fn(&Workspace) -> Result<()>),
}

/// Everything, in the order in which a mistake is found soonest.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        what: "the code is formatted",
        action: Action::Cargo(&["fmt", "--all", "--check"]),
    },
    Step {
        name: "clippy",
        what: "no warning from the compiler or clippy, MSRV included",
        action: Action::Cargo(&[
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--all-features",
            "--",
            "-Dwarnings",
        ]),
    },
    Step {
        name: "build",
        what: "every library, program, example, test and benchmark compiles",
        action: Action::Cargo(&[
            "build",
            "--locked",
            "--workspace",
            "--all-targets",
            "--all-features",
        ]),
    },
    Step {
        name: "features",
        what: "the published crates compile with no feature and with each alone",
        action: Action::Task(features),
    },
    Step {
        name: "bench",
        what: "our sides of the cost comparison compile, and take no more instructions than they may",
        action: Action::Task(bench::check),
    },
    Step { name: "doc", what: "the documentation has no warning", action: Action::Task(doc) },
    Step {
        name: "tools",
        what: "collector, Prometheus and Alertmanager build from their pins",
        action: Action::Task(tools),
    },
    Step {
        name: "alertmanager",
        what: "Alertmanager's files are valid, and of every alert the right ones are told",
        action: Action::Task(alertmanager::check),
    },
    Step {
        name: "deploy",
        what: "Compose file and Kubernetes manifests load, name what exists, ask for no more than they need",
        action: Action::Task(deploy::check),
    },
    Step {
        name: "dashboards",
        what: "the dashboards are what Grafana's own schema allows",
        action: Action::Task(dashboards::check),
    },
    Step {
        name: "rules",
        what: "Prometheus' rules load, do what their tests say, and follow good habits",
        action: Action::Task(rules::check),
    },
    Step {
        name: "test",
        what: "unit, documentation, compile-fail and end-to-end tests pass",
        action: Action::Task(test),
    },
    Step {
        name: "model",
        what: "no schedule of threads breaks what core's data rest on",
        action: Action::Task(model),
    },
    Step {
        name: "fuzz",
        what: "inputs made up by libFuzzer break nothing, where there is a nightly compiler",
        action: Action::Task(fuzz::check),
    },
    Step {
        name: "soak",
        what: "under full load a service counts exactly what its clients saw, in flat memory",
        action: Action::Task(soak::check),
    },
    Step {
        name: "deny",
        what: "licences, sources, duplicate versions and advisories are in order",
        action: Action::Task(deny),
    },
];

/// What we read of `cargo metadata`.
#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
}

// === impl Action ===

impl Action {
    pub(crate) fn run(&self, workspace: &Workspace) -> Result<()> {
        match self {
            Self::Cargo(arguments) => run(cargo().args(*arguments).current_dir(workspace.root())),
            Self::Task(task) => task(workspace),
        }
    }
}

/// Checks what no other step compiles: the others have all features on.
fn features(workspace: &Workspace) -> Result<()> {
    let check = |package: &str, features: &str| {
        run(cargo()
            .args(["clippy", "--locked", "--no-default-features", "--package", package])
            .args(["--features", features, "--", "-Dwarnings"])
            .current_dir(workspace.root()))
    };
    FEATURES.iter().try_for_each(|(package, features)| {
        check(package, "")?;
        features.iter().try_for_each(|it| check(package, it))
    })
}

fn doc(workspace: &Workspace) -> Result<()> {
    run(cargo()
        .args(["doc", "--locked", "--workspace", "--no-deps", "--all-features"])
        .current_dir(workspace.root())
        .env("RUSTDOCFLAGS", "-Dwarnings"))
}

fn tools(workspace: &Workspace) -> Result<()> {
    Tools::find_or_build(workspace, &Cache::of_user()?).map(drop)
}

/// Runs all tests, with the gateway that the build step has made.
fn test(workspace: &Workspace) -> Result<()> {
    let metadata = output(
        cargo()
            .args(["metadata", "--no-deps", "--format-version", "1"])
            .current_dir(workspace.root()),
    )?;
    let metadata: Metadata =
        serde_json::from_str(&metadata).context("cannot read what `cargo metadata` printed")?;
    run(cargo()
        .args(["test", "--locked", "--workspace", "--all-features"])
        .current_dir(workspace.root())
        .env(GatewaySource::VARIABLE, metadata.target_directory.join("debug/llm-gateway")))
}

/// Checks what can be checked here: the database of advisories is a Git repository, which not every
/// network lets through.
fn deny(workspace: &Workspace) -> Result<()> {
    let program = cargo_deny::find_or_build(&Cache::of_user()?)?;
    let deny = |arguments: &[&str]| {
        run(Command::new(&program)
            .args(["--workspace", "--locked", "--config", ".deny.toml"])
            .args(arguments)
            .current_dir(workspace.root()))
    };
    deny(&["check", "bans", "licenses", "sources"])?;
    match deny(&["fetch", "db"]) {
        Ok(()) => deny(&["check", "advisories"]),
        Err(error) => {
            progress(format_args!(
                "advisories are NOT checked, their database is not to be had: {error:#}"
            ));
            Ok(())
        }
    }
}
