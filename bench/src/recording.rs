//! The cost of recording one request: a root span and five stages.

mod floor;
mod ours;
#[cfg(feature = "peers")]
mod peers;
mod spans;
mod threads;

use anyhow::Result;

pub(crate) use ours::Empty;
#[cfg(feature = "peers")]
pub(crate) use peers::tracers;
pub(crate) use threads::WARM_UP;
pub use threads::{Load, time};

/// A way to record requests.
pub struct Side {
    pub name: &'static str,
    pub title: &'static str,
    /// Its limits, or its set-up.
    pub note: &'static str,
    start: fn() -> Result<Running>,
}

/// A side, ready for requests.
pub struct Running {
    /// Records one request of an endpoint.
    pub request: Box<dyn Fn(&'static str) + Send + Sync>,
    /// Returns the number of recorded requests, if the side records any.
    pub recorded: Box<dyn Fn() -> Option<u64> + Send + Sync>,
}

/// The side with which all others are compared.
pub const BASE: &str = "registry";

const OURS: &[Side] = &[
    Side {
        name: "none",
        title: "no instrumentation",
        note: "an empty request",
        start: floor::nothing,
    },
    Side {
        name: "floor",
        title: "clock reads and per-thread histograms",
        note: "the floor: no spans, six durations",
        start: floor::floor,
    },
    Side {
        name: BASE,
        title: "Registry, empty layer",
        note: "the base; records nothing",
        start: ours::plain_empty,
    },
    Side {
        name: "own-registry",
        title: "`stagelight::registry()`, empty layer",
        note: "records nothing",
        start: ours::own_empty,
    },
    Side {
        name: "stagelight-on-plain",
        title: "stagelight on Registry",
        note: "every metric; no trace layer",
        start: ours::on_plain,
    },
    Side {
        name: "stagelight",
        title: "stagelight on `stagelight::registry()`",
        note: "every metric; no trace layer",
        start: ours::on_own,
    },
    Side {
        name: "stagelight-plain-1",
        title: "stagelight on Registry, 1 % of traces",
        note: "every metric, traces over OTLP",
        start: || ours::traced_on_plain(0.01),
    },
    Side {
        name: "stagelight-0",
        title: "stagelight, 0 % of traces",
        note: "every metric, traces over OTLP",
        start: || ours::traced(0.0),
    },
    Side {
        name: "stagelight-1",
        title: "stagelight, 1 % of traces",
        note: "every metric, traces over OTLP",
        start: || ours::traced(0.01),
    },
    Side {
        name: "stagelight-100",
        title: "stagelight, 100 % of traces",
        note: "every metric, traces over OTLP",
        start: || ours::traced(1.0),
    },
];

#[cfg(feature = "peers")]
const PEERS: &[Side] = &[
    Side {
        name: "otel-1",
        title: "tracing-opentelemetry, 1 %, SDK histograms",
        note: "six durations by hand; no shares, no busy time",
        start: || peers::open_telemetry(0.01),
    },
    Side {
        name: "otel-100",
        title: "tracing-opentelemetry, 100 %, SDK histograms",
        note: "six durations by hand; no shares, no busy time",
        start: || peers::open_telemetry(1.0),
    },
    Side {
        name: "metrics",
        title: "metrics, metrics-exporter-prometheus",
        note: "six durations by hand; no spans, no traces, no shares",
        start: peers::metrics,
    },
];
#[cfg(not(feature = "peers"))]
const PEERS: &[Side] = &[];

/// Returns all sides, in the table's order.
pub fn sides() -> impl Iterator<Item = &'static Side> {
    OURS.iter().chain(PEERS)
}

// === impl Side ===

impl Side {
    /// Returns the side with this name.
    ///
    /// # Errors
    ///
    /// If this build does not have it.
    pub fn named(name: &str) -> Result<&'static Self> {
        sides().find(|it| it.name == name).ok_or_else(|| anyhow::anyhow!("unknown side {name:?}"))
    }

    /// Sets the side up, the only one in this process.
    ///
    /// # Errors
    ///
    /// If it cannot be set up.
    pub fn start(&self) -> Result<Running> {
        (self.start)()
    }
}
