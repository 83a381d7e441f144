//! The nightly compiler, for what the stable one does not do.

use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// Returns whether there is one, and with this component (such as `rust-src`), if any is asked for.
pub(crate) fn has(component: Option<&str>) -> bool {
    let listed = |arguments: &[&str]| {
        let output = Command::new("rustup").args(arguments).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let Some(installed) = listed(&["component", "list", "--installed", "--toolchain", "nightly"])
    else {
        return false;
    };
    component.is_none_or(|component| installed.lines().any(|it| it.starts_with(component)))
}

/// Fails with what to do when there is none, or not with this component.
///
/// # Errors
///
/// As said.
pub(crate) fn require(component: Option<&str>) -> Result<()> {
    if has(component) {
        return Ok(());
    }
    let more = component.map_or(String::new(), |it| format!(" --component {it}"));
    bail!("needs a nightly compiler: `rustup toolchain install nightly{more}`")
}

/// Returns a program to be run with the nightly toolchain, whatever ours is.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new("rustup");
    // Cargo names itself to what it runs, and that goes before the toolchain.
    command.args(["run", "nightly"]).arg(program).env_remove("CARGO").env_remove("RUSTC");
    command
}
