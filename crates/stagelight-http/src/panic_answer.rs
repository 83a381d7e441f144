//! What a client gets when the code that should have answered it panicked.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header::CONTENT_TYPE};

use crate::{body::Content, request_id::RequestId};

/// Makes a 500 that says no more than what the client needs to ask about it: the request's id.
pub(crate) fn make<B>(request_id: &RequestId) -> Response<Content<B>> {
    // Nothing in an id needs escaping, see `RequestId`.
    let json = format!(r#"{{"error":"internal server error","request_id":"{request_id}"}}"#);
    let mut response = Response::new(Content::Text { text: Some(Bytes::from(json)) });
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
