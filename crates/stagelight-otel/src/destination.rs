//! Sends requests to a collector or to standard output.

use std::io::{self, Write};

use tokio::time::Instant;

use crate::{delivery::DeliveryError, otlp_client::OtlpClient, request::ExportRequest};

/// Where the requests of one signal are sent.
#[derive(Debug)]
pub(crate) enum Destination {
    // Boxed because it is large; there is one per signal.
    Otlp(Box<OtlpClient>),
    Console,
}

// === impl Destination ===

impl Destination {
    pub(crate) async fn export<R: ExportRequest>(
        &self,
        request: &R,
        deadline: Instant,
    ) -> Result<(), DeliveryError> {
        match self {
            Self::Otlp(client) => {
                let body = request.encode_to_vec().into();
                client.deliver(body, 1 < request.items(), deadline).await
            }
            Self::Console => {
                print(&request.lines());
                Ok(())
            }
        }
    }

    /// Returns whether requests must not be larger than a limit.
    pub(crate) const fn is_limited(&self) -> bool {
        matches!(self, Self::Otlp(_))
    }

    /// Logs that an item was dropped because of its size.
    pub(crate) fn dropped(&self, error: &DeliveryError) {
        if let Some(client) = self.otlp() {
            client.dropped(error);
        }
    }

    pub(crate) fn last_error(&self) -> Option<DeliveryError> {
        self.otlp().and_then(OtlpClient::last_error)
    }

    /// Limits the attempts of deliveries, because the process is about to end.
    pub(crate) fn begin_shutdown(&self) {
        if let Some(client) = self.otlp() {
            client.begin_shutdown();
        }
    }

    /// Returns the client, if requests are sent to a collector.
    pub(crate) fn otlp(&self) -> Option<&OtlpClient> {
        match self {
            Self::Otlp(client) => Some(client),
            Self::Console => None,
        }
    }
}

fn print(text: &str) {
    // A closed standard output is ignored; `println!` would panic.
    drop(io::stdout().lock().write_all(text.as_bytes()));
}
