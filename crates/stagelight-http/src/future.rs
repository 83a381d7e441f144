//! A response on its way: everything up to its head.

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

use crate::{
    body::ResponseBody,
    content::Content,
    end::End,
    exchange::Exchange,
    failure::Failure,
    open::{self, Open},
};

/// What a panic carries.
type Payload = Box<dyn Any + Send>;

pin_project! {
    /// The future of an [`HttpService`](crate::HttpService).
    ///
    /// Polls the handler within the request's span. Dropping it before the response's head ends the
    /// request as cancelled.
    pub struct ResponseFuture<F> {
        #[pin]
        inner: Option<F>,
        // Of a handler that panicked before it had a future.
        payload: Option<Payload>,
        // `None` once the response is handed over.
        open: Option<Open<Box<Exchange>>>,
    }

    impl<F> PinnedDrop for ResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            // What the handler holds, its stages included, goes before the end of the request.
            if let Some(open) = this.open {
                open.span.in_scope(|| this.inner.set(None));
            }
        }
    }
}

// === impl ResponseFuture ===

impl<F> ResponseFuture<F> {
    pub(crate) fn new(inner: F, open: Open<Box<Exchange>>) -> Self {
        Self { inner: Some(inner), payload: None, open: Some(open) }
    }

    pub(crate) fn of_panic(payload: Payload, open: Open<Box<Exchange>>) -> Self {
        Self { inner: None, payload: Some(payload), open: Some(open) }
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    B::Data: From<Bytes>,
    E: 'static,
{
    type Output = Result<Response<ResponseBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(Open { span, ending, .. }) = this.open.as_mut() else { return Poll::Pending };

        let answered = span.in_scope(|| {
            let returned = match poll_handler(this.inner.as_mut(), this.payload, cx) {
                Ok(Poll::Pending) => return Poll::Pending,
                Ok(Poll::Ready(result)) => Ok(result),
                Err(payload) => Err(payload),
            };
            // What the handler still holds goes before the request ends.
            this.inner.set(None);
            Poll::Ready(answer(ending, span, returned))
        });

        answered.map_ok(|response| {
            let (parts, content) = response.into_parts();
            let body = ResponseBody::new(content, &parts.headers, this.open.take());
            Response::from_parts(parts, body)
        })
    }
}

/// Polls the handler, and catches its panic.
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

/// Makes the answer of what the handler returned, and ends the request if there is no body to wait for.
fn answer<B, E: 'static>(
    ending: &mut Option<Box<Exchange>>,
    span: &Span,
    returned: Result<Result<Response<B>, E>, Payload>,
) -> Result<Response<Content<B>>, E> {
    let mut response = match returned {
        Ok(Ok(response)) => response.map(|body| Content::Inner { body }),
        Ok(Err(error)) => {
            open::end(ending, span, 0, End::Failed(Failure::of(&error, Failure::Service)));
            return Err(error);
        }
        Err(payload) => match ending.as_mut().and_then(|it| it.answer_panic()) {
            Some(response) => response,
            None => {
                open::end(ending, span, 0, End::Failed(Failure::Panic));
                resume_unwind(payload)
            }
        },
    };
    let has_body = ending.as_mut().is_none_or(|it| it.answer(span, &mut response));
    if !has_body {
        open::end(ending, span, 0, End::Complete);
    }
    Ok(response)
}

impl<F> fmt::Debug for ResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").field("open", &self.open).finish_non_exhaustive()
    }
}
