//! The `stagelight` command.
//!
//! It uses the library's public API and the catalogue, and no types of OpenTelemetry: the export is
//! the library's concern. `doctor` talks to the servers behind it over HTTP only.

mod catalog;
mod demo;
mod doctor;

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
    Doctor(doctor::DoctorArgs),
}

fn main() -> ExitCode {
    let error = match run(&Command::parse()) {
        Ok(code) => return code,
        Err(error) => error,
    };
    if error.downcast_ref::<io::Error>().is_some_and(|it| it.kind() == io::ErrorKind::BrokenPipe) {
        // The reader closed the pipe early (`| head`).
        return ExitCode::SUCCESS;
    }
    // There is no way to report a failure of standard error.
    drop(writeln!(io::stderr(), "error: {error:#}"));
    ExitCode::FAILURE
}

fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match &command.action {
        Action::Demo(args) => demo::run(args)?,
        Action::Catalog(args) => catalog::run(args, &mut io::stdout().lock())?,
        Action::Doctor(args) => return doctor::run(args, &mut io::stdout().lock()),
    }
    Ok(ExitCode::SUCCESS)
}
