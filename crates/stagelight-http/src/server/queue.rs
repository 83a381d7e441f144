//! The time in which a service was not ready for a request.

use std::{ops::Range, task::Poll};

use stagelight_core::{Engine, Ticks};

use super::route::UNMATCHED;
use crate::{
    failure::Failure,
    outcome::{EndReason, Side},
};

/// Measures from the first `Pending` of a service to its `Ready`.
///
/// Belongs to one clone of the service: the clone that waits takes the request. A dropped wait and
/// an error each count as a request without a method, a route or a status. A service that is kept
/// after an abandoned wait goes on waiting: the time until it is ready belongs to its next request.
///
/// # Cost
///
/// None if the service is ready at once.
#[derive(Debug, Default)]
pub(crate) struct QueueTimer {
    since: Option<Ticks>,
    /// `None` while the service is not ready.
    until: Option<Ticks>,
}

// === impl QueueTimer ===

impl QueueTimer {
    /// Observes the result of `poll_ready`.
    #[inline]
    pub(crate) fn observe<E: 'static>(&mut self, engine: &Engine, ready: &Poll<Result<(), E>>) {
        match ready {
            Poll::Ready(Ok(())) if self.since.is_none() => {}
            Poll::Ready(Ok(())) => {
                self.until.get_or_insert_with(|| engine.clock().now());
            }
            Poll::Pending => {
                // A wait that was ready and took no call belongs to no request.
                if self.since.is_none() || self.until.take().is_some() {
                    self.since = Some(engine.clock().now());
                }
            }
            Poll::Ready(Err(error)) => {
                let reason = EndReason::Failed(Failure::classify(error, Failure::Service));
                let now = engine.clock().now();
                let since = self.since.take().filter(|_| self.until.is_none()).unwrap_or(now);
                let mut request = engine.start_queued_request(UNMATCHED, since..now);
                request.end(reason.outcome(Side::Server));
            }
        }
    }

    /// Returns the wait of the request that the service takes now.
    pub(crate) fn take(&mut self) -> Option<Range<Ticks>> {
        let (since, until) = (self.since.take()?, self.until.take());
        // A call without `Ready` breaks the contract of a service, which may panic.
        Some(since..until.unwrap_or(since))
    }

    /// Ends the wait because the service is dropped.
    #[inline]
    pub(crate) fn dropped(&self, engine: &Engine) {
        if let (Some(since), None) = (self.since, self.until) {
            let now = engine.clock().now();
            drop(engine.start_queued_request(UNMATCHED, since..now));
        }
    }
}
