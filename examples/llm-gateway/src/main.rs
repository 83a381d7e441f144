//! The gateway, and its simulated upstream, as programs.
#![expect(clippy::print_stdout, reason = "one line tells whoever started it where it listens")]
#![expect(clippy::print_stderr, reason = "the last line of a program that fails tells why")]

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use llm_gateway::{
    GatewayConfig, Secret, Server, Slow, app, bind,
    upstream::{Upstream, UpstreamConfig},
};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};

/// How long requests under way have to come to their end after a signal.
const DRAIN: Duration = Duration::from_secs(10);

/// An OpenAI-compatible gateway that shows where its requests spend their time.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve the gateway.
    Serve(ServeArgs),
    /// Serve a simulated provider to put behind it.
    Upstream(UpstreamArgs),
}

#[derive(Args)]
struct ServeArgs {
    /// Where to serve the API; port 0 takes any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Where to serve `/metrics` for Prometheus; port 0 takes any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    metrics_listen: SocketAddr,
    /// Providers, models and limits, as TOML; the default is `gateway.toml` of the sources.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Send the requests for every provider to this base URL.
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// Longest silence of a provider, in place of the configuration's, such as 5s.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// Keys that callers may use. Better set the variable: others can read a command line.
    #[arg(long, env = "LLM_GATEWAY_API_KEYS", hide_env_values = true, value_delimiter = ',')]
    api_keys: Vec<Secret>,
    /// Lose this much time in a stage, as a regression to find; may be given more than once.
    #[arg(long, value_name = "STAGE=DURATION", value_parser = Slow::parse)]
    slow: Vec<(String, Duration)>,
}

#[derive(Args)]
struct UpstreamArgs {
    /// Where to serve; port 0 takes any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Number that decides every delay and failure.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Serve(args) => serve(args).await,
        Command::Upstream(args) => upstream(args).await,
    };
    if let Err(error) = ended {
        eprintln!("error: {error:#}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn serve(args: ServeArgs) -> anyhow::Result<()> {
    let config = configuration(&args)?;
    let listener = bind("--listen", args.listen).await?;
    let metrics_listener = bind("--metrics-listen", args.metrics_listen).await?;

    let telemetry = stagelight::init()?;
    let gateway = Server::start(listener, app(config, &telemetry)?)?;
    let metrics = Server::start(metrics_listener, telemetry.metrics_router())?;
    let metrics_url = format!("{}/metrics", metrics.url());
    println!("{}", json!({"listen": gateway.url(), "metrics": metrics_url}));

    stop_signal().await?;
    // Telemetry ends last, so that it has what the last requests measured. A collector that is gone
    // is no failure of the gateway's.
    let drained = gateway.shutdown(DRAIN).await;
    if let Err(error) = telemetry.shutdown() {
        tracing::warn!("{error}");
    }
    Ok(drained?)
}

async fn upstream(args: UpstreamArgs) -> anyhow::Result<()> {
    let listener = bind("--listen", args.listen).await?;
    let config = UpstreamConfig { seed: args.seed, ..UpstreamConfig::default() };
    let upstream = Upstream::start(config, listener)?;
    println!("{}", json!({"listen": upstream.url()}));

    stop_signal().await?;
    Ok(upstream.shutdown(DRAIN).await?)
}

fn configuration(args: &ServeArgs) -> anyhow::Result<GatewayConfig> {
    let mut config = match &args.config {
        None => GatewayConfig::embedded()?,
        Some(file) => std::fs::read_to_string(file)
            .map_err(anyhow::Error::from)
            .and_then(|text| Ok(text.parse::<GatewayConfig>()?))
            .with_context(|| format!("--config {}", file.display()))?,
    };
    if let Some(url) = &args.upstream {
        config = config.with_upstream(url).context("--upstream")?;
    }
    config.timeout = args.timeout.unwrap_or(config.timeout);
    config = config.with_api_keys(args.api_keys.iter().map(Secret::expose));
    anyhow::ensure!(
        !config.api_keys.is_empty(),
        "no API key, so nobody could use the gateway: set LLM_GATEWAY_API_KEYS, or `api_keys` in \
         the file given with --config",
    );
    Ok(config.with_slow(Slow::default().with(args.slow.iter().cloned())?))
}

/// Waits for ctrl-c or the signal that ends a service.
async fn stop_signal() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    Ok(())
}
