//! The response future of a service: up to the response head.

use std::{
    any::Any,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;
use tracing::Span;

use super::{body, request::ServerRequest};
use crate::{
    end::{self, EndGuard},
    failure::Failure,
    outcome::EndReason,
    tracked_body::{Content, TrackedBody},
};

/// The payload of a panic.
type Payload = Box<dyn Any + Send>;

pin_project! {
    /// The future of an [`HttpService`](crate::HttpService).
    ///
    /// Polls the handler inside the request's span. Dropping it before the response head ends the
    /// request with the outcome `cancelled`.
    pub struct ResponseFuture<F> {
        // An `Option` only so that it can be dropped inside the span.
        #[pin]
        inner: Option<F>,
        // The panic of a handler that panicked before it returned a future.
        payload: Option<Payload>,
        // `None` once the response is returned.
        guard: Option<EndGuard<Box<ServerRequest>>>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // The stages of the handler close before the request ends.
            if let Some(guard) = this.guard {
                guard.span.in_scope(|| this.inner.set(None));
            }
        }
    }
}

// === impl ResponseFuture ===

impl<F> ResponseFuture<F> {
    pub(crate) fn new(inner: F, guard: EndGuard<Box<ServerRequest>>) -> Self {
        Self { inner: Some(inner), payload: None, guard: Some(guard) }
    }

    pub(crate) fn panicked(payload: Payload, guard: EndGuard<Box<ServerRequest>>) -> Self {
        Self { inner: None, payload: Some(payload), guard: Some(guard) }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    B::Data: From<Bytes>,
    E: 'static,
{
    type Output = Result<Response<TrackedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(EndGuard { span, on_end, .. }) = this.guard.as_mut() else { return Poll::Pending };

        let responded = span.in_scope(|| {
            let returned = match poll_handler(this.inner.as_mut(), this.payload, cx) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(result)) => Ok(result),
                Err(payload) => Err(payload),
            };
            // The stages of the handler close before the request ends.
            this.inner.set(None);
            Poll::Ready(respond(on_end, span, returned))
        });

        responded.map_ok(|response| {
            let (parts, content) = response.into_parts();
            let body = body::track(content, &parts.headers, this.guard.take());
            Response::from_parts(parts, body)
        })
    }
}

/// Polls the handler and catches its panic.
fn poll_handler<F: Future>(
    inner: Pin<&mut Option<F>>,
    payload: &mut Option<Payload>,
    cx: &mut Context<'_>,
) -> Result<Poll<F::Output>, Payload> {
    if let Some(payload) = payload.take() {
        return Err(payload);
    }
    let Some(inner) = inner.as_pin_mut() else { return Ok(Poll::Pending) };
    catch_unwind(AssertUnwindSafe(|| inner.poll(cx)))
}

/// Turns the handler's result into a response. Ends the request if no body follows.
fn respond<B, E>(
    on_end: &mut Option<Box<ServerRequest>>,
    span: &Span,
    returned: Result<Result<Response<B>, E>, Payload>,
) -> Result<Response<Content<B>>, E>
where
    B: Body,
    B::Data: From<Bytes>,
    E: 'static,
{
    let mut response = match returned {
        Ok(Ok(response)) => response.map(|body| Content::Inner { body }),
        Ok(Err(error)) => {
            let failure = Failure::classify(&error, Failure::Service);
            end::finish(on_end, span, 0, EndReason::Failed(failure));
            return Err(error);
        }
        Err(payload) => match on_end.as_mut().and_then(|it| it.panic_response()) {
            Some(response) => response,
            None => {
                end::finish(on_end, span, 0, EndReason::Failed(Failure::Panic));
                resume_unwind(payload)
            }
        },
    };
    let has_body = on_end.as_mut().is_none_or(|it| it.response_head(span, &mut response));
    if !has_body {
        end::finish(on_end, span, 0, EndReason::Complete);
    }
    Ok(response)
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("guard", &self.guard).finish_non_exhaustive()
    }
}
