//! Programs of Cargo's, built from crates.io.

use std::path::PathBuf;

use anyhow::Result;

use crate::cache::{Cache, Pins};
use crate::command::{cargo, run};

/// Returns the executable of a crate, after building it if it is not in the cache.
pub(super) fn find_or_install(cache: &Cache, name: &'static str, version: &str) -> Result<PathBuf> {
    let pins = Pins::new().with("version", version);
    let folder = cache.entry(name, pins).get_or_make(|folder| {
        let target = folder.join("target");
        // In the entry's folder, so that this workspace's Cargo settings do not reach it.
        run(cargo()
            .args(["install", name, "--locked", "--version", version, "--root"])
            .arg(folder)
            .current_dir(folder)
            .env("CARGO_TARGET_DIR", &target))?;
        std::fs::remove_dir_all(target)?;
        Ok(())
    })?;
    Ok(folder.join("bin").join(name))
}
