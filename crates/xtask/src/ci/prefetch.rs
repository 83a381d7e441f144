//! Builds in the background, at low priority, what later steps need.

use std::fs::{self, File};
use std::process::Command;

use anyhow::{Context as _, Result};
use testbed::command::progress;
use testbed::{Process, Reaper, Workspace};

/// A running build of the tools and of the soak test. Dropping it ends the build.
///
/// It only saves time. A step that needs a tool builds it, or waits for the lock of its cache entry
/// while this builds it; a failed build is repeated, and reported, by the step.
#[derive(Debug)]
pub(super) struct Prefetch {
    _process: Process,
}

/// The tools in the order in which steps need them, then the build of the step `soak`.
const SCRIPT: &str = "\
nice -n 19 \"$0\" tools --ci
nice -n 19 \"${CARGO:-cargo}\" build --release --locked --package soak";

// === impl Prefetch ===

impl Prefetch {
    pub(super) fn start() -> Result<Self> {
        let workspace = Workspace::find();
        let log = workspace.path("target/prefetch.log");
        progress(format_args!("building tools in the background; log: {}", log.display()));
        fs::create_dir_all(workspace.path("target"))?;
        let file =
            File::create(&log).with_context(|| format!("cannot create {}", log.display()))?;
        let mut command = Command::new("sh");
        command
            .args(["-c", SCRIPT])
            .arg(std::env::current_exe()?)
            .current_dir(workspace.root())
            .stdout(file.try_clone()?)
            .stderr(file);
        let reaper = std::sync::Arc::new(Reaper::start()?);
        Ok(Self { _process: Process::start(&mut command, &reaper)? })
    }
}
