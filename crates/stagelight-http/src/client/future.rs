//! The response to a call, on its way.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::{body::MeasuredBody, exchange::Exchange};
use crate::failure::Failure;

pin_project! {
    /// The future of an [`HttpClientService`](super::HttpClientService).
    ///
    /// Polls the client within the span of `backend_fetch`. Dropping it ends the call.
    pub struct ClientResponseFuture<F> {
        // An `Option` only so that it can be dropped inside the span.
        #[pin]
        inner: Option<F>,
        // `None` once the response is handed over.
        exchange: Option<Exchange>,
    }

    impl<F> PinnedDrop for ClientResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(exchange) = this.exchange {
                exchange.span().in_scope(|| this.inner.set(None));
            }
        }
    }
}

// === impl ClientResponseFuture ===

impl<F> ClientResponseFuture<F> {
    pub(crate) fn new(inner: F, exchange: Exchange) -> Self {
        Self { inner: Some(inner), exchange: Some(exchange) }
    }
}

impl<F, B, E> Future for ClientResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: 'static,
{
    type Output = Result<Response<MeasuredBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (Some(inner), Some(exchange)) =
            (this.inner.as_mut().as_pin_mut(), this.exchange.as_mut())
        else {
            return Poll::Pending;
        };
        let result = ready!(exchange.span().in_scope(|| inner.poll(cx)));
        // A client may hold clones of the span; they must not outlive the fetch.
        exchange.span().in_scope(|| this.inner.set(None));
        let Some(exchange) = this.exchange.take() else { return Poll::Pending };

        Poll::Ready(match result {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let body = exchange.head(parts.status, parts.version).body(body);
                Ok(Response::from_parts(parts, body))
            }
            Err(error) => {
                exchange.fail_with(Failure::of_sending(&error));
                Err(error)
            }
        })
    }
}

impl<F> fmt::Debug for ClientResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientResponseFuture")
            .field("exchange", &self.exchange)
            .finish_non_exhaustive()
    }
}
