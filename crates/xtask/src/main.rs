//! `cargo xtask`: see `cargo xtask help`.

use std::io::Write;

use anyhow::Result;
use clap::{Parser, Subcommand};
use xtask::{Cache, Tools, Workspace};

/// Development tasks of the stagelight workspace.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Builds the collector, Prometheus and Alertmanager, or finds them in the user's cache.
    ///
    /// Needs Go. The versions are pinned in collector/distribution and tools.
    Tools {
        /// Print where they are, as JSON, on standard output.
        #[arg(long)]
        print: bool,
    },
}

fn main() -> Result<()> {
    match Cli::parse().task {
        Task::Tools { print } => tools(print),
    }
}

fn tools(print: bool) -> Result<()> {
    let tools = Tools::find_or_build(&Workspace::find(), &Cache::of_user()?)?;
    if print {
        writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&tools)?)?;
    }
    Ok(())
}
