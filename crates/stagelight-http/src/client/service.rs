//! The measured client.

use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use stagelight_core::stage;
use tower_service::Service;
use tracing::{Id, Span};

use super::{backend::Backend, future::ClientResponseFuture};
use crate::tracked_body::TrackedBody;

/// A client with measured requests, created by [`HttpClientLayer`](super::HttpClientLayer).
#[derive(Debug)]
pub struct HttpClientService<S> {
    inner: S,
    backend: Backend,
    /// `Some` while the client is not ready.
    queue: Option<Queue>,
}

/// The stage `queue`.
#[derive(Debug)]
struct Queue {
    /// The current span when the wait began.
    parent: Option<Id>,
    /// Open until it is dropped.
    _span: Span,
}

// === impl HttpClientService ===

impl<S> HttpClientService<S> {
    pub(crate) const fn new(inner: S, backend: Backend) -> Self {
        Self { inner, backend, queue: None }
    }
}

impl<S: Clone> Clone for HttpClientService<S> {
    /// Clones the client. The clone waits for its readiness on its own.
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.backend.clone())
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for HttpClientService<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: 'static,
    ResBody: Body,
{
    type Response = Response<TrackedBody<ResBody>>;
    type Error = S::Error;
    type Future = ClientResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let ready = self.inner.poll_ready(cx);
        match &ready {
            Poll::Pending => {
                // A wait below another span was abandoned, and this client was kept.
                let parent = Span::current().id();
                self.queue = self.queue.take().filter(|it| it.parent == parent);
                self.queue.get_or_insert_with(|| Queue::start(parent));
            }
            Poll::Ready(result) => {
                self.queue = None;
                if let Err(error) = result {
                    self.backend.fail_unsent(error);
                }
            }
        }
        ready
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let own = request.extensions_mut().remove::<Backend>();
        let backend = own.as_ref().unwrap_or(&self.backend);
        let mut headers = std::mem::take(request.headers_mut());
        let call = backend.start(&mut headers, request.method(), request.uri());
        *request.headers_mut() = headers;
        let future = call.span().in_scope(|| self.inner.call(request));
        ClientResponseFuture::new(future, call)
    }
}

// === impl Queue ===

impl Queue {
    /// Opens the stage below `parent`, the current span.
    fn start(parent: Option<Id>) -> Self {
        let span = tracing::info_span!(target: "stagelight", "queue", stage = stage::QUEUE);
        Self { parent, _span: span }
    }
}
