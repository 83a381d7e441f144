//! Says once that a collector cannot be reached, and once that it can again.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::Relaxed},
};

use tracing::{info, warn};

use crate::{delivery::DeliveryError, signal::Signal};

/// Whether deliveries to one collector work, for all signals that go there.
///
/// A collector that takes one signal and refuses the other stays "failing", so that it is not reported on every turn.
#[derive(Debug)]
pub(crate) struct Reachability {
    endpoint: String,
    /// A bit for each signal whose last delivery failed.
    failing: AtomicU8,
}

// === impl Reachability ===

impl Reachability {
    pub(crate) fn new(endpoint: String) -> Arc<Self> {
        Arc::new(Self { endpoint, failing: AtomicU8::new(0) })
    }

    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    pub(crate) fn delivered(&self, signal: Signal) {
        let before = self.failing.fetch_and(!bit(signal), Relaxed);
        if before == bit(signal) {
            info!(target: "stagelight", endpoint = self.endpoint, %signal, "telemetry is delivered again");
        }
    }

    pub(crate) fn failed(&self, signal: Signal, error: &DeliveryError) {
        let before = self.failing.fetch_or(bit(signal), Relaxed);
        if before == 0 {
            warn!(
                target: "stagelight", endpoint = self.endpoint, %signal, %error,
                "telemetry cannot be delivered; trying on, and saying so when it works again"
            );
        }
    }
}

const fn bit(signal: Signal) -> u8 {
    match signal {
        Signal::Traces => 1,
        Signal::Metrics => 2,
    }
}
