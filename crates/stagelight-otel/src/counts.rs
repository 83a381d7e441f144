//! Counts exported items by outcome.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU64, Ordering::Relaxed},
};

use parking_lot::Mutex;

use crate::delivery::DeliveryError;

/// Numbers of spans or data points that an exporter delivered and lost.
#[derive(Debug, Default)]
pub(crate) struct ExportCounts {
    delivered: AtomicU64,
    /// By `error.type`.
    lost: Mutex<BTreeMap<String, u64>>,
}

// === impl ExportCounts ===

impl ExportCounts {
    /// Counts the items of one request by its outcome; returns the number lost.
    pub(crate) fn record(&self, items: usize, outcome: &Result<(), DeliveryError>) -> usize {
        let lost = match outcome {
            Ok(()) => 0,
            Err(DeliveryError::Rejected { count, .. }) => {
                items.min(usize::try_from(*count).unwrap_or(usize::MAX))
            }
            Err(_) => items,
        };
        self.delivered.fetch_add(as_u64(items - lost), Relaxed);
        if let Err(error) = outcome {
            self.record_lost(lost, error.kind());
        }
        lost
    }

    /// Counts items that were lost for this reason.
    pub(crate) fn record_lost(&self, items: usize, reason: &str) {
        let mut lost = self.lost.lock();
        let count = lost.entry(reason.to_owned()).or_default();
        *count = count.saturating_add(as_u64(items));
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(Relaxed)
    }

    pub(crate) fn lost(&self) -> BTreeMap<String, u64> {
        self.lost.lock().clone()
    }
}

fn as_u64(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
