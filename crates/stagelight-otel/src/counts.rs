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
    /// Counts the items of one export by its outcome; returns the number lost.
    pub(crate) fn record(&self, items: u64, outcome: &Result<(), DeliveryError>) -> u64 {
        let lost = match outcome {
            Ok(()) => 0,
            Err(DeliveryError::Rejected { count, .. }) => items.min(*count),
            Err(_) => items,
        };
        self.delivered.fetch_add(items - lost, Relaxed);
        if let Err(error) = outcome {
            *self.lost.lock().entry(error.kind().to_owned()).or_default() += lost;
        }
        lost
    }

    pub(crate) fn delivered(&self) -> u64 {
        self.delivered.load(Relaxed)
    }

    pub(crate) fn lost(&self) -> BTreeMap<String, u64> {
        self.lost.lock().clone()
    }
}
