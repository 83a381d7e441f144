//! The runtime that exports run on.

use std::{io, mem};

use opentelemetry::Context;
use tokio::runtime::{Builder, Runtime};

/// A Tokio runtime of our own, with one worker thread.
///
/// Not the user's: `init()` has to work before there is one, the last export has to work after it has ended, and waiting
/// for an export on a current-thread runtime would wait for itself.
#[derive(Debug)]
pub(crate) struct Background {
    // `None` only while it is being dropped.
    runtime: Option<Runtime>,
}

// === impl Background ===

impl Background {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("stagelight-export")
            .on_thread_start(suppress_telemetry)
            .enable_all()
            .build()?;
        Ok(Self { runtime: Some(runtime) })
    }

    pub(crate) fn spawn<F: Future<Output: Send> + Send + 'static>(&self, task: F) {
        if let Some(runtime) = &self.runtime {
            drop(runtime.spawn(task));
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A plain drop waits for blocking tasks, and panics inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Keeps what h2 or hyper trace on this thread out of the traces, or each export would give rise to spans for the next.
///
/// OpenTelemetry's own means for it. A thread-local `NoSubscriber` would do as well, but as soon as any thread has a
/// default of its own, `tracing` looks for one on every thread, for every span; and it would swallow our own reports.
fn suppress_telemetry() {
    // Never to be undone on this thread.
    mem::forget(Context::enter_telemetry_suppressed_scope());
}
