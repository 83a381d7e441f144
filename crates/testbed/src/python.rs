//! A Python with pinned packages, for tests that use real clients.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::cache::{Cache, Pins};
use crate::command::{output, run};
use crate::workspace::Workspace;

/// Fails on a Python that cannot take the pinned packages; prints which one it is.
const INTERPRETER: &str = "\
import sys, venv, ensurepip
assert sys.version_info >= (3, 11), sys.version
print(sys.version, sys.base_prefix)";

/// Returns a Python interpreter that has what `tools/python/requirements.txt` pins.
///
/// The virtual environment is made once per user and per interpreter. Call this interpreter only:
/// the environment's other programs (`pip` and the like) name the folder in which it was made.
///
/// # Errors
///
/// When there is no `python3` of 3.11 or newer with its `venv` module, or the packages cannot be
/// installed.
pub fn python_env() -> Result<PathBuf> {
    let requirements = Workspace::find().path("tools/python/requirements.txt");
    let interpreter = output(Command::new("python3").args(["-c", INTERPRETER]))
        .context("install Python 3.11 or newer with its venv module (Debian: python3-venv)")?;
    let pins = Pins::new().with("interpreter", interpreter).with_file(&requirements)?;

    let environment = Cache::of_user()?.entry("python", pins).get_or_make(|folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        // Its output belongs to nobody's results.
        run(Command::new(folder.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--no-deps", "--requirement"])
            .arg(&requirements)
            .stdout(std::io::stderr()))
    })?;
    Ok(environment.join("bin/python"))
}
