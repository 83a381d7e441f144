//! Every schedule of the threads that share core's data.

use anyhow::Result;

use crate::command::{cargo, run};
use crate::workspace::Workspace;

/// Turns core's locks and atomics into loom's.
const FLAGS: &str = "--cfg stagelight_model";

/// Checks the models in `stagelight-core`: a few threads, and all that they may do and see.
///
/// They are compiled with flags of their own, so into a folder of their own.
///
/// # Errors
///
/// If any schedule breaks what has to hold; loom tells which.
pub fn model(workspace: &Workspace) -> Result<()> {
    run(cargo()
        .args(["test", "--locked", "--package", "stagelight-core", "--lib", "--target-dir"])
        .arg(workspace.path("target/model"))
        .args(["--", "model::"])
        .current_dir(workspace.root())
        .env("RUSTFLAGS", FLAGS))
}
