//! A Python with pinned packages, for tests with real clients.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::cache::{Cache, Pins};
use crate::command::{output, run};
use crate::workspace::Workspace;

/// Fails on a Python that cannot install the pinned packages; prints its version and prefix.
const INTERPRETER: &str = "\
import sys, venv, ensurepip
assert sys.version_info >= (3, 11), sys.version
print(sys.version, sys.base_prefix)";

/// Returns a Python interpreter with the packages of `tools/python/requirements.txt`.
///
/// The virtual environment is made once per user and interpreter. Call only this interpreter: the
/// environment's other programs, `pip` for one, contain the path of the folder they were made in.
///
/// # Errors
///
/// If there is no `python3` of 3.11 or newer with its `venv` module, or the packages cannot be
/// installed.
pub fn python_env() -> Result<PathBuf> {
    let requirements = Workspace::find().path("tools/python/requirements.txt");
    let interpreter = output(Command::new("python3").args(["-c", INTERPRETER]))
        .context("install Python 3.11 or newer with its venv module (Debian: python3-venv)")?;
    let pins = Pins::new().with("interpreter", interpreter).with_file(&requirements)?;

    let environment = Cache::for_user()?.get_or_make("python", pins, |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        run(Command::new(folder.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--no-deps", "--requirement"])
            .arg(&requirements)
            // Standard output is for results.
            .stdout(std::io::stderr()))
    })?;
    Ok(environment.join("bin/python"))
}
