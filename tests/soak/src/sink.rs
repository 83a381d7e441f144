//! Where the service's exports go: counted, and thrown away but for the last metrics.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use anyhow::Result;
use axum::{Router, extract::DefaultBodyLimit, routing::post};
use bytes::Bytes;
use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    metrics::v1::{HistogramDataPoint, metric::Data},
};
use prost::Message;

/// A collector that keeps next to nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sink {
    spans: Arc<AtomicU64>,
    unreadable: Arc<AtomicU64>,
    metrics: Arc<Mutex<Option<ExportMetricsServiceRequest>>>,
}

// === impl Sink ===

impl Sink {
    /// Listens on a free port, for OTLP over HTTP.
    pub(crate) async fn start(&self) -> Result<SocketAddr> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (traces, metrics) = (self.clone(), self.clone());
        let router = Router::new()
            .route("/v1/traces", post(async move |body: Bytes| traces.take_traces(body)))
            .route("/v1/metrics", post(async move |body: Bytes| metrics.take_metrics(body)))
            .layer(DefaultBodyLimit::disable());
        drop(tokio::spawn(axum::serve(listener, router).into_future()));
        Ok(address)
    }

    /// Returns how many spans came.
    pub(crate) fn spans(&self) -> u64 {
        self.spans.load(Relaxed)
    }

    /// Returns how many requests were no OTLP.
    pub(crate) fn unreadable(&self) -> u64 {
        self.unreadable.load(Relaxed)
    }

    /// Returns the points of a histogram in the last metrics that came.
    pub(crate) fn histogram(&self, name: &str) -> Vec<HistogramDataPoint> {
        let metrics = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        let scopes = metrics.iter().flat_map(|it| &it.resource_metrics);
        let metrics = scopes.flat_map(|it| &it.scope_metrics).flat_map(|it| &it.metrics);
        let points = metrics.filter(|it| it.name == name).filter_map(|it| match &it.data {
            Some(Data::Histogram(it)) => Some(it.data_points.clone()),
            _ => None,
        });
        points.flatten().collect()
    }

    fn take_traces(&self, body: Bytes) {
        let Ok(request) = ExportTraceServiceRequest::decode(body) else {
            self.unreadable.fetch_add(1, Relaxed);
            return;
        };
        let scopes = request.resource_spans.iter().flat_map(|it| &it.scope_spans);
        self.spans.fetch_add(scopes.map(|it| it.spans.len() as u64).sum(), Relaxed);
    }

    fn take_metrics(&self, body: Bytes) {
        let Ok(request) = ExportMetricsServiceRequest::decode(body) else {
            self.unreadable.fetch_add(1, Relaxed);
            return;
        };
        *self.metrics.lock().unwrap_or_else(PoisonError::into_inner) = Some(request);
    }
}
