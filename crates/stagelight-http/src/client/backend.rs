//! The backend of a call.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use stagelight_core::{Engine, Propagator, stage};
use tracing::{Span, field::Empty};

use super::{
    request::{BackendLabels, ClientRequest},
    target::Target,
};
use crate::{conventions::record_error, failure::Failure};

/// A backend: the provider and model of its calls.
///
/// Cheap to clone and reusable for any number of calls. Measure each attempt of a retried call as a
/// call of its own.
///
/// `provider` and `model` become labels, so use a few fixed values. Empty ones count as `unknown`.
///
/// With the feature `reqwest`, `send` measures a call to its last byte. For tower clients there is
/// [`HttpClientLayer`](super::HttpClientLayer). For any other client, use [`start`](Self::start):
///
/// ```
/// use http::{HeaderMap, Method, StatusCode, Uri, Version};
/// use stagelight_http::client::Backend;
///
/// let backend = Backend::new("openai").model("gpt-4o");
///
/// let mut headers = HeaderMap::new();
/// let uri = Uri::from_static("https://api.example.com/v1/chat");
/// let request = backend.start(&mut headers, &Method::POST, &uri);
/// // … send the request with these headers, and wait for the response head …
/// let response = request.response_head(StatusCode::OK, Version::HTTP_11);
/// let body = response.body(http_body_util::Empty::<bytes::Bytes>::new());
/// ```
///
/// # Cost
///
/// Per call: two spans; allocations for its state, the server address, the port label and the
/// trace headers.
#[derive(Clone, Debug)]
pub struct Backend {
    labels: BackendLabels,
    /// Without an engine, calls have spans and no metrics.
    engine: Option<Engine>,
}

// === impl Backend ===

impl Backend {
    /// Creates a backend of this provider, measured by the process-wide engine if there is one.
    #[must_use]
    pub fn new(provider: impl Into<Arc<str>>) -> Self {
        let labels = BackendLabels { provider: provider.into(), model: Arc::default() };
        Self { labels, engine: Engine::global().cloned() }
    }

    /// Sets the model. Defaults to `unknown`.
    #[must_use]
    pub fn model(mut self, model: impl Into<Arc<str>>) -> Self {
        self.labels.model = model.into();
        self
    }

    /// Sets the engine that measures calls. Defaults to the process-wide engine.
    #[must_use]
    pub fn engine(mut self, engine: &Engine) -> Self {
        self.engine = Some(engine.clone());
        self
    }

    /// Starts a call: opens the stage `backend_fetch` and adds its trace context to the headers.
    ///
    /// The stage is a child of the current span. Call this just before sending the request, and
    /// send the request inside [`ClientRequest::span`].
    pub fn start(&self, headers: &mut HeaderMap, method: &Method, uri: &Uri) -> ClientRequest {
        self.start_at(headers, method, &Target::from_uri(uri))
    }

    /// Sends the request, and returns the response. Its body is measured while it is read.
    ///
    /// The response is the same as from [`RequestBuilder::send`](reqwest::RequestBuilder::send),
    /// with the same head, body and URL.
    ///
    /// ```no_run
    /// use stagelight_http::client::Backend;
    ///
    /// # async fn chat(client: reqwest::Client) -> Result<(), reqwest::Error> {
    /// let request = client.post("https://api.example.com/v1/chat").body("…");
    /// let response = Backend::new("openai").model("gpt-4o").send(request).await?;
    /// let text = response.text().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Dropping the future before the response head, as `tokio::time::timeout` does, ends the call
    /// with the `error.type` `cancelled`. Dropping the response before its last byte ends the call
    /// without an error.
    ///
    /// # Errors
    ///
    /// Returns reqwest's error if the request cannot be built (which is not measured) or gets no
    /// response. A response with an error status is returned as `Ok`, and recorded as an error.
    #[cfg(feature = "reqwest")]
    pub async fn send(
        &self,
        request: reqwest::RequestBuilder,
    ) -> Result<reqwest::Response, reqwest::Error> {
        use tracing::Instrument as _;

        let (client, request) = request.build_split();
        let mut request = request?;

        let mut headers = std::mem::take(request.headers_mut());
        let target = Target::from_url(request.url());
        let call = self.start_at(&mut headers, request.method(), &target);
        *request.headers_mut() = headers;

        match client.execute(request).instrument(call.span().clone()).await {
            Ok(response) => Ok(call.reqwest_response(response)),
            Err(error) => {
                call.fail_with(&error);
                Err(error)
            }
        }
    }

    /// Records a call that failed before it had a request: a failed `backend_fetch`.
    pub(crate) fn fail_unsent<E: 'static>(&self, error: &E) {
        let span = tracing::info_span!(
            target: "stagelight",
            "backend_fetch",
            otel.kind = "client",
            otel.status_code = Empty,
            stage = stage::BACKEND_FETCH,
            provider = &*self.labels.provider,
            model = &*self.labels.model,
            error.type = Empty,
        );
        record_error(&span, Failure::classify_send(error).as_str());
    }

    fn start_at(
        &self,
        headers: &mut HeaderMap,
        method: &Method,
        target: &Target<'_>,
    ) -> ClientRequest {
        let engine = self.engine.as_ref();
        let request = ClientRequest::start(engine.cloned(), self.labels.clone(), method, target);
        if let Some(propagator) = engine.and_then(Engine::propagator) {
            inject(headers, request.span(), propagator);
        }
        request
    }
}

fn inject(headers: &mut HeaderMap, span: &Span, propagator: &dyn Propagator) {
    propagator.inject(span, &mut |name, value| {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    });
}
