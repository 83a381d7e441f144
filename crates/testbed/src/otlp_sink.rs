//! An OTLP receiver inside a test.

mod grpc;
mod http;
mod lines;

use std::{
    collections::BTreeMap,
    io, mem,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
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

/// Receives OTLP over gRPC and HTTP on loopback, on its own threads, and keeps the requests.
///
/// Dropping it closes the ports and all connections, like a killed collector.
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
    /// Accepts the request.
    #[default]
    Take,
    /// Fails with a retryable error: HTTP 503, gRPC `Unavailable`.
    Unavailable,
    /// Fails with a permanent error: HTTP 400, gRPC `InvalidArgument`.
    Refuse,
    /// Accepts the request and reports this many rejected spans or data points.
    Reject(u8),
    /// Accepts the request and reports a warning.
    Warn(&'static str),
    /// Fails requests above this many uncompressed bytes: HTTP 413, gRPC `ResourceExhausted`.
    Limit(usize),
}

/// The received requests in order of arrival. `traces` and `metrics` hold accepted ones only.
#[derive(Debug, Default)]
pub(crate) struct Received {
    traces: Mutex<Vec<ExportTraceServiceRequest>>,
    metrics: Mutex<Vec<ExportMetricsServiceRequest>>,
    /// Path and headers of each request.
    heads: Mutex<Vec<RequestHead>>,
    answer: Mutex<SinkAnswer>,
    /// Overrides the answer to gRPC requests.
    grpc_status: Mutex<Option<tonic::Status>>,
    span_count: AtomicU64,
    decode_errors: AtomicU64,
    /// Keeps only counts and the last metrics.
    only_counts: AtomicBool,
}

/// The head of a received request.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestHead {
    /// The path of the URL; the method of a gRPC call.
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
    /// Returns the system's error if no port or thread is available.
    pub fn start() -> io::Result<Self> {
        Self::start_at(0, 0)
    }

    /// Listens on two free ports and keeps counts and the last metrics only, for load tests.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn start_counting() -> io::Result<Self> {
        let sink = Self::start()?;
        sink.received.only_counts.store(true, Relaxed);
        Ok(sink)
    }

    /// Listens on these ports, like a restarted collector; 0 stands for a free port.
    ///
    /// # Errors
    ///
    /// Returns the system's error if a port is in use.
    pub fn start_at(grpc_port: u16, http_port: u16) -> io::Result<Self> {
        let grpc = listen(grpc_port)?;
        let http = listen(http_port)?;
        let received = Arc::new(Received::default());
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .on_thread_start(disable_tracing)
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

    /// Sets the answer to all further requests.
    pub fn answer(&self, answer: SinkAnswer) {
        *self.received.answer.lock() = answer;
    }

    /// Sets a gRPC status that all further gRPC requests fail with, or none.
    pub fn fail_grpc(&self, status: Option<tonic::Status>) {
        *self.received.grpc_status.lock() = status;
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

    /// Returns path and headers of each request, accepted or not, in order of arrival.
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

    /// Returns the number of spans received.
    #[must_use]
    pub fn span_count(&self) -> u64 {
        self.received.span_count.load(Relaxed)
    }

    /// Returns the number of HTTP requests that could not be decoded.
    #[must_use]
    pub fn decode_errors(&self) -> u64 {
        self.received.decode_errors.load(Relaxed)
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

    /// Waits until the condition holds; returns `false` after 10 s.
    #[must_use]
    pub fn wait_until(&self, condition: impl Fn(&Self) -> bool) -> bool {
        for _ in 0..1000 {
            if condition(self) {
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
            // Waits, so that the ports are free when this returns. On another thread, because async
            // code must not block.
            let closing = thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(1)));
            drop(closing.join());
        }
    }
}

// === impl Received ===

impl Received {
    fn head(&self, path: &str, headers: impl Iterator<Item = (String, String)>) {
        if !self.only_counts.load(Relaxed) {
            let head = RequestHead { path: path.to_owned(), headers: headers.collect() };
            self.heads.lock().push(head);
        }
    }

    fn accept_traces(&self, request: ExportTraceServiceRequest) {
        let scopes = request.resource_spans.iter().flat_map(|it| &it.scope_spans);
        self.span_count.fetch_add(scopes.map(|it| it.spans.len() as u64).sum(), Relaxed);
        if !self.only_counts.load(Relaxed) {
            self.traces.lock().push(request);
        }
    }

    fn accept_metrics(&self, request: ExportMetricsServiceRequest) {
        let mut metrics = self.metrics.lock();
        if self.only_counts.load(Relaxed) {
            metrics.clear();
        }
        metrics.push(request);
    }
}

/// Keeps the events of the sink's own server away from the subscriber under test.
fn disable_tracing() {
    mem::forget(dispatcher::set_default(&Dispatch::none()));
}

fn listen(port: u16) -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}
