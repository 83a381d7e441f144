//! Whom is called, and by whose engine that is measured.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use stagelight_core::Engine;
use tracing::Span;

use super::{exchange::Exchange, target::Target};

/// A backend to call: its provider and model, and how the call is measured.
///
/// Cheap to clone, and good for any number of calls. Every try of a call that is retried is a call of its own.
///
/// ```
/// use http::{HeaderMap, Method, Uri};
/// use stagelight_http::client::Call;
///
/// let mut headers = HeaderMap::new();
/// let uri = Uri::from_static("https://api.example.com/v1/chat");
/// let exchange = Call::backend("example", "small").begin(&mut headers, &Method::POST, &uri);
/// // … send the request with these headers, and wait for the response's head …
/// let answer = exchange.head(http::StatusCode::OK, http::Version::HTTP_11);
/// let body = answer.body(http_body_util::Empty::<bytes::Bytes>::new());
/// ```
#[derive(Clone, Debug)]
pub struct Call {
    pub(crate) provider: Arc<str>,
    pub(crate) model: Arc<str>,
    /// `None` measures nothing but spans.
    pub(crate) engine: Option<Engine>,
}

// === impl Call ===

impl Call {
    /// Makes a call of this provider's model, measured by the process' engine if there is one.
    ///
    /// Both become labels, so there must be few of them. An empty one counts as `unknown`.
    #[must_use]
    pub fn backend(provider: impl Into<Arc<str>>, model: impl Into<Arc<str>>) -> Self {
        Self { provider: provider.into(), model: model.into(), engine: Engine::global().cloned() }
    }

    /// Measures with this engine instead of the process'.
    #[must_use]
    pub fn with_engine(mut self, engine: &Engine) -> Self {
        self.engine = Some(engine.clone());
        self
    }

    /// Opens `backend_fetch` as a child of the current span, and writes its trace context to the headers.
    ///
    /// To be called just before the request is sent, which is best done within [`Exchange::span`].
    pub fn begin(&self, headers: &mut HeaderMap, method: &Method, uri: &Uri) -> Exchange {
        self.begin_at(headers, method, &Target::of(uri))
    }

    pub(crate) fn begin_at(
        &self,
        headers: &mut HeaderMap,
        method: &Method,
        target: &Target<'_>,
    ) -> Exchange {
        let exchange = Exchange::begin(self, method, target);
        if let Some(propagator) = self.engine.as_ref().and_then(Engine::propagator) {
            inject(headers, exchange.span(), propagator);
        }
        exchange
    }
}

fn inject(headers: &mut HeaderMap, span: &Span, propagator: &dyn stagelight_core::Propagator) {
    propagator.inject(span, &mut |name, value| {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    });
}
