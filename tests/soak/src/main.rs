//! `cargo xtask soak`: compares the example gateway's metrics under full load with the
//! observations of its clients.
//!
//! This process runs the clients and a collector. It starts itself twice: as the service (the
//! gateway's routes and some that panic, fail, and record clients' text as attributes) and as the
//! simulated provider.
//!
//! # What a client knows
//!
//! | Observation | Counted by the service |
//! |---|---|
//! | complete response | its status and outcome |
//! | truncated response | an error, timeout or panic in the body, as requested |
//! | own disconnect, before the end | a cancelled request, with a status if the head was sent |
//! | response without `x-request-id`, or none | nothing: the HTTP server rejected it |
//!
//! Any other observation fails the run.
//!
//! A seed determines each client's sequence of requests, but not how far each gets.

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

/// Compares a service's metrics under full load with the observations of its clients.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask soak")]
struct Cli {
    /// Minimum duration; all paths, models and jobs are sent in any case. The growth of memory
    /// needs two minutes.
    #[arg(long, default_value_t = 2.0)]
    minutes: f64,
    /// Seed of the requests.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Number of distinct paths.
    #[arg(long, default_value_t = 1_000_000)]
    paths: u64,
    /// Number of distinct models, in each of two kinds of requests.
    #[arg(long, default_value_t = 100_000)]
    models: u64,
    /// Number of jobs, with more combinations of names than the cap of series.
    #[arg(long, default_value_t = 20_000)]
    jobs: u64,
    /// Output format.
    #[arg(long, value_parser = ["table", "json"], default_value = "table")]
    format: String,
    #[command(subcommand)]
    role: Option<Role>,
}

/// The roles of child processes.
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
#[expect(clippy::print_stderr, reason = "the program reports its error")]
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

#[expect(clippy::print_stdout, reason = "the program prints figures")]
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
