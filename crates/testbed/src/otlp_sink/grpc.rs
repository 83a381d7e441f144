//! The sink's gRPC side.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::{
    metrics::v1::{
        ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use prost::Message as _;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    codec::CompressionEncoding,
    metadata::{KeyAndValueRef, MetadataMap},
    transport::Server,
};

use super::{Received, SinkAnswer};

struct Grpc(Arc<Received>);

pub(super) async fn serve(listener: TcpListener, received: Arc<Received>) {
    let traces = TraceServiceServer::new(Grpc(Arc::clone(&received)))
        .accept_compressed(CompressionEncoding::Gzip);
    let metrics =
        MetricsServiceServer::new(Grpc(received)).accept_compressed(CompressionEncoding::Gzip);
    let server = Server::builder().add_service(traces).add_service(metrics);
    // Runs until its runtime ends.
    drop(server.serve_with_incoming(TcpListenerStream::new(listener)).await);
}

// === impl Grpc ===

impl Grpc {
    /// Keeps the request's head and returns the number of items to reject, and a message.
    fn receive(
        &self,
        method: &str,
        metadata: &MetadataMap,
        bytes: usize,
    ) -> Result<Option<(i64, String)>, Status> {
        let headers = metadata.iter().filter_map(|it| match it {
            KeyAndValueRef::Ascii(name, value) => {
                Some((name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            }
            KeyAndValueRef::Binary(..) => None,
        });
        self.0.head(method, headers);
        if let Some(status) = &*self.0.grpc_status.lock() {
            return Err(status.clone());
        }
        let answer = *self.0.answer.lock();
        match answer {
            SinkAnswer::Limit(limit) if limit < bytes => Err(Status::resource_exhausted(format!(
                "grpc: received message larger than max ({bytes} vs. {limit})"
            ))),
            SinkAnswer::Take | SinkAnswer::Limit(_) => Ok(None),
            SinkAnswer::Unavailable => Err(Status::unavailable("unavailable")),
            SinkAnswer::Refuse => Err(Status::invalid_argument("no, thank you")),
            SinkAnswer::Reject(count) => Ok(Some((count.into(), "too many".to_owned()))),
            SinkAnswer::Warn(message) => Ok(Some((0, message.to_owned()))),
        }
    }
}

#[tonic::async_trait]
impl TraceService for Grpc {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let bytes = request.get_ref().encoded_len();
        let partial = self.receive("TraceService/Export", request.metadata(), bytes)?;
        self.0.accept_traces(request.into_inner());
        let partial_success = partial.map(|(rejected_spans, error_message)| {
            ExportTracePartialSuccess { rejected_spans, error_message }
        });
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

#[tonic::async_trait]
impl MetricsService for Grpc {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let bytes = request.get_ref().encoded_len();
        let partial = self.receive("MetricsService/Export", request.metadata(), bytes)?;
        self.0.accept_metrics(request.into_inner());
        let partial_success = partial.map(|(rejected_data_points, error_message)| {
            ExportMetricsPartialSuccess { rejected_data_points, error_message }
        });
        Ok(Response::new(ExportMetricsServiceResponse { partial_success }))
    }
}
