//! The layer that measures any tower client.

use std::task::{Context, Poll};

use http::Request;
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use super::{body::MeasuredBody, call::Call, future::ClientResponseFuture};

/// Measures every request of a tower client as a [`Call`].
///
/// A request that has a [`Call`] of its own in its extensions is measured as that one, for clients that serve
/// many models.
///
/// ```
/// use stagelight_http::client::{Call, HttpClientLayer};
///
/// let layer = HttpClientLayer::new(Call::backend("example", "small"));
/// ```
#[derive(Clone, Debug)]
pub struct HttpClientLayer {
    call: Call,
}

/// A client whose requests are measured; made by [`HttpClientLayer`].
#[derive(Clone, Debug)]
pub struct HttpClientService<S> {
    inner: S,
    call: Call,
}

// === impl HttpClientLayer ===

impl HttpClientLayer {
    /// Makes a layer that measures requests as `call`.
    #[must_use]
    pub const fn new(call: Call) -> Self {
        Self { call }
    }
}

impl<S> Layer<S> for HttpClientLayer {
    type Service = HttpClientService<S>;

    fn layer(&self, inner: S) -> HttpClientService<S> {
        HttpClientService { inner, call: self.call.clone() }
    }
}

// === impl HttpClientService ===

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for HttpClientService<S>
where
    S: Service<Request<ReqBody>, Response = http::Response<ResBody>>,
    S::Error: 'static,
    ResBody: Body,
{
    type Response = http::Response<MeasuredBody<ResBody>>;
    type Error = S::Error;
    type Future = ClientResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let own = request.extensions_mut().remove::<Call>();
        let call = own.as_ref().unwrap_or(&self.call);
        let mut headers = std::mem::take(request.headers_mut());
        let exchange = call.begin(&mut headers, request.method(), request.uri());
        *request.headers_mut() = headers;
        let future = exchange.span().in_scope(|| self.inner.call(request));
        ClientResponseFuture::new(future, exchange)
    }
}
