//! Sends requests in order, in parts that receivers accept.

use tokio::time::Instant;

use crate::{
    counts::ExportCounts, delivery::DeliveryError, destination::Destination, request::ExportRequest,
};

/// Maximum encoded size of a request. Receivers accept 4 MiB by default, and some less.
pub(crate) const MAX_REQUEST_BYTES: usize = 1 << 20;

/// Requests of one signal that remain to be sent.
#[derive(Debug)]
pub(crate) struct Outbox<R> {
    /// In reverse order: the last one is the next to be sent.
    requests: Vec<R>,
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
        Self { requests: Vec::new() }
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
    /// remain.
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
                Err(error) if error.is_transient() => return Err((lost, error.clone())),
                Err(error @ DeliveryError::TooLarge { .. }) => destination.dropped(error),
                _ => {}
            }
            self.requests.pop();
            let lost_items = counts.record(items, &outcome);
            complete(items);
            if let Err(error) = outcome {
                let before = lost.map_or(0, |it| it.items);
                lost = Some(Lost { items: before + lost_items, error });
            }
        }
        Ok(lost)
    }

    /// Splits the next request in two with about the same number of items.
    fn halve(&mut self) {
        let Some(mut first) = self.requests.pop() else { return };
        let second = first.split_off(first.items() / 2);
        self.requests.extend([second, first]);
    }
}
