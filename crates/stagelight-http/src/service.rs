//! The service that measures what passes through it.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_service::Service;

use crate::{
    body::ResponseBody, config::Config, exchange::Exchange, future::ResponseFuture,
    request_body::RequestBody,
};

/// A service whose requests are measured; made by [`HttpLayer`](crate::HttpLayer).
#[derive(Clone, Debug)]
pub struct HttpService<S> {
    inner: S,
    config: Arc<Config>,
}

// === impl HttpService ===

impl<S> HttpService<S> {
    pub(crate) fn new(inner: S, config: Arc<Config>) -> Self {
        Self { inner, config }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for HttpService<S>
where
    S: Service<Request<RequestBody<ReqBody>>, Response = Response<ResBody>>,
    S::Error: 'static,
    ReqBody: Body,
    ResBody: Body,
    // For the text of `with_panic_handler`. The data of nearly every body is `Bytes` itself.
    ResBody::Data: From<Bytes>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let (open, request) = Exchange::begin(&self.config, request);
        let called =
            open.span.in_scope(|| catch_unwind(AssertUnwindSafe(|| self.inner.call(request))));
        match called {
            Ok(future) => ResponseFuture::new(future, open),
            // Raised when the future is polled, where it is also answered if it is to be.
            Err(payload) => ResponseFuture::of_panic(payload, open),
        }
    }
}
