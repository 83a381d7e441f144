//! An OpenTelemetry collector inside a test.

mod grpc;
mod http;
mod lines;

use std::{
    collections::BTreeMap,
    io, mem,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::Arc,
    thread,
    time::Duration,
};

use opentelemetry_proto::tonic::{
    collector::{metrics::v1::ExportMetricsServiceRequest, trace::v1::ExportTraceServiceRequest},
    resource::v1::Resource,
    trace::v1::Span,
};
use parking_lot::Mutex;
use tokio::runtime::{Builder, Runtime};
use tracing::{Dispatch, dispatcher};

pub use lines::{metric_lines, resource_lines, span_lines};

/// Receives OTLP over gRPC and HTTP on loopback, on threads of its own, and keeps what it gets.
///
/// Dropping it closes the ports and all connections, as a killed collector would.
#[derive(Debug)]
pub struct OtlpSink {
    grpc: SocketAddr,
    http: SocketAddr,
    received: Arc<Received>,
    // `None` only while it is being dropped.
    runtime: Option<Runtime>,
}

/// How the sink answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SinkAnswer {
    /// Takes everything.
    #[default]
    Take,
    /// Takes nothing, and says that it may later: HTTP 503, gRPC `Unavailable`.
    Unavailable,
    /// Takes nothing, and never will: HTTP 400, gRPC `InvalidArgument`.
    Refuse,
    /// Takes the request, and says that it threw so many spans or data points away.
    Reject(u8),
}

/// What the sink got, in order of arrival. Only what it took is in `traces` and `metrics`.
#[derive(Debug, Default)]
pub(crate) struct Received {
    pub(crate) traces: Mutex<Vec<ExportTraceServiceRequest>>,
    pub(crate) metrics: Mutex<Vec<ExportMetricsServiceRequest>>,
    /// Path and headers of each request.
    pub(crate) heads: Mutex<Vec<RequestHead>>,
    pub(crate) answer: Mutex<SinkAnswer>,
}

/// The head of a request that the sink got.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestHead {
    /// The path of the address, of gRPC the method.
    pub path: String,
    /// The headers, by lower-case name.
    pub headers: BTreeMap<String, String>,
}

// === impl OtlpSink ===

impl OtlpSink {
    /// Listens on two free ports.
    ///
    /// # Errors
    ///
    /// What the system says if it gives no port or thread.
    pub fn start() -> io::Result<Self> {
        Self::start_at(0, 0)
    }

    /// Listens on these ports, as a restarted collector would; 0 stands for a free one.
    ///
    /// # Errors
    ///
    /// What the system says if a port is taken.
    pub fn start_at(grpc_port: u16, http_port: u16) -> io::Result<Self> {
        let grpc = listen(grpc_port)?;
        let http = listen(http_port)?;
        let received = Arc::new(Received::default());
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .on_thread_start(trace_nothing)
            .enable_all()
            .build()?;
        let addresses = (grpc.local_addr()?, http.local_addr()?);
        let _context = runtime.enter();
        let grpc = tokio::net::TcpListener::from_std(grpc)?;
        let http = tokio::net::TcpListener::from_std(http)?;
        drop(runtime.spawn(grpc::serve(grpc, Arc::clone(&received))));
        drop(runtime.spawn(http::serve(http, Arc::clone(&received))));
        Ok(Self { grpc: addresses.0, http: addresses.1, received, runtime: Some(runtime) })
    }

    /// Returns the address for gRPC: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn grpc_endpoint(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// Returns the address for HTTP: `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn http_endpoint(&self) -> String {
        format!("http://{}", self.http)
    }

    /// Returns the ports for gRPC and HTTP.
    #[must_use]
    pub const fn ports(&self) -> (u16, u16) {
        (self.grpc.port(), self.http.port())
    }

    /// Sets how requests are answered from now on.
    pub fn answer(&self, answer: SinkAnswer) {
        *self.received.answer.lock() = answer;
    }

    /// Returns the requests with metrics, in order of arrival.
    #[must_use]
    pub fn metrics(&self) -> Vec<ExportMetricsServiceRequest> {
        self.received.metrics.lock().clone()
    }

    /// Returns the requests with spans, in order of arrival.
    #[must_use]
    pub fn traces(&self) -> Vec<ExportTraceServiceRequest> {
        self.received.traces.lock().clone()
    }

    /// Returns path and headers of each request, taken or not, in order of arrival.
    #[must_use]
    pub fn heads(&self) -> Vec<RequestHead> {
        self.received.heads.lock().clone()
    }

    /// Returns all spans, in order of arrival.
    #[must_use]
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.traces();
        let scopes = requests.into_iter().flat_map(|it| it.resource_spans);
        scopes.flat_map(|it| it.scope_spans).flat_map(|it| it.spans).collect()
    }

    /// Returns a line for each data point of the last request with metrics; see [`metric_lines`].
    #[must_use]
    pub fn last_metric_lines(&self) -> Vec<String> {
        self.received.metrics.lock().last().map(metric_lines).unwrap_or_default()
    }

    /// Returns the resources of all requests.
    #[must_use]
    pub fn resources(&self) -> Vec<Resource> {
        let metrics = self.metrics().into_iter().flat_map(|it| it.resource_metrics);
        let metrics = metrics.filter_map(|it| it.resource);
        let traces = self.traces().into_iter().flat_map(|it| it.resource_spans);
        metrics.chain(traces.filter_map(|it| it.resource)).collect()
    }

    /// Waits until the sink has got what is asked for; returns `false` if it does not within 10 s.
    #[must_use]
    pub fn wait_until(&self, is_there: impl Fn(&Self) -> bool) -> bool {
        for _ in 0..1000 {
            if is_there(self) {
                return true;
            }
            thread::sleep(Duration::from_millis(10));
        }
        false
    }
}

impl Drop for OtlpSink {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // With a wait, so that the ports are free when this returns; on another thread, because async code must not wait.
            let closing = thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(1)));
            drop(closing.join());
        }
    }
}

/// Keeps what the sink's own server traces away from the subscriber under test.
fn trace_nothing() {
    mem::forget(dispatcher::set_default(&Dispatch::none()));
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
