//! Sends requests in order, in parts that receivers accept.

use tokio::time::Instant;

use crate::{
    counts::ExportCounts, delivery::DeliveryError, destination::Destination, request::ExportRequest,
};

/// Maximum encoded size of a request. Receivers accept 4 MiB by default, and some less.
pub(crate) const MAX_REQUEST_BYTES: usize = 1 << 20;

/// Deliveries of one request that fail in a row before it is split, or dropped if it is one item.
/// With the default timeout and delay, five take about a minute, and splitting a batch of 512 down
/// to one span takes eleven: shorter outages lose nothing.
const MAX_FAILURES: u32 = 5;

/// Requests of one signal that remain to be sent.
#[derive(Debug)]
pub(crate) struct Outbox<R> {
    /// In reverse order: the last one is the next to be sent.
    requests: Vec<R>,
    /// Deliveries of the next request that failed in a row and may be due to its content.
    failures: u32,
}

/// Items that were lost while sending, and the last reason.
#[derive(Debug)]
pub(crate) struct Lost {
    pub(crate) items: usize,
    pub(crate) error: DeliveryError,
}

// === impl Outbox ===

impl<R: ExportRequest> Outbox<R> {
    pub(crate) const fn new() -> Self {
        Self { requests: Vec::new(), failures: 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Adds a request after the remaining ones.
    pub(crate) fn push(&mut self, request: R) {
        self.requests.insert(0, request);
    }

    /// Discards everything that remains, and returns the number of items.
    pub(crate) fn clear(&mut self) -> usize {
        self.failures = 0;
        self.requests.drain(..).map(|it| it.items()).sum()
    }

    /// Sends until nothing remains, and splits requests above the limit.
    ///
    /// Counts items as delivered or lost, and calls `complete` with the number of both. Returns
    /// the lost items.
    ///
    /// # Errors
    ///
    /// Returns the first error after which a retry may succeed. The request and those after it
    /// remain. A request that fails again and again is split, and a single item dropped, so that
    /// one that crashes the receiver does not stop all others.
    pub(crate) async fn send(
        &mut self,
        destination: &Destination,
        counts: &ExportCounts,
        deadline: Instant,
        mut complete: impl FnMut(usize) + Send,
    ) -> Result<Option<Lost>, (Option<Lost>, DeliveryError)> {
        let mut lost: Option<Lost> = None;
        while let Some(request) = self.requests.last_mut() {
            let items = request.items();
            let is_large = destination.is_limited() && MAX_REQUEST_BYTES < request.encoded_len();
            if 1 < items && is_large {
                self.halve();
                continue;
            }
            let outcome = destination.export(request, deadline).await;
            match &outcome {
                Err(DeliveryError::TooLarge { .. }) if 1 < items => {
                    self.halve();
                    continue;
                }
                Err(error) if error.is_transient() => {
                    if !self.is_exhausted(error) {
                        return Err((lost, error.clone()));
                    }
                    if 1 < items {
                        self.halve();
                        return Err((lost, error.clone()));
                    }
                }
                Err(error @ DeliveryError::TooLarge { .. }) => destination.dropped(error),
                _ => {}
            }
            self.requests.pop();
            self.failures = 0;
            let lost_items = counts.record(items, &outcome);
            complete(items);
            if let Err(error) = outcome {
                let before = lost.map_or(0, |it| it.items);
                lost = Some(Lost { items: before + lost_items, error });
            }
        }
        Ok(lost)
    }

    /// Counts a failure of the next request; returns whether it has failed too often.
    ///
    /// A failed connection, or a receiver that requests a delay, is not due to the request.
    const fn is_exhausted(&mut self, error: &DeliveryError) -> bool {
        let is_connection = matches!(error, DeliveryError::Connection { .. });
        if is_connection || error.retry_after().is_some() {
            return false;
        }
        self.failures += 1;
        MAX_FAILURES <= self.failures
    }

    /// Splits the next request in two with about the same number of items.
    fn halve(&mut self) {
        self.failures = 0;
        let Some(mut first) = self.requests.pop() else { return };
        let second = first.split_off(first.items() / 2);
        self.requests.extend([second, first]);
    }
}

#[cfg(test)]
mod tests {
    use std::{future::ready, io, sync::Arc, time::Duration};

    use bytes::Bytes;
    use opentelemetry_proto::tonic::{
        collector::trace::v1::ExportTraceServiceRequest,
        trace::v1::{ResourceSpans, ScopeSpans, Span},
    };

    use super::*;
    use crate::{
        deadline,
        otlp_client::OtlpClient,
        transport::{ResponseFuture, Transport},
    };

    /// A receiver that fails with this error if a span has the name "poison".
    #[derive(Debug)]
    struct Fragile(DeliveryError);

    // === impl Fragile ===

    impl Transport for Fragile {
        fn send(&self, body: Bytes, _deadline: Instant) -> ResponseFuture<'_> {
            let is_poisoned = body.windows(6).any(|it| it == b"poison");
            Box::pin(ready(if is_poisoned { Err(self.0.clone()) } else { Ok(Bytes::new()) }))
        }
    }

    fn refused(retry_after: Option<Duration>) -> DeliveryError {
        DeliveryError::Refused {
            endpoint: String::new(),
            status: "503".to_owned(),
            message: String::new(),
            transient: true,
            retry_after,
        }
    }

    /// Sends four spans, one of which is poisoned, 50 times; returns the number delivered, the
    /// number lost with status 503, and whether nothing remains.
    async fn send_poison(error: DeliveryError) -> (u64, Option<u64>, bool) {
        let span = |name: &str| Span { name: name.to_owned(), ..Span::default() };
        let spans = ["a", "poison", "c", "d"].map(span).to_vec();
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        let resource_spans = vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }];
        let mut outbox = Outbox::new();
        outbox.push(ExportTraceServiceRequest { resource_spans });
        let destination = Destination::Otlp(Box::new(OtlpClient::for_tests(Fragile(error))));
        let counts = ExportCounts::default();
        let mut completed = 0;
        for _ in 0..50 {
            let deadline = deadline::after(Duration::from_secs(1));
            drop(outbox.send(&destination, &counts, deadline, |it| completed += it).await);
        }
        let lost = counts.lost().get("503").copied();
        assert_eq!(completed as u64, counts.delivered() + lost.unwrap_or(0));
        (counts.delivered(), lost, outbox.is_empty())
    }

    #[tokio::test]
    async fn an_item_that_always_fails_is_dropped_and_the_others_arrive() {
        assert_eq!(send_poison(refused(None)).await, (3, Some(1), true));
    }

    #[tokio::test]
    async fn no_item_is_dropped_while_the_receiver_is_down_or_requests_a_delay() {
        let source = Arc::new(io::Error::from(io::ErrorKind::ConnectionRefused));
        let down = DeliveryError::Connection { endpoint: String::new(), source };
        for error in [down, refused(Some(Duration::from_secs(60)))] {
            assert_eq!(send_poison(error).await, (0, None, false));
        }
    }
}
