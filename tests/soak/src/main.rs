//! `cargo xtask soak`: drives the example gateway at full load with everything that callers do to a service, and compares what it has attributes with
//! what its clients saw.
//!
//! Four processes' worth of work on one machine: this one is the clients and a collector that throws everything away; it starts itself again as the
//! service (the gateway's routes, and some that panic, break and make attributes of what callers send) and as the simulated provider.
//!
//! # What a client can know
//!
//! | It saw | so the service has attributes |
//! |---|---|
//! | a whole answer | its status, and the outcome that goes with it |
//! | an answer that ended too soon | an error, a time limit or a panic in the body, as was asked for |
//! | its own leaving, long before there could be an end | a cancelled request, without a status or with one, as the head had come or not |
//! | an answer without `x-request-id`, or none to what is no HTTP | nothing: the server refused it by itself |
//!
//! Anything else is a failure of the run, not a rounding.
//!
//! A seed gives every client the same requests in the same order; how far each gets is up to the machine.

mod wire;
mod requests;
mod shape;
mod client;
mod counts;
mod load;
mod service;
mod child;
mod memory;
mod scrape;
mod check;
mod run;
mod report;

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::{load::Plan, report::Report};

/// Drives a service at full load, and compares what it attributes with what its clients saw.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask soak")]
struct Cli {
    /// How long to go on, at least: all paths, models and jobs are sent, too. Of less than two minutes the growth of memory says nothing.
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// Decides what is sent.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many distinct paths to ask for.
    #[arg(long, default_value_t = 1_000_000)]
    paths: u64,
    /// How many distinct models to ask for, in two ways.
    #[arg(long, default_value_t = 100_000)]
    models: u64,
    /// How many jobs to run, with more combinations of names than are told apart.
    #[arg(long, default_value_t = 20_000)]
    jobs: u64,
    /// How to print the figures: `table` or `json`.
    #[arg(long, value_parser = ["table", "json"], default_value = "table")]
    format: String,
    #[command(subcommand)]
    role: Option<Role>,
}

/// What the processes that it starts do.
#[derive(Debug, Subcommand)]
enum Role {
    #[command(hide = true)]
    Service {
        #[arg(long)]
        upstream: String,
    },
    #[command(hide = true)]
    Upstream {
        #[arg(long)]
        seed: u64,
    },
}

#[tokio::main]
#[expect(clippy::print_stderr, reason = "the last line of a program that fails tells why")]
async fn main() -> ExitCode {
    match start(Cli::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
async fn start(cli: Cli) -> Result<bool> {
    match &cli.role {
        Some(Role::Service { upstream }) => return service::serve(upstream).await.map(|()| true),
        Some(Role::Upstream { seed }) => {
            return service::serve_upstream(*seed).await.map(|()| true);
        }
        None => {}
    }
    let plan = Plan {
        seed: cli.seed,
        at_least: Duration::from_secs_f64(cli.minutes * 60.0),
        paths: cli.paths,
        models: cli.models,
        jobs: cli.jobs,
    };
    let report = Report::new(cli.seed, &run::run(plan).await?);
    if cli.format == "json" {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        println!("{report}");
    }
    Ok(report.passed)
}
