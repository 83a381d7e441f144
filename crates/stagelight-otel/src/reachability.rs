//! Logs once when a collector becomes unreachable, and once when it recovers.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::Relaxed},
};

use tracing::{info, warn};

use crate::{delivery::DeliveryError, signal::Signal};

/// Whether deliveries to one collector succeed, for all signals sent there.
///
/// A collector that accepts one signal and refuses the other counts as failing, so that alternating
/// outcomes are not logged each time.
#[derive(Debug)]
pub(crate) struct Reachability {
    endpoint: String,
    /// One bit per signal whose last delivery failed.
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
            info!(
                target: "stagelight", endpoint = self.endpoint, %signal,
                "telemetry export recovered"
            );
        }
    }

    pub(crate) fn failed(&self, signal: Signal, error: &DeliveryError) {
        let before = self.failing.fetch_or(bit(signal), Relaxed);
        if before == 0 {
            warn!(
                target: "stagelight", endpoint = self.endpoint, %signal, %error,
                "telemetry export failed; retrying, further failures are not logged"
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
