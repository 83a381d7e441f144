//! cargo-deny, built from crates.io.

use std::path::PathBuf;

use anyhow::Result;

use super::cargo_install::find_or_install;
use crate::cache::Cache;

const VERSION: &str = "0.20.2";

/// Returns the `cargo-deny` executable, after building it if it is not in the cache.
pub(crate) fn find_or_build(cache: &Cache) -> Result<PathBuf> {
    find_or_install(cache, "cargo-deny", VERSION)
}
