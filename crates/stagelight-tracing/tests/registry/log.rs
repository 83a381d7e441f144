//! A shared text to which layers write.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
};

use tracing::Subscriber;
use tracing_subscriber::{Layer, fmt, fmt::format::FmtSpan, registry::LookupSpan};

#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

// === impl Log ===

impl Log {
    pub(crate) fn line(&self, line: &str) {
        writeln!(self.clone(), "{line}").unwrap();
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Returns a layer that writes a line for each event and each span's start and end.
    pub(crate) fn fmt<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let log = self.clone();
        fmt::layer()
            .with_ansi(false)
            .without_time()
            .with_span_events(FmtSpan::NEW)
            .with_writer(move || log.clone())
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
