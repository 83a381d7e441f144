//! The gateway, its upstream and the page of metrics.

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

/// The key that the gateway lets in.
pub(super) const KEY: &str = "demo-key";

/// How long servers wait for requests whose clients are gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// Time between two exports: a demo is over before the usual minute is.
const EXPORT_INTERVAL: Duration = Duration::from_secs(5);

/// The gateway, its upstream and the page of metrics, each on an address of its own.
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
    /// Starts all of it.
    ///
    /// # Errors
    ///
    /// Returns what was wrong with an option, or that an address cannot be listened on, by the option's name.
    pub(super) async fn start(args: &DemoArgs) -> anyhow::Result<Self> {
        // Addresses first: nothing else has to be undone when one is taken.
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

    /// Returns what measures the gateway.
    pub(super) fn engine(&self) -> &Engine {
        self.telemetry.engine()
    }

    /// Returns the gateway's address.
    pub(super) fn url(&self) -> String {
        self.gateway.url()
    }

    /// Returns the address of the page of metrics.
    pub(super) fn metrics_url(&self) -> String {
        format!("http://{}/metrics", self.metrics)
    }

    /// Returns the models that can be asked for.
    pub(super) fn models(&self) -> Vec<String> {
        self.models.clone()
    }

    /// Stops the gateway, then what it needs, and returns what has measured it.
    ///
    /// The requests under way may end first; it is noted on standard error if one does not.
    pub(super) async fn stop(self) -> Telemetry {
        let Self { telemetry, upstream, gateway, .. } = self;
        note("gateway", gateway.shutdown(PATIENCE).await);
        note("upstream", upstream.shutdown(PATIENCE).await);
        telemetry
    }
}

/// Tells of a server that did not stop as asked; the demo's result stands.
fn note(what: &str, stopped: Result<(), ServerError>) {
    if let Err(error) = stopped {
        drop(writeln!(io::stderr(), "{what}: {error}"));
    }
}

/// Starts measuring; exports to `otlp_endpoint`, or nowhere at all.
///
/// Nothing is logged: the gateway's access log would be all that one sees.
fn telemetry(otlp_endpoint: Option<&str>) -> anyhow::Result<Telemetry> {
    let Some(endpoint) = otlp_endpoint else {
        // An empty environment, so that no variable can turn the export on.
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
    // Without a filter the HTTP libraries' own spans would be exported too.
    let layers = tracing_subscriber::registry().with(LevelFilter::INFO);
    layers.with(telemetry.tracing_layer()).try_init()?;
    Ok(telemetry)
}
