//! The log lines about a start.

use std::{sync::Arc, thread, time::Duration};

use parking_lot::Mutex;
use stagelight_otel::{Config, EnvProblem};
use tracing::{Dispatch, Subscriber, dispatcher, info, level_filters::LevelFilter, warn};
use tracing_subscriber::Layer;

/// The exporters in one line, the invalid variables, and a proxy that is not used.
#[derive(Debug)]
pub(crate) struct Report {
    summary: String,
    proxy: Option<&'static str>,
    problems: Vec<EnvProblem>,
}

/// Logs the report to the first subscriber registered with this layer.
#[derive(Debug)]
pub(crate) struct ReportLayer(pub(crate) Arc<Mutex<Option<Report>>>);

// === impl Report ===

impl Report {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            summary: config.summary(),
            proxy: config.ignored_proxy(),
            problems: config.problems.clone(),
        }
    }

    /// Logs to the current subscriber.
    pub(crate) fn log(&self) {
        info!(target: "stagelight", "{}", self.summary);
        for problem in &self.problems {
            warn!(target: "stagelight", "{problem}; using {}", problem.used);
        }
        if let Some(variable) = self.proxy {
            warn!(
                target: "stagelight",
                "exports do not use the proxy of {variable} and connect directly; \
                 add the collector's host to NO_PROXY if it needs no proxy"
            );
        }
    }
}

// === impl ReportLayer ===

impl<S: Subscriber> Layer<S> for ReportLayer {
    fn on_register_dispatch(&self, dispatch: &Dispatch) {
        let Some(report) = self.0.lock().take() else { return };
        let dispatch = dispatch.clone();
        // On a thread of its own: `tracing` holds a lock while it registers a subscriber, and the
        // first event of a callsite takes the same lock.
        let log = move || {
            wait_for_registration();
            dispatcher::with_default(&dispatch, || report.log());
        };
        let thread = thread::Builder::new().name("stagelight-report".to_owned()).spawn(log);
        // A system without a thread to spare goes without the lines.
        drop(thread);
    }
}

/// Waits until `tracing` has raised its maximum level for the new subscriber, which is the last
/// step of the registration; for 100 ms at most, because the subscriber may not enable `INFO`.
fn wait_for_registration() {
    for _ in 0..100 {
        if LevelFilter::INFO <= LevelFilter::current() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
}
