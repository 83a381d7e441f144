//! Ctrl-c and SIGTERM.

use std::io;

use anyhow::Context;
use tokio::sync::watch;

/// A stream of interrupts: ctrl-c and, on Unix, SIGTERM.
#[derive(Debug)]
pub(super) struct Interrupts(watch::Receiver<()>);

// === impl Interrupts ===

impl Interrupts {
    /// Installs the signal handlers, which disable the default action.
    ///
    /// # Errors
    ///
    /// When the handlers cannot be installed.
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

    /// Waits for the next interrupt. Cancel-safe.
    pub(super) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // The signal task has ended.
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
