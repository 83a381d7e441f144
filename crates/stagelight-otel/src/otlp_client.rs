//! Delivers requests to a collector: with a time limit, retries, and one log event per outage.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use http::Uri;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use parking_lot::Mutex;
use prost::Message;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::warn;

use crate::{
    backoff::{Backoff, Pause},
    config::Protocol,
    deadline,
    delivery::{DeliveryError, sanitize},
    reachability::Reachability,
    signal::Signal,
    transport::Transport,
};

/// Attempts per delivery during shutdown, so that it does not wait for a collector that is down.
const MAX_SHUTDOWN_ATTEMPTS: u32 = 3;

/// Sends the requests of one signal to one collector.
#[derive(Debug)]
pub(crate) struct OtlpClient {
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) protocol: Protocol,
    pub(crate) uri: Uri,
    pub(crate) signal: Signal,
    /// Maximum time for one delivery, retries included.
    pub(crate) timeout: Duration,
    pub(crate) reachability: Arc<Reachability>,
    pub(crate) state: DeliveryState,
}

/// The mutable state of a client.
#[derive(Debug, Default)]
pub(crate) struct DeliveryState {
    last_error: Mutex<Option<DeliveryError>>,
    pause: Pause,
    rejection_logged: AtomicBool,
    warning_logged: AtomicBool,
    size_logged: AtomicBool,
    is_shutting_down: AtomicBool,
}

// === impl OtlpClient ===

impl OtlpClient {
    /// Delivers an encoded export request before `deadline` and within this signal's timeout.
    ///
    /// `can_split` says whether the caller can send it in smaller parts.
    pub(crate) async fn deliver(
        &self,
        body: Bytes,
        can_split: bool,
        deadline: Instant,
    ) -> Result<(), DeliveryError> {
        let started = Instant::now();
        let deadline = deadline.min(deadline::after(self.timeout));
        let response = self.send_with_retries(body, can_split, started, deadline).await;
        match &response {
            Ok(_) => self.reachability.delivered(self.signal),
            // The caller sends smaller requests.
            Err(DeliveryError::TooLarge { .. }) => {}
            Err(error) => {
                *self.state.last_error.lock() = Some(error.clone());
                self.reachability.failed(self.signal, error);
            }
        }
        self.check_for_rejection(&response?)
    }

    /// Logs that an item was dropped because of its size.
    pub(crate) fn dropped(&self, error: &DeliveryError) {
        if !self.state.size_logged.swap(true, Relaxed) {
            warn!(
                target: "stagelight", signal = %self.signal, %error,
                "an item was dropped because of its size; further ones are counted, not logged"
            );
        }
    }

    /// Returns the last error of a delivery or of a single attempt.
    pub(crate) fn last_error(&self) -> Option<DeliveryError> {
        self.state.last_error.lock().clone()
    }

    /// Limits the attempts of deliveries, because the process is about to end.
    pub(crate) fn begin_shutdown(&self) {
        self.state.is_shutting_down.store(true, Relaxed);
    }

    async fn send_with_retries(
        &self,
        body: Bytes,
        can_split: bool,
        started: Instant,
        deadline: Instant,
    ) -> Result<Bytes, DeliveryError> {
        let mut backoff = Backoff::new();
        let mut attempts = 0;
        loop {
            self.state.pause.wait(deadline).await?;
            let sending = self.transport.send(body.clone(), deadline);
            let error = match timeout_at(deadline, sending).await {
                Ok(Ok(response)) => return Ok(response),
                Ok(Err(error)) => error.for_request_of(body.len(), can_split),
                Err(_) => self.timed_out(deadline - started),
            };
            attempts += 1;
            *self.state.last_error.lock() = Some(error.clone());
            let is_last =
                self.state.is_shutting_down.load(Relaxed) && MAX_SHUTDOWN_ATTEMPTS <= attempts;
            if !error.is_transient() {
                return Err(error);
            }
            // The next attempt, also that of a later delivery, waits for the end of the pause.
            self.state.pause.start(&error);
            let delay = backoff.delay();
            if is_last || deadline - Instant::now() <= delay {
                return Err(error);
            }
            sleep(delay).await;
        }
    }

    fn timed_out(&self, limit: Duration) -> DeliveryError {
        DeliveryError::Timeout { endpoint: self.reachability.endpoint().to_owned(), limit }
    }

    fn check_for_rejection(&self, response: &Bytes) -> Result<(), DeliveryError> {
        // Responses for metrics have the same shape on the wire. A response that cannot be decoded
        // counts as empty: its status was "success".
        let response = ExportTraceServiceResponse::decode(response.clone()).unwrap_or_default();
        let Some(partial) = response.partial_success else { return Ok(()) };
        let message = sanitize(&partial.error_message);
        let endpoint = self.reachability.endpoint();
        let Ok(count @ 1..) = u64::try_from(partial.rejected_spans) else {
            if !message.is_empty() && !self.state.warning_logged.swap(true, Relaxed) {
                warn!(
                    target: "stagelight", signal = %self.signal, endpoint, warning = message,
                    "the collector accepted telemetry with a warning; \
                     further warnings are not logged"
                );
            }
            return Ok(());
        };
        let error = DeliveryError::Rejected { endpoint: endpoint.to_owned(), count, message };
        if !self.state.rejection_logged.swap(true, Relaxed) {
            warn!(
                target: "stagelight", signal = %self.signal, %error,
                "the collector rejected telemetry; further rejections are counted, not logged"
            );
        }
        Err(error)
    }
}

#[cfg(test)]
impl OtlpClient {
    /// Returns a client for traces with a short timeout: one attempt per delivery.
    pub(crate) fn for_tests(transport: impl Transport + 'static) -> Self {
        Self {
            transport: Box::new(transport),
            protocol: Protocol::Grpc,
            uri: Uri::from_static("http://localhost:4317"),
            signal: Signal::Traces,
            timeout: Duration::from_millis(50),
            reachability: Reachability::new(String::new()),
            state: DeliveryState::default(),
        }
    }
}
