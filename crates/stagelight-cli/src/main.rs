//! The `stagelight` command.
//!
//! It knows the library as any user of it does, and the catalogue. It must never know OpenTelemetry's types: what is
//! exported, and how, is the library's business. `doctor` knows the servers behind it by what they answer.

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
        // Whoever read the output has seen enough (`| head`).
        return ExitCode::SUCCESS;
    }
    // Nothing is left to do if this fails too.
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
