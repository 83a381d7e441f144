//! The measured client.

use std::task::{Context, Poll};

use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use super::{backend::Backend, future::ClientResponseFuture};
use crate::tracked_body::TrackedBody;

/// A client with measured requests, created by [`HttpClientLayer`](super::HttpClientLayer).
#[derive(Clone, Debug)]
pub struct HttpClientService<S> {
    inner: S,
    backend: Backend,
}

// === impl HttpClientService ===

impl<S> HttpClientService<S> {
    pub(crate) const fn new(inner: S, backend: Backend) -> Self {
        Self { inner, backend }
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
        self.inner.poll_ready(cx)
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
