//! A whole run: processes, load, a look at everything.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use crate::{
    check,
    child::Child,
    load::{self, Plan},
    memory::{self, Growth, Memory},
    scrape::Scrape,
    sink::Sink,
    tally::Tally,
};

/// How long the service has to notice that all its clients have gone.
const SETTLES: Duration = Duration::from_secs(60);

/// What a run came to.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) tally: Tally,
    pub(crate) took: Duration,
    /// The service's page, when all was quiet again.
    pub(crate) scrape: Scrape,
    pub(crate) sink: Sink,
    pub(crate) growth: Option<Growth>,
    pub(crate) before: Process,
    pub(crate) after: Process,
}

/// What a process holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Process {
    pub(crate) threads: f64,
    pub(crate) files: usize,
}

/// Starts provider and service, drives the service, and ends both.
pub(crate) async fn run(plan: Plan) -> Result<Seen> {
    let sink = Sink::default();
    let endpoint = format!("http://{}", sink.start().await?);
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
        let tally = load::run(service.ready.service, plan).await;
        drop(stop);
        tally.map(|it| (it, started.elapsed()))
    };
    let (memory, loaded) = tokio::join!(watch, load);
    let (tally, took) = loaded?;

    let scrape = settled(metrics).await?;
    let after = Process::of(&service).await?;
    // Its last export comes now.
    service.end().await?;
    upstream.end().await?;
    Ok(Seen { tally, took, scrape, sink, growth: memory?.growth(), before, after })
}

/// What the service is told: to send everything, and one trace in a hundred beside those that callers ask for.
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

/// Waits until the service has no request under way, twice in a row with the same page.
async fn settled(metrics: std::net::SocketAddr) -> Result<Scrape> {
    let started = Instant::now();
    let counts = |scrape: &Scrape| scrape.sum("request_duration_seconds_count", |_| true);
    let mut last = Scrape::get(metrics).await?;
    loop {
        sleep(Duration::from_millis(500)).await;
        let scrape = Scrape::get(metrics).await?;
        let is_quiet = check::active(&scrape) == 0.0 && counts(&scrape) == counts(&last);
        // Whatever is wrong then, the checks will tell.
        if is_quiet || SETTLES < started.elapsed() {
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
