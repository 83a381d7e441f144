//! The nightly compiler, for tasks that stable cannot do.

use std::ffi::OsStr;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// Returns whether nightly is installed, with this component (such as `rust-src`) if given.
pub(crate) fn is_installed(component: Option<&str>) -> bool {
    let output = Command::new("rustup")
        .args(["component", "list", "--installed", "--toolchain", "nightly"])
        .stderr(Stdio::null())
        .output();
    let Some(output) = output.ok().filter(|it| it.status.success()) else { return false };
    let installed = String::from_utf8_lossy(&output.stdout);
    component.is_none_or(|component| installed.lines().any(|it| it.starts_with(component)))
}

/// Fails with the command to run if nightly is not installed, or not with this component.
pub(crate) fn require(component: Option<&str>) -> Result<()> {
    if is_installed(component) {
        return Ok(());
    }
    let component = component.map_or(String::new(), |it| format!(" --component {it}"));
    bail!("needs a nightly compiler: `rustup toolchain install nightly{component}`")
}

/// Returns a program that runs with the nightly toolchain.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("rustup");
    // Cargo sets these variables for its children, and they override the toolchain.
    command.args(["run", "nightly"]).arg(program).env_remove("CARGO").env_remove("RUSTC");
    command
}
