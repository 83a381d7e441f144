//! `cargo xtask`: see `cargo xtask help`.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::builder::PossibleValuesParser;
use clap::{Args, Parser, Subcommand};
use xtask::ci::{self, CiOptions};
use xtask::{Cache, GatewaySource, Interrupt, Stack, StackOptions, Tools, Workspace};

/// Development tasks of the stagelight workspace.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Builds the collector, Prometheus and Alertmanager, or finds them in the user's cache.
    ///
    /// Needs Go. The versions are pinned in collector/distribution and tools.
    Tools {
        /// Print where they are, as JSON, on standard output.
        #[arg(long)]
        print: bool,
    },
    /// Starts collector, Prometheus, Alertmanager and the example gateway on free loopback ports.
    ///
    /// Prints one line of JSON with the addresses when all are ready, and runs until interrupted.
    Stack(StackArgs),
    /// Measures what a request costs with stagelight, with other projects and with nothing.
    ///
    /// Compiles all of them first, which takes minutes. All figures are of one run, side by side.
    Bench {
        /// How to print the figures: `table` (the default) or `json`.
        #[arg(long, value_parser = ["table", "json"], default_value = "table")]
        format: String,
        /// Take few turns and count no instructions: to try the command, not to quote.
        #[arg(long)]
        quick: bool,
        /// Write the table into the README as well.
        #[arg(long, conflicts_with = "quick")]
        update_readme: bool,
        /// Instead, say where the instructions of one side's request go: `stagelight-1`, say.
        #[arg(long, value_name = "SIDE", conflicts_with_all = ["quick", "update_readme"])]
        profile: Option<String>,
    },
    /// Drives the example gateway at full load with all that callers do to a service, and compares what it counted with what they saw.
    ///
    /// Cancels, errors, panics, time-outs, slow readers, and names and headers without end. Fails if a single count differs, memory grows, or a
    /// limit is passed.
    Soak {
        /// How long to go on, at least: a million paths are asked for in any case.
        #[arg(long, default_value_t = 2.0)]
        minutes: f64,
        /// Decides what is sent.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How to print the figures: `table` (the default) or `json`.
        #[arg(long, value_parser = ["table", "json"], default_value = "table")]
        format: String,
    },
    /// Fuzzes whatever reads input from outside, with libFuzzer; needs a nightly compiler.
    ///
    /// The targets, with what must hold, and the corpus to begin with are in tests/fuzz; its tests replay the corpus without any of that.
    Fuzz {
        /// How long, for all targets together.
        #[arg(long, default_value_t = 5.0)]
        minutes: f64,
    },
    /// Runs the tests of core and of the span layer with ThreadSanitizer; needs a nightly compiler with its sources.
    Sanitize,
    /// Checks core's single-writer protocols with loom: every schedule of a few threads, within bounds.
    Model,
    /// Draws grafana/pictures from what Prometheus answers to the dashboards' queries.
    ///
    /// Needs Node 20 or newer with npm, and seven minutes.
    Pictures {
        /// Draw again what the last run has left, without starting anything.
        #[arg(long)]
        again: bool,
    },
    /// Runs everything that has to hold before a change is merged, as CI does.
    Ci {
        /// Go on after a failed step.
        #[arg(long)]
        keep_going: bool,
        /// Run this step only; may be given several times.
        #[arg(long = "step", value_name = "NAME", value_parser = PossibleValuesParser::new(ci::step_names()))]
        steps: Vec<String>,
    },
}

#[derive(Debug, Args)]
struct StackArgs {
    /// Run this shell command when all are ready, then stop and return its exit status.
    ///
    /// It finds addresses in STAGELIGHT_STACK_<SERVER>_URL, where <SERVER> is GATEWAY, METRICS,
    /// UPSTREAM, PROMETHEUS, ALERTMANAGER, COLLECTOR_GRPC or COLLECTOR_HTTP, and a key for the
    /// gateway in STAGELIGHT_STACK_API_KEY. Standard output is its alone.
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
    /// Keep the servers' logs in this folder.
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
    /// Decide the upstream's random choices.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Start collector, Prometheus and Alertmanager only.
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
        Task::Tools { print } => tools(print),
        Task::Stack(arguments) => stack(arguments),
        Task::Bench { format, quick, update_readme, profile } => {
            let flags = [("--quick", quick), ("--update-readme", update_readme)];
            let flags = flags.into_iter().filter(|it| it.1).map(|it| it.0.to_owned());
            let format = (format != "table").then(|| format!("--format={format}"));
            let profile = profile.map(|it| format!("--profile={it}"));
            let arguments: Vec<_> = format.into_iter().chain(flags).chain(profile).collect();
            xtask::bench(&Workspace::find(), &arguments).map(|()| ExitCode::SUCCESS)
        }
        Task::Soak { minutes, seed, format } => {
            let arguments = [
                format!("--minutes={minutes}"),
                format!("--seed={seed}"),
                format!("--format={format}"),
            ];
            xtask::soak(&Workspace::find(), &arguments).map(|()| ExitCode::SUCCESS)
        }
        Task::Fuzz { minutes } => {
            xtask::fuzz(&Workspace::find(), minutes).map(|()| ExitCode::SUCCESS)
        }
        Task::Sanitize => xtask::sanitize(&Workspace::find()).map(|()| ExitCode::SUCCESS),
        Task::Model => xtask::model(&Workspace::find()).map(|()| ExitCode::SUCCESS),
        Task::Pictures { again } => {
            xtask::pictures(&Workspace::find(), again).map(|()| ExitCode::SUCCESS)
        }
        Task::Ci { keep_going, steps } => {
            ci::run(&CiOptions { steps, keep_going }).map(|()| ExitCode::SUCCESS)
        }
    }
}

fn tools(print: bool) -> Result<ExitCode> {
    let tools = Tools::find_or_build(&Workspace::find(), &Cache::of_user()?)?;
    if print {
        writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&tools)?)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn stack(arguments: StackArgs) -> Result<ExitCode> {
    let mut options = StackOptions {
        seed: arguments.seed,
        log_dir: arguments.log_dir,
        ..StackOptions::default()
    };
    if arguments.without_gateway {
        options.gateway = GatewaySource::None;
    }
    // Builds end on a signal as any program does. From then on it is our turn to clean up.
    let workspace = Workspace::find();
    Tools::find_or_build(&workspace, &Cache::of_user()?)?;
    options.gateway = options.gateway.build(&workspace)?;
    let interrupt = Interrupt::watch()?;

    let stack = Stack::start(&options)?;
    if let Some(command) = arguments.exec {
        return Ok(ExitCode::from(stack.exec(&command, &interrupt)?));
    }
    writeln!(std::io::stdout(), "{}", serde_json::to_string(stack.addresses())?)?;
    stack.run_until(&interrupt)?;
    Ok(ExitCode::SUCCESS)
}
