//! Calls with reqwest.

use http::response::Builder;
use reqwest::{Body, RequestBuilder, Response, ResponseBuilderExt};
use tracing::Instrument;

use super::{call::Call, exchange::Exchange, target::Target};
use crate::failure::Failure;

// === impl Call ===

impl Call {
    /// Sends the request, and returns a response whose body is measured while it is read.
    ///
    /// The response is what [`RequestBuilder::send`] would have returned: same head, same body, same URL.
    ///
    /// ```no_run
    /// use stagelight_http::client::Call;
    ///
    /// # async fn ask(client: reqwest::Client) -> Result<(), reqwest::Error> {
    /// let request = client.post("https://api.example.com/v1/chat").body("…");
    /// let response = Call::backend("example", "small").send(request).await?;
    /// let answer = response.text().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Returns reqwest's error if the request could not be built, or was not answered. A response with an error status is not an
    /// error here, but counts as one in the measurement.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, reqwest::Error> {
        let (client, request) = request.build_split();
        let mut request = request?;

        let mut headers = std::mem::take(request.headers_mut());
        let exchange = self.begin_at(&mut headers, request.method(), &target(request.url()));
        *request.headers_mut() = headers;

        let sent = client.execute(request).instrument(exchange.span().clone()).await;
        match sent {
            Ok(response) => Ok(measured(response, exchange)),
            Err(error) => {
                exchange.fail_with(Failure::of_sending(&error));
                Err(error)
            }
        }
    }
}

fn target(url: &reqwest::Url) -> Target<'_> {
    let host = url.host_str().unwrap_or_default();
    Target {
        scheme: url.scheme(),
        address: host.strip_prefix('[').and_then(|it| it.strip_suffix(']')).unwrap_or(host),
        port: url.port_or_known_default(),
        path: url.path(),
    }
}

/// Puts the measured body in place of the response's own.
fn measured(response: Response, exchange: Exchange) -> Response {
    let url = response.url().clone();
    let (mut parts, body) = http::Response::<Body>::from(response).into_parts();
    let body = exchange.head(parts.status, parts.version).body(body);

    // A response made from `http`'s takes its URL from an extension that only this builder can make.
    if let Some(extensions) = Builder::new().url(url).extensions_mut() {
        parts.extensions.extend(std::mem::take(extensions));
    }
    http::Response::from_parts(parts, Body::wrap(body)).into()
}
