//! The layer of a tower client.

use tower_layer::Layer;

use super::{backend::Backend, service::HttpClientService};

/// Measures every request of a tower client as a call to a [`Backend`].
///
/// A request with a [`Backend`] in its extensions is measured as a call to that one, for clients
/// that serve several models.
///
/// ```
/// use http::Request;
/// use stagelight_http::client::{Backend, HttpClientLayer};
///
/// let layer = HttpClientLayer::new(Backend::new("openai").model("gpt-4o"));
///
/// let mut request = Request::new(());
/// request.extensions_mut().insert(Backend::new("openai").model("gpt-4o-mini"));
/// ```
///
/// # Cancellation
///
/// Dropping the response future, as a time limit outside of this layer does, ends the call with the
/// `error.type` `cancelled`. Dropping the response body before its last byte ends the call without
/// an error.
///
/// # Errors
///
/// The errors of the client and of the body are recorded and returned unchanged. The layer adds
/// none.
///
/// # Cost
///
/// Per request: the cost of a [`Backend`] call.
#[derive(Clone, Debug)]
pub struct HttpClientLayer {
    backend: Backend,
}

// === impl HttpClientLayer ===

impl HttpClientLayer {
    /// Creates a layer that measures requests as calls to `backend`.
    #[must_use]
    pub const fn new(backend: Backend) -> Self {
        Self { backend }
    }
}

impl<S> Layer<S> for HttpClientLayer {
    type Service = HttpClientService<S>;

    fn layer(&self, inner: S) -> HttpClientService<S> {
        HttpClientService::new(inner, self.backend.clone())
    }
}
