//! The cost of one request to an axum server on loopback.

mod client;
mod ours;
#[cfg(feature = "peers")]
mod peers;
mod server;

use anyhow::Result;
use axum::Router;

pub use client::Client;
pub use server::Server;

/// A way to instrument an axum service.
pub struct Side {
    pub name: &'static str,
    pub title: &'static str,
    /// Its limits, or its set-up.
    pub note: &'static str,
    set_up: fn() -> Result<SetUp>,
}

/// A service and its count of recorded requests.
struct SetUp {
    router: Router,
    recorded: Recorded,
}

type Recorded = Box<dyn Fn() -> Option<u64> + Send + Sync>;

/// The side with which all others are compared.
pub const BASE: &str = "axum";
/// The side with the unit of added cost.
pub const YARDSTICK: &str = "axum-otel-metrics";

const OURS: &[Side] = &[
    Side { name: BASE, title: "axum alone", note: "the base", set_up: ours::nothing },
    Side {
        name: "unseen",
        title: "six spans on Registry, empty layer",
        note: "records nothing; axum's own middleware around the handler",
        set_up: ours::unseen,
    },
    Side {
        name: "stagelight-untraced",
        title: "stagelight, five stages, no trace layer",
        note: "to the last byte; stages, shares, busy time; no traces",
        set_up: || ours::untraced(ours::staged),
    },
    Side {
        name: "stagelight-http",
        title: "stagelight, no stages, 1 % of traces",
        note: "to the last byte",
        set_up: || ours::measured(0.01, ours::plain),
    },
    Side {
        name: "stagelight-0",
        title: "stagelight, five stages, 0 % of traces",
        note: "to the last byte; stages, shares, busy time",
        set_up: || ours::measured(0.0, ours::staged),
    },
    Side {
        name: "stagelight-1",
        title: "stagelight, five stages, 1 % of traces",
        note: "to the last byte; stages, shares, busy time",
        set_up: || ours::measured(0.01, ours::staged),
    },
    Side {
        name: "stagelight-100",
        title: "stagelight, five stages, 100 % of traces",
        note: "to the last byte; stages, shares, busy time",
        set_up: || ours::measured(1.0, ours::staged),
    },
];

#[cfg(feature = "peers")]
const PEERS: &[Side] = &[
    Side {
        name: YARDSTICK,
        title: "axum-otel-metrics",
        note: "to the response head; no stages, no traces",
        set_up: peers::axum_otel_metrics,
    },
    Side {
        name: "tower-otel-http-metrics",
        title: "tower-otel-http-metrics",
        note: "to the response head; no stages, no traces",
        set_up: peers::tower_otel_http_metrics,
    },
    Side {
        name: "opentelemetry-instrumentation-tower",
        title: "opentelemetry-instrumentation-tower, 1 % of traces",
        note: "to the response head; no stages",
        set_up: peers::opentelemetry_instrumentation_tower,
    },
    Side {
        name: "axum-tracing-opentelemetry",
        title: "axum-tracing-opentelemetry, 1 % of traces",
        note: "to the response head; no metrics, no stages",
        set_up: || peers::axum_tracing_opentelemetry(ours::plain),
    },
    Side {
        name: "axum-tracing-opentelemetry-stages",
        title: "axum-tracing-opentelemetry, five spans, 1 % of traces",
        note: "to the response head; no metrics",
        set_up: || peers::axum_tracing_opentelemetry(ours::staged),
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

    /// Sets the side up, the only one in this process, and serves on this many threads, each with a
    /// free port.
    ///
    /// # Errors
    ///
    /// If it cannot be set up.
    pub fn start(&self, threads: usize) -> Result<Server> {
        let SetUp { router, recorded } = (self.set_up)()?;
        Server::start(&router, recorded, threads)
    }
}
