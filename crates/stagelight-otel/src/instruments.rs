//! The user's own instruments: OpenTelemetry's `Meter` API on its SDK.
//!
//! The SDK's periodic reader does the collecting, but at our bidding: what it hands to its exporter is kept, and goes
//! out with the stage metrics, in one request. So a user's callback that hangs or panics costs its own metrics only, and a
//! program without instruments still exports.

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

/// The reader's own interval: never, in practice.
const NEVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);
/// The most time for collecting. A callback reads a few numbers.
const COLLECT_LIMIT: Duration = Duration::from_secs(5);

/// The user's own instruments.
#[derive(Debug)]
pub(crate) struct Instruments {
    provider: SdkMeterProvider,
    gathered: Gathered,
    /// Held while the callbacks run, by whoever waits for them or by nobody.
    turn: Arc<Mutex<()>>,
    is_failing: AtomicBool,
}

/// What the reader collected last, encoded.
type Gathered = Arc<parking_lot::Mutex<Vec<ScopeMetrics>>>;

/// The exporter that the SDK sees: it only keeps what it is given.
///
/// So it never fails, and the SDK has nothing to log on every turn; failures of the real export are told once, by us.
#[derive(Debug)]
struct Gatherer(Gathered);

/// Makes exponential histograms of a program's own; buckets that an instrument asks for are only advice.
fn exponential(instrument: &Instrument) -> Option<Stream> {
    if instrument.kind() != InstrumentKind::Histogram {
        return None;
    }
    // OpenTelemetry's defaults; of cumulative values the least and the greatest say nothing of the last interval.
    let aggregation = Aggregation::Base2ExponentialHistogram {
        max_size: 160,
        max_scale: 20,
        record_min_max: false,
    };
    Stream::builder().with_aggregation(aggregation).build().ok()
}

// === impl Instruments ===

impl Instruments {
    pub(crate) fn new(resource: Resource, histograms: Histograms) -> Self {
        let gathered = Gathered::default();
        let gatherer = Gatherer(Arc::clone(&gathered));
        let reader = PeriodicReader::builder(gatherer).with_interval(NEVER).build();
        let mut provider = SdkMeterProvider::builder().with_resource(resource).with_reader(reader);
        if histograms == Histograms::Exponential {
            provider = provider.with_view(exponential);
        }
        Self {
            provider: provider.build(),
            gathered,
            turn: Arc::default(),
            is_failing: AtomicBool::new(false),
        }
    }

    pub(crate) const fn provider(&self) -> &SdkMeterProvider {
        &self.provider
    }

    /// Collects all instruments, calling the user's callbacks on the SDK's own thread.
    ///
    /// Returns nothing for this turn if they take longer than half the time to `deadline`.
    pub(crate) async fn collect(&self, deadline: Instant) -> Vec<ScopeMetrics> {
        let now = Instant::now();
        let limit = now + COLLECT_LIMIT.min((deadline - now) / 2);
        let is_ok = self.collect_by(limit).await;
        if is_ok {
            self.is_failing.store(false, Relaxed);
        } else if !self.is_failing.swap(true, Relaxed) {
            warn!(
                target: "stagelight",
                "the program's own instruments cannot be collected: a callback of theirs hangs or has panicked; stage metrics are not affected"
            );
        }
        mem::take(&mut *self.gathered.lock())
    }

    async fn collect_by(&self, limit: Instant) -> bool {
        // The turn before this one may go on although nobody waits for it any more: it was given up for a flush, and will
        // end soon, or it hangs, and is not to be waited for each time.
        let turn = Arc::clone(&self.turn);
        let turn = if self.is_failing.load(Relaxed) {
            turn.try_lock_owned().ok()
        } else {
            timeout_at(limit, turn.lock_owned()).await.ok()
        };
        let Some(turn) = turn else { return false };
        self.gathered.lock().clear();
        let provider = self.provider.clone();
        let collecting = spawn_blocking(move || {
            let result = provider.force_flush();
            drop(turn);
            result
        });
        matches!(timeout_at(limit, collecting).await, Ok(Ok(Ok(()))))
    }

    /// Ends the SDK's thread, waiting for it for 5 s at most on a thread for waiting.
    pub(crate) async fn shut_down(&self, deadline: Instant) {
        let provider = self.provider.clone();
        let ending = spawn_blocking(move || provider.shutdown());
        drop(timeout_at(deadline, ending).await);
    }
}

// === impl Gatherer ===

impl PushMetricExporter for Gatherer {
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
