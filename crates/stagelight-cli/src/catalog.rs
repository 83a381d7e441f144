//! `stagelight catalog`: prints the library's metric catalogue.

mod entry;
mod markdown;
mod table;

use std::io::{self, Write};

use clap::{Args, ValueEnum};
use stagelight_core::catalog::{self, Family};

use entry::Entry;

/// Print every metric with its unit, attributes, buckets and meaning.
#[derive(Debug, Args)]
pub(crate) struct CatalogArgs {
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

/// The format of the catalogue.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// One paragraph for each metric.
    Table,
    /// A JSON array with an object for each metric.
    Json,
    /// The Markdown table of docs/metrics.md.
    Markdown,
}

/// Prints the catalogue to `out`.
pub(crate) fn run(args: &CatalogArgs, out: &mut impl Write) -> io::Result<()> {
    let entries: Vec<_> = families()
        .flat_map(|family| family.metrics.iter().map(|metric| Entry::new(family, metric)))
        .collect();
    match args.format {
        Format::Table => out.write_all(table::render(&entries).as_bytes()),
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &entries)?;
            out.write_all(b"\n")
        }
        Format::Markdown => out.write_all(markdown::render(&entries).as_bytes()),
    }
}

/// Returns the families of all crates.
pub(crate) fn families() -> impl Iterator<Item = &'static Family> {
    catalog::ALL.into_iter().chain(stagelight_otel::catalog::ALL)
}
