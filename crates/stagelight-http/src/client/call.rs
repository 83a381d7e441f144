//! Whom is called, and by whose engine that is measured.

use std::sync::Arc;

use stagelight_core::Engine;

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
}
