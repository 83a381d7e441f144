//! The runtime that exports run on.

use std::{cell::Cell, io};

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
            .on_thread_start(|| IS_OURS.set(true))
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

thread_local! {
    static IS_OURS: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether the current thread is one that exports.
///
/// What h2 and hyper trace there must not become spans, or each export would give rise to spans for the next.
///
/// Asked by the sampler. OpenTelemetry's own means, a suppressing context, is lost under spans without a parent, which h2 makes. A
/// thread-local `NoSubscriber` would swallow our own reports; and as soon as any thread has a default of its own, `tracing`
/// looks for one on every thread, for every span.
pub(crate) fn is_export_thread() -> bool {
    IS_OURS.get()
}
