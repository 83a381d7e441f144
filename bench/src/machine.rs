//! The machine and the versions of a run.

use std::{fs, process::Command, thread};

use anyhow::{Context, Result};
use serde::Serialize;

/// The machine.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    /// Load average of the minute before the run.
    pub load: f64,
    pub rustc: String,
    pub date: String,
}

/// A package and its version.
#[derive(Clone, Debug, Serialize)]
pub struct Version {
    pub package: &'static str,
    pub versions: Vec<String>,
}

/// Packages with reported versions.
const PACKAGES: [&str; 12] = [
    "axum",
    "axum-otel-metrics",
    "axum-tracing-opentelemetry",
    "metrics",
    "metrics-exporter-prometheus",
    "opentelemetry-instrumentation-tower",
    "opentelemetry_sdk",
    "stagelight",
    "tower-otel-http-metrics",
    "tracing",
    "tracing-opentelemetry",
    "tracing-subscriber",
];

// === impl Machine ===

impl Machine {
    /// Reads the machine's properties.
    ///
    /// # Errors
    ///
    /// On systems other than Linux.
    pub fn detect() -> Result<Self> {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").context("/proc/cpuinfo")?;
        let model = cpuinfo.lines().find(|it| it.starts_with("model name"));
        let load = fs::read_to_string("/proc/loadavg").context("/proc/loadavg")?;
        Ok(Self {
            processor: model
                .and_then(|it| it.split_once(": "))
                .map_or_else(|| "unknown".to_owned(), |it| it.1.trim().to_owned()),
            cores: thread::available_parallelism()?.get(),
            load: load.split(' ').next().unwrap_or_default().parse()?,
            rustc: output("rustc", &["--version"])?,
            date: output("date", &["-u", "+%F %H:%M UTC"])?,
        })
    }

    /// Returns whether other programs were busy before the run.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        0.5 * (self.cores as f64) < self.load
    }
}

fn output(program: &str, arguments: &[&str]) -> Result<String> {
    let output =
        Command::new(program).args(arguments).output().with_context(|| program.to_owned())?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// Returns the packages' versions from the lock file.
#[must_use]
pub fn versions() -> Vec<Version> {
    let lock = include_str!("../Cargo.lock");
    let versions_of = |package: &str| {
        let name = format!("name = \"{package}\"\nversion = \"");
        let version = |it: &str| Some(it.split_once('"')?.0.to_owned());
        lock.split(name.as_str()).skip(1).filter_map(version).collect()
    };
    PACKAGES.map(|package| Version { package, versions: versions_of(package) }).into()
}
