//! The gateway, and its simulated upstream, as programs.
#![expect(clippy::print_stdout, reason = "one line with the addresses")]
#![expect(clippy::print_stderr, reason = "the error of a program that fails")]

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use llm_gateway::{
    BindError, GatewayConfig, Secret, Server, Slow, app, bind,
    upstream::{Upstream, UpstreamConfig},
};
use serde_json::json;

/// Time limit for active requests after a signal.
const DRAIN: Duration = Duration::from_secs(10);

/// An OpenAI-compatible gateway that measures where its requests spend their time.
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
    /// Serve a simulated provider.
    Upstream(UpstreamArgs),
}

#[derive(Args)]
struct ServeArgs {
    /// Address of the API; port 0 is any free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Address of `/metrics` for Prometheus; port 0 is any free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:9464")]
    metrics_listen: SocketAddr,
    /// Providers, models and limits, as TOML [default: the built-in gateway.toml].
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Send the requests for every provider to this base URL.
    #[arg(long, value_name = "URL")]
    upstream: Option<String>,
    /// Longest silence of a provider, such as 5s; overrides the configuration.
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    timeout: Option<Duration>,
    /// Keys that callers may use. Prefer the variable: other users can read a command line.
    #[arg(long, env = "LLM_GATEWAY_API_KEYS", hide_env_values = true, value_delimiter = ',')]
    api_keys: Vec<Secret>,
    /// Slow a stage down by this time; may be given more than once.
    #[arg(long, value_name = "STAGE=DURATION", value_parser = Slow::parse)]
    slow: Vec<(String, Duration)>,
}

#[derive(Args)]
struct UpstreamArgs {
    /// Address to serve at; port 0 is any free port.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8081")]
    listen: SocketAddr,
    /// Seed of all delays and failures.
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

    let telemetry = stagelight::init()?;
    let address = args.metrics_listen;
    let metrics = telemetry.serve_metrics(address).await.map_err(|source| BindError {
        option: "--metrics-listen",
        address,
        source,
    })?;
    let gateway = Server::start(listener, app(config, &telemetry)?)?;
    let metrics_url = format!("http://{metrics}/metrics");
    println!("{}", json!({"listen": gateway.url(), "metrics": metrics_url}));

    stagelight::shutdown_signal().await;
    // Telemetry ends last, so that it exports the last requests. An unreachable collector is not a
    // failure of the gateway.
    let drained = gateway.shutdown(DRAIN).await;
    if let Err(error) = telemetry.shutdown().await {
        tracing::warn!("{error}");
    }
    Ok(drained?)
}

async fn upstream(args: UpstreamArgs) -> anyhow::Result<()> {
    let listener = bind("--listen", args.listen).await?;
    let config = UpstreamConfig { seed: args.seed, ..UpstreamConfig::default() };
    let upstream = Upstream::start(config, listener)?;
    println!("{}", json!({"listen": upstream.url()}));

    stagelight::shutdown_signal().await;
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
        "no API keys, so every request would be rejected: set LLM_GATEWAY_API_KEYS, or `api_keys` \
         in the file given with --config",
    );
    Ok(config.with_slow(Slow::default().with(args.slow.iter().cloned())?))
}
