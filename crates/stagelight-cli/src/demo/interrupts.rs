//! Ctrl-c.

use std::io;

use anyhow::Context;
use tokio::sync::watch;

/// Tells when the user, or whoever ends processes, asks for the end.
#[derive(Debug)]
pub(super) struct Interrupts(watch::Receiver<()>);

// === impl Interrupts ===

impl Interrupts {
    /// Begins to listen; from now on ctrl-c (and, on Unix, SIGTERM) does not end the process by itself.
    ///
    /// # Errors
    ///
    /// Returns the system's error if signals cannot be listened for.
    pub(super) fn listen() -> anyhow::Result<Self> {
        let mut signals = Signals::listen().context("cannot listen for ctrl-c")?;
        let (sender, interrupts) = watch::channel(());
        tokio::spawn(async move {
            while signals.next().await.is_some() {
                sender.send_replace(());
            }
        });
        Ok(Self(interrupts))
    }

    /// Waits for the next interrupt that this listener has not seen. May be dropped and called again.
    pub(super) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // No more will come.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(not(unix))]
struct Signals;

// === impl Signals ===

#[cfg(unix)]
impl Signals {
    fn listen() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let (interrupt, terminate) = (SignalKind::interrupt(), SignalKind::terminate());
        Ok(Self { interrupt: signal(interrupt)?, terminate: signal(terminate)? })
    }

    async fn next(&mut self) -> Option<()> {
        tokio::select! {
            it = self.interrupt.recv() => it,
            it = self.terminate.recv() => it,
        }
    }
}

#[cfg(not(unix))]
impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> Option<()> {
        tokio::signal::ctrl_c().await.ok()
    }
}
