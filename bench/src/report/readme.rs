//! Writes the report to the project's README, and the functions by instructions to this package's.

use std::{collections::HashMap, fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result};

use crate::{instructions, recording, report::Report};

/// The side with listed instructions.
const PROFILED: &str = "stagelight-plain-1";
/// Functions with fewer instructions per request are summed up.
const LISTED: f64 = 100.0;

/// Replaces the text between the markers.
///
/// # Errors
///
/// If a README or its markers are missing, or valgrind fails.
pub fn update(report: &Report) -> Result<()> {
    replace("../docs/costs.md", "bench", &report.to_string())?;
    if report.valgrind.is_some() {
        replace("README.md", "profile", &functions()?)?;
    }
    Ok(())
}

fn replace(file: &str, name: &str, content: &str) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let (begin, end) = (format!("<!-- {name}:begin -->"), format!("<!-- {name}:end -->"));
    let text = fs::read_to_string(&path)?;
    let (before, rest) = text.split_once(&begin).context("no begin marker")?;
    let (_, after) = rest.split_once(&end).context("no end marker")?;
    fs::write(path, format!("{before}{begin}\n\n{content}\n{end}{after}"))?;
    Ok(())
}

/// Lists the functions of a request with the base's instructions in each.
fn functions() -> Result<String> {
    let base: HashMap<_, _> = instructions::by_function(recording::BASE)?
        .into_iter()
        .map(|(count, name)| (name, count))
        .collect();
    let all = instructions::by_function(PROFILED)?;
    let mut table = "| instructions | of the base | function |\n|--:|--:|---|\n".to_owned();
    let of_base = |name: &String| base.get(name).copied().unwrap_or_default();
    let (listed, rest): (Vec<_>, Vec<_>) = all.into_iter().partition(|it| LISTED <= it.0);
    for (count, name) in &listed {
        writeln!(table, "| {count:.0} | {:.0} | `{name}` |", of_base(name))?;
    }
    let unlisted = base.values().sum::<f64>() - listed.iter().map(|it| of_base(&it.1)).sum::<f64>();
    let rest: f64 = rest.iter().map(|it| it.0).sum();
    writeln!(table, "| {rest:.0} | {unlisted:.0} | all others |")?;
    Ok(table)
}
