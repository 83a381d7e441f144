//! The response future of a client: up to the response head.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use http_body::Body;
use pin_project_lite::pin_project;

use super::request::ClientRequest;
use crate::{grpc::GrpcHead, tracked_body::TrackedBody};

pin_project! {
    /// The future of an [`HttpClientService`](super::HttpClientService).
    ///
    /// Polls the client inside the span of `backend_fetch`. Dropping it ends the call.
    pub struct ClientResponseFuture<F> {
        // An `Option` only so that it can be dropped inside the span.
        #[pin]
        inner: Option<F>,
        // `None` once the response is returned.
        request: Option<ClientRequest>,
    }

    impl<F> PinnedDrop for ClientResponseFuture<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if let Some(request) = this.request {
                request.span().in_scope(|| this.inner.set(None));
            }
        }
    }
}

// === impl ClientResponseFuture ===

impl<F> ClientResponseFuture<F> {
    pub(crate) const fn new(inner: F, request: ClientRequest) -> Self {
        Self { inner: Some(inner), request: Some(request) }
    }
}

impl<F, B, E> Future for ClientResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    B: Body,
    E: 'static,
{
    type Output = Result<Response<TrackedBody<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let (Some(inner), Some(request)) =
            (this.inner.as_mut().as_pin_mut(), this.request.as_mut())
        else {
            return Poll::Pending;
        };
        let result = ready!(request.span().in_scope(|| inner.poll(cx)));
        // The client may hold clones of the span, which must not outlive the fetch.
        request.span().in_scope(|| this.inner.set(None));
        let Some(request) = this.request.take() else { return Poll::Pending };

        Poll::Ready(match result {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let grpc = GrpcHead::from_headers(&parts.headers);
                let body = request.response(parts.status, parts.version, grpc).body(body);
                Ok(Response::from_parts(parts, body))
            }
            Err(error) => {
                request.fail_with(&error);
                Err(error)
            }
        })
    }
}

impl<F> fmt::Debug for ClientResponseFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientResponseFuture")
            .field("request", &self.request)
            .finish_non_exhaustive()
    }
}
