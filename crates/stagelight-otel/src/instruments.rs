//! The user's own instruments, created with OpenTelemetry's `Meter` API.
//!
//! The SDK's periodic reader collects them when this crate requests it. Its exporter only keeps the
//! result, which is then sent with the stage metrics in one request. A user's callback that hangs
//! or panics therefore costs its own metrics only, and a program without instruments still exports.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use opentelemetry_proto::tonic::metrics::v1::ScopeMetrics;
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    metrics::{
        Aggregation, Instrument, InstrumentKind, PeriodicReader, SdkMeterProvider, Stream,
        Temporality, data::ResourceMetrics, exporter::PushMetricExporter,
    },
};
use tokio::{
    sync::Mutex,
    task::spawn_blocking,
    time::{Instant, timeout_at},
};
use tracing::warn;

use crate::config::Histograms;

/// The reader's own interval: 100 years, so that only explicit flushes collect.
const READER_INTERVAL: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// Maximum time for collecting. A callback reads a few numbers.
const COLLECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The user's own instruments.
#[derive(Debug)]
pub(crate) struct UserInstruments {
    provider: SdkMeterProvider,
    captured: Captured,
    /// Locked while callbacks run, also after their caller has timed out.
    collecting: Arc<Mutex<()>>,
    is_failing: AtomicBool,
}

/// The result of the last collection, encoded.
type Captured = Arc<parking_lot::Mutex<Vec<ScopeMetrics>>>;

/// The SDK reader's exporter: it keeps the metrics.
///
/// It never fails, so the SDK has no failure to log at each interval. Failures of the actual export
/// are logged once, by [`Reachability`](crate::reachability::Reachability).
#[derive(Debug)]
struct CapturingExporter(Captured);

/// A view that turns histograms into exponential ones, ignoring the boundaries that an instrument
/// advises.
fn exponential(instrument: &Instrument) -> Option<Stream> {
    if instrument.kind() != InstrumentKind::Histogram {
        return None;
    }
    // OpenTelemetry's defaults, without minimum and maximum: cumulative ones do not describe the
    // last interval.
    let aggregation = Aggregation::Base2ExponentialHistogram {
        max_size: 160,
        max_scale: 20,
        record_min_max: false,
    };
    Stream::builder().with_aggregation(aggregation).build().ok()
}

// === impl UserInstruments ===

impl UserInstruments {
    pub(crate) fn new(resource: Resource, histograms: Histograms) -> Self {
        let captured = Captured::default();
        let exporter = CapturingExporter(Arc::clone(&captured));
        let reader = PeriodicReader::builder(exporter).with_interval(READER_INTERVAL).build();
        let mut provider = SdkMeterProvider::builder().with_resource(resource).with_reader(reader);
        if histograms == Histograms::Exponential {
            provider = provider.with_view(exponential);
        }
        Self {
            provider: provider.build(),
            captured,
            collecting: Arc::default(),
            is_failing: AtomicBool::new(false),
        }
    }

    pub(crate) const fn provider(&self) -> &SdkMeterProvider {
        &self.provider
    }

    /// Collects all instruments; the user's callbacks run on the SDK's thread.
    ///
    /// Returns no metrics if the callbacks take longer than half the time to `deadline`, or 5 s.
    pub(crate) async fn collect(&self, deadline: Instant) -> Vec<ScopeMetrics> {
        let now = Instant::now();
        let limit = now + COLLECT_TIMEOUT.min((deadline - now) / 2);
        let is_ok = self.collect_until(limit).await;
        if is_ok {
            self.is_failing.store(false, Relaxed);
        } else if !self.is_failing.swap(true, Relaxed) {
            warn!(
                target: "stagelight",
                "user-defined instruments cannot be collected: a callback hangs or has panicked; \
                 stage metrics are not affected"
            );
        }
        mem::take(&mut *self.captured.lock())
    }

    async fn collect_until(&self, limit: Instant) -> bool {
        // A previous collection may still run after its caller has timed out. If it was interrupted
        // by a flush, it ends soon and is worth waiting for. If it has failed before, it probably
        // hangs.
        let lock = Arc::clone(&self.collecting);
        let guard = if self.is_failing.load(Relaxed) {
            lock.try_lock_owned().ok()
        } else {
            timeout_at(limit, lock.lock_owned()).await.ok()
        };
        let Some(guard) = guard else { return false };
        self.captured.lock().clear();
        let provider = self.provider.clone();
        let collecting = spawn_blocking(move || {
            let result = provider.force_flush();
            drop(guard);
            result
        });
        matches!(timeout_at(limit, collecting).await, Ok(Ok(Ok(()))))
    }

    /// Ends the SDK's thread; waits at most 5 s, on a thread for blocking tasks.
    pub(crate) async fn shut_down(&self, deadline: Instant) {
        let provider = self.provider.clone();
        let ending = spawn_blocking(move || provider.shutdown());
        drop(timeout_at(deadline, ending).await);
    }
}

// === impl CapturingExporter ===

impl PushMetricExporter for CapturingExporter {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        *self.0.lock() = metrics.scope_metrics().map(Into::into).collect();
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}
