//! Being asked to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result};
use signal_hook::consts::signal::{SIGHUP, SIGINT, SIGTERM};

/// Notices SIGINT, SIGTERM and SIGHUP instead of dying of them.
///
/// Once made, the signals no longer end the process: whoever holds this looks at
/// [`signal`](Self::signal) from time to time and cleans up.
#[derive(Clone, Debug)]
pub struct Interrupt {
    /// The number of the newest signal, 0 for none.
    newest: Arc<AtomicUsize>,
}

// === impl Interrupt ===

impl Interrupt {
    /// Starts to notice the signals.
    ///
    /// # Errors
    ///
    /// When the operating system refuses.
    pub fn watch() -> Result<Self> {
        let newest = Arc::new(AtomicUsize::new(0));
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let number = usize::try_from(signal)?;
            signal_hook::flag::register_usize(signal, Arc::clone(&newest), number)
                .context("cannot watch for signals")?;
        }
        Ok(Self { newest })
    }

    /// Returns the number of the newest signal that came, if any did.
    #[must_use]
    pub fn signal(&self) -> Option<u8> {
        match self.newest.load(Ordering::Relaxed) {
            0 => None,
            signal => u8::try_from(signal).ok(),
        }
    }
}
