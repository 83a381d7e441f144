//! `cargo xtask`: the steps of CI, and tasks around them. See `cargo xtask help`.
//!
//! It runs other programs and checks files. It depends on none of the published crates, so that it
//! compiles first and fast.

mod nightly;
mod tasks;
mod fuzz;
mod bench;
mod tools;
mod stack;
mod ci;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
use testbed::{GatewaySource, StackOptions, Tools};

use crate::ci::CiOptions;

/// Development tasks of the stagelight workspace.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Builds the collector, Prometheus and Alertmanager, unless they are in the user's cache.
    ///
    /// Needs Go. The versions are pinned in collector/distribution and tools.
    Tools {
        /// Print their paths as JSON on standard output.
        #[arg(long)]
        print: bool,
        /// Also build the checkers that only CI runs.
        #[arg(long)]
        ci: bool,
    },
    /// Starts collector, Prometheus, Alertmanager and the example gateway on free loopback ports.
    ///
    /// Prints one line of JSON with the addresses when all are ready, and runs until interrupted.
    Stack(StackArgs),
    /// Measures the cost of a request with stagelight, with other projects and with nothing.
    ///
    /// Compiles all of them first, which takes minutes. All figures are from one run.
    Bench {
        /// Output format.
        #[arg(long, value_parser = ["table", "json"], default_value = "table")]
        format: String,
        /// Measure briefly and count no instructions: to try the command, not to quote.
        #[arg(long)]
        quick: bool,
        /// Also write the table to the README.
        #[arg(long, conflicts_with = "quick")]
        update_readme: bool,
        /// Instead list the functions by instructions per request, for a side such as stagelight-1.
        #[arg(long, value_name = "SIDE", conflicts_with_all = ["quick", "update_readme"])]
        profile: Option<String>,
    },
    /// Compares the example gateway's metrics under full load with the observations of its clients.
    ///
    /// The load has cancels, errors, panics, timeouts, slow readers, and unlimited names and
    /// headers. Fails if one count differs, memory grows, or a limit is exceeded.
    Soak {
        /// Minimum duration; a million paths are requested in any case.
        #[arg(long, default_value_t = 2.0)]
        minutes: f64,
        /// Seed of the requests.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Output format.
        #[arg(long, value_parser = ["table", "json"], default_value = "table")]
        format: String,
    },
    /// Fuzzes all code that reads external input, with libFuzzer; needs a nightly compiler.
    ///
    /// Targets, invariants and initial corpus are in fuzz; its tests replay the corpus with any
    /// compiler.
    Fuzz {
        /// Duration of all targets together.
        #[arg(long, default_value_t = 5.0)]
        minutes: f64,
    },
    /// Runs the tests of core and of the span layer with ThreadSanitizer; needs nightly's sources.
    Sanitize,
    /// Checks core's single-writer protocols with loom: all schedules of a few threads.
    Model,
    /// Draws grafana/pictures from Prometheus' responses to the dashboards' queries.
    ///
    /// Needs Node 20 or newer with npm, and seven minutes.
    Pictures {
        /// Draw again from the data of the last run.
        #[arg(long)]
        again: bool,
    },
    /// Runs everything that CI runs.
    Ci {
        /// Continue after a failed step.
        #[arg(long)]
        keep_going: bool,
        /// Run only this step; can be repeated.
        #[arg(
            long = "step",
            value_name = "NAME",
            value_parser = PossibleValuesParser::new(ci::step_names())
        )]
        steps: Vec<String>,
    },
}

#[derive(Debug, Args)]
struct StackArgs {
    /// Run this shell command when all servers are ready, then stop and return its exit status.
    ///
    /// Its environment has the addresses in STAGELIGHT_STACK_SERVER_URL, where SERVER is one of
    /// GATEWAY, METRICS, UPSTREAM, PROMETHEUS, ALERTMANAGER, COLLECTOR_GRPC or COLLECTOR_HTTP, and
    /// a key for the gateway in STAGELIGHT_STACK_API_KEY. Only the command writes to standard
    /// output.
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
    /// Keep the servers' logs in this folder.
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
    /// Seed of the upstream's random choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Start only collector, Prometheus and Alertmanager.
    #[arg(long)]
    without_gateway: bool,
}

fn main() -> ExitCode {
    run(Cli::parse().task).unwrap_or_else(|error| {
        // The chain of causes says more than a backtrace of a program that runs other programs.
        writeln!(std::io::stderr(), "error: {error:#}").ok();
        ExitCode::FAILURE
    })
}

fn run(task: Task) -> Result<ExitCode> {
    match task {
        Task::Tools { print, ci } => {
            let tools = Tools::find_or_build()?;
            if print {
                writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&tools)?)?;
            }
            if ci {
                tools::build_checkers()?;
            }
            Ok(())
        }
        Task::Stack(args) => return start_stack(args),
        Task::Bench { format, quick, update_readme, profile } => {
            let flags = [("--quick", quick), ("--update-readme", update_readme)];
            let flags = flags.into_iter().filter(|it| it.1).map(|it| it.0.to_owned());
            let format = (format != "table").then(|| format!("--format={format}"));
            let profile = profile.map(|it| format!("--profile={it}"));
            let arguments: Vec<_> = format.into_iter().chain(flags).chain(profile).collect();
            bench::run(&arguments)
        }
        Task::Soak { minutes, seed, format } => tasks::soak(&[
            format!("--minutes={minutes}"),
            format!("--seed={seed}"),
            format!("--format={format}"),
        ]),
        Task::Fuzz { minutes } => fuzz::run(minutes),
        Task::Sanitize => tasks::sanitize(),
        Task::Model => tasks::model(),
        Task::Pictures { again } => tasks::pictures(again),
        Task::Ci { keep_going, steps } => ci::run(&CiOptions { steps, keep_going }),
    }
    .map(|()| ExitCode::SUCCESS)
}

fn start_stack(args: StackArgs) -> Result<ExitCode> {
    let mut options =
        StackOptions { seed: args.seed, log_dir: args.log_dir, ..StackOptions::default() };
    if args.without_gateway {
        options.gateway = GatewaySource::None;
    }
    stack::run(options, args.exec.as_deref())
}
