//! How many spans wait, and what a span may hold.

use std::time::Duration;

/// The bounds that keep spans from filling the memory. The defaults are the specification's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanLimits {
    /// Time between two exports.
    pub(crate) delay: Duration,
    /// How many finished spans wait at most.
    pub(crate) queue: usize,
    /// How many go into one export; at most `queue`.
    pub(crate) batch: usize,
    /// The most time for one export.
    pub(crate) timeout: Duration,
    /// Attributes that one span keeps.
    pub(crate) attributes: u32,
    /// Events that one span keeps.
    pub(crate) events: u32,
    /// Links that one span keeps.
    pub(crate) links: u32,
}

// === impl SpanLimits ===

impl Default for SpanLimits {
    fn default() -> Self {
        Self {
            delay: Duration::from_secs(5),
            queue: 2048,
            batch: 512,
            timeout: Duration::from_secs(30),
            attributes: 128,
            events: 128,
            links: 128,
        }
    }
}
