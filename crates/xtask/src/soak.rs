//! A service under all that callers do to one.

use anyhow::Result;

use crate::command::{cargo, run};
use crate::workspace::Workspace;

/// Builds the package that drives a service at full load, with optimisations, and runs it.
///
/// It prints its figures on standard output. `arguments` are its own.
///
/// # Errors
///
/// If it does not compile, or anything that has to hold does not.
pub fn soak(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    run(cargo()
        .args(["run", "--release", "--locked", "--quiet", "--package", "soak", "--"])
        .args(arguments)
        .current_dir(workspace.root()))
}

/// Two minutes of it, which is what takes a million paths on two processors.
pub(crate) fn check(workspace: &Workspace) -> Result<()> {
    soak(workspace, &["--minutes=2".to_owned()])
}
