//! The measured service.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{
    body::RequestBody,
    future::ResponseFuture,
    queue::QueueTimer,
    request::{Config, ServerRequest},
};
use crate::tracked_body::TrackedBody;

/// A service with measured requests, created by [`HttpLayer`](crate::HttpLayer).
#[derive(Debug)]
pub struct HttpService<S> {
    inner: S,
    config: Arc<Config>,
    queue: QueueTimer,
}

// === impl HttpService ===

impl<S> HttpService<S> {
    pub(crate) fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config, queue: QueueTimer::default() }
    }
}

impl<S: Clone> Clone for HttpService<S> {
    /// Clones the service. The clone waits for its readiness on its own.
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), Arc::clone(&self.config))
    }
}

impl<S> Drop for HttpService<S> {
    fn drop(&mut self) {
        self.queue.dropped(&self.config.engine);
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for HttpService<S>
where
    S: Service<Request<RequestBody<ReqBody>>, Response = Response<ResBody>>,
    S::Error: 'static,
    ReqBody: Body,
    ResBody: Body,
    // For the text of `catch_panics`. Nearly every body has `Bytes` as its data.
    ResBody::Data: From<Bytes>,
{
    type Response = Response<TrackedBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let ready = self.inner.poll_ready(cx);
        self.queue.observe(&self.config.engine, &ready);
        ready
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (guard, request, bytes) =
            ServerRequest::start(&self.config, request, self.queue.take());
        let request = request.map(|body| RequestBody::new(body, bytes));
        let called =
            guard.span.in_scope(|| catch_unwind(AssertUnwindSafe(|| self.inner.call(request))));
        match called {
            Ok(future) => ResponseFuture::new(future, guard),
            // Re-raised, or turned into a response, when the future is polled.
            Err(payload) => ResponseFuture::panicked(payload, guard),
        }
    }
}
