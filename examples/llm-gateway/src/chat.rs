//! `POST /v1/chat/completions`, with its five stages.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
};
use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use reqwest::RequestBuilder;
use stagelight::stage;

use crate::{
    error::ApiError,
    gateway::{Backend, Gateway},
    openai::ChatRequest,
    relay::RelayBody,
};

/// The size at which the gateway closes the connection, as a multiple of the limit.
///
/// A smaller excess is read and discarded: a caller that is disconnected while sending may not see
/// the 413.
const DISCARD: usize = 8;

/// A request ready to be sent to its provider.
struct Outgoing<'a> {
    backend: &'a Backend,
    request: RequestBuilder,
    is_stream: bool,
}

/// Answers a request for a completion.
pub(crate) async fn chat(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    if let Err(refused) = gateway.authenticate(&head.headers).await {
        gateway.discard(body).await;
        return Err(refused);
    }
    let (body, request) = gateway.read(body).await?;
    let outgoing = gateway.prepare(&head.headers, body, &request).await?;
    gateway.relay(outgoing).await
}

// === impl Gateway ===

impl Gateway {
    /// Reads and discards the body of a rejected request, within the usual limits.
    ///
    /// A connection with an unread body is closed, while the caller may still be sending on it.
    async fn discard(&self, body: Body) {
        let read = collect(body, self.config.body_limit);
        // The response is the same in any case.
        drop(tokio::time::timeout(self.config.timeout, read).await);
    }

    /// Reads and validates the body. Unknown fields are left to the provider.
    #[stage("request_parsing")]
    async fn read(&self, body: Body) -> Result<(Bytes, ChatRequest), ApiError> {
        self.config.slow.pause("request_parsing").await;
        let read = collect(body, self.config.body_limit);
        let read = tokio::time::timeout(self.config.timeout, read).await;
        let body = read.map_err(|_| ApiError::SlowCaller)??;
        let request = ChatRequest::parse(&body)?;
        Ok((body, request))
    }

    /// Finds the model's provider, and makes the request that it gets: the same body, but no
    /// header of the caller's except those allowed by the configuration.
    #[stage("request_preparation")]
    async fn prepare(
        &self,
        headers: &HeaderMap,
        body: Bytes,
        request: &ChatRequest,
    ) -> Result<Outgoing<'_>, ApiError> {
        let config = &self.config;
        config.slow.pause("request_preparation").await;
        let Some(backend) = self.backends.get(request.model.as_str()) else {
            return Err(ApiError::UnknownModel { model: request.model.clone() });
        };
        let provider = &backend.provider;
        let mut outgoing = self
            .client
            .post(provider.completions.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .body(reqwest::Body::wrap(config.slow.body("backend_fetch", Full::new(body))));
        if let Some(key) = &provider.api_key {
            outgoing = outgoing.bearer_auth(key.expose());
        }
        for name in &config.forward_headers {
            for value in headers.get_all(name) {
                outgoing = outgoing.header(name, value);
            }
        }
        Ok(Outgoing { backend, request: outgoing, is_stream: request.is_stream() })
    }

    /// Sends the request, and passes the answer on as it comes.
    ///
    /// The call is stage `backend_fetch` to the response head; from there to its last byte the
    /// body is stage `stream_processing`.
    async fn relay(&self, outgoing: Outgoing<'_>) -> Result<Response, ApiError> {
        let Outgoing { backend: Backend { provider, call, tokens }, request, is_stream } = outgoing;
        let response = call.send(request).await.map_err(|error| {
            let error = error.without_url();
            tracing::warn!(provider = provider.name, %error, "provider not reached");
            let provider = provider.name.clone();
            if error.is_timeout() {
                ApiError::UpstreamTimeout { provider }
            } else {
                ApiError::Unreachable { provider }
            }
        })?;
        if !is_for_the_caller(response.status()) {
            let (provider, status) = (provider.name.clone(), response.status().as_u16());
            return Err(ApiError::UpstreamFailed { provider, status });
        }

        let (head, body) = axum::http::Response::from(response).into_parts();
        let body = self.config.slow.body("stream_processing", body);
        let mut response = Response::new(Body::new(RelayBody::new(body, tokens.tap(is_stream))));
        *response.status_mut() = head.status;
        for name in [header::CONTENT_TYPE, header::RETRY_AFTER] {
            if let Some(value) = head.headers.get(&name) {
                response.headers_mut().insert(name, value.clone());
            }
        }
        Ok(response)
    }
}

/// Returns whether a provider's response is for the caller, and not about the gateway (its key, its
/// base URL) or a failure of the provider.
fn is_for_the_caller(status: StatusCode) -> bool {
    use StatusCode as S;
    status.is_success()
        || [S::BAD_REQUEST, S::UNPROCESSABLE_ENTITY, S::TOO_MANY_REQUESTS].contains(&status)
}

/// Reads a body whole if it is not larger than `limit` bytes.
async fn collect(mut body: Body, limit: usize) -> Result<Bytes, ApiError> {
    let (mut bytes, mut received) = (BytesMut::new(), 0_usize);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| ApiError::BrokenBody)?;
        let Some(data) = frame.data_ref() else { continue };
        received = received.saturating_add(data.len());
        if received <= limit {
            bytes.extend_from_slice(data);
        } else if limit.saturating_mul(DISCARD) < received {
            break;
        }
    }
    if received <= limit { Ok(bytes.freeze()) } else { Err(ApiError::TooLarge { limit }) }
}
