//! Tests of your own instrumentation, without globals.
//!
//! A [`TestTelemetry`] measures the code that a test runs with it, and nothing else: no global
//! subscriber, no exporter, no environment. Tests that run in parallel do not see each other.
//!
//! ```
//! use stagelight::{request, stage, testing::TestTelemetry};
//!
//! #[request("nightly_reindex")]
//! fn reindex() {
//!     load_documents().ok();
//! }
//!
//! #[stage("document_loading")]
//! fn load_documents() -> Result<(), std::fmt::Error> {
//!     Err(std::fmt::Error)
//! }
//!
//! let telemetry = TestTelemetry::new();
//! telemetry.run(reindex);
//!
//! let measured = telemetry.route("nightly_reindex");
//! assert_eq!(measured.requests, 1);
//! let loading = measured.stage("document_loading").unwrap();
//! assert_eq!((loading.count, loading.errors), (1, 1));
//! ```

use std::time::Duration;

use stagelight_core::{Engine, Snapshot};
use stagelight_http::HttpLayer;
use stagelight_live::breakdown::{Breakdown, Endpoint};
use stagelight_tracing::StageLayer;
use tracing::{
    Dispatch, dispatcher,
    instrument::{WithDispatch, WithSubscriber as _},
    subscriber::DefaultGuard,
};
use tracing_subscriber::layer::SubscriberExt as _;

/// Measures the code that a test runs with it.
#[derive(Clone, Debug)]
pub struct TestTelemetry {
    engine: Engine,
    dispatch: Dispatch,
}

// === impl TestTelemetry ===

impl TestTelemetry {
    /// Creates one that has measured nothing.
    #[must_use]
    pub fn new() -> Self {
        let engine = Engine::new();
        let subscriber = stagelight_tracing::registry().with(StageLayer::new(&engine));
        Self { dispatch: Dispatch::new(subscriber), engine }
    }

    /// Runs a function and measures what it does on this thread.
    pub fn run<R>(&self, work: impl FnOnce() -> R) -> R {
        dispatcher::with_default(&self.dispatch, work)
    }

    /// Wraps a future so that it is measured on whichever thread it is polled. Tasks that it spawns
    /// are not, unless they are wrapped too.
    pub fn instrument<F: Future>(&self, future: F) -> WithDispatch<F> {
        future.with_subscriber(self.dispatch.clone())
    }

    /// Measures everything on this thread until the guard is dropped: the tasks of a
    /// `current_thread` runtime, for example, which is what `#[tokio::test]` uses.
    #[must_use]
    pub fn set_default(&self) -> DefaultGuard {
        dispatcher::set_default(&self.dispatch)
    }

    /// Returns the tower layer that measures HTTP requests.
    #[must_use]
    pub fn http_layer(&self) -> HttpLayer {
        HttpLayer::new(&self.engine)
    }

    /// Returns the engine, which holds the measurements.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns all measurements.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.engine.snapshot()
    }

    /// Returns the requests of a route, or of a job, and their stages; zero requests and no stages
    /// if none has ended.
    #[must_use]
    pub fn route(&self, route: &str) -> Endpoint {
        let group_of = |stage: &str| self.engine.group_of(stage);
        let breakdown = Breakdown::from_snapshot(&self.snapshot(), Duration::ZERO, group_of);
        let mut routes = breakdown.endpoints.into_iter();
        routes.find(|it| it.endpoint == route).unwrap_or_default()
    }
}

impl Default for TestTelemetry {
    fn default() -> Self {
        Self::new()
    }
}
