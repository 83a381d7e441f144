//! Where requests go: to a collector or to standard output.

use std::io::{self, Write};

use opentelemetry_proto::tonic::collector::{
    metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest,
};
use prost::Message;
use tokio::time::Instant;

use crate::{console, delivery::DeliveryError, otlp::Otlp};

/// Where the requests of one signal go.
#[derive(Debug)]
pub(crate) enum Destination {
    // Boxed: it is large, and there is one of it.
    Otlp(Box<Otlp>),
    Console,
}

// === impl Destination ===

impl Destination {
    pub(crate) async fn spans(
        &self,
        request: &ExportTraceServiceRequest,
        deadline: Instant,
    ) -> Result<(), DeliveryError> {
        match self {
            Self::Otlp(otlp) => otlp.deliver(request.encode_to_vec().into(), deadline).await,
            Self::Console => {
                print(&console::spans(request));
                Ok(())
            }
        }
    }

    pub(crate) async fn metrics(
        &self,
        request: &ExportMetricsServiceRequest,
        deadline: Instant,
    ) -> Result<(), DeliveryError> {
        match self {
            Self::Otlp(otlp) => otlp.deliver(request.encode_to_vec().into(), deadline).await,
            Self::Console => {
                print(&console::metrics(request));
                Ok(())
            }
        }
    }

    pub(crate) fn last_error(&self) -> Option<DeliveryError> {
        match self {
            Self::Otlp(otlp) => otlp.last_error(),
            Self::Console => None,
        }
    }

    /// Makes deliveries give up sooner, because the program is about to end.
    pub(crate) fn hurry(&self) {
        match self {
            Self::Otlp(otlp) => otlp.hurry(),
            Self::Console => {}
        }
    }

    /// Returns the collector's side, if there is one.
    pub(crate) fn otlp(&self) -> Option<&Otlp> {
        match self {
            Self::Otlp(otlp) => Some(otlp),
            Self::Console => None,
        }
    }
}

fn print(text: &str) {
    // A closed standard output is nobody's problem here, and a panic (`println!`) would be.
    drop(io::stdout().lock().write_all(text.as_bytes()));
}
