//! A run: starts the processes, drives the load and collects the results.

use std::time::Duration;

use anyhow::{Result, bail};
use testbed::OtlpSink;
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use crate::{
    check,
    child::Child,
    counts::ClientCounts,
    load::{self, Plan},
    memory::{self, Growth, Memory},
    scrape::Scrape,
};

/// Time limit for the service to notice that all clients have disconnected.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(60);

/// The results of a run.
#[derive(Debug)]
pub(crate) struct RunResult {
    pub(crate) counts: ClientCounts,
    pub(crate) duration: Duration,
    /// The service's metrics page after the load.
    pub(crate) scrape: Scrape,
    pub(crate) sink: OtlpSink,
    pub(crate) growth: Option<Growth>,
    pub(crate) before: Process,
    pub(crate) after: Process,
}

/// A process' resources.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pub(crate) threads: f64,
    pub(crate) files: usize,
}

/// Starts upstream and service, drives the service, and ends both.
pub(crate) async fn run(plan: Plan) -> Result<RunResult> {
    let sink = OtlpSink::start_counting()?;
    let endpoint = sink.http_endpoint();
    let seed = plan.seed.to_string();
    let upstream = Child::start(&["upstream", "--seed", &seed], &[]).await?;
    let url = format!("http://{}", upstream.ready.service);
    let service = Child::start(&["service", "--upstream", &url], &variables(&endpoint)).await?;
    let Some(metrics) = service.ready.metrics else { bail!("the service has no metrics") };
    let before = Process::of(&service).await?;

    let (stop, stopped) = oneshot::channel::<()>();
    let watch = Memory::watch(service.id()?, async { drop(stopped.await) });
    let load = async {
        let started = Instant::now();
        let counts = load::run(service.ready.service, plan).await;
        drop(stop);
        counts.map(|it| (it, started.elapsed()))
    };
    let (memory, loaded) = tokio::join!(watch, load);
    let (counts, duration) = loaded?;

    let scrape = settled(metrics).await?;
    let after = Process::of(&service).await?;
    // Exports for the last time.
    service.end().await?;
    upstream.end().await?;
    Ok(RunResult { counts, duration, scrape, sink, growth: memory?.growth(), before, after })
}

/// The service's environment: 1 % of the traces that clients do not sample are exported.
fn variables(endpoint: &str) -> [(&str, &str); 7] {
    [
        ("OTEL_SERVICE_NAME", "soak"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.01"),
        ("RUST_LOG", "off"),
    ]
}

/// Waits until the service has no active request and its counts do not change.
async fn settled(metrics: std::net::SocketAddr) -> Result<Scrape> {
    let started = Instant::now();
    let counts = |scrape: &Scrape| scrape.sum("request_duration_seconds_count", |_| true);
    let mut last = Scrape::get(metrics).await?;
    loop {
        sleep(Duration::from_millis(500)).await;
        let scrape = Scrape::get(metrics).await?;
        let is_quiet = check::active(&scrape) == 0.0 && counts(&scrape) == counts(&last);
        // After a timeout the checks fail.
        if is_quiet || SETTLE_TIMEOUT < started.elapsed() {
            return Ok(scrape);
        }
        last = scrape;
    }
}

// === impl Process ===

impl Process {
    async fn of(child: &Child) -> Result<Self> {
        let id = child.id()?;
        Ok(Self { threads: memory::threads(id).await?, files: memory::open_files(id).await? })
    }
}
