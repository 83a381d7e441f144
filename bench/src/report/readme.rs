//! Puts the report into the project's README.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::report::Report;

const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

/// Replaces what is between the markers.
///
/// # Errors
///
/// If the README or its markers are not there.
pub fn update(report: &Report) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = fs::read_to_string(&path)?;
    let (before, rest) = text.split_once(BEGIN).context("no begin marker")?;
    let (_, after) = rest.split_once(END).context("no end marker")?;
    fs::write(path, format!("{before}{BEGIN}\n\n{report}\n{END}{after}"))?;
    Ok(())
}
