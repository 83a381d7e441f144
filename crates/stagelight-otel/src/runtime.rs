//! The runtime of the export tasks.

use std::{cell::Cell, io};

use tokio::runtime::{Builder, Runtime};

thread_local! {
    static IS_EXPORT_THREAD: Cell<bool> = const { Cell::new(false) };
}

/// A Tokio runtime with one worker thread.
///
/// Separate from the user's runtime: `init()` must work before that exists, the final export after
/// it has stopped, and blocking on an export from a current-thread runtime would deadlock.
#[derive(Debug)]
pub(crate) struct ExportRuntime {
    // `None` only during drop.
    runtime: Option<Runtime>,
}

// === impl ExportRuntime ===

impl ExportRuntime {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("stagelight-export")
            .on_thread_start(|| IS_EXPORT_THREAD.set(true))
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

impl Drop for ExportRuntime {
    fn drop(&mut self) {
        // Dropping a `Runtime` waits for blocking tasks, and panics inside another runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Returns whether the current thread exports.
///
/// The samplers drop spans of h2 and hyper on these threads; otherwise each export would create
/// spans for the next one.
///
/// Alternatives that do not work: OpenTelemetry's suppressed context is lost under spans without a
/// parent, which h2 creates. A thread-local `NoSubscriber` would discard this crate's own log
/// events; and once any thread has a default subscriber, `tracing` looks for one on every thread,
/// for every span.
pub(crate) fn is_export_thread() -> bool {
    IS_EXPORT_THREAD.get()
}
