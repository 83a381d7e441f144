//! `stagelight demo`: runs the example gateway and a simulated provider in this process, under
//! load, and prints the stage breakdown.

mod options;
mod service;
mod interrupts;
mod plan;
mod pace;
mod load;
mod screen;

use std::{
    io::{self, IsTerminal, Write},
    time::Duration,
};

use anyhow::Context;
use stagelight_live::breakdown::Breakdown;

use interrupts::Interrupts;
use load::{Counts, Load};
use options::Format;
use screen::Screen;
use service::Service;

pub(crate) use options::DemoArgs;

/// Runs the demo; prints the result to standard output and everything else to standard error.
pub(crate) fn run(args: &DemoArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.context("cannot start the Tokio runtime")?.block_on(demo(args))
}

async fn demo(args: &DemoArgs) -> anyhow::Result<()> {
    let interrupts = Interrupts::listen()?;
    let service = Service::start(args).await?;
    let head = head(args, &service);
    write!(io::stderr(), "{head}")?;

    let load = Load::new(&service.url(), service::KEY, service.models())?;
    let engine = service.engine().clone();
    let started = engine.clock().now();
    let counts = send(args, load, interrupts, &service, head).await?;
    let telemetry = service.stop().await;
    let measured = Duration::from(engine.clock().since(started));
    let breakdown =
        Breakdown::from_snapshot(&engine.snapshot(), measured, |it| engine.group_of(it));

    print(args.format, &breakdown, measured, &mut io::stdout().lock())?;
    writeln!(io::stderr(), "{counts}")?;
    telemetry.shutdown_blocking().context("--otlp-endpoint: the final export failed")
}

/// Returns the addresses and the duration, as lines.
fn head(args: &DemoArgs, service: &Service) -> String {
    let end = match args.limit() {
        Some(limit) => {
            format!("for {}; stop earlier with ctrl-c", humantime::format_duration(limit))
        }
        None => "until ctrl-c".to_owned(),
    };
    format!(
        "gateway  {} (API key: {})\nmetrics  {}\nsending requests {end}\n",
        service.url(),
        service::KEY,
        service.metrics_url(),
    )
}

/// Sends the requests; in a terminal, shows the breakdown of the last seconds meanwhile.
async fn send(
    args: &DemoArgs,
    load: Load,
    interrupts: Interrupts,
    service: &Service,
    head: String,
) -> io::Result<Counts> {
    if args.format != Format::Table || !io::stdout().is_terminal() {
        return Ok(load.run(args, interrupts).await);
    }
    let screen = Screen::enter(service.engine(), head)?;
    tokio::select! {
        counts = load.run(args, interrupts) => Ok(counts),
        never = screen.show() => match never {},
    }
}

fn print(
    format: Format,
    breakdown: &Breakdown,
    measured: Duration,
    out: &mut impl Write,
) -> io::Result<()> {
    match format {
        Format::Table => {
            let seconds = measured.as_secs_f64();
            write!(out, "measured for {seconds:.1} s\n\n{}", breakdown.to_table())
        }
        Format::Json => {
            serde_json::to_writer_pretty(&mut *out, breakdown)?;
            out.write_all(b"\n")
        }
    }
}
