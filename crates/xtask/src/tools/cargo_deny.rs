//! cargo-deny, built from crates.io.

use std::path::PathBuf;

use anyhow::Result;

use crate::cache::{Cache, Pins};
use crate::command::{cargo, run};

const VERSION: &str = "0.20.2";

/// Returns the `cargo-deny` executable, after building it if it is not in the cache.
pub(crate) fn find_or_build(cache: &Cache) -> Result<PathBuf> {
    let pins = Pins::new().with("version", VERSION);
    let folder = cache.entry("cargo-deny", pins).get_or_make(|folder| {
        let target = folder.join("target");
        // In the entry's folder, so that this workspace's Cargo settings do not reach it.
        run(cargo()
            .args(["install", "cargo-deny", "--locked", "--version", VERSION, "--root"])
            .arg(folder)
            .current_dir(folder)
            .env("CARGO_TARGET_DIR", &target))?;
        std::fs::remove_dir_all(target)?;
        Ok(())
    })?;
    Ok(folder.join("bin/cargo-deny"))
}
