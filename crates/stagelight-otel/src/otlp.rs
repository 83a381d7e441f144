//! Delivers requests to a collector: in time, tried again where that may help, failures told once.

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
    config::Protocol, delivery::DeliveryError, reachability::Reachability, signal::Signal,
    transport::Transport,
};

/// The wait before the second try; doubled before each further one.
const FIRST_WAIT: Duration = Duration::from_millis(200);
/// Where the doubling ends. Short against the time for one export, so that a restarted collector is found within it.
const LONGEST_WAIT: Duration = Duration::from_millis(1600);
/// How often a delivery is tried when the program is about to end: whoever stops it should not wait for a
/// collector that is not there.
const LAST_TRIES: u32 = 3;

/// One signal's way to one collector.
#[derive(Debug)]
pub(crate) struct Otlp {
    pub(crate) transport: Box<dyn Transport>,
    pub(crate) protocol: Protocol,
    pub(crate) uri: Uri,
    pub(crate) signal: Signal,
    /// The most time for one delivery.
    pub(crate) timeout: Duration,
    pub(crate) reachability: Arc<Reachability>,
    pub(crate) state: State,
}

/// What changes while deliveries are made.
#[derive(Debug, Default)]
pub(crate) struct State {
    last_error: Mutex<Option<DeliveryError>>,
    rejection_told: AtomicBool,
    stopping: AtomicBool,
}

// === impl Otlp ===

impl Otlp {
    /// Delivers an encoded export request, by `deadline` or this signal's own limit, whichever is earlier.
    pub(crate) async fn deliver(
        &self,
        body: Bytes,
        deadline: Instant,
    ) -> Result<(), DeliveryError> {
        let started = Instant::now();
        let deadline = deadline.min(started + self.timeout);
        let answer = self.try_until(body, started, deadline).await;
        match &answer {
            Ok(_) => self.reachability.delivered(self.signal),
            Err(error) => {
                *self.state.last_error.lock() = Some(error.clone());
                self.reachability.failed(self.signal, error);
            }
        }
        self.check_for_rejection(&answer?)
    }

    /// Returns the last error, of a whole delivery or of one try.
    pub(crate) fn last_error(&self) -> Option<DeliveryError> {
        self.state.last_error.lock().clone()
    }

    /// Makes deliveries give up sooner, because the program is about to end.
    pub(crate) fn hurry(&self) {
        self.state.stopping.store(true, Relaxed);
    }

    async fn try_until(
        &self,
        body: Bytes,
        started: Instant,
        deadline: Instant,
    ) -> Result<Bytes, DeliveryError> {
        let mut wait = FIRST_WAIT;
        let mut tries = 0;
        loop {
            let error = match timeout_at(deadline, self.transport.send(body.clone())).await {
                Ok(Ok(answer)) => return Ok(answer),
                Ok(Err(error)) => error,
                Err(_) => self.timed_out(deadline - started),
            };
            tries += 1;
            *self.state.last_error.lock() = Some(error.clone());
            let pause = error.retry_after().unwrap_or(wait);
            let is_last = self.state.stopping.load(Relaxed) && LAST_TRIES <= tries;
            if is_last || !error.is_transient() || deadline <= Instant::now() + pause {
                return Err(error);
            }
            sleep(pause).await;
            wait = LONGEST_WAIT.min(wait * 2);
        }
    }

    fn timed_out(&self, limit: Duration) -> DeliveryError {
        DeliveryError::Timeout { endpoint: self.reachability.endpoint().to_owned(), limit }
    }

    fn check_for_rejection(&self, answer: &Bytes) -> Result<(), DeliveryError> {
        // The responses for metrics have the same shape on the wire. What cannot be read is taken for an empty one: the
        // collector said "success".
        let answer = ExportTraceServiceResponse::decode(answer.clone()).unwrap_or_default();
        let Some(partial) = answer.partial_success else { return Ok(()) };
        let Ok(count @ 1..) = u64::try_from(partial.rejected_spans) else { return Ok(()) };
        let endpoint = self.reachability.endpoint().to_owned();
        let error = DeliveryError::Rejected { endpoint, count, message: partial.error_message };
        if !self.state.rejection_told.swap(true, Relaxed) {
            warn!(target: "stagelight", signal = %self.signal, %error, "a collector rejects telemetry; not told again");
        }
        Err(error)
    }
}
