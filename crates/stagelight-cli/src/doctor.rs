//! `stagelight doctor`: checks every hop from a service's requests to its dashboards and names the
//! broken one.
//!
//! [`collect`] queries the servers, [`evaluate`] turns the observations into a report without any
//! I/O, and [`report`] renders it.

mod options;
mod check;
mod page;
mod aliases;
mod http;
mod observations;
mod collect;
mod evaluate;
mod report;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Context;
use stagelight::otel::Environment;

use collect::Targets;
use options::Format;

pub(crate) use options::DoctorArgs;

/// The exit status for an invalid command line or variable; the same as clap's.
const USAGE: u8 = 2;

/// Runs all checks and prints the report to `out`; returns the exit status.
///
/// # Errors
///
/// When the report cannot be written.
pub(crate) fn run(args: &DoctorArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let environment = Environment::process();
    let targets = match Targets::new(args, &|name| environment.get(name)) {
        Ok(targets) => targets,
        Err(error) => {
            writeln!(io::stderr(), "error: {:#}", anyhow::Error::new(error))?;
            return Ok(ExitCode::from(USAGE));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start the Tokio runtime")?;
    let observations = runtime.block_on(collect::collect(args, &targets));
    let report = evaluate::evaluate(&observations, &args.skip);
    match args.format {
        Format::Text => out.write_all(report.to_text().as_bytes())?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &report)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(if report.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
