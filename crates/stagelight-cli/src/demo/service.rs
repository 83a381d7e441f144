//! The gateway, its upstream and the metrics page.

use std::{
    io::{self, Write},
    net::SocketAddr,
    time::Duration,
};

use anyhow::Context;
use llm_gateway::{
    BindError, GatewayConfig, Server, ServerError, Slow, app, bind,
    upstream::{Upstream, UpstreamConfig},
};
use stagelight::{
    Builder, Telemetry,
    engine::Engine,
    otel::{Environment, Exporter},
};
use tracing_subscriber::{filter::LevelFilter, prelude::*};

use super::options::DemoArgs;

/// The gateway's API key.
pub(super) const KEY: &str = "demo-key";

/// Timeout of a server's graceful shutdown.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Time between two exports; the default of a minute exceeds the demo's duration.
const EXPORT_INTERVAL: Duration = Duration::from_secs(5);

/// The gateway, its upstream and the metrics page, each on its own address.
#[derive(Debug)]
pub(super) struct Service {
    telemetry: Telemetry,
    upstream: Upstream,
    gateway: Server,
    metrics: SocketAddr,
    models: Vec<String>,
}

// === impl Service ===

impl Service {
    /// Starts all servers.
    ///
    /// # Errors
    ///
    /// When an option is invalid, or an address cannot be bound; the message names the option.
    pub(super) async fn start(args: &DemoArgs) -> anyhow::Result<Self> {
        // Addresses first: if one is in use, nothing else needs to be undone.
        let listener = bind("--listen", args.listen).await?;
        let upstream_listener = bind("upstream", ([127, 0, 0, 1], 0).into()).await?;

        let upstream = UpstreamConfig { seed: args.seed, ..UpstreamConfig::default() };
        let upstream = Upstream::start(upstream, upstream_listener)?;
        let config = GatewayConfig::embedded()?
            .with_api_keys([KEY])
            .with_upstream(&upstream.url())?
            .with_slow(Slow::default().with(args.slow.iter().cloned())?);
        let models = config.models().map(|(model, _)| model.to_owned()).collect();

        let telemetry = telemetry(args.otlp_endpoint.as_deref())?;
        let metrics = telemetry.serve_metrics(args.metrics_listen).await.map_err(|source| {
            BindError { option: "--metrics-listen", address: args.metrics_listen, source }
        })?;
        let gateway = Server::start(listener, app(config, &telemetry)?)?;
        Ok(Self { telemetry, upstream, gateway, metrics, models })
    }

    /// Returns the engine that measures the gateway.
    pub(super) fn engine(&self) -> &Engine {
        self.telemetry.engine()
    }

    /// Returns the gateway's address.
    pub(super) fn url(&self) -> String {
        self.gateway.url()
    }

    /// Returns the address of the metrics page.
    pub(super) fn metrics_url(&self) -> String {
        format!("http://{}/metrics", self.metrics)
    }

    /// Returns the available models.
    pub(super) fn models(&self) -> Vec<String> {
        self.models.clone()
    }

    /// Shuts down the gateway, then the other servers; returns the telemetry.
    ///
    /// Waits for requests in flight; prints an error to standard error on timeout.
    pub(super) async fn stop(self) -> Telemetry {
        let Self { telemetry, upstream, gateway, .. } = self;
        note("gateway", gateway.shutdown(SHUTDOWN_TIMEOUT).await);
        note("upstream", upstream.shutdown(SHUTDOWN_TIMEOUT).await);
        telemetry
    }
}

/// Prints the error of a shutdown, which does not affect the demo's result.
fn note(what: &str, stopped: Result<(), ServerError>) {
    if let Err(error) = stopped {
        drop(writeln!(io::stderr(), "{what}: {error}"));
    }
}

/// Starts the telemetry; exports to `otlp_endpoint`, if given.
///
/// Installs no log output: the gateway's access log would flood the terminal.
fn telemetry(otlp_endpoint: Option<&str>) -> anyhow::Result<Telemetry> {
    let Some(endpoint) = otlp_endpoint else {
        // An empty environment, so that no variable enables the export.
        let environment = Environment::from_pairs::<&str, &str>([]);
        let telemetry = Builder::from_env(&environment).disabled(true).build()?;
        tracing_subscriber::registry().with(telemetry.tracing_layer()).try_init()?;
        return Ok(telemetry);
    };
    let telemetry = stagelight::builder()
        .service_name("stagelight-demo")
        .disabled(false)
        .traces_exporter(Exporter::Otlp)
        .metrics_exporter(Exporter::Otlp)
        .export_interval(EXPORT_INTERVAL)
        .otlp_endpoint(endpoint)
        .build()
        .context("--otlp-endpoint")?;
    // Without a filter the spans of the HTTP libraries would also be exported.
    let layers = tracing_subscriber::registry().with(LevelFilter::INFO);
    layers.with(telemetry.tracing_layer()).try_init()?;
    Ok(telemetry)
}
