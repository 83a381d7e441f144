//! Measures all sides and reports their costs; as a child process, runs one side.

use std::env;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use stagelight_bench::{
    budget, ceilings, child, instructions,
    machine::{self, Machine},
    measure::{self, Effort},
    report::{self, Report},
};

/// Compares the cost of stagelight with other projects and with no instrumentation.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask bench")]
struct Cli {
    #[command(subcommand)]
    command: Option<Task>,
    /// Output format.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Measure briefly and count no instructions: to try the command, not to quote.
    #[arg(long)]
    quick: bool,
    /// Also write the table to the README.
    #[arg(long, conflicts_with = "quick")]
    update_readme: bool,
    /// Instead list the functions by instructions per request of one side, named as in the JSON.
    #[arg(long, value_name = "SIDE", conflicts_with_all = ["quick", "update_readme"])]
    profile: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Counts the instructions of stagelight's own sides; fails if they exceed their ceilings.
    Ceilings,
    /// Runs one side, for the driver.
    #[command(hide = true)]
    Side { part: String, name: String, threads: usize },
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Table,
    Json,
}

const THOROUGH: Effort = Effort { turns: 40, turn_nanos: 6e6, http_requests: 800 };
const QUICK: Effort = Effort { turns: 5, turn_nanos: 2e6, http_requests: 200 };

fn main() -> Result<()> {
    let cli = Cli::parse();
    match &cli.command {
        Some(Task::Side { part, name, threads }) => return child::run(part, name, *threads),
        Some(Task::Ceilings) => return ceilings::check(),
        None => {}
    }
    if let Some(side) = &cli.profile {
        return profile(side);
    }
    let machine = Machine::detect()?;
    let effort = if cli.quick { QUICK } else { THOROUGH };
    let valgrind = instructions::valgrind();
    let recording = measure::recording(effort, valgrind.is_some() && !cli.quick)?;
    let http = measure::http(effort)?;
    let arguments = env::args().skip(1).collect::<Vec<_>>().join(" ");
    let report = Report {
        command: format!("cargo xtask bench {arguments}").trim().to_owned(),
        machine,
        versions: machine::versions(),
        valgrind,
        budgets: budget::check(&recording, &http),
        recording,
        http,
    };
    match cli.format {
        Format::Table => print!("{report}"),
        Format::Json => println!("{}", serde_json::to_string_pretty(&report)?),
    }
    if cli.update_readme {
        report::update_readme(&report)?;
    }
    Ok(())
}

/// Prints a side's costliest functions.
fn profile(side: &str) -> Result<()> {
    println!("| instructions | function |\n|--:|---|");
    for (count, function) in instructions::by_function(side)?.iter().take(40) {
        println!("| {count:.0} | `{function}` |");
    }
    Ok(())
}
