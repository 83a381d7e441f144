//! The `stagelight` command.
//!
//! It knows the library as any user of it does, and the catalogue. It must never know OpenTelemetry's types: what is
//! exported, and how, is the library's business.

mod catalog;
mod demo;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

/// See where every request spends its time.
#[derive(Debug, Parser)]
#[command(name = "stagelight", version, about)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Demo(demo::DemoArgs),
    Catalog(catalog::CatalogArgs),
}

fn main() -> ExitCode {
    let Err(error) = run(&Command::parse()) else { return ExitCode::SUCCESS };
    if error.downcast_ref::<io::Error>().is_some_and(|it| it.kind() == io::ErrorKind::BrokenPipe) {
        // Whoever read the output has seen enough (`| head`).
        return ExitCode::SUCCESS;
    }
    // Nothing is left to do if this fails too.
    drop(writeln!(io::stderr(), "error: {error:#}"));
    ExitCode::FAILURE
}

fn run(command: &Command) -> anyhow::Result<()> {
    match &command.action {
        Action::Demo(args) => demo::run(args),
        Action::Catalog(args) => Ok(catalog::run(args, &mut io::stdout().lock())?),
    }
}
