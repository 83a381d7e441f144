//! Sends requests to a collector or to standard output.

use std::io::{self, Write};

use opentelemetry_proto::tonic::collector::{
    metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use prost::Message;
use tokio::time::Instant;

use crate::{console, delivery::DeliveryError, otlp_client::OtlpClient};

/// Where the requests of one signal are sent.
#[derive(Debug)]
pub(crate) enum Destination {
    // Boxed because it is large; there is one per signal.
    Otlp(Box<OtlpClient>),
    Console,
}

// === impl Destination ===

impl Destination {
    pub(crate) async fn export_spans(
        &self,
        request: &ExportTraceServiceRequest,
        deadline: Instant,
    ) -> Result<(), DeliveryError> {
        match self {
            Self::Otlp(client) => client.deliver(request.encode_to_vec().into(), deadline).await,
            Self::Console => {
                print(&console::spans(request));
                Ok(())
            }
        }
    }

    pub(crate) async fn export_metrics(
        &self,
        request: &ExportMetricsServiceRequest,
        deadline: Instant,
    ) -> Result<(), DeliveryError> {
        match self {
            Self::Otlp(client) => client.deliver(request.encode_to_vec().into(), deadline).await,
            Self::Console => {
                print(&console::metrics(request));
                Ok(())
            }
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
