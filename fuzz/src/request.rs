//! The head of a request: a line with method and target, then header lines.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri};
use http_body_util::Empty;
use stagelight_core::{Clock, Engine, Snapshot};
use stagelight_http::{HttpLayer, RequestId};
use tower::{Layer, ServiceExt, service_fn};

use crate::secret::{self, SECRET};

const ID: &str = "x-request-id";

/// Serves any request: returns its id if valid and a new one if not; no part of the request becomes
/// an attribute of a metric.
pub fn check(data: &[u8]) {
    let Some(request) = request(data) else { return };
    let given = request.headers().get(ID).cloned();
    let (clock, _) = Clock::manual();
    let engine = Engine::with_clock(clock);
    let handler = service_fn(async |request: Request<_>| {
        let id = request.extensions().get::<RequestId>().cloned();
        let mut response = Response::new(Empty::<Bytes>::new());
        response.extensions_mut().insert(id);
        Ok::<_, Infallible>(response)
    });
    let service = HttpLayer::new(&engine).response_time_header().layer(handler);
    let response = service.oneshot(request).now_or_never();
    let Some(Ok(response)) = response else { panic!("no immediate response: {response:?}") };

    let returned = response.headers().get(ID).and_then(|it| it.to_str().ok()).unwrap_or_default();
    assert!(is_valid_id(returned.as_bytes()), "{returned:?}");
    let id = response.extensions().get::<Option<RequestId>>().cloned().flatten();
    assert_eq!(id.map(|it| it.to_string()).as_deref(), Some(returned));
    match given {
        Some(given) if is_valid_id(given.as_bytes()) => assert_eq!(given, returned),
        _ => assert!(returned.len() == 32 && returned.bytes().all(|it| it.is_ascii_hexdigit())),
    }
    check_attributes(&engine.snapshot());
}

/// Parses a request from lines; `None` if a server would reject it.
fn request(data: &[u8]) -> Option<Request<Empty<Bytes>>> {
    let mut lines = data.split(|&it| it == b'\n');
    let mut line = lines.next()?.splitn(2, |&it| it == b' ');
    let method = Method::from_bytes(line.next()?).ok()?;
    let target = Uri::try_from(line.next().unwrap_or(b"/")).ok()?;
    let mut request = Request::new(Empty::new());
    *request.method_mut() = method;
    *request.uri_mut() = target;
    for line in lines {
        let mut parts = line.splitn(2, |&it| it == b':');
        let name = HeaderName::from_bytes(parts.next()?).ok()?;
        let value = HeaderValue::from_bytes(parts.next().unwrap_or_default().trim_ascii()).ok()?;
        request.headers_mut().append(name, value);
    }
    Some(request)
}

/// The rule in the documentation of `RequestId`.
fn is_valid_id(id: &[u8]) -> bool {
    let is_known = |it: &u8| it.is_ascii_alphanumeric() || b"-_.:/+=@".contains(it);
    (1..=128).contains(&id.len()) && id.iter().all(is_known)
}

fn check_attributes(snapshot: &Snapshot) {
    for series in &snapshot.series {
        for (label, value) in series.family.labels.iter().zip(&series.values) {
            secret::check_absent(value);
            let allowed: &[&str] = match label.otel_name {
                "endpoint" => &["unmatched"],
                "http.route" => &[""],
                "url.scheme" => &["http", "https"],
                _ => continue,
            };
            assert!(allowed.contains(&&**value), "{label:?} {value:?}, {SECRET}");
        }
    }
}
