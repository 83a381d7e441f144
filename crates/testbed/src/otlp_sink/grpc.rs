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
    /// Keeps the request's head and returns the number of items to reject.
    fn receive(&self, method: &str, metadata: &MetadataMap) -> Result<i64, Status> {
        let headers = metadata.iter().filter_map(|it| match it {
            KeyAndValueRef::Ascii(name, value) => {
                Some((name.to_string(), value.to_str().unwrap_or_default().to_owned()))
            }
            KeyAndValueRef::Binary(..) => None,
        });
        self.0.head(method, headers);
        let answer = *self.0.answer.lock();
        match answer {
            SinkAnswer::Take => Ok(0),
            SinkAnswer::Unavailable => Err(Status::unavailable("unavailable")),
            SinkAnswer::Refuse => Err(Status::invalid_argument("no, thank you")),
            SinkAnswer::Reject(count) => Ok(count.into()),
        }
    }
}

#[tonic::async_trait]
impl TraceService for Grpc {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let rejected = self.receive("TraceService/Export", request.metadata())?;
        self.0.accept_traces(request.into_inner());
        let partial_success = (0 < rejected).then(|| ExportTracePartialSuccess {
            rejected_spans: rejected,
            error_message: "too many".to_owned(),
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
        let rejected = self.receive("MetricsService/Export", request.metadata())?;
        self.0.accept_metrics(request.into_inner());
        let partial_success = (0 < rejected).then(|| ExportMetricsPartialSuccess {
            rejected_data_points: rejected,
            error_message: "too many".to_owned(),
        });
        Ok(Response::new(ExportMetricsServiceResponse { partial_success }))
    }
}
