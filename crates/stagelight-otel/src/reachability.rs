//! Logs once when a collector becomes unreachable, and once when it recovers.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering::Relaxed},
};

use tracing::{info, warn};

use crate::{delivery::DeliveryError, signal::Signal};

/// Set once a permanent failure was logged in an outage.
const LOSS_LOGGED: u8 = 4;

/// Whether deliveries to one collector succeed, for all signals sent there.
///
/// A collector that accepts one signal and refuses the other counts as failing, so that alternating
/// outcomes are not logged each time.
#[derive(Debug)]
pub(crate) struct Reachability {
    endpoint: String,
    /// One bit per signal whose last delivery failed, and [`LOSS_LOGGED`].
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
        if before & !LOSS_LOGGED == bit(signal) {
            self.failing.fetch_and(!LOSS_LOGGED, Relaxed);
            info!(
                target: "stagelight", endpoint = self.endpoint, %signal,
                "telemetry export recovered"
            );
        }
    }

    pub(crate) fn failed(&self, signal: Signal, error: &DeliveryError) {
        let loss = if error.is_transient() { 0 } else { LOSS_LOGGED };
        let before = self.failing.fetch_or(bit(signal) | loss, Relaxed);
        // Data may be lost later in an outage than it begins; this is logged as well.
        if loss & !before != 0 {
            warn!(
                target: "stagelight", endpoint = self.endpoint, %signal, %error,
                "telemetry export failed and is not retried; further failures are not logged"
            );
        } else if before == 0 {
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
