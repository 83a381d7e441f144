//! `stagelight doctor`: walks the chain from a service's requests to its dashboards, and names the link that is broken.
//!
//! [`look`] asks and judges nothing; [`evaluate`] judges what was seen, and asks nobody; [`report`] prints.

mod options;
mod check;
mod finding;
mod page;
mod aliases;
mod observations;
mod http;
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

/// The exit status of a command line that cannot be used; clap's own.
const USAGE: u8 = 2;

/// ScrapePair, judges, and prints to `out`; returns the exit status.
///
/// # Errors
///
/// When the report cannot be printed.
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
    let runtime = runtime.context("the asynchronous runtime cannot be started")?;
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
