//! `stagelight doctor`: walks the chain from a service's requests to its dashboards, and names the link that is broken.
//!
//! [`look`] asks and judges nothing; [`judge`] judges what was seen, and asks nobody; [`report`] prints.

mod options;
mod link;
mod finding;
mod page;
mod aliases;
mod facts;
mod http;
mod look;
mod judge;
mod report;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Context;
use stagelight::otel::Environment;

use look::Places;
use options::Format;

pub(crate) use options::DoctorArgs;

/// The exit status of a command line that cannot be used; clap's own.
const USAGE: u8 = 2;

/// Looks, judges, and prints to `out`; returns the exit status.
///
/// # Errors
///
/// When the report cannot be printed.
pub(crate) fn run(args: &DoctorArgs, out: &mut impl Write) -> anyhow::Result<ExitCode> {
    let environment = Environment::process();
    let places = match Places::new(args, &|name| environment.get(name)) {
        Ok(places) => places,
        Err(error) => {
            writeln!(io::stderr(), "error: {:#}", anyhow::Error::new(error))?;
            return Ok(ExitCode::from(USAGE));
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the asynchronous runtime cannot be started")?;
    let facts = runtime.block_on(look::look(args, &places));
    let report = judge::judge(&facts, &args.skip);
    match args.format {
        Format::Text => out.write_all(report.to_text().as_bytes())?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, &report)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
